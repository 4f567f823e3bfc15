package detect_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/message"
)

// table is what can be saved.
type table interface {
	Save(io.Writer) error
	Load(io.Reader, string) error
}

func saved(t testing.TB, from table) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := from.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestCampaignsOutliveARestart(t *testing.T) {
	s := newStream(t, detect.Config{})
	for i := range 120 {
		s.send(message.P2P, handset(i), handset(5000+i), harmless(i))
		if i%2 == 0 {
			s.send(message.P2P, handset(i), handset(i), "お手紙をありがとうございました。お返事はこちらに書きました https://letters.example.com/")
		}
	}
	for range 3 { // too little wording to look for what is only like it
		s.send(message.Intl, handset(7), handset(8), "おめでとうさん https://party.example.com/")
	}
	for i := range 5 {
		s.judge = true
		s.send(message.P2P, handset(i), handset(i), "会議の場所が急に変わりましたので、地図をご覧になってからお出かけください https://"+host(i)+"/")
	}
	s.judge = false
	before := s.c.List(s.now, 99)
	if len(before) != 4 {
		t.Fatalf("%d campaigns: %+v", len(before), before)
	}
	if err := s.c.Decide(before[1].ID, detect.Stop); err != nil {
		t.Fatal(err)
	}
	before = s.c.List(s.now, 99)

	again := detect.NewCampaigns(detect.Config{Campaigns: 64, Probation: 256})
	if err := again.Load(iotest.OneByteReader(bytes.NewReader(saved(t, s.c))), "campaigns.bin"); err != nil {
		t.Fatal(err)
	}
	s.c = again
	if after := s.c.List(s.now, 99); !reflect.DeepEqual(before, after) {
		t.Errorf("before and after a restart:\n%+v\n%+v", before, after)
	}
	for _, c := range []struct{ text, want string }{
		{harmless(777), "campaign-spread"},
		{"お手紙をありがとうございました。お返事はこちらに書きました https://letters.example.com/", "campaign-stopped-by-operator"},
		{"会議の場所が急に変わりましたので、地図をご覧になってからお出かけください https://" + host(90) + "/", "campaign-judged"},
		{"おめでとうさん https://party.example.com/", ""},
	} {
		if got := s.send(message.P2P, handset(700), handset(1), c.text); got != c.want {
			t.Errorf("%s: %q", c.text, got)
		}
		if s.ref == (detect.Ref{}) {
			t.Errorf("%s: no campaign", c.text)
		}
	}
	if n := len(s.c.List(s.now, 99)); n != 4 {
		t.Errorf("%d campaigns", n)
	}

	small := detect.NewCampaigns(detect.Config{Campaigns: 1, Probation: 16})
	if err := small.Load(bytes.NewReader(saved(t, s.c)), "campaigns.bin"); err != nil {
		t.Fatal(err)
	}
	if l := small.List(s.now, 9); len(l) != 1 || l[0].Decision != detect.Stop {
		t.Errorf("of four, where there is room for one: %+v", l)
	}
	s.now = s.now.Add(73 * time.Hour)
	if l := small.List(s.now, 9); len(l) != 0 {
		t.Errorf("after the window: %+v", l)
	}
}

func TestDomainsOutliveARestart(t *testing.T) {
	s, d := newStream(t, detect.Config{}), detect.NewDomains(256, 5)
	warm(s, d)
	days(s, d, 15)
	lead(s, d, message.P2P, 1, 2, "yesterday.com")
	for i := range 100 { // some places have to make room
		lead(s, d, message.P2P, 1, 2, host(i))
	}
	lead(s, d, message.P2P, 1, 2, "www.shop1.com", "yesterday.com")
	file := saved(t, d)
	for _, n := range []int{256, 4096, 16} {
		d := detect.NewDomains(n, 0)
		if err := d.Load(bytes.NewReader(file), "domains.bin"); err != nil {
			t.Fatal(err)
		}
		if n == 256 && !bytes.Equal(file, saved(t, d)) {
			t.Error("it is saved otherwise than it was loaded")
		}
		if got := lead(s, d, message.P2P, 1, 2, "www.shop1.com"); got != "domain-settled shop1.com" && n > 16 {
			t.Errorf("table of %d: %q", n, got)
		}
		if got := lead(s, d, message.P2P, 1, 2, "yesterday.com"); got != "domain-new yesterday.com" && n == 4096 {
			t.Errorf("table of %d: %q", n, got)
		}
	}
}

func TestDamaged(t *testing.T) {
	s := newStream(t, detect.Config{})
	d := detect.NewDomains(64, 5)
	for i := range 9 {
		s.send(message.P2P, handset(i), handset(i), harmless(i))
		lead(s, d, message.P2P, 1, 2, host(i))
	}
	for name, c := range map[string]struct{ full, empty table }{
		"campaigns": {s.c, detect.NewCampaigns(detect.Config{Campaigns: 4, Probation: 4})},
		"domains":   {d, detect.NewDomains(64, 6)},
	} {
		file, before := saved(t, c.full), saved(t, c.empty)
		check := func(what string, raw []byte, want error) {
			t.Helper()
			err := c.empty.Load(bytes.NewReader(raw), "data/x.bin")
			if !errors.Is(err, want) || !strings.HasPrefix(err.Error(), "data/x.bin: ") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s, %s: %v", name, what, err)
			}
		}
		for i := range file {
			bad := bytes.Clone(file)
			bad[i] ^= 1 << (i % 8)
			if i == 15 {
				check("another version", bad, detect.ErrVersion)
			} else {
				check("changed", bad, detect.ErrDamaged)
			}
			if i%7 == 0 {
				check("cut", file[:i], detect.ErrDamaged)
			}
		}
		check("longer", append(bytes.Clone(file), 0), detect.ErrDamaged)
		check("empty", nil, detect.ErrDamaged)
		if err := c.empty.Load(iotest.ErrReader(io.ErrClosedPipe), "data/x.bin"); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("%s: %v", name, err)
		}
		if !bytes.Equal(before, saved(t, c.empty)) {
			t.Errorf("%s: what could not be loaded has left something", name)
		}
		if err := c.full.Save(failing{}); !errors.Is(err, io.ErrShortWrite) {
			t.Errorf("%s: a full disk is %v", name, err)
		}
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// FuzzLoad loads anything as both tables. What carries a right sum is used: nothing of it may do harm.
func FuzzLoad(f *testing.F) {
	s := newStream(f, detect.Config{Campaigns: 4, Probation: 4})
	d := detect.NewDomains(8, 5)
	for i := range 9 {
		s.send(message.P2P, handset(i), handset(i), harmless(i))
		lead(s, d, message.P2P, 1, 2, host(i))
	}
	f.Add(saved(f, s.c))
	f.Add(saved(f, d))
	f.Add([]byte("SEKISHO-DOMAINS\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := newStream(t, detect.Config{Campaigns: 4, Probation: 4})
		d := detect.NewDomains(8, 6)
		s.c.Load(bytes.NewReader(signed(raw)), "x")
		d.Load(bytes.NewReader(signed(raw)), "x")
		for i := range 4 {
			s.send(message.P2P, handset(i), handset(i), harmless(i))
			lead(s, d, message.P2P, 1, 2, host(i))
		}
		if n := len(s.c.List(s.now, 9)); n > 4 {
			t.Errorf("%d campaigns where there is room for 4", n)
		}
		for _, from := range []table{s.c, d} {
			var to table = detect.NewCampaigns(detect.Config{Campaigns: 4, Probation: 4})
			if from == table(d) {
				to = detect.NewDomains(8, 0)
			}
			if err := to.Load(bytes.NewReader(saved(t, from)), "x"); err != nil {
				t.Errorf("what was saved: %v", err)
			}
		}
	})
}

// signed puts the right sum behind what the fuzzer made.
func signed(raw []byte) []byte {
	if len(raw) < sha256.Size {
		return raw
	}
	body := bytes.Clone(raw[:len(raw)-sha256.Size])
	sum := sha256.Sum256(body)
	return append(body, sum[:]...)
}
