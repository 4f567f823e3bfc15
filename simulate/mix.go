package simulate

import (
	"fmt"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

// MixConfig says how much of everything there is. Zero means the default, which docs/mix.md fixes.
type MixConfig struct {
	Texts      int // distinct texts before the first comes again; 1,000,000
	Senders    int // subscribers' lines that send; 1,000,000, at most 5,000,000
	Recipients int // lines that are sent to; 2,000,000, at most 10,000,000
}

func (c MixConfig) withDefaults() MixConfig {
	if c.Texts <= 0 {
		c.Texts = 1_000_000
	}
	if c.Senders <= 0 {
		c.Senders = 1_000_000
	}
	if c.Recipients <= 0 {
		c.Recipients = 2_000_000
	}
	c.Senders, c.Recipients = min(c.Senders, maxSenders), min(c.Recipients, maxRecipients)
	return c
}

// Of the numbers that belong to nobody the first are senders, then recipients, then lines that only opted out.
const (
	maxSenders    = 5_000_000
	maxRecipients = 10_000_000
	infectedOf    = 200 // one sender in so many sends spam and fraud from a handset
	optedOutOf    = 100 // one recipient in so many opted out
)

// MixSeed is the seed of docs/mix.md.
const MixSeed = 20260401

// Share is one row of the fixed traffic.
type Share struct {
	Route    message.Route
	Class    message.Class
	Script   Script
	Parts    int
	PerMille int
}

// Shares are the rows of docs/mix.md; a test compares them.
func Shares() []Share { return append([]Share(nil), shares...) }

var shares = []Share{
	{message.A2P, message.Ham, Japanese, 1, 290},
	{message.A2P, message.Ham, Japanese, 2, 130},
	{message.A2P, message.Ham, Japanese, 3, 35},
	{message.A2P, message.Ham, Japanese, 4, 10},
	{message.A2P, message.Ham, GSM7, 1, 60},
	{message.A2P, message.Ham, GSM7, 2, 15},
	{message.A2P, message.Ham, Emoji, 1, 12},
	{message.A2P, message.Ham, Emoji, 2, 8},
	{message.A2P, message.Ham, Other, 1, 10},
	{message.A2P, message.Ham, Other, 2, 5},
	{message.P2P, message.Ham, Japanese, 1, 170},
	{message.P2P, message.Ham, Japanese, 2, 40},
	{message.P2P, message.Ham, Japanese, 3, 8},
	{message.P2P, message.Ham, Japanese, 4, 2},
	{message.P2P, message.Ham, GSM7, 1, 25},
	{message.P2P, message.Ham, GSM7, 2, 5},
	{message.P2P, message.Ham, Emoji, 1, 30},
	{message.P2P, message.Ham, Emoji, 2, 5},
	{message.P2P, message.Ham, Other, 1, 18},
	{message.P2P, message.Ham, Other, 2, 7},
	{message.Intl, message.Ham, GSM7, 1, 30},
	{message.Intl, message.Ham, GSM7, 2, 5},
	{message.Intl, message.Ham, Japanese, 1, 8},
	{message.Intl, message.Ham, Other, 1, 7},
	{message.A2P, message.Spam, Japanese, 1, 8},
	{message.A2P, message.Spam, Japanese, 2, 6},
	{message.P2P, message.Spam, Japanese, 1, 4},
	{message.P2P, message.Spam, Emoji, 1, 2},
	{message.Intl, message.Spam, GSM7, 1, 3},
	{message.Intl, message.Spam, Japanese, 1, 4},
	{message.Intl, message.Spam, Other, 1, 3},
	{message.P2P, message.Phishing, Japanese, 1, 8},
	{message.P2P, message.Phishing, Japanese, 2, 12},
	{message.A2P, message.Phishing, Japanese, 1, 1},
	{message.A2P, message.Phishing, Japanese, 2, 6},
	{message.Intl, message.Phishing, Japanese, 1, 2},
	{message.Intl, message.Phishing, Japanese, 2, 3},
	{message.Intl, message.Phishing, GSM7, 1, 2},
	{message.Intl, message.Phishing, Other, 1, 1},
}

const deckSize = 1000

// Mix is the fixed traffic. It keeps no text: each is made when it is asked for. At may be called from many
// goroutines; Next from one.
type Mix struct {
	cfg   MixConfig
	seed  uint64
	deck  [deckSize]card
	kinds []kind
	next  uint64
	pace  uint64 // through the senders
	lines uint64 // how many cards honest subscribers send
}

// card is a place in the deck that is dealt over and over: of which kind, the how manieth of that kind, and the
// how manieth that an honest subscriber sends.
type card struct{ kind, rank, line uint16 }

// kind is a row of the shares and what its texts are made of.
type kind struct {
	Share
	templates []*template
	steps     []uint64 // through each template's combinations
}

// NewMix makes the traffic of a seed.
func NewMix(seed uint64, cfg MixConfig) *Mix {
	m := &Mix{cfg: cfg.withDefaults(), seed: mix64(seed)}
	w, sections, ends := corpus()
	for _, s := range shares {
		m.kinds = append(m.kinds, newKind(s, w, sections, ends, m.seed))
	}
	m.shuffle()
	m.cfg.Texts = min(m.cfg.Texts, m.distinct())
	m.pace = stride(uint64(m.cfg.Senders), m.seed)
	return m
}

// corpus reads the embedded files; their faults are found by the tests.
func corpus() (words, []section, tails) {
	w, err := parseWords(wordsFile)
	if err != nil {
		panic("simulate: " + err.Error())
	}
	sections, ends, err := parseTexts(textsFile)
	if err != nil {
		panic("simulate: " + err.Error())
	}
	return w, sections, ends
}

func newKind(s Share, w words, sections []section, ends tails, seed uint64) kind {
	k := kind{Share: s}
	for i := range sections {
		c := &sections[i]
		if c.story || c.route != s.Route || c.class != s.Class || c.script != s.Script {
			continue
		}
		for _, line := range c.lines {
			t, err := compile(w, c, line)
			if err != nil {
				panic("simulate: texts.txt: " + err.Error())
			}
			if t.fit(ends, s.Parts) {
				k.templates = append(k.templates, t)
				k.steps = append(k.steps, stride(t.texts, seed))
			}
		}
	}
	if len(k.templates) == 0 {
		panic(fmt.Sprintf("simulate: no text for %s %s %s in %d parts", s.Route, s.Class, s.Script, s.Parts))
	}
	return k
}

// shuffle deals the shares into the deck, in an order of the seed's.
func (m *Mix) shuffle() {
	i := 0
	for k := range m.kinds {
		for range m.kinds[k].PerMille {
			m.deck[i].kind = uint16(k)
			i++
		}
	}
	for i := deckSize - 1; i > 0; i-- {
		j := mix64(m.seed+uint64(i)) % uint64(i+1)
		m.deck[i], m.deck[j] = m.deck[j], m.deck[i]
	}
	ranks := make([]uint16, len(m.kinds))
	for i := range m.deck {
		c := &m.deck[i]
		c.rank = ranks[c.kind]
		ranks[c.kind]++
		if k := m.kinds[c.kind]; k.Route == message.P2P && k.Class == message.Ham {
			c.line = uint16(m.lines)
			m.lines++
		}
	}
}

// distinct is how many texts there are before one would come again.
func (m *Mix) distinct() int {
	least := uint64(1) << 40
	for _, k := range m.kinds {
		for _, t := range k.templates {
			least = min(least, t.texts*uint64(len(k.templates))/uint64(k.PerMille))
		}
	}
	return int(least) * deckSize
}

// Texts is how many distinct texts there are: what was asked for, or what the words are enough for.
func (m *Mix) Texts() int { return m.cfg.Texts }

// Senders and Recipients are how many lines send and are sent to.
func (m *Mix) Senders() int    { return m.cfg.Senders }
func (m *Mix) Recipients() int { return m.cfg.Recipients }

// Next fills it with the next message.
func (m *Mix) Next(it *Item) {
	m.At(m.next, it)
	m.next++
}

// At fills it with message number n. It allocates nothing once it.Text has grown.
func (m *Mix) At(n uint64, it *Item) {
	text := n % uint64(m.cfg.Texts)
	c := m.deck[text%deckSize]
	k := &m.kinds[c.kind]
	// The how manieth text of its kind this is: each is another template's or another combination of words.
	nth := text/deckSize*uint64(k.PerMille) + uint64(c.rank)
	of := nth % uint64(len(k.templates))
	t := k.templates[of]
	which := mulMod((nth/uint64(len(k.templates))+m.seed%t.texts)%t.texts, k.steps[of], t.texts)
	h := mix64(m.seed ^ text)
	d := draws{seed: h}
	it.Text = t.render(it.Text[:0], which, &d)

	it.At, it.Route, it.Label, it.Script, it.Parts = 0, k.Route, k.Class, k.Script, uint8(k.Parts)
	it.Account, it.Campaign = t.account, t.campaign
	if k.Route == message.A2P && h%8 == 0 {
		it.Account = "mejiro" // honest businesses send by the cheapest, too
	}
	it.From = m.sender(t, which, n/deckSize*m.lines+uint64(c.line), h)
	it.To = m.Recipient(int(mix64(m.seed+n) % uint64(m.cfg.Recipients))).Address()
}

// sender is who sends: honest subscribers take turns, and nth counts their texts.
func (m *Mix) sender(t *template, which, nth, h uint64) subject.Address {
	if t.from != handset {
		return t.sender(which, h>>8)
	}
	senders := uint64(m.cfg.Senders)
	if t.class != message.Ham {
		return m.Sender(int((h >> 8) % (senders/infectedOf + 1))).Address()
	}
	return m.Sender(int(nth % senders * m.pace % senders)).Address()
}

// Sender is the i-th line that sends.
func (m *Mix) Sender(i int) subject.Line { return lineAt(uint64(i), m.seed) }

// Recipient is the i-th line that is sent to.
func (m *Mix) Recipient(i int) subject.Line { return lineAt(maxSenders+uint64(i), m.seed) }

// OptOut is the i-th of up to five million lines whose contracts opted out: one recipient in a hundred, and
// lines that nothing is sent to, so that opting out fills the memory and does not flatter the rate.
func (m *Mix) OptOut(i int) subject.Line {
	if r := i * optedOutOf; r < m.cfg.Recipients {
		return m.Recipient(r)
	}
	return lineAt(maxSenders+maxRecipients+uint64(i), m.seed)
}

// knownHosts and newHosts are how many hosts the links of fraud stand on.
const (
	knownHosts = 2000
	newHosts   = 2000
	newHostsAt = 1 << 32 // behind every indicator
)

// AppendIndicator appends the i-th known-bad host. Half of the links of fraud stand on one of the first 2,000;
// the other half on hosts that no indicator names.
func AppendIndicator(dst []byte, i int) []byte { return appendHost(dst, uint64(i)) }

func (d *draws) fraudHost() uint64 {
	switch {
	case d.host != 0:
		return d.host
	case d.n(2) == 0:
		return d.n(knownHosts)
	}
	return newHostsAt + d.n(newHosts)
}
