// Package stream carries records from the doors to whoever keeps or weighs them. It knows nothing of
// what it carries. It is NATS JetStream, embedded in the process (no listener) or an outside server or cluster.
//
// Writing: a Queue packs what is Put into it and publishes a pack when 256 records or 10 ms have come together. Put
// never waits and allocates nothing; when all room is taken it drops and counts. A pack is synced to the disk
// before it counts as written, so that a kill loses what is not yet packed and the pack on its way, no more.
//
//	st, err := stream.Open(ctx, stream.Config{Dir: dir}, log, reg)
//	q := st.Queue(stream.QueueConfig{Seal: key.SealBatch}, reg)
//	q.Put(&verdict, false)
//	q.Close(ctx) // writes what is left
//	st.Close()
//
// Reading: Keep reads for a Keeper (the store) for ever. The stream keeps no place for its readers. A reader commits the last sequence number together with
// what he made of it, and starts behind it next time; so nothing is counted twice, and a reader who was restored
// from a backup reads again what he lost, as long as the stream still has it.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
)

// Config says where the stream is. Its zero value but for Dir is a good one.
type Config struct {
	Dir      string        // of the embedded stream; its owner alone may use it
	URL      string        // of an outside NATS server with JetStream; then Dir is unused. It may hold a password: never print it
	Name     string        // of the stream; "records" where empty
	MaxBytes int64         // what the stream may take of the disk; 1 GB where 0. The oldest are dropped, counted, when it is full
	MaxAge   time.Duration // how long records wait at most; 72 h where 0
	Replicas int           // of an outside cluster; 1 where 0
}

func (c *Config) defaults() {
	if c.Name == "" {
		c.Name = "records"
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 1 << 30
	}
	if c.MaxAge == 0 {
		c.MaxAge = 72 * time.Hour
	}
	c.Replicas = max(c.Replicas, 1)
}

// Stream is an open stream.
type Stream struct {
	cfg      Config
	log      *slog.Logger
	embedded *embedded // nil where the server is outside
	conn     *nats.Conn
	js       jetstream.JetStream
	id       string
	failed   atomic.Int32 // writes in a row

	lost   *prometheus.CounterVec
	unkept *prometheus.CounterVec
	lag    *prometheus.GaugeVec
}

// Open starts the embedded stream or connects to the outside one.
func Open(ctx context.Context, cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Stream, error) {
	cfg.defaults()
	s := &Stream{cfg: cfg, log: log,
		lost: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_stream_lost_packs_total",
			Help: "Packs that the stream dropped, being full or too old, before the reader had read them."}, []string{"reader"}),
		unkept: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_stream_keep_failures_total",
			Help: "Tries of the reader to write what it read that failed; it is tried again."}, []string{"reader"}),
		lag: prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "sekisho_stream_waiting_packs",
			Help: "Packs that wait in the stream for the reader."}, []string{"reader"}),
	}
	if err := s.open(ctx); err != nil {
		s.Close()
		return nil, err
	}
	if err := errors.Join(reg.Register(s.lost), reg.Register(s.unkept), reg.Register(s.lag)); err != nil {
		s.Close()
		return nil, fmt.Errorf("metrics of the stream: %w", err)
	}
	return s, nil
}

func (s *Stream) open(ctx context.Context) (err error) {
	options := []nats.Option{nats.Name("sekisho"), nats.MaxReconnects(-1), nats.ReconnectWait(time.Second)}
	address := s.cfg.URL
	if address == "" {
		if s.embedded, err = embed(s.cfg.Dir, s.log); err != nil {
			return err
		}
		address = nats.DefaultURL // unused: the connection stays in the process
		options = append(options, nats.InProcessServer(s.embedded))
	}
	if s.conn, err = nats.Connect(address, options...); err != nil {
		if bad := (*url.Error)(nil); errors.As(err, &bad) {
			err = bad.Err // without the address, which may hold a password
		}
		return fmt.Errorf("connect to the stream: %w", err)
	}
	if s.js, err = jetstream.New(s.conn); err != nil {
		return fmt.Errorf("connect to the stream: %w", err)
	}
	st, err := s.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name:        s.cfg.Name,
		Description: "Sekisho: records of what passed, numbers as pseudonyms",
		Subjects:    []string{s.subject()},
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardOld,
		MaxBytes:    s.cfg.MaxBytes,
		MaxAge:      s.cfg.MaxAge,
		MaxMsgSize:  maxPack,
		Storage:     jetstream.FileStorage,
		Replicas:    s.cfg.Replicas,
		Duplicates:  2 * time.Minute,
		DenyDelete:  true,
	})
	if err != nil {
		return fmt.Errorf("open the stream %q: %w", s.cfg.Name, err)
	}
	info := st.CachedInfo()
	s.id = fmt.Sprintf("%s@%d", info.Config.Name, info.Created.UnixMicro())
	return nil
}

func (s *Stream) subject() string { return "sekisho." + s.cfg.Name }

// ID names the stream and its making: sequence numbers are only good for the same ID.
func (s *Stream) ID() string { return s.id }

// Healthy returns why the stream cannot be written, or nil. It does not wait.
func (s *Stream) Healthy() error {
	if !s.conn.IsConnected() {
		return fmt.Errorf("the stream is %s", s.conn.Status())
	}
	if n := s.failed.Load(); n > 0 {
		return fmt.Errorf("the stream did not take the last %d writes", n)
	}
	return nil
}

// Close ends the connection and the embedded server. Close its queues first.
func (s *Stream) Close() {
	if s.conn != nil {
		s.conn.Close()
	}
	if s.embedded != nil {
		s.embedded.close()
	}
}

// publish writes one pack and returns when it is on the disk. The id lets the server drop the second of two
// if an acknowledgement was lost and the pack was sent again.
func (s *Stream) publish(ctx context.Context, id string, pack []byte) error {
	_, err := s.js.Publish(ctx, s.subject(), pack, jetstream.WithMsgID(id), jetstream.WithExpectStream(s.cfg.Name))
	if err == nil {
		s.failed.Store(0)
		return nil
	}
	if n := s.failed.Add(1); s.embedded != nil && n >= 3 {
		err = errors.Join(err, s.embedded.mend(s.log))
	}
	return err
}
