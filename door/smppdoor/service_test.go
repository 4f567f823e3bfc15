package smppdoor

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
	"github.com/sekisho/sekisho/subject"
)

// desk is a service at 7726 that can fail.
type desk struct {
	mu   sync.Mutex
	got  []Told
	fail error
}

func (*desk) Serves(to subject.Address) bool { return string(to.Bytes()) == "7726" }

func (d *desk) Take(_ context.Context, all []Told) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fail != nil {
		return d.fail
	}
	d.got = append(d.got, all...)
	return nil
}

func (d *desk) all() []Told {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]Told(nil), d.got...)
}

func (d *desk) failing(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fail = err
}

const smish = "お荷物のお届けにあがりましたが不在の為持ち帰りました。BLOCK http://a.duckdns.org"

// toDesk is a text that a subscriber writes to 7726, in parts where it is long.
func toDesk(t *testing.T, s string) (all []*smpp.SM) {
	t.Helper()
	parts, err := smpp.Split([]byte(s), smpp.UCS2, 77, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		m := &smpp.SM{Source: smpp.Addr{TON: 1, NPI: 1, Digits: []byte("819012345678")}, Dest: smpp.Addr{Digits: []byte("7726")}, DataCoding: 8, ShortMessage: p}
		if len(parts) > 1 {
			m.ESMClass = smpp.ESMUDHI
		}
		all = append(all, m)
	}
	return all
}

// What the SMSC hands over for 7726 is taken whole and unjudged, and acknowledged when it is safe.
func TestService(t *testing.T) {
	var refuse atomic.Bool
	r := newRig(t, func(_ *Config, c *smpptest.SMSC) {
		c.Answer = func(*smpp.Session, smpp.PDU) (smpp.Status, string) {
			if refuse.Load() {
				return smpp.StatusInvDstAdr, ""
			}
			return smpp.StatusOK, ""
		}
	})
	deliver := func(m *smpp.SM) smpp.Status {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		st, err := r.smsc.Deliver(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := deliver(toDesk(t, smish)[0]); st != smpp.StatusOK {
		t.Error(st)
	}
	long := strings.Repeat("長い本文です。", 40) + smish
	parts := toDesk(t, long)
	for i := range parts {
		i = len(parts) - 1 - i // in whatever order
		if i == 0 {
			r.desk.failing(errors.New("the disk is full"))
			if st := deliver(parts[i]); st != smpp.StatusRxTAppn {
				t.Errorf("the disk is full: %v", st)
			}
			r.desk.failing(nil)
		}
		if st := deliver(parts[i]); st != smpp.StatusOK {
			t.Errorf("part %d: %v", i, st)
		}
	}
	got := r.desk.all()
	if len(got) != 2 || got[0].Text != smish || got[1].Text != long || got[0].Upstream != "smsc" {
		t.Fatalf("%d texts: %+v", len(got), got)
	}
	if got[0].From.Line() != 819012345678 || got[0].To.String() != "7726" {
		t.Errorf("from %v to %v", got[0].From, got[0].To)
	}
	binary := toDesk(t, "x")[0]
	binary.DataCoding = 4
	if st := deliver(binary); st == smpp.StatusOK {
		t.Error("what is no text was taken")
	}

	// The same by a bind of an SMSC that sends what its subscribers write as submit_sm.
	c := r.bind(smpp.BindTransceiver, 10)
	if st, id := c.submit(toDesk(t, smish)[0]); st != smpp.StatusOK || !strings.HasPrefix(id, "st") {
		t.Error(st, id)
	}
	r.desk.failing(errors.New("the disk is full"))
	if st, _ := c.submit(toDesk(t, smish)[0]); st != smpp.StatusThrottled {
		t.Error(st)
	}
	if got := r.desk.all(); len(got) != 3 {
		t.Errorf("%d texts", len(got))
	}
	if texts := r.texts(); len(texts) != 0 {
		t.Errorf("went on to the SMSC: %q", texts)
	}

	// Answers go by the bind that it came by, in as many parts as they need.
	from, _ := subject.ParseAddress("7726", subject.Japan)
	for _, text := range []string{"Thank you.", "ご報告ありがとうございます。", long} {
		before := len(r.texts())
		if err := r.door.Send(t.Context(), "smsc", from, got[0].From, text); err != nil {
			t.Fatal(err)
		}
		if sent := strings.Join(r.texts()[before:], ""); sent != text {
			t.Errorf("sent %q, not %q", sent, text)
		}
	}
	r.mu.Lock()
	if m := r.got[0]; string(m.Source.Digits) != "7726" || string(m.Dest.Digits) != "819012345678" || m.Dest.TON != smpp.TONInternational {
		t.Errorf("%+v", m)
	}
	r.mu.Unlock()
	refuse.Store(true)
	if err := r.door.Send(t.Context(), "", from, got[0].From, "x"); !errors.Is(err, ErrUnsent) {
		t.Error(err)
	}
	if err := r.door.Send(t.Context(), "nobody", from, got[0].From, "x"); !errors.Is(err, ErrUnsent) {
		t.Error(err)
	}
}
