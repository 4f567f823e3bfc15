package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// handset is a subscriber who writes to 7726 through the SMSC, and reads what he is answered.
type handset struct {
	t      *testing.T
	smsc   *smpptest.SMSC
	number string
	got    chan string
}

// newHandsets stands between the pretend SMSC and its subscribers: what is submitted to a number goes to its handset.
func newHandsets(t *testing.T, numbers ...string) (*smpptest.SMSC, map[string]*handset) {
	all := map[string]*handset{}
	for _, n := range numbers {
		all[n] = &handset{t: t, number: n, got: make(chan string, 16)}
	}
	smsc := &smpptest.SMSC{Prefix: "up"}
	smsc.OnRequest = func(_ *smpp.Session, p smpp.PDU) bool {
		var m smpp.SM
		if p.Command != smpp.SubmitSM || m.Decode(bytes.Clone(p.Body)) != nil {
			return false
		}
		coding := smpp.ParseDataCoding(m.DataCoding, smpp.GSM7)
		user, _ := m.UserData()
		if m.ESMClass&smpp.ESMUDHI != 0 {
			_, user, _ = smpp.ParseUDH(user)
		}
		text, _ := smpp.AppendText(nil, user, coding.Alphabet, smpp.Shift{})
		if h := all["+"+string(m.Dest.Digits)]; h != nil && string(m.Source.Digits) == "7726" {
			h.got <- string(text)
		}
		return false
	}
	for _, h := range all {
		h.smsc = smsc
	}
	return smsc, all
}

func (h *handset) write(text string) {
	h.t.Helper()
	parts, err := smpp.Split([]byte(text), smpp.UCS2, uint16(time.Now().UnixNano()), false)
	if err != nil {
		h.t.Fatal(err)
	}
	for _, p := range parts {
		m := smpp.SM{Source: smpp.Addr{TON: 1, NPI: 1, Digits: []byte(h.number[1:])}, Dest: smpp.Addr{Digits: []byte("7726")}, DataCoding: 8, ShortMessage: p}
		if len(parts) > 1 {
			m.ESMClass = smpp.ESMUDHI
		}
		ctx, cancel := context.WithTimeout(h.t.Context(), 5*time.Second)
		st, err := h.smsc.Deliver(ctx, &m)
		cancel()
		if err != nil || st != smpp.StatusOK {
			h.t.Fatalf("%v %v", st, err)
		}
	}
}

// reads waits for an answer with these words; a long one may come in parts.
func (h *handset) reads(words string) {
	h.t.Helper()
	all := ""
	for {
		select {
		case s := <-h.got:
			if all += s; strings.Contains(all, words) {
				return
			}
		case <-time.After(5 * time.Second):
			h.t.Fatalf("never read %q, but %q", words, all)
		}
	}
}

func reporting(t *testing.T, numbers ...string) (*serving, map[string]*handset) {
	t.Helper()
	s := configured(t)
	smsc, hands := newHandsets(t, numbers...)
	addr, err := smsc.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(smsc.Close)
	s.change("short_codes = []", `short_codes = ["7726"]`)
	text := regexp.MustCompile(`(?m)^address = "127.0.0.1:\d+"`).ReplaceAllString(s.read(), fmt.Sprintf(`address = %q`, addr))
	write(t, s.file, text)
	return s, hands
}

const parcelScam = "お荷物のお届けにあがりましたが不在の為持ち帰りました。下記よりご確認ください。 http://k%dq.duckdns.org/"

// A conversation over 7726, in both languages, from the forward to the answer what became of it; and what it teaches is in force.
func TestReportBySMS(t *testing.T) {
	const ja, en = "+819000700111", "+819000700222"
	s, hands := reporting(t, ja, en)
	s.start()
	hands[ja].write("転送：" + fmt.Sprintf(parcelScam, 1) + strings.Repeat("。", 60)) // in two parts
	hands[ja].reads("送信元の電話番号")
	hands[ja].write("090-7777-8888")
	hands[ja].reads("受け付けました")
	hands[en].write("Your account at the bank was locked. Sign in at http://bank-login.example.icu/ to unlock it now")
	hands[en].reads("reply with the number")
	s.stop() // in the middle of it
	s.start()
	hands[en].write("unknown")
	hands[en].reads("We have your report")

	list := good(t, "", "reports", "list", "-c", s.file)
	ids := regexp.MustCompile(`(?m)^rp-[a-z]{14}`).FindAllString(list, -1)
	if len(ids) != 2 || strings.Contains(list, "7777") || strings.Contains(list, "700111") {
		t.Fatalf("%s", list)
	}
	var parcel string
	for _, id := range ids {
		shown := good(t, "", "reports", "show", id, "--why", "test", "--who", "abe", "-c", s.file)
		if strings.Contains(shown, "duckdns") {
			parcel = id
		}
	}
	// A person agrees: the link is known from the next text on, and the reporter is told.
	key := strings.TrimSpace(good(t, "", "key", "add", "smsc", "-c", s.file))
	ask := func(text string) string {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.console+"/v1/judge", strings.NewReader(fmt.Sprintf(`{"from":"SHOP","to":"+819012345678","route":"a2p","text":%q}`, text)))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return string(b)
	}
	const later = "明日の会議の資料です http://k1q.duckdns.org/doc"
	if strings.Contains(ask(later), "link-known-bad") {
		t.Error("known before anybody agreed")
	}
	good(t, "", "reports", "fraud", parcel, "--why", "seen before", "--who", "abe", "-c", s.file)
	if got := ask(later); !strings.Contains(got, "link-known-bad") {
		t.Error(got)
	}
	hands[ja].reads("詐欺と確認し")
	select {
	case s := <-hands[en].got:
		t.Errorf("told without a decision: %s", s)
	case <-time.After(300 * time.Millisecond):
	}
	// It was wrong after all: what it taught is withdrawn at once, and stays so after a restart.
	good(t, "", "reports", "honest", parcel, "--why", "a mistake", "--who", "abe", "-c", s.file)
	if strings.Contains(ask(later), "link-known-bad") {
		t.Error("still known after it was withdrawn")
	}
	s.stop()
	s.start()
	if strings.Contains(ask(later), "link-known-bad") {
		t.Error("known again after a restart")
	}
	if list := good(t, "", "audit", "list", "-c", s.file); !strings.Contains(list, "reports-decided") || !strings.Contains(list, "report-read") {
		t.Error(list)
	}
	if out := good(t, "", "indicators", "list", "-c", s.file); !strings.Contains(out, "withdrawn") {
		t.Error(out)
	}
	if strings.Contains(s.log.String(), "duckdns") || strings.Contains(s.log.String(), "0007001") {
		t.Error("the log has what was reported, or by whom")
	}
}

// Reports by the API, the form and a Maildir: counted once each, and decided by their weight.
func TestReportRoads(t *testing.T) {
	s := configured(t)
	maildir := filepath.Join(t.TempDir(), "reports")
	for _, sub := range []string{"new", "cur", "tmp"} {
		if err := os.MkdirAll(filepath.Join(maildir, sub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s.change("form = false ", "form = true ", `maildir = ""`, `maildir = "`+maildir+`"`)
	s.start()
	key := strings.TrimSpace(good(t, "", "key", "add", "operator-b", "--scope", "reports", "-c", s.file))
	post := func(kind, body string, header ...string) (int, string) {
		t.Helper()
		path := "/v1/reports"
		if strings.HasPrefix(kind, "?") {
			path, kind = path+kind, "application/json"
		}
		r, err := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.console+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", "Bearer "+key)
		for i := 0; i < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, strings.TrimSpace(string(b))
	}
	var lines strings.Builder
	for i := range 12 { // twelve new reporters, and a filter that agrees
		fmt.Fprintf(&lines, "{\"id\":\"r%d\",\"text\":%q,\"reporter\":\"+8190111122%02d\",\"suspect\":\"+819077778888\"}\n", i, fmt.Sprintf(parcelScam, 50+i), i)
	}
	for _, want := range []string{`{"new":12,"read":12}`, `{"new":0,"read":12}`} {
		if st, said := post("application/x-ndjson", lines.String()); st != http.StatusOK || said != want {
			t.Errorf("%d %s", st, said)
		}
	}
	eventually(t, "decided by policy", func() bool {
		list := good(t, "", "reports", "list", "-c", s.file)
		return strings.Contains(list, "fraud") && strings.Contains(list, "policy")
	})
	eventually(t, "what it teaches", func() bool {
		return strings.Contains(good(t, "", "indicators", "list", "--status", "active", "-c", s.file), "family")
	})
	if out := good(t, "", "indicators", "list", "--status", "active", "-c", s.file); !strings.Contains(out, "k50q.duckdns.org") || !strings.Contains(out, "family") {
		t.Error(out)
	}
	for _, c := range []struct {
		kind, body string
		want       int
		says       string
	}{
		{"application/json", `{"text":"x","colour":"red"}`, 422, "colour"},
		{"application/x-ndjson", "{\"text\":\"口座を停止しました http://a.example.icu/\"}\n{\"text\":", 422, "line 2"},
		{"text/csv", "text,claim\nabc,perhaps\n", 422, "line 2"},
		{"text/plain", "x", 415, "Content-Type"},
		{"?format=xarf", `{"xarf_version":"3"}`, 422, ""},
		{"?format=misp", `{}`, 422, "uuid"},
		{"?format=pdf", `{}`, 415, "format"},
		{"message/rfc822", "From: a@b.example\n\nhttp://c.example.icu/ paid", 200, `"new":1`},
	} {
		if st, said := post(c.kind, c.body); st != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s %s: %d %s", c.kind, c.body, st, said)
		}
	}
	if st, _ := post("application/json", `{"text":"x"}`, "Authorization", "Bearer sk_nobody"); st != http.StatusUnauthorized {
		t.Error(st)
	}
	// The form.
	form := func(lang string, values string) (int, string) {
		t.Helper()
		r, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+s.console+"/report", strings.NewReader(values))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Accept-Language", lang)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	if st, page := form("ja", "text=%E5%8F%A3%E5%BA%A7+http%3A%2F%2Fz.example.icu%2F&medium=sms"); st != 200 || !strings.Contains(page, "ありがとうございました") {
		t.Error(st, page)
	}
	if st, page := form("en", "text=+"); st != 422 || !strings.Contains(page, "fill in the text") {
		t.Error(st, page)
	}
	// The Maildir: one that is a report, one that is none.
	write(t, filepath.Join(maildir, "new", "1.a"), "From: hanako@mail.example\r\nSubject: Fwd: parcel\r\n\r\n---------- Forwarded message ---------\r\nFrom: bad@evil.example\r\nSubject: parcel\r\n\r\nYour parcel: http://p.example.icu/x\r\n")
	write(t, filepath.Join(maildir, "new", "2.b"), "nothing of a mail")
	eventually(t, "the Maildir is empty", func() bool {
		left, _ := os.ReadDir(filepath.Join(maildir, "new"))
		return len(left) == 0
	})
	done, _ := filepath.Glob(filepath.Join(maildir, "cur", "*"))
	if len(done) != 2 || !strings.HasSuffix(done[0], ":2,S") || !strings.HasSuffix(done[1], ":2,F") {
		t.Error(done)
	}
	if n := strings.Count(good(t, "", "reports", "list", "-c", s.file), "\n"); n < 4 {
		t.Errorf("%d lines of reports", n)
	}
}
