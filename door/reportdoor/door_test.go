package reportdoor

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/report"
)

// pile is a desk that can fail.
type pile struct {
	mu   sync.Mutex
	got  []report.Report
	fail error
}

func (p *pile) Take(_ context.Context, all []report.Report) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return 0, p.fail
	}
	p.got = append(p.got, all...)
	return len(all), nil
}

func (p *pile) TakeAll(ctx context.Context, all iter.Seq2[report.Report, error], _ func(int, int)) (n, fresh int, err error) {
	for r, err := range all {
		if err != nil {
			return n, n, err
		}
		if _, err := p.Take(ctx, []report.Report{r}); err != nil {
			return n, n, err
		}
		n++
	}
	return n, n, nil
}

func (p *pile) all() []report.Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]report.Report(nil), p.got...)
}

func open(t *testing.T, change func(*Config)) (*Door, *pile, string) {
	t.Helper()
	keys := &auth.Keys{}
	text, k := auth.NewKey("operator-b", auth.Reports)
	if err := keys.Replace([]auth.Key{k}); err != nil {
		t.Fatal(err)
	}
	cfg := Default()
	cfg.Form = true
	if change != nil {
		change(&cfg)
	}
	p := &pile{}
	d, err := New(cfg, Parts{Desk: p, Keys: keys, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	return d, p, text
}

// lmtp speaks as a mail server does, and gives the answers.
func lmtp(t *testing.T, address string, lines ...string) (said []string) {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(10 * time.Second))
	in := bufio.NewReader(c)
	read := func() {
		for {
			l, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err, said)
			}
			said = append(said, strings.TrimSpace(l))
			if len(l) > 3 && l[3] == ' ' {
				return
			}
		}
	}
	read()
	for _, l := range lines {
		if _, err := io.WriteString(c, l+"\r\n"); err != nil {
			t.Fatal(err)
		}
		read()
	}
	return said
}

func TestLMTP(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	d, p, _ := open(t, func(c *Config) { c.Mail.LMTP, c.Mail.AuthServ, c.Mail.MaxSize = address, "mx.operator.example", 1<<20 })
	if err := d.Start(); err != nil {
		t.Fatal(err)
	}
	const scam = "From: hanako@mail.example\r\nSubject: Fwd: parcel\r\n\r\n---------- Forwarded message ---------\r\nFrom: bad@evil.example\r\nSubject: parcel\r\n\r\nYour parcel http://p.example.icu/\r\n"
	send := func(mail string) string {
		t.Helper()
		said := lmtp(t, address, "LHLO here", "MAIL FROM:<hanako@mail.example>", "RCPT TO:<report@operator.example>", "DATA", mail+".")
		return said[len(said)-1]
	}
	if s := send(scam); !strings.HasPrefix(s, "250") {
		t.Error(s)
	}
	if s := send("Authentication-Results: mx.operator.example; spf=pass; dmarc=pass header.from=mail.example\r\n" + scam); !strings.HasPrefix(s, "250") {
		t.Error(s)
	}
	if s := send("Authentication-Results: evil.example; dmarc=pass\r\n" + scam); !strings.HasPrefix(s, "250") { // anybody can write that
		t.Error(s)
	}
	if s := send("no mail at all\r\n"); !strings.HasPrefix(s, "554") {
		t.Error(s)
	}
	p.mu.Lock()
	p.fail = errors.New("the disk is full")
	p.mu.Unlock()
	if s := send(scam); !strings.HasPrefix(s, "451") || strings.Contains(s, "disk") {
		t.Error(s)
	}
	if s := send(strings.Repeat("a: b\r\n", 300_000)); strings.HasPrefix(s, "250") {
		t.Error(s)
	}
	got := p.all()
	if len(got) != 3 || got[0].Reporter != "" || got[1].Reporter != "hanako@mail.example" || got[2].Reporter != "" || got[0].Suspect != "bad@evil.example" || !strings.Contains(got[0].Text, "p.example.icu") {
		t.Errorf("%+v", got)
	}
}

func TestAPI(t *testing.T) {
	d, p, key := open(t, func(c *Config) { c.Body = 1 << 16; c.Rate = 20.0 / 3600 })
	post := func(header map[string]string, body []byte) (int, string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/v1/reports", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Content-Type", "application/x-ndjson")
		for k, v := range header {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	zipped := func(b []byte) []byte {
		var out bytes.Buffer
		z := gzip.NewWriter(&out)
		z.Write(b)
		z.Close()
		return out.Bytes()
	}
	line := []byte(`{"text":"http://a.example.icu/","reporter":"+819012345678"}` + "\n")
	if st, said := post(map[string]string{"Content-Encoding": "gzip"}, zipped(line)); st != 200 || !strings.Contains(said, `"new":1`) {
		t.Error(st, said)
	}
	if st, said := post(map[string]string{"Content-Encoding": "gzip"}, zipped(bytes.Repeat(line, 200_000))); st != 422 || !strings.Contains(said, "twenty times") {
		t.Errorf("a bomb: %d %s", st, said)
	}
	if st, _ := post(nil, bytes.Repeat(line, 2000)); st != 413 {
		t.Errorf("too large a body: %d", st)
	}
	if st, _ := post(map[string]string{"Content-Encoding": "br"}, line); st != 415 {
		t.Error(st)
	}
	n := len(p.all())
	if r := p.all()[0]; r.Via != "operator-b" || r.Reporter != "+819012345678" || r.Channel != report.File {
		t.Errorf("%+v", r)
	}
	p.fail = errors.New("the disk is full")
	if st, said := post(nil, line); st != 503 || strings.Contains(said, "disk") {
		t.Error(st, said)
	}
	p.fail = nil
	for range 40 {
		if st, _ := post(nil, line); st == 429 {
			return
		}
	}
	t.Errorf("forty requests beyond the rate, %d reports before", n)
}

func TestForm(t *testing.T) {
	d, p, _ := open(t, func(c *Config) { c.PerHour = 3 })
	send := func(from string, header http.Header, v url.Values) (int, string) {
		t.Helper()
		r := httptest.NewRequest("POST", "/report", strings.NewReader(v.Encode()))
		r.RemoteAddr = from + ":1234"
		r.Header = header.Clone()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := httptest.NewRecorder()
		d.ServeHTTP(w, r)
		if csp := w.Header().Get("Content-Security-Policy"); w.Code == 200 && (!strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe")) {
			t.Error(csp)
		}
		return w.Code, w.Body.String()
	}
	ja, en := http.Header{"Accept-Language": {"ja"}}, http.Header{"Accept-Language": {"fr, en"}}
	if st, page := send("192.0.2.1", ja, url.Values{"text": {`<script>alert(1)</script> http://a.example.icu/`}, "sender": {"090-1111-2222"}, "medium": {"sms"}}); st != 200 || !strings.Contains(page, "ありがとうございました") || strings.Contains(page, "<script>") {
		t.Error(st, page)
	}
	if st, page := send("192.0.2.2", en, url.Values{"text": {""}, "link": {"two words"}}); st != 422 || !strings.Contains(page, "two words") || !strings.Contains(page, `lang="en"`) {
		t.Error(st, page)
	}
	if st, _ := send("192.0.2.2", http.Header{"Sec-Fetch-Site": {"cross-site"}}, url.Values{"text": {"x"}}); st != 403 {
		t.Error(st)
	}
	last := 0
	for i := range 5 { // one network
		last, _ = send(fmt.Sprintf("192.0.2.%d", 10+i), ja, url.Values{"text": {fmt.Sprint("詐欺 ", i)}})
	}
	if last != 429 {
		t.Errorf("five more of one network: %d", last)
	}
	if st, _ := send("198.51.100.1", ja, url.Values{"text": {"詐欺"}}); st != 200 {
		t.Errorf("another network: %d", st)
	}
	got := p.all()
	if got[0].Reporter != "" || got[0].Suspect != "+819011112222" || got[0].Channel != report.Form {
		t.Errorf("%+v", got[0])
	}
	for _, path := range []string{"/report?lang=ja", "/report/form.css", "/v1/reports/schema.json"} {
		w := httptest.NewRecorder()
		d.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
		if w.Code != 200 || w.Body.Len() < 500 {
			t.Error(path, w.Code)
		}
	}
}

func TestConfig(t *testing.T) {
	for i, change := range []func(*Config){func(c *Config) { c.PerHour = 0 }, func(c *Config) { c.Rate = -1 }, func(c *Config) { c.Body = 1 }, func(c *Config) { c.Read.Duration = 0 }, func(c *Config) { c.Mail.MaxSize = 1 }} {
		c := Default()
		change(&c)
		if c.Check() == nil {
			t.Errorf("%d was taken", i)
		}
	}
	d, _, _ := open(t, func(c *Config) { c.Mail.Maildir = t.TempDir() })
	if err := d.Start(); err == nil || !strings.Contains(err.Error(), "Maildir") {
		t.Error(err)
	}
}
