package taxii

import (
	"context"
	"errors"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// Position is how far a collection was read. Kept and given again, reading goes on from there. Its zero value is the beginning.
type Position struct {
	After time.Time // what was added up to here is read
	Next  string    // the server's word for the next page; empty where a run ended
	Last  time.Time // within a run: when the last object seen was added, which becomes After at its end
}

// ObjectPage is a page that a server gave.
type ObjectPage struct {
	Objects  []stix.Object
	Refused  []error // why others on it were refused, each a *stix.Error
	More     bool
	Position Position // behind it
}

// maxRefused bounds the errors that a page keeps.
const maxRefused = 100

// Page asks for one page of a collection (§5.4). q.After and q.From are not looked at: p says where it begins.
func (x *Client) Page(ctx context.Context, root, collection string, q Query, p Position) (ObjectPage, error) {
	u, err := x.at(root, "collections", collection, "objects")
	if err != nil {
		return ObjectPage{}, err
	}
	return x.page(ctx, u, q, p)
}

// Object asks for one object, in the versions that v says (§5.6).
func (x *Client) Object(ctx context.Context, root, collection, object string, v Versions) ([]stix.Object, error) {
	u, err := x.at(root, "collections", collection, "objects", object)
	if err != nil {
		return nil, err
	}
	p, err := x.page(ctx, u, Query{Versions: v}, Position{})
	if err == nil && len(p.Refused) > 0 {
		err = p.Refused[0]
	}
	return p.Objects, err
}

func (x *Client) page(ctx context.Context, u *url.URL, q Query, p Position) (ObjectPage, error) {
	q.After = p.After
	u.RawQuery = q.encode()
	if p.Next != "" {
		if u.RawQuery != "" {
			u.RawQuery += "&"
		}
		u.RawQuery += "next=" + url.QueryEscape(p.Next)
	}
	var out ObjectPage
	err := x.do(ctx, http.MethodGet, u, nil, func(h http.Header, body io.Reader) error {
		r := stix.NewEnvelopeReader(body, stix.Limits{Object: x.c.MaxObject, Depth: stix.DefaultLimits.Depth, Count: x.c.MaxPage})
		for {
			o, err := r.Next()
			var e *stix.Error
			switch {
			case err == nil:
				out.Objects = append(out.Objects, o)
				continue
			case errors.As(err, &e) && !e.Fatal:
				if len(out.Refused) < maxRefused {
					out.Refused = append(out.Refused, err)
				}
				continue
			case errors.Is(err, ErrTooLarge):
				return ErrTooLarge
			case err != io.EOF:
				return err
			}
			break
		}
		if len(r.NextPage()) > maxNext {
			return ErrMedia
		}
		out.More = r.More()
		last := later(p.Last, p.After)
		if t, err := stix.ParseTime(h.Get(headerLast)); err == nil && len(out.Objects)+len(out.Refused) > 0 {
			last = later(t, last)
		}
		out.Position = Position{After: last}
		if next := r.NextPage(); out.More && next != "" {
			// A run keeps to the added_after that it began with (§3.5).
			out.Position = Position{p.After, next, last}
		}
		return nil
	})
	return out, err
}

// maxNext bounds the server's word for a next page, in octets.
const maxNext = 4096

// maxEmpty bounds the pages in a row that have nothing on them.
const maxEmpty = 100

// Follow reads a collection page by page from p on, until there is no more. The caller keeps the Position of a page once he is done with it. A
// server that gives the same place again, or empty pages without an end, ends it with ErrStuck.
func (x *Client) Follow(ctx context.Context, root, collection string, q Query, p Position) iter.Seq2[ObjectPage, error] {
	return func(yield func(ObjectPage, error) bool) {
		for empty := 0; ; {
			page, err := x.Page(ctx, root, collection, q, p)
			if err != nil {
				yield(ObjectPage{}, err)
				return
			}
			if !yield(page, nil) || !page.More {
				return
			}
			if empty++; len(page.Objects)+len(page.Refused) > 0 {
				empty = 0
			}
			if to := page.Position; to.After.Equal(p.After) && to.Next == p.Next || empty == maxEmpty {
				yield(ObjectPage{}, ErrStuck)
				return
			}
			p = page.Position
		}
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Manifest asks for a page of a collection's manifest (§5.3), from after on.
func (x *Client) Manifest(ctx context.Context, root, collection string, q Query) (records []ManifestRecord, more bool, err error) {
	u, err := x.at(root, "collections", collection, "manifest")
	if err != nil {
		return nil, false, err
	}
	u.RawQuery = q.encode()
	var m manifest
	err = x.do(ctx, http.MethodGet, u, nil, func(_ http.Header, b io.Reader) error { return decode(b, &m) })
	return m.Objects, m.More, err
}

// Versions asks for the versions of an object (§5.8).
func (x *Client) Versions(ctx context.Context, root, collection, object string) ([]string, error) {
	var v versions
	err := x.get(ctx, &v, root, "collections", collection, "objects", object, "versions")
	return v.Versions, err
}
