// Package reportdoor takes in what people and other operators report: over HTTP by an API and by a form, by mail over LMTP and from a Maildir. What is
// forwarded to a short code comes by smppdoor. All of it becomes a report.Report and goes to one Desk; nothing is acknowledged before the Desk
// has it on disk.
package reportdoor

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/report"
	"github.com/sekisho/sekisho/settings"
)

// Desk keeps reports. When its methods return without an error, what they were given is on disk.
type Desk interface {
	// Take keeps reports, all or none, and says how many were not there yet.
	Take(ctx context.Context, all []report.Report) (fresh int, err error)
	// TakeAll keeps a stream of them; the first that cannot be read ends it, and what came before is kept. progress may be nil.
	TakeAll(ctx context.Context, all iter.Seq2[report.Report, error], progress func(read, fresh int)) (read, fresh int, err error)
}

// Config is the door's part of the configuration.
type Config struct {
	Form    bool              `toml:"form"`     // the form for people, at /report
	PerHour int               `toml:"per_hour"` // reports that one network (IPv4 /24, IPv6 /48) may send by the form in an hour
	Rate    float64           `toml:"rate"`     // requests a second that a client of the API may make; 0: no limit
	Body    int64             `toml:"max_body"` // octets of one request
	Read    settings.Duration `toml:"read"`     // how long a body may take
	Mail    MailConfig        `toml:"mail"`
}

// MailConfig says where reports by mail come from.
type MailConfig struct {
	LMTP    string `toml:"lmtp"`    // host:port or unix:/path that the mail server delivers to; empty: none
	Maildir string `toml:"maildir"` // a folder with new, cur and tmp; empty: none
	// AuthServ is the authserv-id of our own mail server (RFC 8601 §2.2): a reporter is who he says only where its Authentication-Results say
	// dmarc=pass. Empty: reports by mail have no reporter, and count for nobody's record.
	AuthServ string `toml:"authserv_id"`
	MaxSize  int64  `toml:"max_size"` // octets of one mail
}

// Default takes the API and nothing else.
func Default() Config {
	return Config{PerHour: 30, Rate: 50, Body: 64 << 20, Read: settings.Duration{Duration: 5 * time.Minute}, Mail: MailConfig{MaxSize: 25 << 20}}
}

// Check says what is wrong with a configuration.
func (c *Config) Check() error {
	switch {
	case c.PerHour < 1:
		return errors.New("reports.per_hour: at least 1")
	case c.Rate < 0:
		return errors.New("reports.rate: not below 0")
	case c.Body < 1<<10 || c.Body > 1<<32:
		return errors.New("reports.max_body: from 1024 octets to 4 GiB")
	case c.Read.Duration < time.Second:
		return errors.New("reports.read: at least 1s")
	case c.Mail.MaxSize < 1<<10 || c.Mail.MaxSize > 1<<28:
		return errors.New("reports.mail.max_size: from 1024 octets to 256 MiB")
	}
	return nil
}

// Parts are what a door is made of.
type Parts struct {
	Desk    Desk
	Keys    *auth.Keys
	Log     *slog.Logger
	Metrics prometheus.Registerer
}

// Door is the door of reports. It is an http.Handler for /v1/reports and /report.
type Door struct {
	Parts
	cfg     Config
	mux     *http.ServeMux
	forms   *hourly
	clients *hourly
	taken   *prometheus.CounterVec
	stops   []func()
}

// New makes a door; it serves HTTP at once, and mail from Start on.
func New(cfg Config, p Parts) (*Door, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	d := &Door{Parts: p, cfg: cfg, mux: http.NewServeMux(), forms: newHourly(cfg.PerHour)}
	if cfg.Rate > 0 {
		d.clients = newHourly(int(cfg.Rate * 3600))
	}
	d.taken = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_reports_total", Help: "Reports by the road they came by and what became of them: new, again, refused."}, []string{"channel", "outcome"})
	if p.Metrics != nil {
		p.Metrics.MustRegister(d.taken)
	}
	d.mux.HandleFunc("POST /v1/reports", d.serveAPI)
	d.mux.HandleFunc("GET /v1/reports/schema.json", serveSchema)
	if cfg.Form {
		d.mux.HandleFunc("GET /report", d.serveForm)
		d.mux.HandleFunc("POST /report", d.serveFormSent)
		d.mux.HandleFunc("GET /report/form.css", serveFormCSS)
	}
	return d, nil
}

// ServeHTTP serves the API and the form.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.mux.ServeHTTP(w, r) }

// Start opens the roads by mail.
func (d *Door) Start() error {
	if d.cfg.Mail.LMTP != "" {
		if err := d.startLMTP(); err != nil {
			return fmt.Errorf("reports.mail.lmtp: %w", err)
		}
	}
	if d.cfg.Mail.Maildir != "" {
		if err := d.startMaildir(filepath.Clean(d.cfg.Mail.Maildir)); err != nil {
			d.Stop()
			return fmt.Errorf("reports.mail.maildir: %w", err)
		}
	}
	return nil
}

// Stop closes the roads by mail; what was not acknowledged comes again.
func (d *Door) Stop() {
	for _, stop := range d.stops {
		stop()
	}
	d.stops = nil
}

// Count counts reports that came by another door.
func (d *Door) Count(c report.Channel, read, fresh int) { d.count(c, read, fresh) }

func (d *Door) count(c report.Channel, read, fresh int) {
	d.taken.WithLabelValues(c.String(), "new").Add(float64(fresh))
	d.taken.WithLabelValues(c.String(), "again").Add(float64(read - fresh))
}

// network is whose reports are counted together: an IPv4 /24, an IPv6 /48.
func network(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	a = a.Unmap()
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
