package taxii

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Config is what a Server is made of.
type Config struct {
	Title       string
	Description string
	Contact     string
	Roots       []Root // the first is the default
	Auth        Auth
	Challenge   string        // the WWW-Authenticate of a 401; Basic where empty
	DefaultPage int           // records of a page where the client sets no limit; 100 where 0
	MaxPage     int           // and at most; 1,000 where 0
	PageOctets  int           // of the objects of a page; 8 MiB where 0
	MaxObjects  int           // of one submission; 10,000 where 0
	MaxObject   int           // octets of one object; 1 MiB where 0
	BodyTimeout time.Duration // how long a body may take to come; one minute where 0
	Log         *slog.Logger
	Now         func() time.Time
}

// Root is an API root: a group of collections with a path of its own.
type Root struct {
	Path             string // begins and ends with a slash
	Title            string
	Description      string
	MaxContentLength int64 // octets of a body, also when unpacked; 10 MiB where 0
	Backend          Backend
}

// Server answers TAXII 2.1. The discovery endpoint is /taxii2/ (§4.1), whatever the roots are.
type Server struct{ c Config }

const discoveryPath = "/taxii2/"

// NewServer checks the configuration.
func NewServer(c Config) (*Server, error) {
	if c.Title == "" || c.Auth == nil || len(c.Roots) == 0 {
		return nil, errors.New("taxii: a server needs a title, an Auth and at least one API root")
	}
	c.Roots = append([]Root(nil), c.Roots...)
	seen := map[string]bool{discoveryPath: true}
	for i := range c.Roots {
		r := &c.Roots[i]
		switch {
		case !strings.HasPrefix(r.Path, "/"), !strings.HasSuffix(r.Path, "/"), strings.Contains(r.Path, "//"), strings.ContainsAny(r.Path, "?#%"), strings.Contains(r.Path, "/."):
			return nil, errors.New("taxii: an API root's path begins and ends with a slash and is plain between them")
		case seen[r.Path]:
			return nil, errors.New("taxii: two API roots have one path, or the path of discovery")
		case r.Title == "" || r.Backend == nil:
			return nil, errors.New("taxii: an API root needs a title and a Backend")
		}
		seen[r.Path] = true
		r.MaxContentLength = or(r.MaxContentLength, 10<<20)
	}
	c.DefaultPage, c.MaxPage, c.PageOctets = or(c.DefaultPage, 100), or(c.MaxPage, 1000), or(c.PageOctets, 8<<20)
	c.MaxObjects, c.MaxObject, c.BodyTimeout = or(c.MaxObjects, 10_000), or(c.MaxObject, 1<<20), or(c.BodyTimeout, time.Minute)
	c.DefaultPage = min(c.DefaultPage, c.MaxPage)
	if c.Challenge == "" {
		c.Challenge = `Basic realm="TAXII", charset="UTF-8"`
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Server{c}, nil
}

func or[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

// problem is a refusal as the client is told.
type problem struct {
	code  int
	title string
	why   string
	allow string
}

func (p *problem) Error() string { return p.title }

var (
	errNoPath = &problem{code: http.StatusNotFound, title: "Not found", why: "There is nothing here, or you may not know of it. A path ends with a slash."}
	errNoRead = &problem{code: http.StatusForbidden, title: "Not allowed", why: "You may not read this collection."}
	errNoAdd  = &problem{code: http.StatusForbidden, title: "Not allowed", why: "You may not write to this collection."}
	errNoDel  = &problem{code: http.StatusForbidden, title: "Not allowed", why: "Deleting needs leave to read and to write this collection."}
	errAccept = &problem{code: http.StatusNotAcceptable, title: "Not acceptable", why: "Accept has to name " + MediaType + "."}
)

func badRequest(err error) *problem {
	return &problem{code: http.StatusBadRequest, title: "Bad request", why: err.Error()}
}

// request is one request on its way.
type request struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	caller Caller
	root   *Root
	col    Collection
	object string // its identifier
}

// endpoint is what a path leads to.
type endpoint struct {
	collection bool // it is of a collection
	methods    map[string]func(*request) error
}

func only(get func(*request) error) map[string]func(*request) error {
	return map[string]func(*request) error{http.MethodGet: get}
}

var (
	atDiscovery   = endpoint{methods: only((*request).discovery)}
	atRoot        = endpoint{methods: only((*request).rootInfo)}
	atStatus      = endpoint{methods: only((*request).status)}
	atCollections = endpoint{methods: only((*request).collections)}
	atCollection  = endpoint{collection: true, methods: only((*request).collection)}
	atManifest    = endpoint{collection: true, methods: only((*request).manifest)}
	atObjects     = endpoint{collection: true, methods: map[string]func(*request) error{http.MethodGet: (*request).objects, http.MethodPost: (*request).add}}
	atObject      = endpoint{collection: true, methods: map[string]func(*request) error{http.MethodGet: (*request).objectByID, http.MethodDelete: (*request).remove}}
	atVersions    = endpoint{collection: true, methods: only((*request).versions)}
)

// ServeHTTP asks who it is before it says what there is.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	q := &request{Server: s, w: w, r: r}
	if err := q.serve(); err != nil {
		q.fail(err)
	}
}

func (q *request) serve() error {
	var err error
	if q.caller, err = q.c.Auth(q.r); err != nil {
		return err
	}
	e, col := q.route()
	if e == nil {
		return errNoPath
	}
	method := q.r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	do := e.methods[method]
	if do == nil {
		allow := make([]string, 0, 3)
		for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodDelete} {
			if e.methods[m] != nil {
				allow = append(allow, m)
			}
		}
		return &problem{code: http.StatusMethodNotAllowed, title: "Method not allowed", allow: strings.Join(allow, ", ")}
	}
	if !accepts(q.r) {
		return errAccept
	}
	if e.collection {
		if err := q.find(col); err != nil {
			return err
		}
	}
	return do(q)
}

// route finds the endpoint of the path (§3.1), and the name of the collection in it.
func (q *request) route() (*endpoint, string) {
	path := q.r.URL.Path
	if path == discoveryPath {
		return &atDiscovery, ""
	}
	for i := range q.c.Roots { // the longest path that fits, since one root may lie below another
		r := &q.c.Roots[i]
		if strings.HasPrefix(path, r.Path) && (q.root == nil || len(r.Path) > len(q.root.Path)) {
			q.root = r
		}
	}
	if q.root == nil {
		return nil, ""
	}
	rest := path[len(q.root.Path):]
	if rest == "" {
		return &atRoot, ""
	}
	if !strings.HasSuffix(rest, "/") {
		return nil, ""
	}
	part := strings.SplitN(rest[:len(rest)-1], "/", 6)
	for _, p := range part {
		if p == "" {
			return nil, ""
		}
	}
	switch {
	case part[0] == "status" && len(part) == 2:
		q.object = part[1]
		return &atStatus, ""
	case part[0] != "collections":
		return nil, ""
	case len(part) == 1:
		return &atCollections, ""
	case len(part) == 2:
		return &atCollection, part[1]
	case len(part) == 3 && part[2] == "manifest":
		return &atManifest, part[1]
	case len(part) == 3 && part[2] == "objects":
		return &atObjects, part[1]
	case len(part) == 4 && part[2] == "objects":
		q.object = part[3]
		return &atObject, part[1]
	case len(part) == 5 && part[2] == "objects" && part[4] == "versions":
		q.object = part[3]
		return &atVersions, part[1]
	}
	return nil, ""
}

// find looks a collection up by its identifier or its alias (§5.2.1).
func (q *request) find(name string) error {
	all, err := q.root.Backend.Collections(q.r.Context(), q.caller)
	if err != nil {
		return err
	}
	for _, c := range all {
		if c.ID == name || c.Alias != "" && c.Alias == name {
			q.col = c
			return nil
		}
	}
	return errNoPath
}

// readable is §5.3, §5.4, §5.6 and §5.8: who may neither read nor write does not learn that the collection is there.
func (q *request) readable() error {
	switch {
	case q.col.CanRead:
		return nil
	case q.col.CanWrite:
		return errNoRead
	}
	return errNoPath
}

// discovery is §4.1.
func (q *request) discovery() error {
	d := Discovery{Title: q.c.Title, Description: q.c.Description, Contact: q.c.Contact, Default: q.c.Roots[0].Path}
	for _, r := range q.c.Roots {
		d.Roots = append(d.Roots, r.Path)
	}
	return q.send(http.StatusOK, d)
}

// rootInfo is §4.2.
func (q *request) rootInfo() error {
	return q.send(http.StatusOK, RootInfo{q.root.Title, q.root.Description, []string{MediaType}, q.root.MaxContentLength})
}

// status is §4.3.
func (q *request) status() error {
	s, err := q.root.Backend.Status(q.r.Context(), q.caller, q.object)
	if err != nil {
		return err
	}
	return q.send(http.StatusOK, s)
}

// collections is §5.1.
func (q *request) collections() error {
	all, err := q.root.Backend.Collections(q.r.Context(), q.caller)
	if err != nil {
		return err
	}
	return q.send(http.StatusOK, collections{all})
}

// collection is §5.2.
func (q *request) collection() error { return q.send(http.StatusOK, q.col) }

func (q *request) send(code int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return q.write(code, b)
}

// write sends a body. That the client went away is nobody's error.
func (q *request) write(code int, b []byte) error {
	h := q.w.Header()
	h.Set("Content-Type", MediaType)
	h.Set("Content-Length", strconv.Itoa(len(b)))
	q.w.WriteHeader(code)
	q.w.Write(b)
	return nil
}

// fail answers with an error message (§3.6.1). What went wrong inside stays in our log, under a number that the client is told.
func (q *request) fail(err error) {
	var p *problem
	f := Failure{}
	switch {
	case errors.As(err, &p):
	case errors.Is(err, ErrUnauthenticated):
		p = &problem{code: http.StatusUnauthorized, title: "Not authenticated"}
		q.w.Header().Set("WWW-Authenticate", q.c.Challenge)
	case errors.Is(err, ErrForbidden):
		p = &problem{code: http.StatusForbidden, title: "Not allowed"}
	case errors.Is(err, ErrNotFound):
		p = errNoPath
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		p = &problem{code: http.StatusServiceUnavailable, title: "Not in time"}
	default:
		p = &problem{code: http.StatusInternalServerError, title: "Something went wrong here"}
		var id [8]byte
		rand.Read(id[:])
		f.ErrorID = hex.EncodeToString(id[:])
		q.c.Log.Error("taxii: a request failed", "error_id", f.ErrorID, "method", q.r.Method, "caller", q.caller.Name, "err", err)
	}
	if p.allow != "" {
		q.w.Header().Set("Allow", p.allow)
	}
	f.Title, f.Description, f.HTTPStatus = p.title, p.why, strconv.Itoa(p.code)
	if err := q.send(p.code, f); err != nil {
		q.c.Log.Error("taxii: an error message was not sent", "err", fmt.Sprint(err))
	}
}
