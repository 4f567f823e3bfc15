package reportdoor

import (
	_ "embed"
	"html/template"
	"net/http"
	"strings"
	"time"

	"golang.org/x/text/language"

	"github.com/sekisho/sekisho/report"
)

//go:embed form.html
var formHTML string

var formPage = template.Must(template.New("form").Parse(formHTML))

//go:embed form.css
var formCSS string

// formView is what the page shows.
type formView struct {
	Ja     bool
	State  string // "", "sent", "again", "empty", "many", "later"
	Text   string
	Sender string
	Link   string
}

const formMost = 64 << 10 // octets of a form that was sent

var formLanguages = language.NewMatcher([]language.Tag{language.Japanese, language.English})

// japanese reports whether a page is to be in Japanese: by ?lang, or as the browser asks.
func japanese(r *http.Request) bool {
	switch r.URL.Query().Get("lang") {
	case "ja":
		return true
	case "en":
		return false
	}
	tag, _ := language.MatchStrings(formLanguages, r.Header.Get("Accept-Language"))
	base, _ := tag.Base()
	return base.String() == "ja"
}

func (d *Door) serveForm(w http.ResponseWriter, r *http.Request) {
	showForm(w, r, http.StatusOK, formView{})
}

func showForm(w http.ResponseWriter, r *http.Request, status int, v formView) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Set("Vary", "Accept-Language")
	v.Ja = japanese(r)
	w.WriteHeader(status)
	formPage.Execute(w, v)
}

// serveFormSent takes in what somebody wrote into the form. Nobody knows who he is, so that his report has no voice: it counts, and is seen, and
// decides nothing.
func (d *Door) serveFormSent(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, formMost)
	http.NewResponseController(w).SetReadDeadline(time.Now().Add(30 * time.Second))
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		http.Error(w, "sent from another site", http.StatusForbidden)
		return
	}
	if err := r.ParseForm(); err != nil {
		showForm(w, r, http.StatusRequestEntityTooLarge, formView{State: "empty"})
		return
	}
	v := formView{Text: r.PostForm.Get("text"), Sender: strings.TrimSpace(r.PostForm.Get("sender")), Link: strings.TrimSpace(r.PostForm.Get("link"))}
	if strings.TrimSpace(v.Text+v.Link) == "" {
		v.State = "empty"
		showForm(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	if !d.forms.allow(network(r), time.Now()) {
		v.State = "many"
		showForm(w, r, http.StatusTooManyRequests, v)
		return
	}
	medium, err := report.ParseMedium(r.PostForm.Get("medium"))
	if err != nil {
		medium = report.SMS
	}
	rep, err := report.NewReport(report.Report{Channel: report.Form, Medium: medium, Time: time.Now().UTC(), Text: v.Text, Suspect: v.Sender}, v.Link)
	if err != nil {
		v.State = "empty"
		showForm(w, r, http.StatusUnprocessableEntity, v)
		return
	}
	fresh, err := d.Desk.Take(r.Context(), []report.Report{rep})
	switch {
	case err != nil:
		d.Log.Error("a report could not be kept", "err", err)
		v.State = "later"
		showForm(w, r, http.StatusServiceUnavailable, v)
		return
	case fresh == 0:
		v.State = "again"
	default:
		v.State = "sent"
	}
	d.count(report.Form, 1, fresh)
	v.Text, v.Sender, v.Link = "", "", ""
	showForm(w, r, http.StatusOK, v)
}

func serveFormCSS(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/css; charset=utf-8")
	w.Header().Set("Cache-Control", "max-age=3600")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Write([]byte(formCSS))
}
