package httpdoor

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

func TestDecode(t *testing.T) {
	line := func(l subject.Line) subject.Address { return l.Address() }
	for _, c := range []struct {
		name, in string
		text     string
		id       string
		from     string
		to       []subject.Address
		route    message.Route
		decoding message.Decoding
		several  bool
		time     string
	}{
		{name: "least", in: `{"text":"x"}`, text: "x", to: []subject.Address{{}}, route: message.A2P},
		{name: "all", in: ` {"id":"m 1","route":"intl","time":"2026-04-01T09:00:00+09:00","from":"SEKISHO","to":"090 1234 5678","text":"あ"} `,
			text: "あ", id: "m 1", from: "SEKISHO", to: []subject.Address{line(819012345678)}, route: message.Intl, time: "2026-04-01T00:00:00Z"},
		{name: "nulls", in: `{"id":null,"route":null,"time":null,"from":null,"to":null,"text":"x"}`, text: "x", to: []subject.Address{{}}, route: message.A2P},
		{name: "no sender", in: `{"from":"","text":"x"}`, text: "x", to: []subject.Address{{}}, route: message.A2P},
		{name: "several", in: `{"to":[ "+819012345678" , "+819012345679" ],"text":"x"}`, text: "x", several: true,
			to: []subject.Address{line(819012345678), line(819012345679)}, route: message.A2P},
		{name: "escapes", in: `{"t\u0065xt":"\"\\\/\b\f\n\r\t\u3042\ud83d\ude00 あ"}`, text: "\"\\/\b\f\n\r\tあ😀 あ", to: []subject.Address{{}}, route: message.A2P},
		{name: "half a pair", in: `{"text":"a\ud83d b\udc00\u0041"}`, text: "a\ufffd b\ufffdA", to: []subject.Address{{}}, route: message.A2P, decoding: message.Undecodable},
		{name: "two first halves", in: `{"text":"\ud83d\ud83d\ude00"}`, text: "\ufffd😀", to: []subject.Address{{}}, route: message.A2P, decoding: message.Undecodable},
		{name: "no UTF-8", in: "{\"text\":\"a\xff\"}", text: "a\xff", to: []subject.Address{{}}, route: message.A2P, decoding: message.Undecodable},
		{name: "empty text", in: `{"text":""}`, text: "", to: []subject.Address{{}}, route: message.A2P},
	} {
		t.Run(c.name, func(t *testing.T) {
			// What an earlier message left must not show.
			m := message.Message{Route: message.A2P, ID: "old", Text: []byte("old"), To: []subject.Address{line(811)}, From: line(811), Decoding: message.Ambiguous}
			a := asked{time: time.Now(), several: true}
			if f := decode([]byte(c.in), subject.Japan, &m, &a); f.kind != nil {
				t.Fatalf("refused: %s", f.appendTo(nil, 0, 0))
			}
			if string(m.Text) != c.text || m.Text == nil || m.ID != c.id || m.From.String() != c.from || m.Route != c.route || m.Decoding != c.decoding || a.several != c.several {
				t.Errorf("%+v %+v", m, a)
			}
			if len(m.To) != len(c.to) {
				t.Fatalf("to: %v", m.To)
			}
			for i := range m.To {
				if m.To[i] != c.to[i] {
					t.Errorf("to: %v", m.To)
				}
			}
			if got := a.time.UTC().Format(time.RFC3339); c.time != "" && got != c.time || c.time == "" && !a.time.IsZero() {
				t.Errorf("time: %s", got)
			}
		})
	}
}

// FuzzDecode: what we take encoding/json takes too, and reads the same; what we say is no JSON it refuses.
func FuzzDecode(f *testing.F) {
	for _, w := range wrongs(&checkpoint{}) {
		if len(w.body) < 1000 {
			f.Add([]byte(w.body))
		}
	}
	f.Add([]byte(`{"text":"\ud83d\ude00\ud83d","id":"m","to":["+819012345678"],"route":"p2p","time":"2026-04-01T09:00:00Z","from":null}`))
	f.Fuzz(func(t *testing.T, in []byte) {
		var m message.Message
		var a asked
		was := bytes.Clone(in)
		fault := decode(in, subject.Japan, &m, &a) // in is unescaped in place
		var want struct {
			Text        *string
			ID, From    *string
			Route, Time *string
			To          any
		}
		d := json.NewDecoder(bytes.NewReader(was))
		d.DisallowUnknownFields()
		err := d.Decode(&want)
		switch fault.kind {
		case nil:
			if !json.Valid(was) || err != nil || want.Text == nil {
				t.Fatalf("taken: %q, but %v", was, err)
			}
			if got := string([]rune(string(m.Text))); got != *want.Text { // each octet that is no UTF-8 is one U+FFFD there
				t.Fatalf("text %q, want %q", got, *want.Text)
			}
			if want.ID != nil && string([]rune(m.ID)) != *want.ID {
				t.Fatalf("id %q, want %q", m.ID, *want.ID)
			}
			if len(m.To) == 0 || len(m.To) > maxRecipients {
				t.Fatalf("%d recipients", len(m.To))
			}
			if list, ok := want.To.([]any); ok != a.several || ok && len(list) != len(m.To) {
				t.Fatalf("%d recipients, several %t: %q", len(m.To), a.several, was)
			}
		case syntax, cutOff, trailing, empty:
			if json.Valid(was) {
				t.Fatalf("refused as no JSON: %q: %s", was, fault.appendTo(nil, 0, 0))
			}
		}
		if fault.kind != nil && !json.Valid(fault.appendTo(nil, 1, 812)) {
			t.Fatalf("a problem that is no JSON: %q", was)
		}
	})
}
