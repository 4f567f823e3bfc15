package inspect

import (
	"bufio"
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"regexp"
	"slices"
	"strings"

	"github.com/sekisho/sekisho/message"
)

//go:embed lures.txt
var embeddedLures []byte

//go:embed words.txt
var embeddedWords []byte

// lure is something that a text wants, tells or has about it; a set of them is a bit each.
type lure uint8

// What texts want of their reader, the stories they tell, their tone, and what marks honest ones. The order is part of the
// features: see featureVersion.
const (
	wantFollow lure = iota
	wantEnter
	wantCall
	wantReply
	wantPay
	wantCode
	wantInstall
	wantMove
	storyParcel
	storyBill
	storyAccount
	storyTax
	storyRefund
	storyPrize
	storyPoints
	storyRelative
	storyWrongNumber
	storyJob
	storyInvest
	storyLoan
	storyPhoto
	storyVirus
	storyCode
	storyLegal
	storySIM
	storyRomance
	storyAdvert
	toneUrgent
	toneThreat
	toneClumsy
	markWarn
	markReal
	markSecret
	markOptOut
	markOneWay
	markAppointment
	markChat
	lureCount
)

var lureNames = [lureCount]string{
	wantFollow: "want follow", wantEnter: "want enter", wantCall: "want call", wantReply: "want reply", wantPay: "want pay", wantCode: "want code",
	wantInstall: "want install", wantMove: "want move",
	storyParcel: "story parcel", storyBill: "story bill", storyAccount: "story account", storyTax: "story tax", storyRefund: "story refund",
	storyPrize: "story prize", storyPoints: "story points", storyRelative: "story relative", storyWrongNumber: "story wrong-number",
	storyJob: "story job", storyInvest: "story invest", storyLoan: "story loan", storyPhoto: "story photo", storyVirus: "story virus",
	storyCode: "story code", storyLegal: "story legal", storySIM: "story sim", storyRomance: "story romance", storyAdvert: "story advert",
	toneUrgent: "tone urgent", toneThreat: "tone threat", toneClumsy: "tone clumsy",
	markWarn: "mark warn", markReal: "mark real", markSecret: "mark secret", markOptOut: "mark optout", markOneWay: "mark oneway", markAppointment: "mark appointment",
	markChat: "mark chat",
}

// lures is a set of them.
type lures uint64

func (s lures) has(l lure) bool { return s&(1<<l) != 0 }

const (
	allWants   = lures(1<<storyParcel - 1)
	allStories = lures(1<<toneUrgent-1) &^ allWants
	allTones   = lures(1<<markWarn-1) &^ (allWants | allStories)
	allMarks   = lures(1<<lureCount-1) &^ (allWants | allStories | allTones)
)

// next takes the first lure out of the set.
func (s *lures) next() lure {
	l := lure(bits.TrailingZeros64(uint64(*s)))
	*s &= *s - 1
	return l
}

// said is which lures and words stand in a text.
type said struct {
	lures
	heard  [maxWords / 64]uint64 // words, by number
	words  []uint16              // the same, in the order in which they were heard
	all    []hearing             // every phrase and its place, for parts of the text
	folded *message.Folded
}

// maxWords is how many words there may be, and maxHeard how many are taken in of one text.
const (
	maxWords = 512
	maxHeard = 24
)

// hearing is a phrase and where it begins in the folded text.
type hearing struct {
	phrase *phrase
	at     int32
}

// maxHearings bounds what is kept of one text.
const maxHearings = 256

func (s *said) reset() {
	s.lures, s.words, s.all = 0, s.words[:0], s.all[:0]
	clear(s.heard[:])
}

// hear takes in a phrase that stands at an octet of the folded text. Words within a link are the link's.
func (s *said) hear(p *phrase, at int32) {
	if s.folded != nil && len(s.folded.Links) > 0 && inLink(s.folded, at) {
		return
	}
	if len(s.all) < maxHearings {
		s.all = append(s.all, hearing{p, at})
	}
	s.take(p)
}

func (s *said) take(p *phrase) {
	for _, w := range p.words {
		if s.heard[w/64]&(1<<(w%64)) == 0 && len(s.words) < maxHeard {
			s.heard[w/64] |= 1 << (w % 64)
			s.words = append(s.words, w)
		}
	}
	s.lures |= p.said
}

// part fills s with what is said in a part of a text.
func (s *said) part(of *said, from, to int32) {
	s.reset()
	for _, h := range of.all {
		if h.at >= from && h.at < to {
			s.take(h.phrase)
		}
	}
}

var languageLine = regexp.MustCompile(`^([a-z]{2,3}): (.*)$`)

// lexicon is what phrases are read into.
type lexicon struct {
	phrases []phrase
	at      map[string]int // of a phrase
	words   []string       // names of the words, by number
}

// read reads phrases under lines "@ want follow" or "@ word address", each line being a language, a colon and phrases between
// bars. They are kept as they look when folded; what several lures share is one phrase.
func (x *lexicon) read(name string, in io.Reader) error {
	var f message.Folded
	now, word := lureCount, -1
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 256<<10)
	for n := 1; lines.Scan(); n++ {
		l := strings.TrimSpace(lines.Text())
		fail := func(err error) error { return fmt.Errorf("%s line %d: %w", name, n, err) }
		if l == "" || l[0] == '#' {
			continue
		}
		if k, ok := strings.CutPrefix(l, "@ "); ok {
			now, word = lureCount, -1
			if w, ok := strings.CutPrefix(k, "word "); ok {
				if word = slices.Index(x.words, w); word < 0 {
					word = len(x.words)
					x.words = append(x.words, w)
				}
				if word == maxWords {
					return fail(fmt.Errorf("more than %d words", maxWords))
				}
				continue
			}
			for now = 0; now < lureCount && lureNames[now] != k; now++ {
			}
			if now == lureCount {
				return fail(fmt.Errorf("unknown lure %.40q", k))
			}
			continue
		}
		m := languageLine.FindStringSubmatch(l)
		if m == nil || now == lureCount && word < 0 {
			return fail(errors.New(`phrases are written "ja: one | another", after a line "@ want follow"`))
		}
		for _, s := range strings.Split(m[2], "|") {
			s, open := strings.CutSuffix(strings.TrimSpace(s), "*")
			s = foldString(&f, s)
			if len(s) < 2 || len(s) < 6 && s[0] >= 0x80 || s[0] < 0x80 && !alnum(s[0]) {
				return fail(fmt.Errorf("phrase %.40q is too short to be looked for, or begins with a symbol", s))
			}
			p := x.phrase(s)
			p.open = p.open || open
			if word >= 0 {
				if !slices.Contains(p.words, uint16(word)) {
					p.words = append(p.words, uint16(word))
				}
			} else {
				p.said |= 1 << now
			}
		}
	}
	return lines.Err()
}

func (x *lexicon) phrase(s string) *phrase {
	i, ok := x.at[s]
	if !ok {
		i = len(x.phrases)
		x.at[s] = i
		x.phrases = append(x.phrases, phrase{text: s, kind: phraseLure})
	}
	return &x.phrases[i]
}

// embeddedLexicon is the lexicon that is shipped.
func embeddedLexicon() (*lexicon, error) {
	x := &lexicon{at: map[string]int{}}
	if err := x.read("lures.txt", bytes.NewReader(embeddedLures)); err != nil {
		return nil, err
	}
	return x, x.read("words.txt", bytes.NewReader(embeddedWords))
}

var lureBytes = func() (b [lureCount][]byte) {
	for i, name := range lureNames {
		b[i] = []byte(name)
	}
	return b
}()

// Lure is the i-th of what the text wants, tells and has about it, as lures.txt names it; false behind the last.
func (r *Report) Lure(i int) ([]byte, bool) {
	for all := r.work.said.lures; all != 0; i-- {
		l := all.next()
		if i == 0 {
			return lureBytes[l], true
		}
	}
	return nil, false
}

// Claim is the name of the i-th brand that the text claims to come from; false behind the last.
func (r *Report) Claim(i int) ([]byte, bool) {
	if i >= len(r.work.claims) || int(r.work.claims[i]) >= len(r.work.brands) {
		return nil, false
	}
	return r.work.brands[r.work.claims[i]], true
}
