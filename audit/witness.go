package audit

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Witness is a place outside that keeps checkpoints, and is not in the hands of who keeps the ledger.
type Witness interface {
	// Name is for people, logs and metrics: it has no secret.
	Name() string
	// Keep returns nil once the place has the checkpoint for good. It ends with ctx.
	Keep(ctx context.Context, signed []byte) error
}

// Place is a witness and how often it wants to hear. In between only the newest checkpoint waits: it vouches for all before it.
type Place struct {
	Witness Witness
	Every   time.Duration // 0: every checkpoint
}

// Standing is how it stands with a witness.
type Standing struct {
	Name   string
	Size   int64     // of the newest checkpoint it has; 0: none since we started
	At     time.Time // when it took that
	Failed error     // of the last try; nil: it went well
}

// Times of sending. A try ends after keepFor; after a failure the next waits retryFrom, then twice as long, up to retryTo.
const (
	keepFor   = 30 * time.Second
	retryFrom = time.Second
	retryTo   = 5 * time.Minute
)

// Witnesses sends checkpoints to all witnesses, each on its own: a slow one delays nobody. It may be used by many goroutines.
type Witnesses struct {
	log    *slog.Logger
	sends  []*sender
	size   *prometheus.GaugeVec
	failed *prometheus.CounterVec
}

type sender struct {
	Place
	wake chan struct{}

	mu     sync.Mutex
	newest Stored // to be sent
	s      Standing
}

// NewWitnesses makes them; Run sends. Tell the newest checkpoint in the ledger at the start: what a witness has is not kept over a restart.
func NewWitnesses(log *slog.Logger, reg prometheus.Registerer, places ...Place) (*Witnesses, error) {
	w := &Witnesses{log: log,
		size: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sekisho_ledger_witnessed_entries",
			Help: "Entries of the ledger up to the newest checkpoint that the witness has."}, []string{"witness"}),
		failed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_ledger_witness_failures_total",
			Help: "Tries to hand a checkpoint to the witness that failed."}, []string{"witness"}),
	}
	for _, c := range []prometheus.Collector{w.size, w.failed} {
		if err := reg.Register(c); err != nil {
			return nil, err
		}
	}
	for _, p := range places {
		name := p.Witness.Name()
		w.size.WithLabelValues(name).Set(0)
		w.failed.WithLabelValues(name).Add(0)
		w.sends = append(w.sends, &sender{Place: p, wake: make(chan struct{}, 1), s: Standing{Name: name}})
	}
	return w, nil
}

// Tell hands over a checkpoint to be sent, and never waits. One that is no newer than the last changes nothing.
func (w *Witnesses) Tell(c Stored) {
	for _, s := range w.sends {
		s.mu.Lock()
		if c.Size > s.newest.Size {
			s.newest = c
			select {
			case s.wake <- struct{}{}:
			default:
			}
		}
		s.mu.Unlock()
	}
}

// Standings says how it stands with each witness.
func (w *Witnesses) Standings() []Standing {
	out := make([]Standing, len(w.sends))
	for i, s := range w.sends {
		s.mu.Lock()
		out[i] = s.s
		s.mu.Unlock()
	}
	return out
}

// Newest is the greatest size that any witness has, since we started.
func (w *Witnesses) Newest() (size int64) {
	for _, s := range w.Standings() {
		size = max(size, s.Size)
	}
	return size
}

// Run sends until ctx ends.
func (w *Witnesses) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range w.sends {
		all.Go(func() { w.serve(ctx, s) })
	}
	all.Wait()
}

func (w *Witnesses) serve(ctx context.Context, s *sender) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wake:
		}
		s.mu.Lock()
		has := s.newest.Size <= s.s.Size // a try before took it along
		s.mu.Unlock()
		if has {
			continue
		}
		for wait := retryFrom; !w.send(ctx, s); wait = min(2*wait, retryTo) {
			if !sleep(ctx, wait) {
				return
			}
		}
		if !sleep(ctx, s.Every) {
			return
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// send tries once, with the newest there is. It tells when a witness begins to fail, and when it is back, not every try between.
func (w *Witnesses) send(ctx context.Context, s *sender) bool {
	s.mu.Lock()
	c, before := s.newest, s.s.Failed
	s.mu.Unlock()
	try, cancel := context.WithTimeout(ctx, keepFor)
	err := s.Witness.Keep(try, c.Note)
	cancel()
	if err != nil && ctx.Err() != nil {
		return false // we end
	}
	s.mu.Lock()
	s.s.Failed = err
	if err == nil {
		s.s.Size, s.s.At = c.Size, time.Now()
	}
	s.mu.Unlock()
	switch {
	case err != nil:
		w.failed.WithLabelValues(s.s.Name).Inc()
		if before == nil {
			w.log.Error("a witness did not take a checkpoint of the ledger; it is tried again", "witness", s.s.Name, "size", c.Size, "err", err)
		}
	default:
		w.size.WithLabelValues(s.s.Name).Set(float64(c.Size))
		if before != nil {
			w.log.Info("a witness takes checkpoints of the ledger again", "witness", s.s.Name, "size", c.Size)
		}
	}
	return err == nil
}

var errNoNote = fmt.Errorf("witness: %w", errNoCheckpoint)

// sizeOf is the size of a signed checkpoint of ours, for a subject or an idempotency key: the signature was just made.
func sizeOf(signed []byte) (Checkpoint, error) {
	c, err := ParseCheckpoint(string(signed))
	if err != nil {
		return c, errNoNote
	}
	return c, nil
}
