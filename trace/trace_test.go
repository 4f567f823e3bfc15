package trace

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

func TestRoundTrip(t *testing.T) {
	at := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	no := false
	events := []Event{
		{Type: Contract, Time: at, Contract: "c1", Line: "+819000000001", Event: "assign"},
		{Type: Consent, Time: at, Line: "+819000000001", Scope: "infection_notice", Granted: &no},
		{Type: Message, Time: at.Add(time.Second), ID: "m1", Route: "p2p", From: "+819000000001", To: "+819000000002", Text: "<こんにちは> & \"\n"},
		{Type: Report, Time: at.Add(time.Minute), Channel: "7726", Reporter: "+819000000002", Suspect: "+819000000001", Text: "x"},
	}
	var b bytes.Buffer
	w := NewWriter(&b)
	for i := range events {
		if err := w.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write(&events[0]); err == nil {
		t.Error("an event before the last one was written")
	}
	w.Flush()
	r := NewReader("t", &b)
	var e Event
	for i := range events {
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
		if e.Type != events[i].Type || !e.Time.Equal(events[i].Time) || e.Text != events[i].Text || e.Line != events[i].Line {
			t.Errorf("%+v, want %+v", e, events[i])
		}
	}
	if err := r.Next(&e); err != io.EOF {
		t.Error(err)
	}
}

func TestBadTraces(t *testing.T) {
	good := `{"type":"message","time":"2026-04-01T00:00:00Z","to":"+819000000002","text":"x"}` + "\n"
	for bad, word := range map[string]string{
		`{"type":"message","time":"2026-03-01T00:00:00Z","to":"+819000000002"}`:                                   "before that of the line above",
		`{"type":"message","to":"+819000000002"}`:                                                                 "time is missing",
		`{"type":"message","time":"2026-04-01","to":"+819000000002"}`:                                             "not a JSON object",
		`{"type":"message","time":"2026-04-01T00:00:00Z"}`:                                                        "no recipient",
		`{"type":"massage","time":"2026-04-01T00:00:00Z"}`:                                                        `type is "massage"`,
		`{"type":"contract","time":"2026-04-01T00:00:00Z","contract":"c","line":"09012","event":"assign"}`:        "line is not an E.164 number",
		`{"type":"contract","time":"2026-04-01T00:00:00Z","contract":"c","line":"+819000000001","event":"sell"}`:  `event is "sell"`,
		`{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+819000000001","scope":"spying","granted":true}`: "unknown purpose",
		`{"type":"consent","time":"2026-04-01T00:00:00Z","line":"+819000000001","scope":"inspect"}`:               "granted is neither",
		`{"type":"consent","time":"2026-04-01T00:00:00Z","scope":"inspect","granted":true}`:                       "names a line or a contract",
		`{"type":"message","time":"2026-04-01T00:00:00Z","from":"+0","to":"+819012345678","text":"a"}`:            "from is not an E.164 number",
		`{"type":"message","time":"2026-04-01T00:00:00Z","from":"BANK","to":"+81 90","text":"a"}`:                 "to is not an E.164 number",
		`{"type":"report","time":"2026-04-01T00:00:00Z","reporter":"12"}`:                                         "reporter is not an E.164 number",
		`not json`: "not a JSON object",
		`{"type":"message","time":"2026-04-01T00:00:00Z","to":"+819000000002","text":"` + strings.Repeat("x", MaxLine) + `"}`: "longer than",
	} {
		r := NewReader("trace.jsonl", strings.NewReader(good+"\n"+bad))
		var e Event
		if err := r.Next(&e); err != nil {
			t.Fatal(err)
		}
		err := r.Next(&e)
		if err == nil || !strings.Contains(err.Error(), word) || !strings.HasPrefix(err.Error(), "trace.jsonl line 3: ") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60s: %v", bad, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(`{"type":"message","time":"2026-04-01T00:00:00Z","to":"+819000000002","text":"x"}`))
	f.Add([]byte("{}\n\n[]\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := NewReader("f", bytes.NewReader(b))
		var e Event
		var out bytes.Buffer
		w := NewWriter(&out)
		for r.Next(&e) == nil {
			if err := w.Write(&e); err != nil {
				t.Fatalf("what was read cannot be written: %v", err)
			}
		}
		if r.Read() > int64(len(b)) {
			t.Error("more was read than there is")
		}
	})
}
