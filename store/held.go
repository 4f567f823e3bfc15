package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/record"
)

// ErrHeldBefore is returned by Hold where a message of that id is held already, ErrMoved where a held message is not (or no
// longer) in the state that it was to leave.
var (
	ErrHeldBefore = errors.New("a message of that id is held already")
	ErrMoved      = errors.New("somebody else was first: the message is in another state")
)

// HeldState is where a held message stands. The states after StateReleasing are final.
type HeldState string

const (
	StateHeld      HeldState = "held"      // the recipient may see it and release it
	StateReleasing HeldState = "releasing" // being submitted; who finds one at his start does not know whether it went
	StateReleased  HeldState = "released"  // submitted; its receipt is the next hop's
	StateExpired   HeldState = "expired"   // nobody released it in time
	StateDeleted   HeldState = "deleted"   // the recipient, or somebody for him, threw it away
	StateRejected  HeldState = "rejected"  // an accepted block: acknowledged, and never held for anybody
	StateReceipt   HeldState = "receipt"   // no message: a receipt that we owe for several submits that are one to their sender
)

// owes is the receipt that we owe the sender once a message is in a state.
func (h HeldState) owes() record.State {
	switch h {
	case StateExpired:
		return record.Expired
	case StateDeleted:
		return record.Deleted
	case StateRejected:
		return record.Rejected
	case StateReceipt:
		return record.Unknown // the sealed receipt knows its state
	}
	return record.StateUnset
}

// Held is a message that we answered for ourselves.
type Held struct {
	ID          string // the message id that its sender was given
	Time        int64
	Expires     int64
	Account     string
	Route       message.Route
	Class       message.Class
	Outcome     message.Outcome // hold or block
	From, To    record.Party
	Sealed      []byte // what is needed to deliver it, its numbers included, as record.Sealer sealed it
	Once        string // idempotency key of its release
	WantReceipt bool
	State       HeldState
	Decided     int64  // when it left StateHeld
	DecidedBy   string // who saw to that
}

// holding gathers what is to be held at the same time into one commit: the disk syncs a few thousand times a second, no more.
type holding struct {
	mu      sync.Mutex
	waiting []*hold
	leading bool // somebody commits
}

type hold struct {
	h    *Held
	err  error
	done chan struct{}
}

// maxHolds is how many messages a commit may hold.
const maxHolds = 256

// Hold keeps a message and returns when it is on the disk. In the states
// StateRejected and StateReceipt the receipt, if one was asked for, is owed at once.
//
// A call whose ctx ends returns at once, and the message may or may not be kept: it must not be acknowledged. What h points
// to must not be changed afterwards.
func (s *Store) Hold(ctx context.Context, h *Held) error {
	if h.ID == "" || h.State != StateHeld && h.State != StateRejected && h.State != StateReceipt {
		return fmt.Errorf("hold a message: it has no id, or the state %q", h.State)
	}
	kept := *h
	if kept.State != StateHeld && kept.Decided == 0 {
		kept.Decided = kept.Time
	}
	w := &hold{h: &kept, done: make(chan struct{})}
	q := &s.holding
	q.mu.Lock()
	q.waiting = append(q.waiting, w)
	lead := !q.leading
	q.leading = true
	q.mu.Unlock()
	if lead {
		go s.lead()
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return fmt.Errorf("hold a message: %w", ctx.Err())
	}
}

// lead commits until nobody waits.
func (s *Store) lead() {
	q := &s.holding
	for {
		q.mu.Lock()
		n := min(len(q.waiting), maxHolds)
		batch := append([]*hold(nil), q.waiting[:n]...)
		q.waiting = append(q.waiting[:0], q.waiting[n:]...)
		q.leading = n > 0
		q.mu.Unlock()
		if n == 0 {
			return
		}
		// The callers' contexts are not asked: a commit belongs to many of them.
		err := s.holdAll(context.Background(), batch)
		if err != nil && n > 1 {
			// One of them may be at fault: each for himself.
			for _, w := range batch {
				w.err = s.holdAll(context.Background(), []*hold{w})
			}
		} else if err != nil {
			batch[0].err = err
		}
		for _, w := range batch {
			close(w.done)
		}
	}
}

func (s *Store) holdAll(ctx context.Context, batch []*hold) error {
	return s.tx(ctx, "held", func(tx *sql.Tx) error {
		for _, w := range batch {
			h := w.h
			w.err = nil
			res, err := tx.ExecContext(ctx, `INSERT INTO held (id, time, expires, account, route, class, outcome, from_key, from_plain,
				to_key, to_plain, sealed, once, receipt, state, decided, decided_by)
				VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17) ON CONFLICT (id) DO NOTHING`,
				h.ID, h.Time, h.Expires, h.Account, h.Route.String(), h.Class.String(), h.Outcome.String(), key(h.From.Key), string(h.From.Plain),
				key(h.To.Key), string(h.To.Plain), notNil(h.Sealed), h.Once, flag(h.WantReceipt), string(h.State), h.Decided, h.DecidedBy)
			if err != nil {
				return err
			}
			n, err := res.RowsAffected()
			if err != nil {
				return err
			}
			if n == 0 {
				w.err = fmt.Errorf("hold a message: %w", ErrHeldBefore)
				continue
			}
			if err := owe(ctx, tx, h, h.State, h.Time); err != nil {
				return err
			}
		}
		return nil
	})
}

// owe writes down the receipt that a message in its new state owes, if any.
func owe(ctx context.Context, tx *sql.Tx, h *Held, state HeldState, at int64) error {
	if !h.WantReceipt || state.owes() == record.StateUnset {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO owed (id, account, state, at) VALUES ($1, $2, $3, $4)`, h.ID, h.Account, int64(state.owes()), at)
	return err
}

// Move takes a held message from one state to another, exactly once: of all who try, one gets the message and
// the others ErrMoved. The receipt that the new state owes is written in the same transaction. To release: to
// StateReleasing, submit, to StateReleased (or back to StateHeld where the next hop refused it for now).
func (s *Store) Move(ctx context.Context, id string, from, to HeldState, at int64, by string) (*Held, error) {
	var h *Held
	err := s.tx(ctx, "held", func(tx *sql.Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE held SET state = $1, decided = $2, decided_by = $3 WHERE id = $4 AND state = $5`,
			string(to), at, by, id, string(from))
		if err != nil {
			return err
		}
		n, err := res.RowsAffected()
		if err != nil {
			return err
		}
		list, err := selectHeld(ctx, tx, `WHERE id = $1`, id)
		switch {
		case err != nil:
			return err
		case len(list) == 0:
			return ErrNotFound
		case n == 0:
			return ErrMoved
		}
		h = &list[0]
		return owe(ctx, tx, h, to, at)
	})
	if err != nil {
		return nil, err
	}
	return h, nil
}

// ExpireHeld moves messages whose time has run out to StateExpired, at most limit, and returns them.
func (s *Store) ExpireHeld(ctx context.Context, now int64, limit int) ([]Held, error) {
	var out []Held
	err := s.tx(ctx, "held", func(tx *sql.Tx) error {
		out = out[:0]
		list, err := selectHeld(ctx, tx, `WHERE state = $1 AND expires <= $2 ORDER BY expires LIMIT $3`, string(StateHeld), now, limit)
		if err != nil {
			return err
		}
		for _, h := range list {
			res, err := tx.ExecContext(ctx, `UPDATE held SET state = $1, decided = $2, decided_by = $3 WHERE id = $4 AND state = $5`,
				string(StateExpired), now, "time", h.ID, string(StateHeld))
			if err != nil {
				return err
			}
			if n, err := res.RowsAffected(); err != nil {
				return err
			} else if n == 0 {
				continue // released a moment ago, by another node
			}
			h.State, h.Decided, h.DecidedBy = StateExpired, now, "time"
			if err := owe(ctx, tx, &h, StateExpired, now); err != nil {
				return err
			}
			out = append(out, h)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Owed is a receipt that we owe.
type Owed struct {
	Held
	Receipt record.State
	At      int64
}

// Owed returns receipts that we owe an account, the oldest first. They are owed until Paid, so that one may be sent twice
// where we stop in between, and none is forgotten.
func (s *Store) Owed(ctx context.Context, account string, limit int) ([]Owed, error) {
	var out []Owed
	err := query(ctx, s.r, `SELECT owed.state, owed.at, `+heldColumns+` FROM owed JOIN held ON held.id = owed.id
		WHERE owed.account = $1 ORDER BY owed.at, owed.id LIMIT $2`, []any{account, limit}, func(rows *sql.Rows) error {
		var o Owed
		h, err := scanHeld(rows, &o.Receipt, &o.At)
		o.Held = h
		out = append(out, o)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read owed receipts: %w", err)
	}
	return out, nil
}

// Paid strikes out a receipt that its receiver has acknowledged.
func (s *Store) Paid(ctx context.Context, ids ...string) error {
	return s.tx(ctx, "owed", func(tx *sql.Tx) error {
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, `DELETE FROM owed WHERE id = $1`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// HeldByID returns one held message, or ErrNotFound.
func (s *Store) HeldByID(ctx context.Context, id string) (*Held, error) {
	list, err := selectHeld(ctx, s.r, `WHERE id = $1`, id)
	if err == nil && len(list) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("read a held message: %w", err)
	}
	return &list[0], nil
}

// HeldWith returns the messages that are released together: of one idempotency key, the first one first.
func (s *Store) HeldWith(ctx context.Context, once string) ([]Held, error) {
	list, err := selectHeld(ctx, s.r, `WHERE once = $1 ORDER BY time, held.id`, once)
	if err != nil {
		return nil, fmt.Errorf("read held messages: %w", err)
	}
	return list, nil
}

// HeldFor returns the messages held for a recipient, in whatever state, the latest first.
func (s *Store) HeldFor(ctx context.Context, to record.Pseudonym, limit int) ([]Held, error) {
	list, err := selectHeld(ctx, s.r, `WHERE to_key = $1 ORDER BY time DESC LIMIT $2`, int64(to), limit)
	if err != nil {
		return nil, fmt.Errorf("read held messages: %w", err)
	}
	return list, nil
}

// HeldIn returns messages in a state, the first to expire first: at the start, those left in StateReleasing.
func (s *Store) HeldIn(ctx context.Context, state HeldState, limit int) ([]Held, error) {
	list, err := selectHeld(ctx, s.r, `WHERE state = $1 ORDER BY expires LIMIT $2`, string(state), limit)
	if err != nil {
		return nil, fmt.Errorf("read held messages: %w", err)
	}
	return list, nil
}

const heldColumns = `held.id, held.time, expires, held.account, route, class, outcome, from_key, from_plain, to_key, to_plain, sealed, once,
	receipt, held.state, decided, decided_by`

func selectHeld(ctx context.Context, db interface {
	QueryContext(context.Context, string, ...any) (*sql.Rows, error)
}, where string, args ...any) ([]Held, error) {
	var out []Held
	err := query(ctx, db, `SELECT `+heldColumns+` FROM held `+where, args, func(rows *sql.Rows) error {
		h, err := scanHeld(rows)
		out = append(out, h)
		return err
	})
	return out, err
}

func scanHeld(rows *sql.Rows, before ...any) (Held, error) {
	var h Held
	var from, to sql.NullInt64
	var route, class, outcome string
	var receipt int
	err := rows.Scan(append(before, &h.ID, &h.Time, &h.Expires, &h.Account, &route, &class, &outcome, &from, &h.From.Plain, &to, &h.To.Plain,
		&h.Sealed, &h.Once, &receipt, &h.State, &h.Decided, &h.DecidedBy)...)
	if err != nil {
		return h, err
	}
	h.From.Key, h.To.Key = record.Pseudonym(from.Int64), record.Pseudonym(to.Int64)
	h.WantReceipt = receipt != 0
	// What was unset when it was written stays unset.
	h.Route, _ = message.ParseRoute(route)
	h.Class, _ = message.ParseClass(class)
	h.Outcome, _ = message.ParseOutcome(outcome)
	return h, nil
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
