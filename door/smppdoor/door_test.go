package smppdoor

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

func TestDeliverAndReceipt(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	for _, s := range []string{"hello", "こんにちは", "絵文字😀です", strings.Repeat("x", 160)} {
		st, id := c.submit(text(s))
		if st != smpp.StatusOK || !strings.HasPrefix(id, "up") {
			t.Fatalf("%q: %v %q", s, st, id)
		}
		r.eventually("receipt of "+id, func() bool {
			all := c.receipts()
			return len(all) > 0 && all[len(all)-1] == id+" DELIVRD"
		})
	}
	if got := r.texts(); len(got) != 4 || got[1] != "こんにちは" || got[2] != "絵文字😀です" {
		t.Errorf("the SMSC got %q", got)
	}
	r.eventually("no id is left", func() bool { return r.door.ids.Len() == 0 })
}

func TestBlockRefuses(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	if st, _ := c.submit(text("BLOCK this")); st != smpp.StatusSubmitFail {
		t.Errorf("status %v", st)
	}
	if st, _ := c.submit(text("fine")); st != smpp.StatusOK {
		t.Errorf("status %v", st)
	}
	if got := r.texts(); len(got) != 1 || got[0] != "fine" {
		t.Errorf("the SMSC got %q", got)
	}
}

func TestAcceptedBlock(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Stopped.Block = Accept })
	c := r.bind(smpp.BindTransceiver, 1)
	st, id := c.submit(text("BLOCK this"))
	if st != smpp.StatusOK || !strings.HasPrefix(id, heldPrefix) {
		t.Fatalf("%v %q", st, id)
	}
	r.eventually("a REJECTD receipt", func() bool { all := c.receipts(); return len(all) == 1 && all[0] == id+" REJECTD" })
	if len(r.texts()) != 0 {
		t.Error("the SMSC got it")
	}
}

func TestHoldReleaseExpire(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	st, id := c.submit(text("HOLD this"))
	if st != smpp.StatusOK || !strings.HasPrefix(id, heldPrefix) {
		t.Fatalf("%v %q", st, id)
	}
	if len(r.texts()) != 0 {
		t.Error("the SMSC got what is held")
	}
	got, err := r.door.Release(context.Background(), id)
	if err != nil || got != smpp.StatusOK {
		t.Fatalf("release: %v %v", got, err)
	}
	if _, err := r.door.Release(context.Background(), id); err != ErrNotHeld {
		t.Errorf("released twice: %v", err)
	}
	r.eventually("the real receipt, under our id", func() bool { all := c.receipts(); return len(all) == 1 && all[0] == id+" DELIVRD" })
	_, second := c.submit(text("HOLD that"))
	r.keeper.mu.Lock()
	r.keeper.held[second].Expires = time.Now().Add(-time.Second)
	r.keeper.mu.Unlock()
	r.eventually("EXPIRED", func() bool { all := c.receipts(); return len(all) == 2 && all[1] == second+" EXPIRED" })
}

func TestHoldFallsBack(t *testing.T) {
	for _, fallback := range []Fallback{FallbackBlock, FallbackDeliver} {
		r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Stopped.Fallback = fallback })
		r.keeper.fail = context.DeadlineExceeded
		c := r.bind(smpp.BindTransceiver, 1)
		st, _ := c.submit(text("HOLD this"))
		delivered := len(r.texts()) == 1
		if fallback == FallbackBlock && (st != smpp.StatusSubmitFail || delivered) || fallback == FallbackDeliver && (st != smpp.StatusOK || !delivered) {
			t.Errorf("%s: %v, delivered %v", fallback, st, delivered)
		}
	}
}

func TestLabel(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	if st, _ := c.submit(text("LABEL me")); st != smpp.StatusOK {
		t.Fatal(st)
	}
	if st, _ := c.submit(text("LABEL してください")); st != smpp.StatusOK {
		t.Fatal(st)
	}
	long := "LABEL " + strings.Repeat("あ", 60)
	st, id := c.submit(text(long))
	if st != smpp.StatusOK || !strings.HasPrefix(id, groupPrefix) {
		t.Fatalf("%v %q", st, id)
	}
	r.eventually("one merged receipt", func() bool {
		n := 0
		for _, x := range c.receipts() {
			if x == id+" DELIVRD" {
				n++
			}
		}
		return n == 1
	})
	got := r.texts()
	if len(got) != 4 || got[0] != "[Warning: possible fraud] LABEL me" || !strings.HasPrefix(got[1], "【注意】") || got[2]+got[3] != Default().Label.Texts[0]+long {
		t.Errorf("the SMSC got %q", got)
	}
}

// parts cuts a text into submits.
func parts(t *testing.T, s string, ref uint16) []*smpp.SM {
	all, err := smpp.Split([]byte(s), smpp.UCS2, ref, false)
	if err != nil || len(all) < 2 {
		t.Fatalf("%d parts, %v", len(all), err)
	}
	var out []*smpp.SM
	for _, data := range all {
		m := text("あ")
		m.ESMClass, m.ShortMessage = smpp.ESMUDHI, data
		out = append(out, m)
	}
	return out
}

func TestLongStoppedAtTheLastPart(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	all := parts(t, strings.Repeat("い", 65)+"BLO"+"CK"+strings.Repeat("う", 80), 7) // the word is cut in two
	for i, m := range all {
		st, _ := c.submit(m)
		if want := i == 0; (st == smpp.StatusOK) != want {
			t.Errorf("part %d: %v", i+1, st)
		}
	}
	r.eventually("the first part is cancelled", func() bool { a := r.asked(); return len(a) == 1 && a[0] == "cancel_sm" })
	if n := len(r.texts()); n != 1 {
		t.Errorf("%d parts went to the SMSC", n)
	}
}

func TestLongPartsInDisorderAndTwice(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	all := parts(t, strings.Repeat("え", 150), 9)
	for _, i := range []int{2, 0, 0, 1} {
		if st, _ := c.submit(all[i]); st != smpp.StatusOK {
			t.Errorf("part %d: %v", i+1, st)
		}
	}
	// The same reference again, for another text.
	again := parts(t, strings.Repeat("お", 100)+"BLOCK", 9)
	st1, _ := c.submit(again[0])
	st2, _ := c.submit(again[1])
	if st1 != smpp.StatusOK || st2 != smpp.StatusSubmitFail {
		t.Errorf("reused reference: %v %v", st1, st2)
	}
}

func TestSubmitMultiIsSplit(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 10)
	m := smpp.MultiBody{SM: *text("hi all")}
	for i := range 3 {
		m.Destinations = smpp.AppendDestination(m.Destinations, smpp.Addr{TON: 1, NPI: 1, Digits: fmt.Append(nil, 819012345670+i)})
	}
	m.Destinations = append(m.Destinations, append([]byte{2}, "list\x00"...)...)
	m.Count = 4
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	p, err := c.Call(ctx, smpp.SubmitMulti, m.Append(nil))
	if err != nil || p.Status != smpp.StatusOK {
		t.Fatal(p.Status, err)
	}
	var resp smpp.MultiResp
	if err := resp.Decode(p.Body); err != nil || len(resp.Failed) != 1 || resp.Failed[0].Status != smpp.StatusCntSubDL {
		t.Errorf("%+v %v", resp, err)
	}
	if n := len(r.texts()); n != 3 {
		t.Errorf("%d submits", n)
	}
	r.eventually("three receipts of one id", func() bool { return len(c.receipts()) == 3 })
	for _, x := range c.receipts() {
		if x != string(resp.MessageID)+" DELIVRD" {
			t.Errorf("receipt %q", x)
		}
	}
}

func TestReceiptOvertakesTheResponse(t *testing.T) {
	r := newRig(t, func(_ *Config, s *smpptest.SMSC) {
		s.Receipts = false
		s.Answer = func(ses *smpp.Session, p smpp.PDU) (smpp.Status, string) {
			var m smpp.SM
			m.Decode(p.Body)
			rc := smpp.Receipt{MessageID: []byte("early"), State: smpp.StateDelivered}
			d := smpp.SM{Source: m.Dest, Dest: m.Source, ESMClass: smpp.ESMReceipt, ShortMessage: rc.Append(nil, time.Now(), time.Now())}
			ses.Send(smpp.DeliverSM, d.Append(nil), ignored{})
			ses.Flush()
			time.Sleep(100 * time.Millisecond)
			return smpp.StatusOK, "early"
		}
	})
	c := r.bind(smpp.BindTransceiver, 1)
	if st, id := c.submit(text("x")); st != smpp.StatusOK || id != "early" {
		t.Fatal(st, id)
	}
	r.eventually("the receipt", func() bool { a := c.receipts(); return len(a) == 1 && a[0] == "early DELIVRD" })
}

func TestReceiptAgainIsTakenOnce(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	_, id := c.submit(text("x"))
	r.eventually("the receipt", func() bool { return len(c.receipts()) == 1 && r.door.ids.Len() == 0 })
	rc := smpp.Receipt{MessageID: []byte(id), State: smpp.StateDelivered}
	m := smpp.SM{Source: text("").Dest, Dest: text("").Source, ESMClass: smpp.ESMReceipt, ShortMessage: rc.Append(nil, time.Now(), time.Now())}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if st, err := r.smsc.Deliver(ctx, &m); st != smpp.StatusOK || err != nil {
		t.Errorf("repeated: %v %v", st, err)
	}
	if n := len(c.receipts()); n != 1 {
		t.Errorf("the ESME got %d receipts", n)
	}
}

type ignored struct{}

func (ignored) Response(*smpp.Session, smpp.PDU, error) {}

func TestReceiptWaitsForTheESME(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransmitter, 1) // cannot be delivered to
	_, id := c.submit(text("x"))
	time.Sleep(100 * time.Millisecond)
	rx := r.bind(smpp.BindReceiver, 1)
	r.eventually("the receipt, tried again by the SMSC", func() bool { a := rx.receipts(); return len(a) == 1 && a[0] == id+" DELIVRD" })
}

func TestLoop(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) {
		c.Upstreams = append(c.Upstreams, Upstream{Name: "back", SystemID: "us", Binds: 1, Bind: "transmitter"})
		c.Upstreams[0].Loop = &Loop{Via: "back"}
		c.Upstreams[0].Bind = "receiver"
		c.Accounts[0].Upstream = "back"
	})
	deliver := func(s string) smpp.Status {
		m := text(s)
		m.RegisteredDelivery = 0
		m.Source = smpp.Addr{TON: 1, NPI: 1, Digits: []byte("818011112222")}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		st, err := r.smsc.Deliver(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	if st := deliver("hello friend"); st != smpp.StatusOK {
		t.Errorf("passed: %v", st)
	}
	if st := deliver("BLOCK this"); st != smpp.StatusOK {
		t.Errorf("stopped: %v", st)
	}
	if got := r.texts(); len(got) != 1 || got[0] != "hello friend" {
		t.Errorf("came back: %q", got)
	}
	if st := deliver("HOLD this"); st != smpp.StatusOK {
		t.Errorf("held: %v", st)
	}
	r.keeper.mu.Lock()
	var held string
	for id, h := range r.keeper.held {
		if h.Via == "back" {
			held = id
		}
	}
	r.keeper.mu.Unlock()
	if st, err := r.door.Release(context.Background(), held); st != smpp.StatusOK || err != nil {
		t.Errorf("release: %v %v", st, err)
	}
	if got := r.texts(); len(got) != 2 || got[1] != "HOLD this" {
		t.Errorf("released: %q", got)
	}
	r.keeper.mu.Lock()
	r.keeper.fail = context.DeadlineExceeded
	r.keeper.mu.Unlock()
	if st := deliver("HOLD that"); st != smpp.StatusOK || len(r.texts()) != 2 {
		t.Errorf("neither held nor delivered: %v", st)
	}
	// The same text again may be its writer's; a third time it goes round.
	if st := deliver("hello friend"); st != smpp.StatusOK {
		t.Errorf("second: %v", st)
	}
	if st := deliver("hello friend"); st != smpp.StatusRxTAppn {
		t.Errorf("third: %v", st)
	}
}

func TestToTheAccountOfTheNumber(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindReceiver, 1)
	m := text("an answer")
	m.RegisteredDelivery = 0
	m.Dest = smpp.Addr{Digits: []byte("0005123")}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if st, err := r.smsc.Deliver(ctx, m); st != smpp.StatusOK || err != nil {
		t.Fatal(st, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.got) != 1 || string(c.got[0].ShortMessage) != "an answer" {
		t.Errorf("%+v", c.got)
	}
}

func TestPermissions(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Accounts[0].Sources = []string{"SHOP", "0005*"} })
	c := r.bind(smpp.BindTransceiver, 1)
	m := text("x")
	m.Source.Digits = []byte("BANK")
	if st, _ := c.submit(m); st != smpp.StatusInvSrcAdr {
		t.Errorf("source: %v", st)
	}
	m = text("x")
	m.DataCoding = 4
	if st, _ := c.submit(m); st != smpp.StatusSubmitFail {
		t.Errorf("binary: %v", st)
	}
	if st, _ := c.submit(text("ok")); st != smpp.StatusOK {
		t.Errorf("text: %v", st)
	}
}

func TestBindRefused(t *testing.T) {
	r := newRig(t, func(c *Config, _ *smpptest.SMSC) { c.Accounts[0].Binds = 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, x := range []struct{ id, pw, want string }{
		{"esme", "wrong", "ESME_RINVPASWD"}, {"nobody", "secret", "ESME_RINVSYSID"},
	} {
		_, err := smpptest.Bind(ctx, r.door.Addr().String(), smpp.BindTransceiver, x.id, x.pw, smpp.Config{}, nil)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.id, err)
		}
	}
	r.bind(smpp.BindTransceiver, 1)
	if _, err := smpptest.Bind(ctx, r.door.Addr().String(), smpp.BindTransceiver, "esme", "secret", smpp.Config{}, nil); err == nil {
		t.Error("one bind too many was let in")
	}
}

func TestQueryCancelReplace(t *testing.T) {
	r := newRig(t, nil)
	c := r.bind(smpp.BindTransceiver, 1)
	_, held := c.submit(text("HOLD this"))
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	q := smpp.QueryBody{MessageID: []byte(held)}
	p, err := c.Call(ctx, smpp.QuerySM, q.Append(nil))
	var qr smpp.QueryResp
	if err != nil || p.Status != smpp.StatusOK || qr.Decode(p.Body) != nil || qr.State != smpp.StateAccepted {
		t.Errorf("query: %v %v %+v", p.Status, err, qr)
	}
	for _, x := range []struct {
		c    smpp.Command
		body []byte
		want smpp.Status
	}{
		{smpp.CancelSM, (&smpp.CancelBody{MessageID: []byte(held)}).Append(nil), smpp.StatusOK},
		{smpp.CancelSM, (&smpp.CancelBody{MessageID: []byte(held)}).Append(nil), smpp.StatusCancelFail},
		{smpp.CancelSM, (&smpp.CancelBody{MessageID: []byte("up1")}).Append(nil), smpp.StatusOK},
		{smpp.ReplaceSM, (&smpp.ReplaceBody{MessageID: []byte("up1"), Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, ShortMessage: []byte("BLOCK")}).Append(nil), smpp.StatusReplaceFail},
		{smpp.ReplaceSM, (&smpp.ReplaceBody{MessageID: []byte("up1"), Source: smpp.Addr{TON: 5, Digits: []byte("SHOP")}, ShortMessage: []byte("fine")}).Append(nil), smpp.StatusOK},
	} {
		p, err := c.Call(ctx, x.c, x.body)
		if err != nil || p.Status != x.want {
			t.Errorf("%v: %v %v, want %v", x.c, p.Status, err, x.want)
		}
	}
	if got := strings.Join(r.asked(), " "); got != "cancel_sm replace_sm" {
		t.Errorf("the SMSC was asked %s", got)
	}
}
