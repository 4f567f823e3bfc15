package taxii

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// page asks for a page and sets the headers that tell when its first and last record were added (§3.2).
func (q *request) page(can fields) (Query, Page, error) {
	if err := q.readable(); err != nil {
		return Query{}, Page{}, err
	}
	query, err := parseQuery(q.r.URL.RawQuery, can)
	if err != nil {
		return query, Page{}, badRequest(err)
	}
	if query.Limit == 0 {
		query.Limit = q.c.DefaultPage
	}
	query.Limit = min(query.Limit, q.c.MaxPage)
	query.Octets = q.c.PageOctets
	if q.object != "" {
		query.IDs = []string{q.object}
	}
	if can&byVersion == 0 {
		query.Versions = Versions{All: true}
	}
	p, err := q.root.Backend.Page(q.r.Context(), q.caller, q.col.ID, query)
	return query, p, err
}

func (q *request) dates(query Query, p Page) {
	// Of an empty page there is no date. What is told instead leads a client that goes on by it to nothing that it had not asked for.
	first, last := time.UnixMicro(0), time.UnixMicro(0)
	for _, t := range []time.Time{query.After, query.From.Added} {
		if t.After(last) {
			first, last = t, t
		}
	}
	if n := len(p.Records); n > 0 {
		first, last = p.Records[0].Added, p.Records[n-1].Added
	} else if p.More {
		last = p.Next.Added
	}
	h := q.w.Header()
	h.Set(headerFirst, FormatTime(first))
	h.Set(headerLast, FormatTime(last))
}

// objects is §5.4.
func (q *request) objects() error {
	query, p, err := q.page(byPage | byID | byType | byVersion | bySpec)
	if err != nil {
		return err
	}
	return q.envelope(query, p)
}

// objectByID is §5.6.
func (q *request) objectByID() error {
	if _, _, ok := stix.SplitID(q.object); !ok {
		return errNoPath
	}
	query, p, err := q.page(byPage | byVersion | bySpec)
	if err != nil {
		return err
	}
	if err := q.known(query, p); err != nil {
		return err
	}
	return q.envelope(query, p)
}

// known is ErrNotFound where a page is empty since there is no such object, or not the version that was asked for (§5.6, §5.7).
func (q *request) known(query Query, p Page) error {
	if len(p.Records) > 0 || p.More {
		return nil
	}
	if len(query.Versions.At) > 0 && !query.Versions.First && !query.Versions.Last && query.After.IsZero() && query.From == (Cursor{}) {
		return ErrNotFound
	}
	any, err := q.root.Backend.Page(q.r.Context(), q.caller, q.col.ID, Query{IDs: query.IDs, Versions: Versions{All: true}, Specs: []string{"2.0", "2.1"}, Limit: 1})
	if err != nil {
		return err
	}
	if len(any.Records) == 0 {
		return ErrNotFound
	}
	return nil
}

// buffers are for pages. Those that grew large are left to the collector.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

const keepBuffer = 1 << 20

// envelope writes objects as they are kept (§3.7).
func (q *request) envelope(query Query, p Page) error {
	q.dates(query, p)
	box := buffers.Get().(*[]byte)
	b := append((*box)[:0], '{')
	if p.More {
		b = append(b, `"more":true,"next":"`...)
		b = append(b, p.Next.String()...)
		b = append(b, '"')
	}
	for i, r := range p.Records {
		switch {
		case i > 0:
			b = append(b, ',')
		case p.More:
			b = append(b, `,"objects":[`...)
		default:
			b = append(b, `"objects":[`...)
		}
		b = append(b, r.Object...)
	}
	if len(p.Records) > 0 {
		b = append(b, ']')
	}
	b = append(b, '}')
	err := q.write(http.StatusOK, b)
	if cap(b) <= keepBuffer {
		*box = b
		buffers.Put(box)
	}
	return err
}

// manifest is §5.3.
func (q *request) manifest() error {
	query, p, err := q.page(byPage | byID | byType | byVersion | bySpec)
	if err != nil {
		return err
	}
	q.dates(query, p)
	m := manifest{More: p.More}
	for _, r := range p.Records {
		m.Objects = append(m.Objects, ManifestRecord{r.ID, FormatTime(r.Added), r.Version, mediaTypeOf(r.Spec)})
	}
	return q.send(http.StatusOK, m)
}

// versions is §5.8.
func (q *request) versions() error {
	if _, _, ok := stix.SplitID(q.object); !ok {
		return errNoPath
	}
	query, p, err := q.page(byPage | bySpec)
	if err != nil {
		return err
	}
	if err := q.known(query, p); err != nil {
		return err
	}
	q.dates(query, p)
	v := versions{More: p.More}
	for _, r := range p.Records {
		v.Versions = append(v.Versions, r.Version)
	}
	return q.send(http.StatusOK, v)
}

// remove is §5.7. Its table of refusals: who has neither right learns of nothing, who has one of both is told so.
func (q *request) remove() error {
	switch {
	case !q.col.CanRead && !q.col.CanWrite:
		return errNoPath
	case !q.col.CanRead || !q.col.CanWrite:
		return errNoDel
	}
	query, err := parseQuery(q.r.URL.RawQuery, byVersion|bySpec)
	if err != nil {
		return badRequest(err)
	}
	if _, _, ok := stix.SplitID(q.object); !ok {
		return errNoPath
	}
	query.IDs = []string{q.object}
	n, err := q.root.Backend.Delete(q.r.Context(), q.caller, q.col.ID, query)
	if err != nil {
		return err
	}
	if n == 0 {
		return ErrNotFound
	}
	q.w.Header().Set("Content-Type", MediaType)
	q.w.WriteHeader(http.StatusOK)
	return nil
}

// add is §5.5.
func (q *request) add() error {
	switch {
	case q.col.CanWrite:
	case q.col.CanRead:
		return errNoAdd
	default:
		return errNoPath
	}
	if !isTAXII(q.r.Header.Get("Content-Type")) {
		return &problem{code: http.StatusUnsupportedMediaType, title: "Unsupported media type", why: "The body has to be " + MediaType + "."}
	}
	body, err := q.body()
	if err != nil {
		return err
	}
	s := Submission{At: q.c.Now()}
	r := stix.NewEnvelopeReader(body, stix.Limits{Object: q.c.MaxObject, Depth: stix.DefaultLimits.Depth, Count: q.c.MaxObjects})
	for n := 1; ; n++ {
		o, err := r.Next()
		if err == io.EOF {
			break
		}
		var e *stix.Error
		if errors.As(err, &e) && !e.Fatal {
			d := Detail{ID: e.ID, Version: NoVersion, Message: e.Error()}
			if d.ID == "" {
				d.ID = fmt.Sprintf("object %d", n) // §4.3.1: what has no identifier of its own gets one of the server's
			}
			s.Refused = append(s.Refused, d)
			continue
		}
		if err != nil {
			return q.unreadable(err)
		}
		s.Objects = append(s.Objects, o)
	}
	http.NewResponseController(q.w).SetReadDeadline(time.Time{})
	if !r.HasObjects() || len(s.Objects)+len(s.Refused) == 0 {
		return &problem{code: http.StatusUnprocessableEntity, title: "Nothing to add", why: "The body has to be an envelope with objects."}
	}
	status, err := q.root.Backend.Add(q.r.Context(), q.caller, q.col.ID, s)
	if err != nil {
		return err
	}
	return q.send(http.StatusAccepted, status)
}

var errBomb = errors.New("the body is too large when unpacked")

// body bounds what the client sends, as it comes and unpacked.
func (q *request) body() (io.Reader, error) {
	limit := q.root.MaxContentLength
	if q.r.ContentLength > limit {
		return nil, tooLarge(limit)
	}
	http.NewResponseController(q.w).SetReadDeadline(time.Now().Add(q.c.BodyTimeout)) // where the connection can
	r := http.MaxBytesReader(q.w, q.r.Body, limit)
	switch strings.ToLower(strings.TrimSpace(strings.Join(q.r.Header.Values("Content-Encoding"), ","))) {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(r)
		if err != nil {
			return nil, q.unreadable(err)
		}
		return &bounded{z, limit}, nil
	}
	q.w.Header().Set("Accept-Encoding", "gzip, identity") // RFC 9110 §12.5.3
	return nil, &problem{code: http.StatusUnsupportedMediaType, title: "Unsupported encoding", why: "The body may be packed by gzip only."}
}

// bounded fails where there is more than n octets: io.LimitReader would end as if that were all.
type bounded struct {
	r io.Reader
	n int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.n+1 {
		p = p[:b.n+1]
	}
	n, err := b.r.Read(p)
	if b.n -= int64(n); b.n < 0 {
		return 0, errBomb
	}
	return n, err
}

func tooLarge(limit int64) *problem {
	return &problem{code: http.StatusRequestEntityTooLarge, title: "Too large", why: fmt.Sprintf("A body has at most %d octets, unpacked.", limit)}
}

// unreadable is 413 for what is too large, else 422: the server did understand the request, but cannot process its body.
func (q *request) unreadable(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, errBomb) {
		return tooLarge(q.root.MaxContentLength)
	}
	why := "The body cannot be read."
	var e *stix.Error
	if errors.As(err, &e) {
		why = strings.Replace(e.Error(), "bundle", "envelope", 1)
	}
	return &problem{code: http.StatusUnprocessableEntity, title: "Body not processable", why: why}
}
