package httpdoor

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/settings"
)

func lines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"id\":\"m%d\",\"text\":\"%s\"}\n", i+1, fraud)
	}
	return b.String()
}

// answer is a line of a stream's answer: a verdict or a problem.
type answer struct {
	ID, To string
	Class  *string
	problem
}

func answers(t testing.TB, body string) (all []answer) {
	t.Helper()
	for line := range strings.Lines(body) {
		var a answer
		if err := json.Unmarshal([]byte(line), &a); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, a)
	}
	return all
}

// drip hands out a few octets at a time.
type drip struct {
	s string
	r *rand.Rand
}

func (d *drip) Read(p []byte) (int, error) {
	if d.s == "" {
		return 0, io.EOF
	}
	n := copy(p, d.s[:min(1+d.r.IntN(200), len(d.s))])
	d.s = d.s[n:]
	return n, nil
}

// quiet waits until no stream is open.
func (c *checkpoint) quiet() {
	c.t.Helper()
	for range 500 {
		if c.streams.Load() == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	c.t.Error("a stream stays open")
}

// TestStreamIsAsOneByOne: however the octets come, each line gets the verdict that it would get alone.
func TestStreamIsAsOneByOne(t *testing.T) {
	c := start(t, options{})
	messages := []string{
		`{"id":"1","text":"今日ヤマト運輸来た？","route":"p2p"}`,
		`{"id":"2","text":"` + fraud + `"}`,
		` { "id" : "3", "to" : "+818012345678", "text" : "see http:\/\/192.0.2.7\/x \ud83d\ude00" } `,
		`{"text":""}`,
		`{"id":"5","text":"half \ud83d"}`,
		`{"id":"6","from":"LINE","text":"認証コード：482913","time":null,"to":null,"route":null}`,
		`{"id":"7","to":"` + refuser.String() + `","text":"x"}`,
		`{"id":"8","text":"` + strings.Repeat("長い", 5000) + `"}`,
	}
	var want strings.Builder
	for _, m := range messages {
		_, body := c.post(m)
		want.WriteString(body)
	}
	several := `{"id":"9","to":["+818012345678","+818012345679"],"text":"x"}`
	body := "\xef\xbb\xbf" + strings.Join(messages, "\r\n") + "\n\n  \n" + several // and no newline behind it
	for seed := range uint64(8) {
		_, got := c.do(c.request(t.Context(), &drip{body, rand.New(rand.NewPCG(seed, 0))}, "Content-Type", mediaNDJSON))
		head, tail := got[:min(len(got), want.Len())], got[min(len(got), want.Len()):]
		if head != want.String() {
			t.Fatalf("got  %s\nwant %s", got, want.String())
		}
		if a := answers(t, tail); len(a) != 2 || a[0].To != "+818012345678" || a[1].To != "+818012345679" || a[1].ID != "9" {
			t.Errorf("several recipients: %s", tail)
		}
	}
	if _, got := c.post("", "Content-Type", mediaNDJSON); got != "" {
		t.Errorf("an empty stream: %q", got)
	}
}

// TestBrokenLine: nothing is lost of what was before it, the problem stands in its place and names it, and nothing
// comes behind it.
func TestBrokenLine(t *testing.T) {
	c := start(t, options{})
	good := lines(811)
	for _, x := range []struct{ name, line, kind, en, ja string }{
		{"broken JSON", "{\"text\":\"お荷物\",}\n", "syntax", "Line 812: This is not JSON from octet 21 on.", "812行目: 21バイト目からJSONとして正しくありません。"},
		{"cut off", "{\"text\":\"x", "cut-off", "Line 812: The JSON ends before it is whole.", "812行目: JSONが途中で終わっています。"},
		{"without a text", "{}\n", "missing-key", `Line 812: The key "text" is missing.`, "812行目: 「text」がありません。"},
		{"too long", `{"text":"` + strings.Repeat("x", maxBody) + "\"}\n", "too-long",
			"Line 812: A message may have at most 65536 octets as JSON.", "812行目: 1件のメッセージはJSONで65536バイト以内にしてください。"},
		{"without an end", `{"text":"` + strings.Repeat("x", 9*maxBody), "too-long",
			"Line 812: A message may have at most 65536 octets as JSON.", "812行目: 1件のメッセージはJSONで65536バイト以内にしてください。"},
	} {
		for lang, want := range map[string]string{"en": x.en, "ja": x.ja} {
			before := len(c.kept.all())
			behind := ""
			if strings.HasSuffix(x.line, "\n") {
				behind = lines(3)
			}
			resp, body := c.post(good+x.line+behind, "Content-Type", mediaNDJSON, "Accept-Language", lang)
			a := answers(t, body)
			if resp.StatusCode != 200 || len(a) != 812 {
				t.Fatalf("%s: %s, %d lines", x.name, resp.Status, len(a))
			}
			for i, v := range a[:811] {
				if v.ID != fmt.Sprintf("m%d", i+1) || v.Class == nil {
					t.Fatalf("%s: line %d has the verdict of %q", x.name, i+1, v.ID)
				}
			}
			p := a[811]
			if p.Line != 812 || p.Detail != want || p.Type != typePrefix+x.kind {
				t.Errorf("%s: %+v", x.name, p.problem)
			}
			if n := len(c.kept.all()) - before; n != 811 {
				t.Errorf("%s: %d records", x.name, n)
			}
			if strings.Contains(body[strings.LastIndex(body, "{"):], "お荷物") {
				t.Errorf("%s: the text is told", x.name)
			}
		}
	}
	c.quiet()
}

// talk opens a stream that is written and read line by line.
type talk struct {
	t    testing.TB
	w    *io.PipeWriter
	r    *bufio.Scanner
	resp *http.Response
}

func (c *checkpoint) talk(ctx context.Context) *talk {
	c.t.Helper()
	r, w := io.Pipe()
	resp, err := c.server.Client().Do(c.request(ctx, r, "Content-Type", mediaNDJSON))
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { w.Close(); resp.Body.Close() })
	return &talk{c.t, w, bufio.NewScanner(resp.Body), resp}
}

func (k *talk) say(s string) { _, _ = io.WriteString(k.w, s) }

func (k *talk) hear() answer {
	k.t.Helper()
	if !k.r.Scan() {
		k.t.Fatalf("the stream has ended: %v", k.r.Err())
	}
	return answers(k.t, k.r.Text())[0]
}

func (k *talk) over() {
	k.t.Helper()
	if k.r.Scan() || k.r.Err() != nil {
		k.t.Errorf("more than the end: %q, %v", k.r.Text(), k.r.Err())
	}
}

// TestVerdictsComeAtOnce: a client may wait for each verdict before it sends the next message, or its half.
func TestVerdictsComeAtOnce(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		c := start(t, options{http2: http2})
		k := c.talk(t.Context())
		for i := range 50 {
			k.say(fmt.Sprintf("{\"id\":\"m%d\",\"text\":\"x\"}\n{\"id\":", i))
			if a := k.hear(); a.ID != fmt.Sprintf("m%d", i) {
				t.Fatalf("HTTP/2 %t: %+v", http2, a)
			}
			k.say("\"half\",\"text\":\"y\"}\n")
			if a := k.hear(); a.ID != "half" {
				t.Fatalf("HTTP/2 %t: %+v", http2, a)
			}
		}
		k.w.Close()
		k.over()
		c.quiet()
	}
}

func TestManyLines(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 5_000
	}
	c := start(t, options{gate: blank{}})
	r, w := io.Pipe()
	go func() {
		b := bufio.NewWriterSize(w, 1<<16)
		for i := range n {
			fmt.Fprintf(b, "{\"id\":\"m%d\",\"text\":\"x\"}\n", i)
		}
		b.Flush()
		w.Close()
	}()
	resp, err := c.server.Client().Do(c.request(t.Context(), r, "Content-Type", mediaNDJSON))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	got := bufio.NewScanner(resp.Body)
	i := 0
	for ; got.Scan(); i++ {
		if !bytes.HasPrefix(got.Bytes(), fmt.Appendf(nil, `{"id":"m%d",`, i)) {
			t.Fatalf("line %d: %s", i+1, got.Bytes())
		}
	}
	if i != n || got.Err() != nil {
		t.Errorf("%d of %d verdicts, %v", i, n, got.Err())
	}
}

func TestClientGoes(t *testing.T) {
	c := start(t, options{})
	ctx, cancel := context.WithCancel(t.Context())
	k := c.talk(ctx)
	k.say("{\"text\":\"x\"}\n")
	k.hear()
	cancel()
	c.quiet()

	conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST /v1/judge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\n{\"text\":\"x\"}\n{\"te", c.key, mediaNDJSON)
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(line, `"class"`) {
			break
		}
	}
	conn.Close()
	c.quiet()
	if n := len(c.kept.all()); n != 2 {
		t.Errorf("%d records", n)
	}
}

// TestClientDoesNotRead: it is not read from either, and cut off in the end.
func TestClientDoesNotRead(t *testing.T) {
	c := start(t, options{cfg: Config{Write: settings.Duration{Duration: 300 * time.Millisecond}}})
	conn, err := net.Dial("tcp", c.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/judge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 1000000000\r\n\r\n", c.key, mediaNDJSON)
	some := []byte(lines(1000))
	sent := 0
	for {
		_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
		n, err := conn.Write(some)
		sent += n
		if err != nil {
			break
		}
	}
	c.quiet()
	if sent > 64<<20 {
		t.Errorf("%d octets were taken from a client that does not read", sent)
	}
}

func TestSilence(t *testing.T) {
	c := start(t, options{cfg: Config{Read: settings.Duration{Duration: 400 * time.Millisecond}}})
	k := c.talk(t.Context())
	for range 4 { // empty lines keep it open
		k.say("\n")
		time.Sleep(150 * time.Millisecond)
	}
	k.say("{\"text\":\"x\"}\n")
	k.hear()
	begun := time.Now()
	go func() {
		for range 30 { // octets do not
			k.say(" ")
			time.Sleep(50 * time.Millisecond)
		}
	}()
	p := k.hear()
	if p.Type != typePrefix+"timeout" || p.Line != 6 {
		t.Errorf("%+v", p)
	}
	if took := time.Since(begun); took > time.Second {
		t.Errorf("it lasted %v", took)
	}
	k.over()
	c.quiet()
}

func TestStreamEnds(t *testing.T) {
	c := start(t, options{cfg: Config{StreamFor: settings.Duration{Duration: 300 * time.Millisecond}}})
	k := c.talk(t.Context())
	k.say("{\"text\":\"x\"}\n")
	k.hear()
	if p := k.hear(); p.Type != typePrefix+"stream-over" || p.Line != 2 {
		t.Errorf("%+v", p)
	}
	k.over()
	c.quiet()
}

func TestStopEndsStreams(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		c := start(t, options{http2: http2, cfg: Config{Rate: 0.1, Burst: 2}})
		k, waits := c.talk(t.Context()), c.talk(t.Context())
		k.say("{\"text\":\"x\"}\n")
		k.hear()
		waits.say("{\"text\":\"x\"}\n{\"text\":\"x\"}\n")
		waits.hear() // the second is beyond the rate
		c.Stop()
		for _, k := range []*talk{k, waits} {
			if p := k.hear(); p.Type != typePrefix+"stopping" || p.Line != 2 {
				t.Errorf("HTTP/2 %t: %+v", http2, p)
			}
			k.over()
		}
		c.quiet()
	}
}

func TestStreamWaitsForItsRate(t *testing.T) {
	c := start(t, options{cfg: Config{Rate: 100, Burst: 1}})
	begun := time.Now()
	_, body := c.post(lines(31), "Content-Type", mediaNDJSON)
	if a := answers(t, body); len(a) != 31 || a[30].ID != "m31" {
		t.Errorf("%s", body)
	}
	if took := time.Since(begun); took < 290*time.Millisecond {
		t.Errorf("30 messages more at 100 a second took %v", took)
	}
}

func TestTooManyStreams(t *testing.T) {
	c := start(t, options{cfg: Config{Streams: 2, Clients: []Client{{Name: "smsc-1", Streams: 1}}}})
	first := c.talk(t.Context())
	if resp, body := c.post(lines(1), "Content-Type", mediaNDJSON); resp.StatusCode != 429 || !strings.Contains(body, ":client-streams") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if err := c.Reload(Config{Streams: 1}); err != nil {
		t.Fatal(err)
	}
	if resp, body := c.post(lines(1), "Content-Type", mediaNDJSON); resp.StatusCode != 503 || !strings.Contains(body, ":streams") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := c.post(`{"text":"x"}`); resp.StatusCode != 200 {
		t.Errorf("message by message: %s", resp.Status)
	}
	first.w.Close()
	first.over()
	c.quiet()
	if resp, _ := c.post(lines(1), "Content-Type", mediaNDJSON); resp.StatusCode != 200 {
		t.Errorf("after it has ended: %s", resp.Status)
	}
}

// TestContinue: whoever waits for 100 Continue gets it, and all verdicts.
func TestContinue(t *testing.T) {
	c := start(t, options{})
	c.server.Client().Transport.(*http.Transport).ExpectContinueTimeout = 30 * time.Second
	begun := time.Now()
	resp, body := c.post(lines(2000), "Content-Type", mediaNDJSON, "Expect", "100-continue")
	if a := answers(t, body); resp.StatusCode != 200 || len(a) != 2000 {
		t.Errorf("%s, %d lines", resp.Status, len(a))
	}
	if resp, _ := c.post(`{"text":"x"}`, "Expect", "100-continue"); resp.StatusCode != 200 {
		t.Errorf("%s", resp.Status)
	}
	if time.Since(begun) > 20*time.Second {
		t.Error("100 Continue was not sent")
	}
}

// TestWrapped: where streams cannot work, they are refused instead of cut.
func TestWrapped(t *testing.T) {
	type plain struct{ http.ResponseWriter }
	c := start(t, options{wrap: func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h.ServeHTTP(struct{ http.ResponseWriter }{plain{w}}, r) })
	}})
	if resp, body := c.post(lines(1), "Content-Type", mediaNDJSON); resp.StatusCode != 500 || !strings.Contains(body, ":no-streams") {
		t.Errorf("%s %s", resp.Status, body)
	}
	if resp, _ := c.post(`{"text":"x"}`); resp.StatusCode != 200 {
		t.Errorf("%s", resp.Status)
	}
}

// TestManyAtOnce: sessions that are used again do not mix their messages.
func TestManyAtOnce(t *testing.T) {
	c := start(t, options{})
	done := make(chan string)
	for w := range 4 {
		go func() {
			id, text := fmt.Sprintf("w%d", w), fmt.Sprintf("see https://host%d.example.com/", w)
			for range 50 {
				resp, err := c.server.Client().Do(c.request(t.Context(), strings.NewReader(strings.Repeat(
					fmt.Sprintf("{\"id\":%q,\"text\":%q}\n", id, text), 5)), "Content-Type", mediaNDJSON))
				if err != nil {
					done <- err.Error()
					return
				}
				b, _ := io.ReadAll(resp.Body)
				resp.Body.Close()
				if n := strings.Count(string(b), fmt.Sprintf(`"host":"host%d.example.com"`, w)); n != 5 || strings.Count(string(b), id) != 5 {
					done <- string(b)
					return
				}
			}
			done <- ""
		}()
	}
	for range 4 {
		if s := <-done; s != "" {
			t.Error(s)
		}
	}
}
