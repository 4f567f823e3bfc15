// Package audit writes down who did what, to what and why, in a log that cannot be quietly edited: a Merkle tree log (RFC 9162) with signed
// checkpoints. Checkpoints go to witnesses outside, and whoever holds one can prove of every entry before it that it is as it was.
//
//	log := audit.NewLog(key)
//	seqs, err := log.Append(ctx, audit.SQL{Tx: tx}, audit.Entry{...})  // in the transaction of the act itself
//	stored, err := log.Checkpoint(ctx, audit.SQL{Tx: tx}, time.Now())  // every minute or 1,000 entries: Due
//	witnesses.Tell(stored)                                             // never waits
//
// What is in the database, an administrator can change, hashes, checkpoints and signatures included: the key lies beside it. What he
// cannot change is what a witness holds. So all that Verify proves, it proves by checkpoints held elsewhere.
package audit

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Sekisho is the actor of what nobody did by hand.
const Sekisho = "sekisho"

// Acts that the program writes. Others may be added; a name is letters, digits and dashes.
const (
	MessageUse      = "message-use"      // messages were used for a purpose: Count of them, From to To
	CaseOpen        = "case-open"        // a case was opened
	CaseAgree       = "case-agree"       // a person agreed with a case
	CaseMove        = "case-move"        // a case went to another state
	NoticeSent      = "notice-sent"      // a subscriber was told
	Choice          = "choice"           // a contract chose
	PolicyChange    = "policy-change"    // another policy is in force
	EvidenceRead    = "evidence-read"    // a person looked at what stands against a contract
	TextRead        = "text-read"        // a person looked at a held text
	LookedUp        = "look-up"          // a person looked up what became of messages
	MessageFreed    = "release"          // a held message was delivered after all
	BypassChange    = "bypass"           // stopping was ended, or begun again
	KeyChange       = "key-change"       // an API key was made or revoked
	ContractEnded   = "contract-end"     // what stood against a contract was destroyed
	ReportsDecided  = "reports-decided"  // reports of one text were found right, or wrong
	ReportRead      = "report-read"      // a person looked at what was reported
	IndicatorChange = "indicator-change" // indicators were agreed, withdrawn or taken in
	Shared          = "shared"           // Count indicators went to somebody
)

// Entry is one act. Its zero fields say nothing; Time, Actor and Act are always there.
type Entry struct {
	Time    int64  // microseconds since 1970 UTC
	Actor   string // who: a named person, or Sekisho
	Act     string // what was done: one of the names above, or another in lower case
	Purpose string // what for, as package purpose names it
	Ground  string // what made it lawful, as package purpose names it
	About   string // a pseudonym or the id of a case, a message, a policy: never a number
	Why     string // the reason, in the actor's words
	Count   int64  // messages that were used, where many are one entry; 0: the entry is no batch
	From    int64  // of a batch: time of its first message
	To      int64  // of a batch: time of its last message
}

// Version 1 of the encoding: the version (1 octet); Time, Count, From, To (8 octets each, big-endian); then Actor, Act, Purpose, Ground, About,
// Why, each UTF-8 behind its length (2 octets, big-endian). Every entry has one encoding, and every encoding is of one entry.
const version = 1

// Bounds of an entry, in octets.
const (
	maxActor = 128
	maxName  = 48 // act, purpose, ground
	maxAbout = 128
	maxWhy   = 1000

	fixed    = 1 + 4*8
	maxEntry = fixed + 6*2 + maxActor + 3*maxName + maxAbout + maxWhy
)

// maxCount is more messages than anybody handles at once; what is more is a mistake.
const maxCount = 1 << 40

// ErrNumber is returned for an entry that names a telephone number: what is written here cannot be erased.
var ErrNumber = errors.New("it looks like a telephone number, which must not stand in the ledger: name the pseudonym or the case")

type field struct {
	name string
	text *string
	max  int
}

// fields are the texts of an entry in the order of the encoding.
func (e *Entry) fields() [6]field {
	return [6]field{{"actor", &e.Actor, maxActor}, {"act", &e.Act, maxName}, {"purpose", &e.Purpose, maxName}, {"ground", &e.Ground, maxName},
		{"about", &e.About, maxAbout}, {"why", &e.Why, maxWhy}}
}

// Check says what is wrong with an entry; no error shows what the entry says.
func (e Entry) Check() error {
	fields := e.fields()
	for _, f := range fields {
		if err := checkText(*f.text, f.max); err != nil {
			return fmt.Errorf("ledger entry: %s: %w", f.name, err)
		}
	}
	for _, f := range fields[1:4] {
		if !isName(*f.text) {
			return fmt.Errorf("ledger entry: %s: a name is small letters, digits, - and _", f.name)
		}
	}
	switch {
	case e.Time <= 0:
		return errors.New("ledger entry: it has no time")
	case e.Actor == "":
		return errors.New("ledger entry: it has no actor: who did it?")
	case e.Act == "":
		return errors.New("ledger entry: it has no act: what was done?")
	case e.Count < 0 || e.Count > maxCount:
		return fmt.Errorf("ledger entry: a batch of %d messages", e.Count)
	case e.Count == 0 && (e.From != 0 || e.To != 0):
		return errors.New("ledger entry: it has the times of a batch, and no count")
	case e.From < 0 || e.From > e.To:
		return errors.New("ledger entry: the batch ends before it begins")
	case !isID(e.About) && longestRun(e.About) >= 7:
		return fmt.Errorf("ledger entry: about: %w", ErrNumber)
	case longestRun(e.Actor) >= 7:
		return fmt.Errorf("ledger entry: actor: %w", ErrNumber)
	case longestRun(e.Act) >= 7 || longestRun(e.Purpose) >= 7 || longestRun(e.Ground) >= 7:
		return fmt.Errorf("ledger entry: act, purpose, ground: %w", ErrNumber)
	case namesNumber(e.Why):
		return fmt.Errorf("ledger entry: why: %w", ErrNumber)
	}
	return nil
}

func checkText(s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%d octets are more than the %d that there is room for", len(s), most)
	}
	if !utf8.ValidString(s) {
		return errors.New("it is not UTF-8")
	}
	for _, r := range s {
		// Formatting characters would let a reader see something else than what was signed.
		if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) {
			return fmt.Errorf("it has the control character %U", r)
		}
	}
	return nil
}

func isName(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

var randomUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// isID reports whether s has the shape of an id of ours, which may have any digits: a pseudonym (16 hexadecimal digits: a telephone number
// has 15 at most), an indicator (a random UUID, RFC 9562 §5.4), or the id of a case (a letter or a few, a dash perhaps, and ten of Crockford's
// base 32).
func isID(s string) bool {
	if randomUUID.MatchString(s) {
		return true
	}
	hex := func(r rune) bool { return r >= '0' && r <= '9' || r >= 'a' && r <= 'f' }
	if len(s) == 16 && strings.IndexFunc(s, func(r rune) bool { return !hex(r) }) < 0 {
		return true
	}
	if len(s) < 11 {
		return false
	}
	head, tail := strings.TrimSuffix(s[:len(s)-10], "-"), s[len(s)-10:]
	letter := func(r rune) bool { return r >= 'a' && r <= 'z' }
	return len(head) >= 1 && len(head) <= 4 && strings.IndexFunc(head, func(r rune) bool { return !letter(r) }) < 0 &&
		strings.IndexFunc(tail, func(r rune) bool { return !letter(r) && (r < '0' || r > '9') }) < 0
}

// run is digits in a row, of any alphabet, with what people put between the digits of a number.
type run struct {
	digits int
	plus   bool   // + stands before them
	first  string // the first two
}

func runs(s string) (all []run) {
	var r run
	end := func() {
		if r.digits > 0 {
			all = append(all, r)
		}
		r = run{}
	}
	for _, c := range s {
		switch {
		case unicode.IsDigit(c):
			if r.digits < 2 {
				r.first += string(ascii(c))
			}
			r.digits++
		case c == '+' || c == '＋':
			end()
			r.plus = true
		case c == ' ' || c == '(' || c == ')' || c == '.' || c == 'ー' || c == '−' || c == '（' || c == '）' || unicode.In(c, unicode.Pd, unicode.Zs):
		default:
			end()
		}
	}
	end()
	return all
}

// ascii makes a wide digit, as Japanese keyboards write them, an ASCII one.
func ascii(c rune) rune {
	if c >= '０' && c <= '９' {
		return c - '０' + '0'
	}
	return c
}

func longestRun(s string) (n int) {
	for _, r := range runs(s) {
		n = max(n, r.digits)
	}
	return n
}

// namesNumber reports whether a reason names a telephone number. It may name a date or a ticket: only what begins as numbers do counts.
func namesNumber(s string) bool {
	for _, r := range runs(s) {
		if r.plus && r.digits >= 7 || strings.HasPrefix(r.first, "0") && r.digits >= 9 || r.first == "81" && r.digits >= 11 {
			return true
		}
	}
	return false
}

// Encode checks an entry and writes it.
func (e Entry) Encode() ([]byte, error) {
	if err := e.Check(); err != nil {
		return nil, err
	}
	b := make([]byte, 0, fixed+6*2+len(e.Actor)+len(e.Act)+len(e.Purpose)+len(e.Ground)+len(e.About)+len(e.Why))
	b = append(b, version)
	for _, v := range [4]int64{e.Time, e.Count, e.From, e.To} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	for _, f := range e.fields() {
		b = binary.BigEndian.AppendUint16(b, uint16(len(*f.text)))
		b = append(b, *f.text...)
	}
	return b, nil
}

var errCut = errors.New("ledger entry: it is cut")

// Decode reads what Encode wrote, and nothing else.
func Decode(b []byte) (Entry, error) {
	var e Entry
	switch {
	case len(b) == 0:
		return e, errCut
	case b[0] != version:
		return e, fmt.Errorf("ledger entry: version %d, of which this program knows 1", b[0])
	case len(b) < fixed:
		return e, errCut
	case len(b) > maxEntry:
		return e, fmt.Errorf("ledger entry: %d octets are more than an entry has", len(b))
	}
	for i, v := range [4]*int64{&e.Time, &e.Count, &e.From, &e.To} {
		*v = int64(binary.BigEndian.Uint64(b[1+8*i:]))
	}
	b = b[fixed:]
	for _, f := range e.fields() {
		if len(b) < 2 {
			return Entry{}, errCut
		}
		n := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; len(b) < n {
			return Entry{}, errCut
		}
		*f.text, b = string(b[:n]), b[n:]
	}
	if len(b) > 0 {
		return Entry{}, fmt.Errorf("ledger entry: %d octets stand behind its end", len(b))
	}
	if err := e.Check(); err != nil {
		return Entry{}, err
	}
	return e, nil
}

// Checkpoints are due a minute after the last, or a thousand entries.
const (
	dueEntries = 1000
	dueAfter   = time.Minute
)

// Due reports whether a log of that size is to make a checkpoint: there are entries behind the last one (its zero value is none), and a thousand
// of them, or a minute has gone by.
func Due(size int64, last Stored, now time.Time) bool {
	behind := size - last.Size
	return behind > 0 && (behind >= dueEntries || now.Sub(time.UnixMicro(last.At)) >= dueAfter)
}
