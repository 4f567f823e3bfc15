package record

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

var testKey = must(NewKey([]byte("a secret of no account at all...")))

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func address(s string) subject.Address { return must(subject.ParseAddress(s, subject.Japan)) }

func verdict() *Verdict {
	return &Verdict{Time: 1_800_000_000_123_456, Door: "smpp", Account: "aggregator-1", ID: "0f3a9c55d2",
		Route: message.A2P, Class: message.Ham, Outcome: message.Deliver, Done: message.Deliver, Mode: 2,
		From: address("+819012345678"), To: address("+818011112222"), PPhishing: 0.001, PBad: 0.002,
		Rules: []string{"sender-known"}, Family: 0xfeed, Parts: 1, Delay: 130}
}

// The numbers of what is written must stay for ever: old records wait in streams and rest in files.
func TestNumbersAreForEver(t *testing.T) {
	if message.P2P != 1 || message.A2P != 2 || message.Intl != 3 || message.Mail != 4 ||
		message.Ham != 1 || message.Spam != 2 || message.Phishing != 3 ||
		message.Deliver != 1 || message.Label != 2 || message.Hold != 3 || message.Block != 4 ||
		Delivered != 2 || Rejected != 8 {
		t.Fatal("an enumeration was renumbered: give the records a new kind")
	}
	got := testKey.Line(819012345678)
	if got.String() != "452be94a99f74a3a" {
		t.Errorf("the pseudonym of a line changed to %s: nothing written before would be found", got)
	}
}

func sealed(t testing.TB, rs ...Appender) []byte {
	t.Helper()
	var b []byte
	for _, r := range rs {
		b = r.Append(b)
	}
	if err := testKey.SealBatch(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVerdictRoundTrip(t *testing.T) {
	v := verdict()
	v.Outcome, v.Done, v.Class = message.Block, message.Deliver, message.Phishing
	v.Trial = []string{"rate", "shortener"}
	v.About = [][]byte{[]byte("bank.example"), []byte("+81 90-1234-5678"), []byte("192.168.100.200")}
	b := sealed(t, v, &Receipt{Time: 5, Account: "a", ID: "x", To: v.To, State: Delivered, Err: "000"})
	rec, rest, err := Split(b)
	if err != nil {
		t.Fatal(err)
	}
	var r Row
	if err := r.Decode(rec); err != nil {
		t.Fatal(err)
	}
	if r.Time != v.Time || string(r.Door) != "smpp" || string(r.Account) != v.Account || string(r.ID) != v.ID ||
		r.Route != v.Route || r.Class != v.Class || r.Outcome != v.Outcome || r.Done != v.Done || r.Mode != v.Mode ||
		r.OptedOut || r.PPhishing != v.PPhishing || r.PBad != v.PBad || r.Family != v.Family || r.Parts != 1 ||
		r.Delay != v.Delay || r.Status != 0 || len(r.Rules) != 1 || len(r.Trial) != 2 || string(r.Trial[1]) != "shortener" {
		t.Errorf("read %+v", r)
	}
	if r.From.Key != testKey.Line(819012345678) || r.To.Key != testKey.Address(v.To).Key || r.From.Plain != nil {
		t.Errorf("from %v, to %v", r.From, r.To)
	}
	if len(r.About) != 3 || string(r.About[0]) != "bank.example" || string(r.About[1]) != "+81 **-****-*678" || string(r.About[2]) != "192.168.100.200" {
		t.Errorf("about %q", r.About)
	}
	rec, rest, err = Split(rest)
	if err != nil || len(rest) != 0 {
		t.Fatal(err, rest)
	}
	if err := r.Decode(rec); err != nil {
		t.Fatal(err)
	}
	if !r.Receipt || r.State != Delivered || string(r.ID) != "x" || string(r.Err) != "000" || r.To.Key != testKey.Address(v.To).Key || len(r.About) != 0 {
		t.Errorf("read %+v", r)
	}
}

// What is written must not have a number in it, however it was written.
func TestNoNumberIsWritten(t *testing.T) {
	one := testKey.Line(819012345678)
	for _, tt := range []struct {
		in    subject.Address
		key   Pseudonym
		plain string
	}{
		{address("+819012345678"), one, ""},
		{address("090-1234-5678"), one, ""},
		{address("819012345678"), one, ""}, // no plus sign: a short code to the parser, a number to us
		{must(subject.Alphanumeric("+81 90 1234 5678")), one, ""},
		{must(subject.Alphanumeric("8190A1234B5678")), one, ""},
		{address("12345"), 0, "12345"},
		{must(subject.Alphanumeric("MYBANK24")), 0, "MYBANK24"},
		{must(subject.Alphanumeric("銀行")), 0, "銀行"},
		{must(subject.Alphanumeric("B\xffNK")), 0, "B?NK"},
		{subject.Address{}, 0, ""},
	} {
		v := verdict()
		v.From, v.To = tt.in, tt.in
		b := sealed(t, v)
		for _, secret := range []string{"12345678", "1234B5678", string(binary.LittleEndian.AppendUint64(nil, 819012345678))} {
			if bytes.Contains(b, []byte(secret)) {
				t.Errorf("%s: the number is in the record", tt.in.Mask())
			}
		}
		var r Row
		if err := r.Decode(b); err != nil {
			t.Fatal(err)
		}
		for _, p := range []Party{r.From, r.To, testKey.Address(tt.in)} {
			if p.Key != tt.key || string(p.Plain) != tt.plain {
				t.Errorf("%s: %v %q, want %v %q", tt.in.Mask(), p.Key, p.Plain, tt.key, tt.plain)
			}
		}
	}
}

func TestUnsealedIsRefused(t *testing.T) {
	var r Row
	if err := r.Decode(verdict().Append(nil)); !errors.Is(err, ErrNotSealed) {
		t.Error(err)
	}
	if err := r.Decode((&Receipt{To: address("+819012345678")}).Append(nil)); !errors.Is(err, ErrNotSealed) {
		t.Error(err)
	}
	once := sealed(t, verdict())
	twice := append([]byte(nil), once...)
	if err := testKey.SealBatch(twice); err != nil || !bytes.Equal(once, twice) {
		t.Error("sealing twice changes a record", err)
	}
}

func TestEverythingIsBounded(t *testing.T) {
	v := verdict()
	long := strings.Repeat("長", 1000)
	v.Door, v.Account, v.ID = long, long, long
	for range 100 {
		v.Rules, v.Trial, v.About = append(v.Rules, long), append(v.Trial, long), append(v.About, []byte(long))
	}
	v.Done = message.Block
	b := sealed(t, v)
	if len(b) > MaxLen {
		t.Errorf("%d octets, more than %d", len(b), MaxLen)
	}
	var r Row
	if err := r.Decode(b); err != nil {
		t.Fatal(err)
	}
	if len(r.ID) != 63 || len(r.Rules) != MaxRules || len(r.About) != MaxAbout || CleanID(long) != string(r.ID) {
		t.Errorf("id of %d, %d rules, %d abouts", len(r.ID), len(r.Rules), len(r.About))
	}
	v = verdict()
	v.ID = "a\x00b\nc\x85"
	if err := r.Decode(sealed(t, v)); err != nil || string(r.ID) != "a?b?c?" || CleanID(v.ID) != "a?b?c?" {
		t.Errorf("id %q: %v", r.ID, err)
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("id", "from", []byte("about"), uint8(1), true)
	f.Fuzz(func(t *testing.T, id, from string, about []byte, n uint8, stop bool) {
		v := verdict()
		v.ID, v.Account, v.About, v.Rules = id, from, [][]byte{about}, []string{id, from}
		if a, err := subject.ParseAddress(from, subject.Japan); err == nil {
			v.From = a
		}
		if stop {
			v.Done = message.Hold
		}
		b := sealed(t, v, &Receipt{ID: id, Account: from, To: v.From, Err: string(about), State: State(n % uint8(States))})
		var r Row
		for len(b) > 0 {
			rec, rest, err := Split(b)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Decode(rec); err != nil {
				t.Fatal(err)
			}
			if len(rec) > MaxLen {
				t.Fatal(len(rec))
			}
			b = rest
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add(sealed(f, verdict()))
	f.Add(sealed(f, &Receipt{ID: "x", State: Expired}))
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = testKey.SealBatch(append([]byte(nil), b...))
		var r Row
		for len(b) > 0 {
			rec, rest, err := Split(b)
			if err != nil {
				return
			}
			if r.Decode(rec) == nil && (len(r.Rules) > MaxRules || len(r.About) > MaxAbout) {
				t.Fatal("too long a list")
			}
			b = rest
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	v := verdict()
	buf := make([]byte, 0, MaxLen)
	b.ReportAllocs()
	for b.Loop() {
		buf = v.Append(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkSealBatch(b *testing.B) {
	var plain []byte
	for range 256 {
		v := verdict()
		v.To = subject.Line(818000000000 + rand.Uint64N(1e8)).Address()
		plain = v.Append(plain)
	}
	buf := make([]byte, len(plain))
	b.ReportAllocs()
	for b.Loop() {
		copy(buf, plain)
		if err := testKey.SealBatch(buf); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/256, "ns/record")
}

func BenchmarkDecode(b *testing.B) {
	rec := sealed(b, verdict())
	var r Row
	b.ReportAllocs()
	for b.Loop() {
		if err := r.Decode(rec); err != nil {
			b.Fatal(err)
		}
	}
}
