package console

import (
	"net/http"
	"strings"

	"github.com/sekisho/sekisho/auth"
)

// signPage is a page by which somebody comes in: by his passkey, by a link to enrol one, or by the demonstration's link.
type signPage struct{ Do, To, Why string }

func (c *Console) signPages() {
	for path, do := range map[string]string{"/sign-in": "in", "/enrol": "enrol", "/enter": "demo"} {
		c.mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			v := &visit{view: c.view(languageOf(r)), c: c, r: r, Scripts: []string{"signin.js"}}
			if who, err := c.src.Doorman.Who(r); err == nil && do == "in" {
				v.Signed, v.Who = true, who
				http.Redirect(w, r, within(r.URL.Query().Get("to")), http.StatusSeeOther)
				return
			}
			p := signPage{Do: do, To: within(r.URL.Query().Get("to"))}
			if c.src.Doorman.Why() != nil && do != "demo" {
				p.Why = v.T("sign.origin")
			}
			v.Title, v.Page = v.T("sign."+do), p
			c.show(w, v, "signin", http.StatusOK)
		})
	}
	c.mux.Handle("/auth/", c.src.Doorman.Handler())
	c.get("/me", "me", auth.Everybody, func(v *visit) (any, error) {
		v.Title = v.Who.Name
		v.Scripts = []string{"signin.js"}
		return nil, nil
	})
}

// within is a path of ours to go on to, and no other site's.
func within(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
