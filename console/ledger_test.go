package console

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
)

// book is a ledger in a test's hands.
type book struct {
	entries []audit.Entry
	held    []audit.Held
	report  audit.Report
}

func (b *book) Size(context.Context) (int64, error) { return int64(len(b.entries)), nil }
func (b *book) Entries(_ context.Context, from int64, limit int) (all []audit.Row, err error) {
	for i := from; i < min(from+int64(limit), int64(len(b.entries))); i++ {
		raw, err := b.entries[i].Encode()
		if err != nil {
			raw = []byte("x")
		}
		all = append(all, audit.Row{Seq: i, Entry: raw})
	}
	return all, nil
}
func (b *book) Newest(context.Context) (audit.Stored, error) {
	return audit.Stored{Size: 3, At: noon.UnixMicro()}, nil
}
func (b *book) Verify(_ context.Context, held []audit.Held) (*audit.Report, error) {
	b.held = held
	return &b.report, nil
}
func (b *book) PublicKey() string { return "sekisho+00000000+key" }
func (b *book) Enter(_ context.Context, entries ...audit.Entry) error {
	for _, e := range entries {
		e.Time = noon.UnixMicro()
		b.entries = append(b.entries, e)
	}
	return nil
}

func TestLedger(t *testing.T) {
	b := &book{}
	for i := range 700 {
		who := "Abe"
		if i%100 == 0 {
			who = "=HYPERLINK()"
		}
		b.Enter(t.Context(), audit.Entry{Actor: who, Act: "look-up", About: fmt.Sprintf("il-%010d", i), Why: fmt.Sprintf("reason %d <b>", i)})
	}
	b.entries[698] = audit.Entry{} // unreadable
	c, d := withPages(auth.Auditor, func(s *Sources) { s.Ledger = b })
	page := get(c, "/ledger", "Accept-Language", "en").Body.String()
	for _, want := range []string{"reason 699 &lt;b&gt;", "reason 651", "before=650", "Export", "00000000", "697", "ledger entry"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	if strings.Contains(page, "reason 649") {
		t.Error("more than a page")
	}
	if next := get(c, "/ledger?before=650", "Accept-Language", "ja").Body.String(); !strings.Contains(next, "reason 649") || !strings.Contains(next, "監査台帳") {
		t.Error("the next page")
	}
	if by := get(c, "/ledger?who=%3DHYPERLINK()").Body.String(); !strings.Contains(by, "reason 600 ") || !strings.Contains(by, "reason 0 ") || strings.Contains(by, "reason 601 ") {
		t.Error("by whom")
	}

	export := send(c, "/ledger/export", url.Values{"why": {"yearly audit"}})
	rows, err := csv.NewReader(export.Body).ReadAll()
	if err != nil || len(rows) != 701 || rows[1][2] != "'=HYPERLINK()" || !strings.Contains(rows[699][10], "unreadable") {
		t.Errorf("%v, %d rows", err, len(rows))
	}
	if last := b.entries[len(b.entries)-1]; last.Act != "ledger-export" || last.Why != "yearly audit" || last.Actor != "Abe" {
		t.Errorf("%+v", last)
	}

	verify := func(file string) *httptest.ResponseRecorder {
		var body bytes.Buffer
		m := multipart.NewWriter(&body)
		if file != "" {
			f, err := m.CreateFormFile("checkpoints", "witness.txt")
			if err != nil {
				t.Fatal(err)
			}
			f.Write([]byte(file))
		}
		m.Close()
		r := httptest.NewRequest("POST", "/ledger/verify", &body)
		r.Host = "localhost"
		r.Header.Set("Content-Type", m.FormDataContentType())
		r.Header.Set("Accept-Language", "en")
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		return w
	}
	b.report = audit.Report{Entries: 701}
	if w := verify(""); w.Code != 200 || !strings.Contains(w.Body.String(), "Nothing from elsewhere was given") {
		t.Error(w.Code)
	}
	b.report.Findings = []audit.Finding{{Kind: audit.Changed, Proved: true, Why: "entry 5 says something else"}}
	if w := verify(""); !strings.Contains(w.Body.String(), "not as it was") || !strings.Contains(w.Body.String(), "entry 5") {
		t.Error("a finding is not shown")
	}
	if w := verify("no checkpoint"); w.Code != http.StatusUnprocessableEntity {
		t.Error(w.Code)
	}
	c2, _ := withPages(auth.Administrator, func(s *Sources) { s.Ledger = b })
	if w := get(c2, "/ledger"); w.Code != 200 || strings.Contains(w.Body.String(), "/ledger/export") {
		t.Error("an administrator reads, and exports nothing")
	}
	if send(c2, "/ledger/export", url.Values{}).Code != http.StatusForbidden || send(c2, "/ledger/verify", url.Values{}).Code != http.StatusForbidden {
		t.Error("an administrator does what is the auditor's")
	}
	if c3, _ := withPages(auth.Analyst|auth.Care, func(s *Sources) { s.Ledger = b }); get(c3, "/ledger").Code != http.StatusForbidden {
		t.Error("others read it")
	}
	if d.forged = true; send(c, "/ledger/export", url.Values{}).Code != http.StatusForbidden {
		t.Error("a forged form")
	}
}
