package misp

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/share"
)

func feed(t *testing.T, entries ...indicator.Entry) *Feed {
	t.Helper()
	policy := purpose.Policy{purpose.Share: purpose.LawfulBusiness}
	g, err := purpose.Ask(&policy, purpose.Share, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Build(Maker{"Sekisho", "11111111-1111-4111-8111-111111111111"}, func(yield func(share.Item, error) bool) {
		for _, e := range entries {
			if i, err := share.Clear(g, e, share.Group{}); !yield(i, err) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestFeed(t *testing.T) {
	day := time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)
	entries := []indicator.Entry{
		{ID: "00000000-0000-4000-8000-000000000001", Kind: indicator.Host, Value: "bad.example", TLP: indicator.TLPGreen, First: day, Last: day, Changed: day, Status: indicator.Active},
		{ID: "00000000-0000-4000-8000-000000000002", Kind: indicator.Number, Role: indicator.RoleCallback, Value: "+81120444444", TLP: indicator.TLPClear, First: day, Last: day, Changed: day.Add(time.Hour), Status: indicator.Active},
		{ID: "00000000-0000-4000-8000-000000000003", Kind: indicator.Host, Value: "shop.example", First: day.Add(48 * time.Hour), Last: day, Changed: day, Status: indicator.Withdrawn},
	}
	f := feed(t, entries...)
	get := func(name string, header ...string) *http.Response {
		r := httptest.NewRequest("GET", "/share/misp/"+name, nil)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		f.ServeHTTP(w, r)
		return w.Result()
	}
	var index map[string]manifest
	if err := json.NewDecoder(get("manifest.json").Body).Decode(&index); err != nil || len(index) != 2 {
		t.Fatal(index, err)
	}
	for id, m := range index {
		resp := get(id + ".json")
		body, _ := io.ReadAll(resp.Body)
		var e struct{ Event event }
		if err := json.Unmarshal(body, &e); err != nil || e.Event.UUID != id || e.Event.Info != m.Info || e.Event.Orgc.Name != "Sekisho" {
			t.Errorf("%s: %v %+v", id, err, e)
		}
		switch e.Event.Date {
		case "2026-04-01":
			if len(e.Event.Attribute) != 2 || e.Event.Tag[0].Name != "tlp:green" || e.Event.Timestamp != "1775037600" {
				t.Errorf("%+v", e.Event)
			}
			// What we give others read, by our own reader too.
			got, passed, err := report.MISPEntries(strings.NewReader(string(body)), 0, "b", day.Add(2*time.Hour))
			if err != nil || len(got) != 2 || len(passed) != 0 || got[0].Value != "bad.example" || got[0].TLP != indicator.TLPGreen || got[1].Role != indicator.RoleCallback {
				t.Errorf("%+v %v %v", got, passed, err)
			}
		case "2026-04-03":
			if a := e.Event.Attribute[0]; !a.Deleted || a.ToIDs {
				t.Errorf("what is withdrawn: %+v", a)
			}
		}
		if again := get(id+".json", "If-None-Match", resp.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Error(again.StatusCode)
		}
		z, err := gzip.NewReader(get(id+".json", "Accept-Encoding", "gzip").Body)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(z); string(b) != string(body) {
			t.Error("the zipped form is another")
		}
	}
	if b, _ := io.ReadAll(get("hashes.csv").Body); strings.Count(string(b), "\n") != 3 {
		t.Errorf("%s", b)
	}
	if get("other.json").StatusCode != http.StatusNotFound || get("../secret").StatusCode != http.StatusNotFound {
		t.Error("a file that is not there")
	}
	entries[0], entries[1] = entries[1], entries[0]
	a, b := get("manifest.json"), func() *http.Response { f = feed(t, entries...); return get("manifest.json") }()
	if a.Header.Get("ETag") != b.Header.Get("ETag") {
		t.Error("another order makes another feed")
	}
}
