package reportdoor

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"mime"
	"net/http"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/report"
)

// inflate bounds how far a gzipped body may grow.
const inflate = 20

// serveAPI is POST /v1/reports. What a body is says its Content-Type: application/json is one report, application/x-ndjson and text/csv are many,
// message/rfc822 is a mail; application/json with ?format=xarf is an XARF document, with ?format=misp a MISP event. A report's reporter is the
// client where it names none.
func (d *Door) serveAPI(w http.ResponseWriter, r *http.Request) {
	client, err := d.Keys.Check(r.Header.Get("Authorization"))
	if err != nil || !client.Scopes.Has(auth.Reports) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="sekisho"`)
		http.Error(w, "an API key with the scope reports is needed; `sekisho key add NAME --scope reports` makes one", http.StatusUnauthorized)
		return
	}
	if !d.clients.allow(client.Name, time.Now()) {
		w.Header().Set("Retry-After", "60")
		http.Error(w, "more requests than reports.rate allows", http.StatusTooManyRequests)
		return
	}
	rc := http.NewResponseController(w)
	rc.SetReadDeadline(time.Now().Add(d.cfg.Read.Duration))
	rc.SetWriteDeadline(time.Now().Add(d.cfg.Read.Duration + time.Minute))
	body, err := unpack(http.MaxBytesReader(w, r.Body, d.cfg.Body), r.Header.Get("Content-Encoding"), inflate*d.cfg.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnsupportedMediaType)
		return
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		media = ""
	}
	all, channel, err := d.open(media, r.URL.Query().Get("format"), body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusUnsupportedMediaType)
		return
	}
	read, fresh, err := d.Desk.TakeAll(r.Context(), named(all, channel, client.Name), nil)
	d.count(channel, read, fresh)
	if err != nil {
		d.taken.WithLabelValues(channel.String(), "refused").Inc()
		d.refuse(w, err, read)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]int{"read": read, "new": fresh})
}

// refuse says what is wrong with a body; what is wrong with us is logged, and not told.
func (d *Door) refuse(w http.ResponseWriter, err error, read int) {
	kept := ""
	if read > 0 {
		kept = fmt.Sprintf("; %d reports before it are kept", read)
	}
	var unread *unreadable
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, fmt.Sprintf("a body of more than %d octets (reports.max_body)%s", large.Limit, kept), http.StatusRequestEntityTooLarge)
	case errors.As(err, &unread):
		http.Error(w, unread.Error()+kept, http.StatusUnprocessableEntity)
	default:
		d.Log.Error("reports could not be kept", "err", err)
		http.Error(w, "reports could not be kept for now; send them again later"+kept, http.StatusServiceUnavailable)
	}
}

// unreadable is an error of what was sent.
type unreadable struct{ error }

func (u *unreadable) Unwrap() error { return u.error }

// open reads a body as what it says it is.
func (d *Door) open(media, format string, body io.Reader) (iter.Seq2[report.Report, error], report.Channel, error) {
	one := func(read func() (report.Report, error)) iter.Seq2[report.Report, error] {
		return func(yield func(report.Report, error) bool) {
			r, err := read()
			yield(r, err)
		}
	}
	switch {
	case media == "application/json" && format == "xarf":
		return one(func() (report.Report, error) { return report.ReadXARF(body, 0) }), report.XARF, nil
	case media == "application/json" && format == "misp":
		return one(func() (report.Report, error) { return report.ReadMISP(body, 0) }), report.MISP, nil
	case format != "":
		return nil, 0, errors.New("format is xarf or misp, with Content-Type: application/json")
	case media == "application/json":
		return one(func() (report.Report, error) { return report.ReadJSON(body, 0) }), report.API, nil
	case media == "application/x-ndjson", media == "application/jsonl":
		return report.ReadJSONL(body, 0), report.File, nil
	case media == "text/csv":
		return report.ReadCSV(body, 0), report.File, nil
	case media == "message/rfc822":
		return one(func() (report.Report, error) {
			return report.ReadMail(body, report.Bounds{Size: d.cfg.Mail.MaxSize})
		}), report.Mail, nil
	}
	return nil, 0, errors.New("Content-Type is none of application/json, application/x-ndjson, text/csv, message/rfc822")
}

// named fills in what a report does not say: by which road it came, and who reported it. An operator that hands over what its own subscribers
// reported may name them; whom a client names is known apart from whom others name, so that nobody speaks for a stranger.
func named(all iter.Seq2[report.Report, error], channel report.Channel, client string) iter.Seq2[report.Report, error] {
	return func(yield func(report.Report, error) bool) {
		for r, err := range all {
			if errors.Is(err, report.ErrNoComplaint) {
				continue
			}
			if err != nil {
				yield(r, &unreadable{err})
				return
			}
			if r.Channel == report.ChannelUnset {
				r.Channel = channel
			}
			if r.Via = client; r.Reporter == "" {
				r.Reporter = client
			}
			if !yield(r, nil) {
				return
			}
		}
	}
}

func serveSchema(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/schema+json")
	w.Write(report.Schema())
}

// unpack reads a body that may be gzipped, and refuses one that grows beyond a bound.
func unpack(body io.Reader, encoding string, most int64) (io.Reader, error) {
	switch encoding {
	case "", "identity":
		return body, nil
	case "gzip":
	default:
		return nil, errors.New("Content-Encoding is neither gzip nor identity")
	}
	head := make([]byte, 2)
	n, err := io.ReadFull(body, head)
	if err != nil {
		return nil, errors.New("the body is not gzip")
	}
	z, err := gzip.NewReader(io.MultiReader(bytes.NewReader(head[:n]), body))
	if err != nil {
		return nil, errors.New("the body is not gzip")
	}
	return &bounded{z, most}, nil
}

// bounded is a reader that fails beyond a bound, where io.LimitReader would only end.
type bounded struct {
	r    io.Reader
	left int64
}

var errBomb = errors.New("a gzipped body that is more than twenty times as large as a body may be")

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, &unreadable{errBomb}
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	return n, err
}
