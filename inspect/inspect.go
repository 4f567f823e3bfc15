// Package inspect looks at one message and says what it finds; it decides nothing. Rules are data: a
// name, weights, a sentence. The classifier and its model live here.
//
// An Inspector folds the text, meets the rules (table Rules), and asks the classifier. What comes of it is
// a Report: findings, each with its weight in nats, and the classifier's own log-odds. Whoever judges adds
// them up: log-odds of phishing against ham = Report.Phishing + the Phishing of every finding's rule; the
// same for spam; probabilities are the softmax over ham (0), spam and phishing.
package inspect

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync/atomic"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/subject"
)

// Language is one that operators and subscribers are written to in.
type Language uint8

const (
	English Language = iota
	Japanese
)

// Rule is something that can be found in a message: its name, what finding it weighs, and a sentence.
type Rule struct {
	Name string // as policy, metrics and the API write it: brand-not-its-link
	// Phishing and Spam are added to the log-odds of these classes against ham, in nats.
	Phishing, Spam float32
	// Why is the sentence for people, by Language; %s in it is what the finding is about.
	Why [2]string
	// Certain rules decide alone (a known-bad link, an exempt sender): gate.Judge says what follows.
	Certain bool
}

// Tells reports whether the rule's sentence says what a finding is about.
func (r *Rule) Tells() bool { return strings.Contains(r.Why[English], "%s") }

// Finding is a rule that was met, and what it is about.
type Finding struct {
	Rule  *Rule
	About []byte       // what it is about: a host, a brand, a number's range; never a full number. Holds as long as the Report
	Span  message.Span // where in the text as written; zero where it is about no place
}

// Sentence is the finding as people read it.
func (f Finding) Sentence(lang Language) string {
	if lang > Japanese {
		lang = English
	}
	return strings.ReplaceAll(f.Rule.Why[lang], "%s", string(f.About))
}

// Report is what inspecting one message found. It is filled by Inspect and may be used again and again:
// its buffers stay, so that inspecting allocates nothing.
type Report struct {
	Folded   message.Folded
	Findings []Finding
	// Phishing and Spam are the classifier's log-odds of each class against ham, in nats, before findings.
	Phishing, Spam float32

	work work
}

// Reset empties the report.
func (r *Report) Reset() {
	r.Folded.Fold(nil)
	r.empty()
}

// empty clears all but the folded text.
func (r *Report) empty() {
	r.Findings = r.Findings[:0]
	r.Phishing, r.Spam = 0, 0
	r.work.reset()
}

// Lookup tells what is known of links, lines and senders. It must neither wait nor allocate;
// *indicator.Index is one.
type Lookup interface {
	LookupHost(host, domain []byte) indicator.Hit
	LookupURL(url []byte) indicator.Hit
	LookupLine(subject.Line) indicator.Hit
	LookupSender(sender []byte) indicator.Hit
	LookupFamily(family uint64) indicator.Hit
}

// Config says what an Inspector inspects with. The zero value inspects with what is embedded, in Japan.
type Config struct {
	Model  string // path of a model that sekisho train wrote; "" is the embedded one
	Brands string // path of a file of brands, see ReadBrands; "" is the embedded one
	Home   int    // country code that national numbers are read by; 0 is Japan's
	// Indicators gives the index in force, once for each message; nil knows none.
	Indicators func() Lookup
}

// Inspector inspects messages; many goroutines may use one.
type Inspector struct{ now atomic.Pointer[state] }

// state is all that one message is inspected with, so that a reload never mixes old and new.
type state struct {
	home       int
	brands     *Brands
	names      [][]byte // of the brands, as findings tell them
	hosts      hosts
	popular    *popular
	phrases    *matcher
	words      []uint64 // what stands for each word of the lexicon in features
	labels     *labels
	model      *Model
	indicators func() Lookup
}

// New makes an Inspector.
func New(c Config) (*Inspector, error) {
	in := &Inspector{}
	return in, in.Swap(c)
}

// Swap puts another configuration in force, for the messages that come after. Where it cannot be read
// the old one stays in force.
func (in *Inspector) Swap(c Config) error {
	s, err := newState(c)
	if err != nil {
		return err
	}
	in.now.Store(s)
	return nil
}

// Model is the classifier's model in force.
func (in *Inspector) Model() *Model { return in.now.Load().model }

// Brands is the list of brands in force.
func (in *Inspector) Brands() *Brands { return in.now.Load().brands }

func newState(c Config) (*state, error) {
	s, err := newRules(c)
	if err != nil {
		return nil, err
	}
	raw := embeddedModel
	name := "the embedded model"
	if c.Model != "" {
		if name = c.Model; err == nil {
			raw, err = readFile(c.Model, maxModel)
		}
	}
	if err == nil {
		s.model, err = ReadModel(name, raw)
	}
	return s, err
}

// newRules is a state without a model, as learning one needs it.
func newRules(c Config) (*state, error) {
	s := &state{home: c.Home, indicators: c.Indicators, model: &Model{}}
	if s.home == 0 {
		s.home = subject.Japan
	}
	raw, name := embeddedBrands, "brands.jsonl"
	var err error
	if c.Brands != "" {
		name = c.Brands
		if raw, err = readFile(c.Brands, maxBrandFile); err != nil {
			return nil, err
		}
	}
	if s.brands, err = ReadBrands(name, bytes.NewReader(raw)); err != nil {
		return nil, err
	}
	if s.hosts, err = readHosts("hosts.txt", bytes.NewReader(embeddedHosts)); err != nil {
		return nil, err
	}
	s.popular = readPopular(embeddedPopular)
	for i := range s.brands.list {
		s.names = append(s.names, []byte(s.brands.list[i].Name))
	}
	told, err := embeddedLexicon()
	if err != nil {
		return nil, err
	}
	s.phrases = newMatcher(s.brands.words, told.phrases)
	for _, w := range told.words {
		s.words = append(s.words, hashBytes([]byte(w)))
	}
	s.labels = newLabels(s.brands)
	return s, nil
}

const (
	maxModel     = 16 << 20
	maxBrandFile = 16 << 20
)

func readFile(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && info.Size() > limit {
		err = fmt.Errorf("%s: larger than %d MiB", path, limit>>20)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Inspect fills r with what is found in m. Without a grant that covers inspection nothing of the message
// is read, r is emptied and false returned.
func (in *Inspector) Inspect(g purpose.Grant, m *message.Message, r *Report) bool {
	if !g.Covers(purpose.Inspect) {
		r.Reset()
		return false
	}
	s := in.now.Load()
	s.look(m, r)
	s.score(m, r)
	return true
}

// look folds the text, meets the rules and tells the features.
func (s *state) look(m *message.Message, r *Report) {
	r.empty()
	r.Folded.FoldFor(m.Text, s.home)
	r.work.said.folded, r.work.brands = &r.Folded, s.names
	r.work.hits = s.phrases.find(r.Folded.Text, r.work.hits[:0], &r.work.said)
	s.check(m, r)
	w := &r.work
	for i := range r.Folded.Links {
		class := s.classify(&w.leads[i], w.claims)
		if r.Folded.Links[i].Flags&message.LinkRedirect != 0 && class <= linkPopular {
			class = linkShortened // a redirector vouches for nothing: the host that we read may be there to be read
		}
		w.classes = append(w.classes, class)
	}
	for i := range r.Folded.Numbers {
		w.numbers = append(w.numbers, s.number(r.Folded.Numbers[i].Line))
	}
	w.features(&r.Folded, w.leads)
	s.context(m, r, &w.symbols, w.said.lures, w.said.words)
}
