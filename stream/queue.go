package stream

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
)

// Appender writes itself at the end of a buffer, and marks its own length there if it wants to be found again.
type Appender = interface{ Append(dst []byte) []byte }

const (
	packSize = 64 << 10 // a pack is closed when it is longer
	packRoom = 16 << 10 // what is kept free for the record that closes it
	maxPack  = 128 << 10
)

// QueueConfig says how records are packed. Its zero value is a good one.
type QueueConfig struct {
	Records int           // a pack is written when it has so many; 256 where 0
	Wait    time.Duration // or when its first is so old; 10 ms where 0
	Bytes   int           // what may wait in memory while the stream is slow or away; 32 MB where 0
	// Seal changes a pack in place before it is written, in the writing goroutine: secrets are replaced here.
	// A pack that it fails on is dropped and counted.
	Seal func(pack []byte) error
}

func (c *QueueConfig) defaults() {
	if c.Records == 0 {
		c.Records = 256
	}
	if c.Wait == 0 {
		c.Wait = 10 * time.Millisecond
	}
	if c.Bytes == 0 {
		c.Bytes = 32 << 20
	}
}

// Queue packs records and publishes them. It may be used by many goroutines.
type Queue struct {
	cfg     QueueConfig
	log     *slog.Logger
	publish func(ctx context.Context, id string, pack []byte) error
	run     string // makes the ids of packs unique to this queue
	packs   uint64 // published or tried so far; of the writing goroutine

	mu     sync.Mutex
	cur    *pack
	full   []*pack // oldest first
	spare  []*pack
	room   int // packs that may wait
	closed bool

	some, enough chan struct{} // each holds one token
	closing      chan struct{}
	done         chan struct{}
	ctx          context.Context
	cancel       context.CancelFunc

	waiting        atomic.Int64 // records not yet written
	droppedKept    prometheus.Counter
	droppedOther   prometheus.Counter
	droppedAtWrite prometheus.Counter
	records        prometheus.Counter
	failures       prometheus.Counter
	took           prometheus.Histogram
	collectors     []prometheus.Collector
}

type pack struct {
	b []byte
	n int
}

// Queue makes a queue that writes to the stream. Close it before the stream. A stream has one queue a process, since they
// share the names of their metrics.
func (s *Stream) Queue(cfg QueueConfig, reg prometheus.Registerer) (*Queue, error) {
	return newQueue(cfg, s.publish, nats.NewInbox(), s.log, reg)
}

func newQueue(cfg QueueConfig, publish func(context.Context, string, []byte) error, run string,
	log *slog.Logger, reg prometheus.Registerer) (*Queue, error) {
	cfg.defaults()
	dropped := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_records_dropped_total",
		Help: "Records that were lost: full (no room in the queue), kept_full (the same, though among the last to be dropped), write (could not be written)."},
		[]string{"why"})
	q := &Queue{cfg: cfg, log: log, publish: publish, run: run,
		cur:  &pack{b: make([]byte, 0, packSize+packRoom)},
		room: max(cfg.Bytes/packSize, 4),
		some: make(chan struct{}, 1), enough: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{}),
		droppedOther:   dropped.WithLabelValues("full"),
		droppedKept:    dropped.WithLabelValues("kept_full"),
		droppedAtWrite: dropped.WithLabelValues("write"),
		records: prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_records_written_total",
			Help: "Records written to the stream and synced."}),
		failures: prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_stream_write_failures_total",
			Help: "Tries to write a pack that failed; it is tried again."}),
		took: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "sekisho_stream_write_seconds",
			Help: "Time to write and sync a pack.", Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 12)}),
	}
	q.full = make([]*pack, 0, q.room+1)
	q.ctx, q.cancel = context.WithCancel(context.Background())
	q.collectors = []prometheus.Collector{dropped, q.records, q.failures, q.took,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sekisho_records_waiting",
			Help: "Records in memory, not yet written to the stream."}, func() float64 { return float64(q.waiting.Load()) })}
	for _, c := range q.collectors {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("metrics of the queue: %w", err)
		}
	}
	go q.write()
	return q, nil
}

// Put copies a record into the queue and reports whether there was room. Where keep is set it may use
// the last eighth of the room, that others may not.
func (q *Queue) Put(r Appender, keep bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := q.cur
	if len(c.b) > packSize {
		q.full = append(q.full, c)
		c = q.fresh()
		q.cur = c
	}
	if used := len(q.full); q.closed || used >= q.room || used >= q.room-q.room/8 && !keep {
		q.drop(keep)
		return false
	}
	c.b = r.Append(c.b)
	c.n++
	q.waiting.Add(1)
	if c.n == 1 {
		token(q.some)
	}
	if c.n == q.cfg.Records {
		token(q.enough)
	}
	return true
}

func (q *Queue) drop(keep bool) {
	if keep {
		q.droppedKept.Inc()
	} else {
		q.droppedOther.Inc()
	}
}

func token(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// fresh returns an empty pack; the lock is held.
func (q *Queue) fresh() *pack {
	if n := len(q.spare); n > 0 {
		p := q.spare[n-1]
		q.spare = q.spare[:n-1]
		return p
	}
	return &pack{b: make([]byte, 0, packSize+packRoom)}
}

// next takes the oldest pack, or nil where nothing waits. One that is not full yet is taken only if any is wanted.
func (q *Queue) next(any bool) *pack {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.full) > 0 {
		p := q.full[0]
		copy(q.full, q.full[1:])
		q.full = q.full[:len(q.full)-1]
		return p
	}
	if q.cur.n == 0 || q.cur.n < q.cfg.Records && !any {
		return nil
	}
	p := q.cur
	q.cur = q.fresh()
	return p
}

func (q *Queue) recycle(p *pack) {
	p.b, p.n = p.b[:0], 0
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.spare) < 16 {
		q.spare = append(q.spare, p)
	}
}

// write is the writing goroutine.
func (q *Queue) write() {
	defer close(q.done)
	timer := time.NewTimer(q.cfg.Wait)
	for open := true; open; {
		select {
		case <-q.some:
		case <-q.closing:
			open = false
		}
		if open {
			timer.Reset(q.cfg.Wait)
			select {
			case <-q.enough:
			case <-timer.C:
			case <-q.closing:
				open = false
			}
		}
		// What comes while a pack is written waits for its own 256 records or 10 ms: small packs cost a sync each.
		for p := q.next(true); p != nil; p = q.next(!open) {
			q.put(p)
			q.waiting.Add(-int64(p.n))
			q.recycle(p)
		}
	}
}

// put writes one pack, again and again until it is written or the queue's time is up.
func (q *Queue) put(p *pack) {
	if q.cfg.Seal != nil {
		if err := q.cfg.Seal(p.b); err != nil {
			q.log.Error("records dropped: cannot be sealed", "records", p.n, "err", err)
			q.droppedAtWrite.Add(float64(p.n))
			return
		}
	}
	q.packs++
	id := fmt.Sprintf("%s.%d", q.run, q.packs)
	for try := 0; ; try++ {
		start := time.Now()
		ctx, cancel := context.WithTimeout(q.ctx, 3*time.Second)
		err := q.publish(ctx, id, p.b)
		cancel()
		if err == nil {
			q.took.Observe(time.Since(start).Seconds())
			q.records.Add(float64(p.n))
			if try > 0 {
				q.log.Info("the stream takes records again", "tries", try+1)
			}
			return
		}
		q.failures.Inc()
		if try == 0 {
			q.log.Error("the stream does not take records; they wait in memory", "err", err)
		}
		select {
		case <-q.ctx.Done():
			q.log.Error("records dropped: the stream did not take them before the end", "records", p.n)
			q.droppedAtWrite.Add(float64(p.n))
			return
		case <-time.After(min(time.Second, 10*time.Millisecond<<min(try, 7))):
		}
	}
}

// Waiting is how many records are in memory and not yet written.
func (q *Queue) Waiting() int { return int(q.waiting.Load()) }

// Close takes no more records and writes what waits; when ctx ends first, the rest is dropped and counted.
func (q *Queue) Close(ctx context.Context) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.mu.Unlock()
	close(q.closing)
	var err error
	select {
	case <-q.done:
	case <-ctx.Done():
		err = fmt.Errorf("write the last records: %w", ctx.Err())
	}
	q.cancel()
	<-q.done
	return err
}

// Room is about how many records may wait.
func (q *Queue) Room() int { return q.room * q.cfg.Records }
