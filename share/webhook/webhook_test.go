package webhook

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/share"
)

func item(t *testing.T, value string, st indicator.Status) share.Item {
	t.Helper()
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	i, err := share.Clear(g, indicator.Entry{ID: "id-" + value, Kind: indicator.Host, Value: value, Status: st}, share.Group{})
	if err != nil {
		t.Fatal(err)
	}
	return i
}

var key = []byte("0123456789abcdef0123456789abcdef")

// What is sent is signed, comes again under the same id while it is not taken, and one partner who is away holds up no other.
func TestSender(t *testing.T) {
	var tries atomic.Int32
	type got struct {
		id string
		p  payload
	}
	taken := make(chan got, 10)
	ids := map[string]bool{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if err := Verify(key, r.Header, body, time.Now()); err != nil {
			t.Error(err)
		}
		id := r.Header.Get("webhook-id")
		ids[id] = true
		if tries.Add(1) <= 2 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		var p payload
		if err := json.Unmarshal(body, &p); err != nil {
			t.Error(err)
		}
		taken <- got{id, p}
	}))
	defer srv.Close()
	s, err := NewSender(Config{Pause: 5 * time.Millisecond, Tries: 4}, Endpoint{"b", srv.URL, [][]byte{key, []byte(strings.Repeat("x", 32))}}, Endpoint{"away", "http://127.0.0.1:1/", [][]byte{key}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.Tell("away", []share.Item{item(t, "bad.example", indicator.Active)})
	s.Tell("b", []share.Item{item(t, "bad.example", indicator.Active), item(t, "shop.example", indicator.Withdrawn), {}})
	s.Tell("nobody", []share.Item{item(t, "bad.example", indicator.Active)})
	select {
	case g := <-taken:
		all := g.p.Data.Indicators
		if len(ids) != 1 || g.p.Type != "indicators.changed" || len(all) != 2 || all[0].Value != "bad.example" || all[0].State != "active" || all[1].State != "withdrawn" {
			t.Errorf("%d ids, %+v", len(ids), g.p)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("never taken")
	}
}

func TestVerify(t *testing.T) {
	now := time.Unix(1_790_000_000, 0)
	h := http.Header{}
	h.Set("webhook-id", "msg_1")
	h.Set("webhook-timestamp", "1790000000")
	h.Set("webhook-signature", "v1,AAAA "+Sign(key, "msg_1", now, []byte("{}")))
	if err := Verify(key, h, []byte("{}"), now.Add(time.Minute)); err != nil {
		t.Error(err)
	}
	for what, f := range map[string]func() error{
		"another body": func() error { return Verify(key, h, []byte("{ }"), now) },
		"another key":  func() error { return Verify([]byte(strings.Repeat("k", 32)), h, []byte("{}"), now) },
		"too old":      func() error { return Verify(key, h, []byte("{}"), now.Add(time.Hour)) },
		"another id": func() error {
			g := h.Clone()
			g.Set("webhook-id", "msg_2")
			return Verify(key, g, []byte("{}"), now)
		},
		"no time": func() error {
			g := h.Clone()
			g.Del("webhook-timestamp")
			return Verify(key, g, []byte("{}"), now)
		},
	} {
		if f() == nil {
			t.Errorf("%s was taken", what)
		}
	}
	if _, err := ReadSecret("whsec_" + base64.StdEncoding.EncodeToString(key)); err != nil {
		t.Error(err)
	}
	for _, e := range []Endpoint{{"a", "ftp://x", [][]byte{key}}, {"a", "https://u:p@x.example/", [][]byte{key}}, {"a", "https://x.example/", nil}, {"a", "https://x.example/", [][]byte{{1}}}} {
		if e.Check() == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}
