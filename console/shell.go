package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/auth"
)

// Doorman knows who asks. *auth.SignIn is one.
type Doorman interface {
	Who(r *http.Request) (auth.Signed, error) // or auth.ErrNobody
	// Changes reports whether a request that changes something comes from a page that this person was given.
	Changes(r *http.Request, who *auth.Signed) bool
	Handler() http.Handler // of /auth/
	Why() error            // why nobody can sign in; nil where somebody can
}

// place is a page in the list that everybody has on top, for those of some roles.
type place struct {
	path, key string
	roles     auth.Role
}

// visit is one request of somebody for a page.
type visit struct {
	*view
	Signed  bool
	Who     auth.Signed
	Title   string
	Scripts []string
	Renews  bool // where there is no script
	Done    string
	Page    any
	here    string
	c       *Console
	r       *http.Request
}

// NavItem is one page that somebody may open.
type NavItem struct {
	Path, Key string
	Here      bool
}

// Nav are the pages that he may open.
func (v *visit) Nav() (all []NavItem) {
	for _, p := range v.c.places {
		if v.Signed && v.Who.Roles.Any(p.roles) {
			all = append(all, NavItem{p.path, p.key, p.path == v.here})
		}
	}
	return all
}

// CSRF is what his forms carry.
func (v *visit) CSRF() string { return v.Who.CSRF() }

// May reports whether he has a role, by its name.
func (v *visit) May(roles ...string) bool {
	r, err := auth.ParseRoles(roles)
	return err == nil && v.Who.Roles.Any(r)
}

// Form is a field of what was sent, without space at its ends.
func (v *visit) Form(name string) string { return strings.TrimSpace(v.r.FormValue(name)) }

// sorry is an answer that is no page: a status, and a phrase that says what to do.
type sorry struct {
	status int
	key    string
	args   []any
}

func (e *sorry) Error() string { return e.key }

// Sorry refuses with a phrase.
func Sorry(status int, key string, args ...any) error { return &sorry{status, key, args} }

// ErrNotFound is said by sources of what is not there.
var ErrNotFound = errors.New("not found")

// get serves a page, made by f, to those who have one of the roles.
func (c *Console) get(pattern, name string, roles auth.Role, f func(*visit) (any, error)) {
	c.mux.HandleFunc("GET "+pattern, func(w http.ResponseWriter, r *http.Request) {
		v, ok := c.visit(w, r, roles)
		if !ok {
			return
		}
		v.Done = v.done()
		var err error
		if v.Page, err = f(v); err != nil {
			c.fail(w, v, err)
			return
		}
		c.show(w, v, name, http.StatusOK)
	})
}

// post does what a form asks, for those who have one of the roles, and leads to where f says. A done parameter there names the phrase that says so: done.kept.
func (c *Console) post(pattern string, roles auth.Role, f func(*visit) (to string, err error)) {
	c.mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
		v, ok := c.changing(w, r, roles, formMost)
		if !ok {
			return
		}
		to, err := f(v)
		if err != nil {
			c.fail(w, v, err)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
	})
}

// answer is a page that a form asks for: what was sent stands in no address, and is not asked again by going back. It takes 256 KB, or what most says.
func (c *Console) answer(pattern, name string, roles auth.Role, f func(*visit) (any, error), most ...int64) {
	limit := int64(formMost)
	if len(most) > 0 {
		limit = most[0]
	}
	c.mux.HandleFunc("POST "+pattern, func(w http.ResponseWriter, r *http.Request) {
		v, ok := c.changing(w, r, roles, limit)
		if !ok {
			return
		}
		var err error
		if v.Page, err = f(v); err != nil {
			c.fail(w, v, err)
			return
		}
		c.show(w, v, name, http.StatusOK)
	})
}

// changing is a visit that may change something: by a form that this person was given.
func (c *Console) changing(w http.ResponseWriter, r *http.Request, roles auth.Role, most int64) (*visit, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, most)
	v, ok := c.visit(w, r, roles)
	if ok && !c.src.Doorman.Changes(r, &v.Who) {
		c.fail(w, v, Sorry(http.StatusForbidden, "sorry.stale"))
		return v, false
	}
	return v, ok
}

const formMost = 256 << 10

// done is what the form before this page did.
func (v *visit) done() string {
	key := "done." + v.r.URL.Query().Get("done")
	if _, ok := phrases[key]; ok {
		return key
	}
	return ""
}

// visit tells who asks. Whoever is not signed in is led to where he can be, and who may not is told so.
func (c *Console) visit(w http.ResponseWriter, r *http.Request, roles auth.Role) (*visit, bool) {
	v := &visit{view: c.view(languageOf(r)), c: c, r: r}
	for _, p := range c.places {
		if p.path == r.URL.Path || p.path != "/" && strings.HasPrefix(r.URL.Path, p.path+"/") {
			v.here, v.Title = p.path, v.T(p.key)
		}
	}
	who, err := c.src.Doorman.Who(r)
	switch {
	case err == nil:
		v.Signed, v.Who = true, who
	case errors.Is(err, auth.ErrNobody):
		if r.Method != http.MethodGet || r.Header.Get("Sec-Fetch-Dest") == "empty" {
			c.fail(w, v, Sorry(http.StatusUnauthorized, "sorry.out"))
			return v, false
		}
		http.Redirect(w, r, "/sign-in?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		return v, false
	default:
		c.fail(w, v, err)
		return v, false
	}
	if !v.Who.Roles.Any(roles) {
		c.fail(w, v, Sorry(http.StatusForbidden, "sorry.role", v.roleNames(roles)))
		return v, false
	}
	return v, true
}

func (v *visit) roleNames(roles auth.Role) string {
	var all []string
	for _, n := range roles.Names() {
		all = append(all, v.T("role."+n))
	}
	return strings.Join(all, v.T("or"))
}

// show writes a page.
func (c *Console) show(w http.ResponseWriter, v *visit, name string, status int) {
	body := c.render(name, "page", v)
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", v.Lang.String())
	h.Set("Vary", "Accept-Language, Cookie")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body)) // the browser may have gone
}

// trouble is the page that says what did not work.
type trouble struct {
	Say  string
	Back string
}

func (c *Console) fail(w http.ResponseWriter, v *visit, err error) {
	status, say := http.StatusInternalServerError, v.T("sorry.broken")
	var s *sorry
	switch {
	case errors.As(err, &s):
		status, say = s.status, v.T(s.key)
		if len(s.args) > 0 {
			say = fmt.Sprintf(say, s.args...)
		}
	case errors.Is(err, ErrNotFound):
		status, say = http.StatusNotFound, v.T("sorry.none")
	case errors.Is(err, auth.ErrLast):
		status, say = http.StatusConflict, v.T("sorry.last")
	default:
		c.cfg.Log.Error("console: a page cannot be made", "page", v.here, "err", err)
	}
	v.Title, v.Page = v.T("sorry"), trouble{Say: say, Back: v.here}
	c.show(w, v, "sorry", status)
}

// Stamp is a time as pages write it.
func (v *view) Stamp(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(v.zone).Format("2006-01-02 15:04")
}

// RFC3339 is a time as a browser reads it.
func (v *view) RFC3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Ago says how long ago a time was, roughly.
func (v *view) Ago(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return v.Lasts(v.at.Sub(t))
}

// Lasts writes a duration roughly: the largest unit alone.
func (v *view) Lasts(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf(v.T("unit.s"), int(max(d, 0)/time.Second))
	case d < time.Hour:
		return fmt.Sprintf(v.T("unit.m"), int(d/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf(v.T("unit.h"), int(d/time.Hour))
	}
	return fmt.Sprintf(v.T("unit.d"), int(d/(24*time.Hour)))
}

// Hours writes a period of so many hours.
func (v *view) Hours(n int) string { return v.Lasts(time.Duration(n) * time.Hour) }

// Percent writes a share.
func (v *view) Percent(p float64) string { return percent(p) }

// Tf fills a phrase.
func (v *view) Tf(key string, args ...any) string { return fmt.Sprintf(v.T(key), args...) }

// here reports whether somebody asks from this machine itself, and no proxy for him.
func here(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && from.Addr().Unmap().IsLoopback() && r.Header.Get("Forwarded")+r.Header.Get("X-Forwarded-For")+r.Header.Get("Via") == ""
}
