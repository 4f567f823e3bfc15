package console

import (
	"net/http"

	"github.com/sekisho/sekisho/auth"
)

// overview is the page that answers: is anything wrong now?
type overview struct {
	Stopped, All []entryView
	Figures      *figures
}

func (c *Console) overviewPage() {
	c.places = append(c.places, place{"/", "overview", auth.Everybody})
	c.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		v := &visit{view: c.view(languageOf(r)), c: c, r: r, here: "/", Scripts: []string{"overview.js"}, Renews: true}
		if !c.open(r) {
			signed, ok := c.visit(w, r, auth.Everybody)
			if !ok {
				return
			}
			v.Signed, v.Who = true, signed.Who
		}
		v.Done = v.done()
		stopped, all := c.hub.lists()
		v.Page = overview{v.entries(stopped), v.entries(all), c.figures(r, v.view)}
		c.show(w, v, "overview", http.StatusOK)
	})
	c.mux.HandleFunc("GET /events", c.events)
	// The chart and its tables alone, which the browser asks for again and again.
	c.mux.HandleFunc("GET /figures", func(w http.ResponseWriter, r *http.Request) {
		if elsewhere(r) || !c.mayLook(r) {
			http.Error(w, "Only this console's own page may ask, of somebody who is signed in.", http.StatusForbidden)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write([]byte(c.render("overview", "figures", c.figures(r, c.view(languageOf(r))))))
	})
}

// open reports whether the overview, where numbers are masked and nothing can be changed, is for whoever asks from this machine: as long as
// nobody can sign in.
func (c *Console) open(r *http.Request) bool {
	return c.src.Doorman.Why() != nil && !c.cfg.Try && here(r)
}

func (c *Console) mayLook(r *http.Request) bool {
	if c.open(r) {
		return true
	}
	_, err := c.src.Doorman.Who(r)
	return err == nil
}
