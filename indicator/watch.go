package indicator

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// settle is how long a file must have lain untouched before it is read: writers that do not rename a
// finished file into place write it bit by bit.
const settle = 2 * time.Second

// Watcher keeps a Set at what the files say. A file that cannot be read changes nothing: the last good
// index stays in force.
type Watcher struct {
	set   *Set
	files []File
	log   *slog.Logger

	mu     sync.Mutex // one reload at a time; the message path never takes it
	seen   []stamp    // of the files as they were last read, or failed to be
	failed prometheus.Counter
}

// stamp tells whether a file has changed.
type stamp struct {
	mod  time.Time
	size int64
}

// NewWatcher makes a Watcher that puts into set what the files hold. It reads nothing yet. reg may be nil.
func NewWatcher(set *Set, files []File, log *slog.Logger, reg prometheus.Registerer) *Watcher {
	w := &Watcher{set: set, files: files, log: log}
	w.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "sekisho_indicator_reload_failures_total",
		Help: "Reloads of indicator files that were refused; the index before stayed in force.",
	})
	count := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sekisho_indicators",
		Help: "Indicators in force.",
	}, func() float64 { return float64(set.Load().Len()) })
	if reg != nil {
		reg.MustRegister(w.failed, count)
	}
	return w
}

// Reload reads the files now, whether they have changed or not, and puts what they hold in force.
func (w *Watcher) Reload(ctx context.Context, progress func(done, total int64)) ([]Warning, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reload(ctx, progress, w.stamps())
}

// Replace watches other files from now on and puts what they hold in force. Where they cannot be read nothing changes.
func (w *Watcher) Replace(ctx context.Context, files []File, progress func(done, total int64)) ([]Warning, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	old, seen := w.files, w.seen
	w.files = files
	warnings, err := w.reload(ctx, progress, w.stamps())
	if err != nil {
		w.files, w.seen = old, seen
	}
	return warnings, err
}

func (w *Watcher) reload(ctx context.Context, progress func(done, total int64), now []stamp) ([]Warning, error) {
	w.seen = now // taken before reading, so that a change meanwhile is met next time
	start := time.Now()
	x, warnings, err := Load(ctx, w.files, progress)
	if err != nil {
		if ctx.Err() == nil {
			w.failed.Inc()
		}
		return warnings, err
	}
	w.set.Swap(x)
	w.log.Info("indicators in force", "indicators", x.Len(), "files", len(w.files), "warnings", len(warnings), "took", time.Since(start).Round(time.Millisecond))
	return warnings, nil
}

// Run reads the files again whenever one has changed, looking every so often, until the context ends. It
// says in the log what it could not read, once for each change.
func (w *Watcher) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			w.look(ctx)
		}
	}
}

func (w *Watcher) look(ctx context.Context) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.stamps()
	if !w.changed(now) {
		return
	}
	warnings, err := w.reload(ctx, nil, now)
	for _, n := range warnings {
		w.log.Warn("indicator file", "where", n.Path, "line", n.Line, "what", n.Text)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		w.log.Error("indicators not reloaded, those before stay in force", "error", err)
	}
}

// stamps looks at all files; one that cannot be looked at has a zero stamp, and reading it tells why.
func (w *Watcher) stamps() []stamp {
	now := make([]stamp, len(w.files))
	for i, f := range w.files {
		if st, err := os.Stat(f.Path); err == nil {
			now[i] = stamp{st.ModTime(), st.Size()}
		}
	}
	return now
}

// changed reports whether a file is another than it was, and all that are have settled.
func (w *Watcher) changed(now []stamp) bool {
	changed := false
	for i, s := range now {
		if i < len(w.seen) && s == w.seen[i] {
			continue
		}
		if age := time.Since(s.mod); age >= 0 && age < settle {
			return false
		}
		changed = true
	}
	return changed
}
