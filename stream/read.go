package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ReadConfig says from where to read, and how much at a time.
type ReadConfig struct {
	Reader string        // names the reader in metrics
	After  uint64        // the last sequence number that was handled; 0 is none
	Bytes  int           // a batch is handed over when it has so many octets; 4 MB where 0
	Wait   time.Duration // or when its first pack came so long ago; 1 s where 0
	Saw    func(pack []byte)
	// Saw, where set, is called with each pack as it comes, before its batch is whole. It must not keep it.
}

// Read reads packs for ever and hands them over in batches: those numbered from first to last. When handle returns
// an error, Read returns it; whoever calls again says with After what was handled. Read returns nil when ctx ends.
func (s *Stream) Read(ctx context.Context, cfg ReadConfig,
	handle func(ctx context.Context, first, last uint64, packs [][]byte) error) error {
	if cfg.Bytes == 0 {
		cfg.Bytes = 4 << 20
	}
	if cfg.Wait == 0 {
		cfg.Wait = time.Second
	}
	cons, err := s.js.OrderedConsumer(ctx, s.cfg.Name, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:   cfg.After + 1,
	})
	if err != nil {
		return ended(ctx, fmt.Errorf("read the stream: %w", err))
	}
	iter, err := cons.Messages(jetstream.PullMaxMessages(64))
	if err != nil {
		return ended(ctx, fmt.Errorf("read the stream: %w", err))
	}
	defer iter.Stop()
	r := reader{s: s, cfg: cfg, iter: iter, last: cfg.After}
	for {
		first, last, packs, err := r.batch(ctx)
		if err != nil {
			return ended(ctx, err)
		}
		if err := handle(ctx, first, last, packs); err != nil {
			return ended(ctx, err)
		}
	}
}

// ended is nil where the reader was told to end, whatever that broke.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type reader struct {
	s    *Stream
	cfg  ReadConfig
	iter jetstream.MessagesContext
	last uint64
}

// batch gathers packs until there are enough, or the first has waited long enough.
func (r *reader) batch(ctx context.Context) (first, last uint64, packs [][]byte, err error) {
	msg, err := r.iter.Next(jetstream.NextContext(ctx))
	size := 0
	gather, cancel := context.WithTimeout(ctx, r.cfg.Wait)
	defer cancel()
	for {
		if err != nil && len(packs) > 0 && gather.Err() != nil && ctx.Err() == nil {
			return first, last, packs, nil
		}
		if err != nil {
			return 0, 0, nil, fmt.Errorf("read the stream: %w", err)
		}
		seq, err2 := r.take(msg)
		if err2 != nil {
			return 0, 0, nil, err2
		}
		if len(packs) == 0 {
			first = seq
		}
		last = seq
		packs = append(packs, msg.Data())
		size += len(msg.Data())
		if size >= r.cfg.Bytes {
			return first, last, packs, nil
		}
		msg, err = r.iter.Next(jetstream.NextContext(gather))
	}
}

// take looks at a pack's number: where some are missing, the stream dropped them before they were read.
func (r *reader) take(msg jetstream.Msg) (uint64, error) {
	meta, err := msg.Metadata()
	if err != nil {
		return 0, fmt.Errorf("read the stream: %w", err)
	}
	seq := meta.Sequence.Stream
	if seq <= r.last {
		return 0, fmt.Errorf("read the stream: pack %d came again after %d", seq, r.last)
	}
	if lost := seq - r.last - 1; lost > 0 {
		r.s.lost.WithLabelValues(r.cfg.Reader).Add(float64(lost))
		r.s.log.Error("the stream dropped packs before they were read: it is full or too old",
			"reader", r.cfg.Reader, "packs", lost)
	}
	r.last = seq
	r.s.lag.WithLabelValues(r.cfg.Reader).Set(float64(meta.NumPending))
	if r.cfg.Saw != nil {
		r.cfg.Saw(msg.Data())
	}
	return seq, nil
}
