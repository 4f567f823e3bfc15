package stream

import (
	"context"
	"fmt"
	"time"
)

// Keeper makes something of packs, and commits it together with how far it has come.
type Keeper interface {
	// Reader names the keeper.
	Reader() string
	// Place returns the last sequence number whose pack is committed, of the stream of that ID; 0 where none is.
	Place(ctx context.Context, id string) (uint64, error)
	// Write commits all of the packs, numbered from first to last, and the place, or nothing. Packs that were committed before
	// are passed over. It keeps no pack.
	Write(ctx context.Context, id string, first, last uint64, packs [][]byte) error
}

// Keep reads the stream into a keeper until ctx ends. While the keeper fails, what comes waits in the stream.
// The reader's name and place in cfg are the keeper's own.
func (s *Stream) Keep(ctx context.Context, cfg ReadConfig, k Keeper) {
	cfg.Reader = k.Reader()
	fails := 0
	for ctx.Err() == nil {
		err := s.keep(ctx, cfg, k, &fails)
		if err == nil {
			return // ctx ended
		}
		s.unkept.WithLabelValues(cfg.Reader).Inc()
		if fails++; fails == 1 || fails%100 == 0 {
			s.log.Error("records are not written; they wait in the stream", "reader", cfg.Reader, "tries", fails, "err", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(min(5*time.Second, 50*time.Millisecond<<min(fails, 7))):
		}
	}
}

func (s *Stream) keep(ctx context.Context, cfg ReadConfig, k Keeper, fails *int) (err error) {
	if cfg.After, err = k.Place(ctx, s.id); err != nil {
		return ended(ctx, fmt.Errorf("find the place: %w", err))
	}
	last, err := s.Last(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	if cfg.After > last {
		s.log.Error("the stream is older than what was made of it, as if restored from a copy: what comes is passed over until the numbers meet",
			"reader", cfg.Reader, "place", cfg.After, "stream", last)
	}
	return s.Read(ctx, cfg, func(ctx context.Context, first, last uint64, packs [][]byte) error {
		if err := k.Write(ctx, s.id, first, last, packs); err != nil {
			return err
		}
		if *fails > 0 {
			s.log.Info("records are written again", "reader", cfg.Reader, "tries", *fails)
			*fails = 0
		}
		return nil
	})
}

// Last is the number of the last pack in the stream.
func (s *Stream) Last(ctx context.Context) (uint64, error) {
	st, err := s.js.Stream(ctx, s.cfg.Name)
	if err != nil {
		return 0, fmt.Errorf("ask the stream: %w", err)
	}
	return st.CachedInfo().State.LastSeq, nil
}
