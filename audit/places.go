package audit

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"time"
)

// FileWitness appends checkpoints to a file: on a disk of another machine, or one that cannot be written twice. It is the weakest witness where the
// same people can change it.
type FileWitness struct{ path string }

// NewFileWitness names the file; its folder is there already.
func NewFileWitness(path string) (*FileWitness, error) {
	if path == "" {
		return nil, errors.New("witness: a file without a name")
	}
	return &FileWitness{path}, nil
}

// Name is the path.
func (w *FileWitness) Name() string { return "file:" + w.path }

// Keep appends a checkpoint and syncs. A piece that a crash left at the end is closed off, so that it does not spoil what follows.
func (w *FileWitness) Keep(ctx context.Context, signed []byte) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err = os.Stat(w.path)
	fresh := errors.Is(err, fs.ErrNotExist)
	f, err := os.OpenFile(w.path, os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	var b []byte
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if n := info.Size(); n > 0 {
		tail := make([]byte, min(n, 2))
		if _, err := f.ReadAt(tail, n-int64(len(tail))); err != nil {
			return err
		}
		if !bytes.Equal(tail, []byte("\n\n")) {
			b = append(b, "\n\n"...)
		}
	}
	b = append(append(b, signed...), '\n')
	if _, err := f.Write(b); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if fresh {
		return syncDir(filepath.Dir(w.path))
	}
	return nil
}

// HTTPSWitness posts checkpoints, as text, to an address that answers 200 to 299 once it has them. It must take one twice.
type HTTPSWitness struct {
	address *url.URL
	client  *http.Client
}

// NewHTTPSWitness names the address: https, or http on loopback, for tests. roots are who vouches for the other end; nil: whom the system trusts.
func NewHTTPSWitness(address string, roots *tls.Config) (*HTTPSWitness, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return nil, errors.New("witness: the address is not https://HOST/PATH") // what was given may hold a secret
	}
	ip, err := netip.ParseAddr(u.Hostname())
	loopback := err == nil && ip.IsLoopback()
	switch {
	case u.Scheme != "https" && !(u.Scheme == "http" && loopback):
		return nil, fmt.Errorf("witness %s: only https, so that nobody on the way can answer for it", u.Host)
	case u.User != nil:
		return nil, fmt.Errorf("witness %s: the address has a password in it; leave it out: a checkpoint is no secret", u.Host)
	}
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	if roots != nil {
		t.TLSClientConfig = roots.Clone()
	}
	t.ResponseHeaderTimeout, t.IdleConnTimeout, t.MaxResponseHeaderBytes = 10*time.Second, 90*time.Second, 1<<16
	return &HTTPSWitness{u, &http.Client{Transport: t, Timeout: 20 * time.Second,
		// Whoever sends us elsewhere has not kept it.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Name is the address, without what stands behind a question mark.
func (w *HTTPSWitness) Name() string {
	return w.address.Scheme + "://" + w.address.Host + w.address.EscapedPath()
}

// Keep posts a checkpoint.
func (w *HTTPSWitness) Keep(ctx context.Context, signed []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.address.String(), bytes.NewReader(signed))
	if err != nil {
		return fmt.Errorf("%s: the request cannot be made", w.Name())
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	res, err := w.client.Do(req)
	if err != nil {
		if bad, ok := errors.AsType[*url.Error](err); ok {
			err = bad.Err // without the whole address
		}
		return fmt.Errorf("%s: %w", w.Name(), err)
	}
	defer res.Body.Close()
	io.Copy(io.Discard, io.LimitReader(res.Body, 1<<16)) // so that the connection can be used again
	if res.StatusCode < 200 || res.StatusCode > 299 {
		return fmt.Errorf("%s: it answered %d", w.Name(), res.StatusCode)
	}
	return nil
}

// dial connects within the time of ctx, and lets that end the connection.
func dial(ctx context.Context, address string) (net.Conn, func() bool, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, nil, err
	}
	return c, context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) }), nil
}
