package taxii

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/sekisho/sekisho/share/stix"
)

// ClientConfig is what a Client is made of.
type ClientConfig struct {
	URL       string              // of the server, https://taxii.example.com/; its path is not looked at
	HTTP      *http.Client        // copied; its CheckRedirect is ours. http.DefaultClient where nil
	Authorize func(*http.Request) // puts the credentials in; may be nil
	Agent     string              // the User-Agent; "sekisho" where empty
	Timeout   time.Duration       // of one request with its body; one minute where 0
	MaxBody   int64               // octets of a response; 64 MiB where 0
	MaxPage   int                 // objects of a page; 10,000 where 0
	MaxObject int                 // octets of an object; 1 MiB where 0
	Plain     bool                // http will do: for tests, and where something else encrypts (§8.5.1 asks for https)
}

// Client talks to one server. It is for many goroutines. It follows no redirect to another host, and goes to no API root on another host: what
// it knows of the server, its credentials among it, is for that server.
type Client struct {
	c    ClientConfig
	base *url.URL
	http http.Client
}

// Why a client gives up.
var (
	ErrHost     = errors.New("taxii: an address on another host, or by another scheme")
	ErrTooLarge = errors.New("taxii: the response is larger than allowed")
	ErrMedia    = errors.New("taxii: the response is no TAXII 2.1")
	ErrStuck    = errors.New("taxii: the server's next page is the same again")
)

// ResponseError is a refusal by the server.
type ResponseError struct {
	Code int
	// Title is what the server said, at most 200 octets, printable ones only. It is foreign text, and no part of Error.
	Title      string
	RetryAfter time.Duration // where the server says when to come again
}

func (e *ResponseError) Error() string {
	return fmt.Sprintf("taxii: the server answered %d (%s)", e.Code, http.StatusText(e.Code))
}

// Is makes errors.Is(err, ErrNotFound) and its like true.
func (e *ResponseError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.Code == http.StatusNotFound
	case ErrForbidden:
		return e.Code == http.StatusForbidden
	case ErrUnauthenticated:
		return e.Code == http.StatusUnauthorized
	}
	return false
}

// Find asks DNS for a domain's TAXII server (§3.9), for ClientConfig.URL.
func Find(ctx context.Context, r *net.Resolver, domain string) (string, error) {
	_, all, err := r.LookupSRV(ctx, "taxii2", "tcp", domain)
	if err != nil {
		return "", fmt.Errorf("taxii: looking for the server: %w", err)
	}
	if len(all) == 0 || all[0].Target == "." {
		return "", ErrNotFound
	}
	return fmt.Sprintf("https://%s/", net.JoinHostPort(strings.TrimSuffix(all[0].Target, "."), fmt.Sprint(all[0].Port))), nil
}

// NewClient checks the configuration. Nothing is sent.
func NewClient(c ClientConfig) (*Client, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && !(c.Plain && u.Scheme == "http") || u.User != nil {
		return nil, errors.New("taxii: the server's address begins with https, has a host, and no credentials in it")
	}
	c.Timeout, c.MaxBody, c.MaxPage, c.MaxObject = or(c.Timeout, time.Minute), or(c.MaxBody, 64<<20), or(c.MaxPage, 10_000), or(c.MaxObject, 1<<20)
	if c.Agent == "" {
		c.Agent = "sekisho"
	}
	x := &Client{c: c, base: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/"}}
	if c.HTTP != nil {
		x.http = *c.HTTP
	}
	x.http.CheckRedirect = func(r *http.Request, via []*http.Request) error {
		if len(via) > 3 || !x.ours(r.URL) || via[0].Method != http.MethodGet {
			return ErrHost
		}
		return nil
	}
	return x, nil
}

func (x *Client) ours(u *url.URL) bool {
	return u.Scheme == x.base.Scheme && strings.EqualFold(u.Host, x.base.Host) && u.User == nil
}

// at is an address below an API root, which is relative or absolute (§4.1.1).
func (x *Client) at(root string, part ...string) (*url.URL, error) {
	u, err := url.Parse(root)
	if err != nil || u.RawQuery != "" || u.Fragment != "" || u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return nil, ErrHost
	}
	if u = x.base.ResolveReference(u); !x.ours(u) {
		return nil, ErrHost
	}
	if !strings.HasSuffix(u.Path, "/") {
		u.Path += "/"
	}
	for _, p := range part {
		if p == "" || p == "." || p == ".." || strings.Contains(p, "/") {
			return nil, errors.New("taxii: an identifier that cannot be part of an address")
		}
		u.Path += p + "/"
	}
	u.RawPath = ""
	return u, nil
}

// do sends a request and gives its body to read, bounded, or a *ResponseError.
func (x *Client) do(ctx context.Context, method string, u *url.URL, body []byte, read func(h http.Header, body io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, x.c.Timeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("taxii: not an address")
	}
	r.Header.Set("Accept", MediaType)
	r.Header.Set("User-Agent", x.c.Agent)
	if body == nil {
		r.Body, r.ContentLength = nil, 0
	} else {
		r.Header.Set("Content-Type", MediaType)
	}
	if x.c.Authorize != nil {
		x.c.Authorize(r)
	}
	res, err := x.http.Do(r)
	if err != nil {
		var e *url.Error // its text has the address, and that the query
		if errors.As(err, &e) {
			err = e.Err
		}
		return fmt.Errorf("taxii: %s: %w", strings.ToLower(method), err)
	}
	defer res.Body.Close()
	in := &capped{res.Body, x.c.MaxBody}
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return refusal(res, in)
	}
	if read == nil {
		io.Copy(io.Discard, io.LimitReader(in, 64<<10)) // so that the connection can be used again
		return nil
	}
	if !isTAXII(res.Header.Get("Content-Type")) {
		return ErrMedia
	}
	return read(res.Header, in)
}

// capped fails where a response is larger than allowed.
type capped struct {
	r io.Reader
	n int64
}

func (c *capped) Read(p []byte) (int, error) {
	if int64(len(p)) > c.n+1 {
		p = p[:c.n+1]
	}
	n, err := c.r.Read(p)
	if c.n -= int64(n); c.n < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}

func refusal(res *http.Response, in io.Reader) error {
	e := &ResponseError{Code: res.StatusCode}
	if s, err := time.ParseDuration(res.Header.Get("Retry-After") + "s"); err == nil && s > 0 && s < 24*time.Hour {
		e.RetryAfter = s
	}
	if !isTAXII(res.Header.Get("Content-Type")) {
		return e
	}
	var f Failure
	b, err := io.ReadAll(io.LimitReader(in, 64<<10))
	if err == nil && json.Unmarshal(b, &f) == nil {
		e.Title = strings.Map(func(r rune) rune {
			if r < 0x20 || r >= 0x7f && r < 0xa0 {
				return -1
			}
			return r
		}, f.Title[:min(len(f.Title), 200)])
	}
	return e
}

func (x *Client) get(ctx context.Context, into any, root string, part ...string) error {
	u, err := x.at(root, part...)
	if err != nil {
		return err
	}
	return x.do(ctx, http.MethodGet, u, nil, func(_ http.Header, body io.Reader) error { return decode(body, into) })
}

func decode(body io.Reader, into any) error {
	d := json.NewDecoder(body)
	if err := d.Decode(into); err != nil {
		if errors.Is(err, ErrTooLarge) {
			return ErrTooLarge
		}
		return ErrMedia
	}
	return nil
}

// Discover asks the server what it is (§4.1). Roots are as the server writes them.
func (x *Client) Discover(ctx context.Context) (Discovery, error) {
	var d Discovery
	err := x.get(ctx, &d, discoveryPath)
	return d, err
}

// Root asks for an API root (§4.2).
func (x *Client) Root(ctx context.Context, root string) (RootInfo, error) {
	var i RootInfo
	err := x.get(ctx, &i, root)
	return i, err
}

// Collections asks for those of an API root (§5.1).
func (x *Client) Collections(ctx context.Context, root string) ([]Collection, error) {
	var c collections
	err := x.get(ctx, &c, root, "collections")
	return c.Collections, err
}

// Collection asks for one, by its identifier or alias (§5.2).
func (x *Client) Collection(ctx context.Context, root, id string) (Collection, error) {
	var c Collection
	err := x.get(ctx, &c, root, "collections", id)
	return c, err
}

// Status asks what became of a submission (§4.3).
func (x *Client) Status(ctx context.Context, root, id string) (Status, error) {
	var s Status
	err := x.get(ctx, &s, root, "status", id)
	return s, err
}

// Wait asks again and again, in this interval, until a submission is complete.
func (x *Client) Wait(ctx context.Context, root string, s Status, every time.Duration) (Status, error) {
	t := time.NewTicker(max(every, 10*time.Millisecond))
	defer t.Stop()
	for s.Status != Complete {
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-t.C:
		}
		var err error
		if s, err = x.Status(ctx, root, s.ID); err != nil {
			return s, err
		}
	}
	return s, nil
}

// Add sends objects in one envelope (§5.5). The caller keeps it below the root's MaxContentLength.
func (x *Client) Add(ctx context.Context, root, collection string, objects ...stix.Object) (Status, error) {
	u, err := x.at(root, "collections", collection, "objects")
	if err != nil {
		return Status{}, err
	}
	body := []byte(`{"objects":[`)
	for i, o := range objects {
		if o.IsZero() {
			return Status{}, errors.New("taxii: an object that is nothing")
		}
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, o.JSON()...)
	}
	body = append(body, "]}"...)
	var s Status
	err = x.do(ctx, http.MethodPost, u, body, func(_ http.Header, b io.Reader) error { return decode(b, &s) })
	return s, err
}

// Delete removes an object, or some versions of it (§5.7).
func (x *Client) Delete(ctx context.Context, root, collection, object string, v Versions) error {
	u, err := x.at(root, "collections", collection, "objects", object)
	if err != nil {
		return err
	}
	u.RawQuery = Query{Versions: v}.encode()
	return x.do(ctx, http.MethodDelete, u, nil, nil)
}
