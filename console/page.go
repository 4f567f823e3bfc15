package console

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/subject"
)

//go:embed *.html *.css *.js mark.svg
var files embed.FS

// pages are the templates of each page, within the layout that all have.
var pages = func() map[string]*template.Template {
	all := map[string]*template.Template{}
	names, err := fs.Glob(files, "*.html")
	if err != nil {
		panic(err)
	}
	layout := template.Must(template.ParseFS(files, "layout.html"))
	for _, n := range names {
		if n != "layout.html" {
			all[strings.TrimSuffix(n, ".html")] = template.Must(template.Must(layout.Clone()).ParseFS(files, n))
		}
	}
	return all
}()

// assets are the files that the page loads, by name; their address carries a digest of what is in them, so that
// browsers may keep them until they change.
var assets = func() map[string]asset {
	all := make(map[string]asset)
	for pattern, kind := range map[string]string{"*.css": "text/css", "*.js": "text/javascript", "*.svg": "image/svg+xml"} {
		names, err := fs.Glob(files, pattern)
		if err != nil {
			panic(err)
		}
		for _, name := range names {
			b, err := files.ReadFile(name)
			if err != nil {
				panic(err)
			}
			sum := sha256.Sum256(b)
			all[name] = asset{body: b, kind: kind + "; charset=utf-8", digest: hex.EncodeToString(sum[:6])}
		}
	}
	return all
}()

type asset struct {
	body         []byte
	kind, digest string
}

func (c *Console) static(w http.ResponseWriter, r *http.Request) {
	a, ok := assets[r.PathValue("name")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", a.kind)
	if r.URL.RawQuery == "v="+a.digest {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	_, _ = w.Write(a.body) // the browser may have gone
}

// render fills a template of ours. It fails only where the template is wrong, which the tests find.
func (c *Console) render(page, part string, data any) string {
	var b bytes.Buffer
	if err := pages[page].ExecuteTemplate(&b, part, data); err != nil {
		c.cfg.Log.Error("console: cannot render", "page", page, "part", part, "err", err)
	}
	return b.String()
}

// view is what templates see of the whole.
type view struct {
	Lang    Language
	Try     bool
	Version string
	Status  Status
	Last5   Totals // the last five minutes
	PerSec  float64
	zone    *time.Location
	at      time.Time
}

func (c *Console) view(lang Language) *view {
	h := &c.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	return &view{Lang: lang, Try: c.cfg.Try, Version: c.cfg.Version, Status: h.meter.status, Last5: h.meter.sum(),
		PerSec: h.meter.rate(), zone: c.cfg.Location, at: c.cfg.Now()}
}

// T is a phrase in the reader's language.
func (v *view) T(key string) string { return v.Lang.say(key) }

// Asset is the address of a file.
func (v *view) Asset(name string) string { return "/static/" + name + "?v=" + assets[name].digest }

// OtherLang is the language to switch to.
func (v *view) OtherLang() string { return (1 - v.Lang).String() }

// Mode is the mode's name for phrases and styles.
func (v *view) Mode() string {
	switch v.Status.Mode {
	case Observe, Warn, Enforce:
		return string(v.Status.Mode)
	}
	return string(Mixed)
}

// Since is when bypass began.
func (v *view) Since() string {
	if v.Status.BypassSince.IsZero() {
		return ""
	}
	return fmt.Sprintf(v.T("since"), v.Status.BypassSince.In(v.zone).Format("15:04:05"))
}

// would reports whether an outcome is only what would be.
func (v *view) would(o message.Outcome) bool {
	return v.Status.Bypass || v.Status.Mode == Observe || v.Status.Mode == Warn && o.Stopped()
}

// Word is what an outcome is called under the present mode.
func (v *view) Word(o message.Outcome) string {
	if o == message.OutcomeUnset {
		return v.T("unset")
	}
	if v.would(o) {
		return v.T(o.String() + ".would")
	}
	return v.T(o.String())
}

// StoppedTitle is the heading of the list of what was stopped.
func (v *view) StoppedTitle() string {
	if v.would(message.Hold) {
		return v.T("stopped.would")
	}
	return v.T("stopped")
}

// Tile is a figure with its name.
type Tile struct {
	Key, Name, Value, Share string
}

// Tiles are the figures of the last five minutes.
func (v *view) Tiles() []Tile {
	total := v.Last5.total()
	var t []Tile
	for _, o := range outcomes {
		n := v.Last5.of(o)
		share := ""
		if total > 0 {
			share = percent(float64(n) / float64(total))
		}
		t = append(t, Tile{o.String(), v.Word(o), number(n), share})
	}
	return t
}

// Rate is messages a second.
func (v *view) Rate() string {
	if v.PerSec < 100 {
		return strconv.FormatFloat(v.PerSec, 'f', 1, 64)
	}
	return number(uint64(v.PerSec + 0.5))
}

// Judging is how long judging takes, or nothing where that was not measured.
func (v *view) Judging() string {
	d := v.Status.Judging
	if d.P99 == 0 {
		return ""
	}
	return fmt.Sprintf("p50 %s · p99 %s", short(d.P50), short(d.P99))
}

func short(d time.Duration) string {
	if d < time.Millisecond {
		return fmt.Sprintf("%.0f µs", float64(d)/float64(time.Microsecond))
	}
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// BindState is how many sessions of a peer are bound, and whether that is too few.
func (v *view) BindState(b Bind) string {
	if b.Up == 0 {
		return v.T("down")
	}
	if b.Want > 0 {
		return fmt.Sprintf("%d / %d", b.Up, b.Want)
	}
	return strconv.Itoa(b.Up)
}

// Level says how a bind or a queue is: ok, warn or bad.
func (b Bind) Level() string {
	switch {
	case b.Up == 0:
		return "bad"
	case b.Up < b.Want:
		return "warn"
	}
	return "ok"
}

// Level says how full a queue is.
func (q Queue) Level() string {
	switch {
	case q.Cap > 0 && q.Len*10 >= q.Cap*9:
		return "bad"
	case q.Cap > 0 && q.Len*2 >= q.Cap || q.Dropped > 0:
		return "warn"
	}
	return "ok"
}

// Number writes a count in the reader's manner, which is the same in both languages.
func (v *view) Number(n any) string {
	switch n := n.(type) {
	case uint64:
		return number(n)
	case int:
		return number(uint64(max(n, 0)))
	}
	return fmt.Sprint(n)
}

func number(n uint64) string {
	s := strconv.FormatUint(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Megabytes writes octets.
func (v *view) Megabytes(n uint64) string { return number((n+1<<19)>>20) + " MB" }

// percent writes a share so that neither nothing nor everything is claimed where it is not so.
func percent(p float64) string {
	switch {
	case p > 0 && p < 0.001:
		return "<0.1%"
	case p < 1 && p > 0.999:
		return ">99.9%"
	}
	return strconv.FormatFloat(100*p, 'f', 1, 64) + "%"
}

// entryView is an entry as the lists show it.
type entryView struct {
	*view
	e Entry
}

func (v *view) entries(list []Entry) []entryView {
	all := make([]entryView, len(list))
	for i := range list {
		all[i] = entryView{v, list[i]}
	}
	return all
}

func (e entryView) ID() string      { return e.e.ID }
func (e entryView) Clock() string   { return e.e.Time.In(e.zone).Format("15:04:05") }
func (e entryView) Instant() string { return e.e.Time.UTC().Format(time.RFC3339) }
func (e entryView) Account() string { return e.e.Account }
func (e entryView) RouteKey() string {
	return e.e.Route.String()
}
func (e entryView) From() string     { return shorten(e.e.From) }
func (e entryView) To() string       { return shorten(e.e.To) }
func (e entryView) Outcome() string  { return e.e.Outcome.String() }
func (e entryView) ClassKey() string { return e.e.Class.String() }
func (e entryView) Unjudged() bool   { return e.e.Unjudged }

// Text is the simulated text, in try only.
func (e entryView) Text() string {
	if !e.Try {
		return ""
	}
	return e.e.Text
}

// shorten masks a number; of what is hidden four marks are enough.
func shorten(a subject.Address) string {
	s := a.Mask()
	if i := strings.IndexByte(s, '*'); i >= 0 {
		s = s[:i] + "****" + s[strings.LastIndexByte(s, '*')+1:]
	}
	return s
}

// OutcomeWord is what policy said, in the tense of the mode that the message was judged under.
func (e entryView) OutcomeWord() string {
	if e.e.Outcome != e.e.Do && e.e.Do != message.OutcomeUnset {
		return e.T(e.e.Outcome.String() + ".would")
	}
	if e.e.Outcome == message.OutcomeUnset {
		return e.T("unset")
	}
	return e.T(e.e.Outcome.String())
}

// Class is what the message is held to be, with its probability where it is no honest one.
func (e entryView) Class() string {
	if e.e.Unjudged {
		return e.T("unjudged")
	}
	switch e.e.Class {
	case message.Phishing:
		return e.T("phishing") + " " + percent(float64(e.e.PPhishing))
	case message.Spam:
		return e.T("spam") + " " + percent(float64(e.e.PBad))
	case message.Ham:
		return e.T("ham")
	}
	return ""
}

// Fact says what was done where that is not what policy said, and why.
func (e entryView) Fact() string {
	do, o := e.e.Do, e.e.Outcome
	if do == o || do == message.OutcomeUnset || do.Stopped() {
		return ""
	}
	fact := e.T("done")
	if do == message.Label {
		fact = e.T("done.label")
	}
	switch {
	case e.e.Bypass:
		return fact + e.T("because.pass")
	case e.e.Mode == Observe || e.e.Mode == Warn:
		return fact + e.T("because.mode")
	}
	return fact + e.T("because.trial")
}

// Sentence is a reason in the reader's language.
type Sentence struct{ Rule, Why string }

// Reasons are the five that counted most.
func (e entryView) Reasons() []Sentence {
	sorted := slices.Clone(e.e.Reasons)
	slices.SortStableFunc(sorted, func(a, b Reason) int {
		switch {
		case a.Weight > b.Weight:
			return -1
		case a.Weight < b.Weight:
			return 1
		}
		return 0
	})
	var all []Sentence
	for _, r := range sorted[:min(len(sorted), 5)] {
		all = append(all, Sentence{r.Rule, r.Why[e.Lang]})
	}
	return all
}
