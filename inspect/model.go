package inspect

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/sekisho/sekisho/message"
)

//go:generate go run .. train --out model.bin corpus/addresses.tmpl corpus/ja-business.tmpl corpus/ja-business2.tmpl corpus/ja-fraud.tmpl corpus/ja-fraud2.tmpl corpus/ja-fraud3.tmpl corpus/ja-fraud4.tmpl corpus/ja-goods.tmpl corpus/ja-honest2.tmpl corpus/ja-honest3.tmpl corpus/ja-money.tmpl corpus/ja-people.tmpl corpus/ja-people2.tmpl corpus/ja-relations.tmpl corpus/ja-talk.tmpl corpus/ja.tmpl corpus/quoted.tmpl corpus/world-asia.tmpl corpus/world-en.tmpl corpus/world-latin.tmpl corpus/world-north.tmpl corpus/world-south.tmpl corpus/world-west.tmpl corpus/world.tmpl ../../shared/data/sms/uci.tsv ../../shared/data/sms/mendeley_dev.csv ../../shared/data/sms/ots_synthetic.csv ../../shared/data/sms/zh_tw.json

//go:embed model.bin
var embeddedModel []byte

// Model is a multinomial logistic regression over hashed features: phishing and spam, each against ham. A
// weight is -127 to 127 steps, one octet for each class, side by side so that both come with one cache line.
//
// The log-odds of a class are
//
//	Bias + TextStep · Σ text weights / √(number of text features) + ShapeStep · Σ shape weights
//
// The file has a head, the weights and a SHA-256 of both. All numbers are little-endian:
//
//	8  "SEKISHO\x01"                  4  version of the features
//	3×4 Base                          2×4 Bias
//	2×4 TextStep                      2×4 ShapeStep
//	2·2^18 text weights               2·2^13 shape weights
//	32 SHA-256
type Model struct {
	// Base are the shares of ham, spam and phishing that the model was calibrated to. At another base rate
	// add log(p/p₀) − log(ham/ham₀) to the log-odds of a class.
	Base      [3]float32
	Bias      [2]float32 // phishing, spam
	TextStep  [2]float32 // what one step of a text weight is worth, in nats
	ShapeStep [2]float32
	text      [][2]int8
	shape     [][2]int8
}

const modelMagic = "SEKISHO\x01"

const modelHead = len(modelMagic) + 4 + (3+2+2+2)*4

const modelSize = modelHead + 2<<textBits + 2<<shapeBits + sha256.Size

// minNorm keeps the few features of a very short text from weighing all.
const minNorm = 60

// ReadModel reads a model; name stands in errors.
func ReadModel(name string, raw []byte) (*Model, error) {
	if err := checkModel(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	m := &Model{}
	at := len(modelMagic) + 4
	for _, p := range m.numbers() {
		*p = math.Float32frombits(binary.LittleEndian.Uint32(raw[at:]))
		if f := float64(*p); math.IsNaN(f) || math.Abs(f) > 1e4 {
			return nil, fmt.Errorf("%s: the model holds %v where a weight should be", name, f)
		}
		at += 4
	}
	m.text, at = readWeights(raw, at, 1<<textBits)
	m.shape, _ = readWeights(raw, at, 1<<shapeBits)
	return m, nil
}

// ErrModelVersion is returned for a model that was learnt by another version.
var ErrModelVersion = errors.New("the model was learnt by another version of sekisho; learn it anew with sekisho train")

func checkModel(raw []byte) error {
	if len(raw) < len(modelMagic)+4 || !bytes.Equal(raw[:7], []byte(modelMagic)[:7]) {
		return errors.New("not a model that sekisho train wrote")
	}
	if raw[7] != modelMagic[7] || binary.LittleEndian.Uint32(raw[8:]) != featureVersion {
		return fmt.Errorf("%w (format %d, features %d; here %d, %d)", ErrModelVersion,
			raw[7], binary.LittleEndian.Uint32(raw[8:]), modelMagic[7], featureVersion)
	}
	if len(raw) != modelSize {
		return fmt.Errorf("the model is cut off or damaged: %d octets instead of %d", len(raw), modelSize)
	}
	body := raw[:len(raw)-sha256.Size]
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], raw[len(body):]) {
		return errors.New("the model is damaged: its checksum does not match")
	}
	return nil
}

func (m *Model) numbers() []*float32 {
	return []*float32{&m.Base[0], &m.Base[1], &m.Base[2], &m.Bias[0], &m.Bias[1],
		&m.TextStep[0], &m.TextStep[1], &m.ShapeStep[0], &m.ShapeStep[1]}
}

func readWeights(raw []byte, at, n int) ([][2]int8, int) {
	w := make([][2]int8, n)
	for i := range w {
		w[i] = [2]int8{int8(raw[at]), int8(raw[at+1])}
		at += 2
	}
	return w, at
}

// Bytes is the model as a file.
func (m *Model) Bytes() []byte {
	out := binary.LittleEndian.AppendUint32([]byte(modelMagic), featureVersion)
	for _, p := range m.numbers() {
		out = binary.LittleEndian.AppendUint32(out, math.Float32bits(*p))
	}
	for _, weights := range [][][2]int8{m.text, m.shape} {
		for _, w := range weights {
			out = append(out, byte(w[0]), byte(w[1]))
		}
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...)
}

// score fills in the classifier's log-odds. A state without weights, as one has while learning, says nothing.
func (s *state) score(m *message.Message, r *Report) {
	model, w := s.model, &r.work
	if len(model.text) != 1<<textBits || len(model.shape) != 1<<shapeBits {
		return
	}
	whole := model.sum(&w.symbols)
	r.Phishing, r.Spam = whole[0], whole[1]
	// A long text is read by its most telling part too: what is put around a fraudulent one must not outweigh it.
	if len(w.runes) > wholeRunes {
		from, windows := 0, 0
		for i, c := range w.runes {
			if c < symbolLink || i < from || windows == maxWindows {
				continue
			}
			s.part(m, r, max(0, i-windowBefore), min(len(w.runes), i+windowAfter))
			part := model.sum(&w.window)
			r.Phishing, r.Spam = max(r.Phishing, part[0]), max(r.Spam, part[1])
			from, windows = i+windowAfter, windows+1
		}
	}
	if r.Folded.Cut { // nobody knows what stands behind
		r.Phishing, r.Spam = max(r.Phishing, 0), max(r.Spam, 0)
	}
}

// A text of more than wholeRunes symbols is scored around its links and numbers too, at most maxWindows times.
const (
	wholeRunes   = 160
	windowBefore = 110
	windowAfter  = 40
	maxWindows   = 4
)

// part tells the features of some of the symbols, as if they were all of the text.
func (s *state) part(m *message.Message, r *Report, from, to int) {
	w := &r.work
	p := &w.window
	p.reset()
	p.runes = append(append(append(p.runes, ' '), w.runes[from:to]...), ' ')
	p.classes, p.numbers = append(p.classes, w.classes...), append(p.numbers, w.numbers...)
	p.grams()
	p.tokens()
	p.shape(&r.Folded, w.leads)
	w.around.part(&w.said, w.places[from], w.places[to-1])
	s.context(m, r, p, w.around.lures, w.around.words)
}

// sum adds up the weights of features: log-odds of phishing and of spam.
func (m *Model) sum(s *symbols) [2]float32 {
	var shape, pairs [2]int32
	for _, b := range s.shapes {
		w := &m.shape[b&(1<<shapeBits-1)]
		shape[0] += int32(w[0])
		shape[1] += int32(w[1])
	}
	for _, b := range s.pairs {
		w := &m.shape[b&(1<<shapeBits-1)]
		pairs[0] += int32(w[0])
		pairs[1] += int32(w[1])
	}
	norm, wording := pairNorm(len(s.pairs)), m.wording(s.text)
	return [2]float32{m.Bias[0] + m.ShapeStep[0]*(float32(shape[0])+norm*float32(pairs[0])) + wording[0],
		m.Bias[1] + m.ShapeStep[1]*(float32(shape[1])+norm*float32(pairs[1])) + wording[1]}
}

// wording is what n-grams and words add to the log-odds of phishing and of spam.
func (m *Model) wording(text []uint32) [2]float32 {
	var sum [2]int32
	for _, b := range text {
		w := &m.text[b&(1<<textBits-1)]
		sum[0] += int32(w[0])
		sum[1] += int32(w[1])
	}
	norm := textNorm(len(text))
	return [2]float32{m.TextStep[0] * float32(sum[0]) * norm, m.TextStep[1] * float32(sum[1]) * norm}
}

func textNorm(n int) float32 { return float32(1 / math.Sqrt(float64(max(n, minNorm)))) }

// pairNorm keeps the many pairs of a long text from weighing all.
func pairNorm(n int) float32 { return float32(2 / math.Sqrt(float64(max(n, 16)))) }
