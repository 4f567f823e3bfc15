package store

import (
	"context"
	"database/sql"

	"github.com/sekisho/sekisho/cases"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// Snapshot is the body of a standing or of what is known of a campaign, by its contract or campaign; an empty body drops it.
type Snapshot struct {
	ID      uint64
	Updated int64 // microseconds since 1970 UTC
	Body    []byte
}

// Weighed is what came of a batch of evidence. It is written whole, together with the reader's place.
type Weighed struct {
	Standings, Waves []Snapshot
	Found            []*cases.Case
	From, To         int64 // times of the evidence that was weighed; 0: none was
	Count            int64
}

// Weigher weighs evidence. What it holds in memory may be ahead of the store only between Weigh and the commit that follows; after one that
// failed it is asked to Load again.
type Weigher interface {
	Load(ctx context.Context, standings, waves []Snapshot) error
	Weigh(recs [][]byte) Weighed // records of evidence, sealed
}

// Evidence is the reader of evidence: a stream.Keeper.
type Evidence struct {
	s     *Store
	w     Weigher
	ahead bool // the weigher knows more than the store, or less
}

// Evidence makes the reader of evidence.
func (s *Store) Evidence(w Weigher) *Evidence { return &Evidence{s: s, w: w, ahead: true} }

// Reader names the keeper.
func (*Evidence) Reader() string { return "evidence" }

// Place returns how far the keeper has come in a stream, and lets the weigher load what was committed there.
func (e *Evidence) Place(ctx context.Context, stream string) (uint64, error) {
	if e.ahead {
		if err := e.load(ctx); err != nil {
			return 0, err
		}
	}
	return e.s.place(ctx, e.Reader(), stream)
}

func (e *Evidence) load(ctx context.Context) error {
	standings, err := e.s.snapshots(ctx, "SELECT contract, updated, body FROM standings")
	if err != nil {
		return err
	}
	waves, err := e.s.snapshots(ctx, "SELECT campaign, updated, body FROM waves")
	if err == nil {
		err = e.w.Load(ctx, standings, waves)
	}
	if err == nil {
		e.ahead = false
	}
	return err
}

func (s *Store) snapshots(ctx context.Context, text string) (all []Snapshot, err error) {
	err = query(ctx, s.r, text, nil, func(rows *sql.Rows) error {
		var x Snapshot
		var id int64
		err := rows.Scan(&id, &x.Updated, &x.Body)
		x.ID = uint64(id)
		all = append(all, x)
		return err
	})
	return all, err
}

// Write weighs the evidence of the packs and commits what came of it.
func (e *Evidence) Write(ctx context.Context, stream string, first, last uint64, packs [][]byte) error {
	if e.ahead {
		if err := e.load(ctx); err != nil {
			return err
		}
	}
	var recs [][]byte
	for _, p := range packs {
		recs = e.s.evidence(recs, p)
	}
	var w Weighed
	if len(recs) > 0 {
		e.ahead = true
		w = e.w.Weigh(recs)
	}
	written := false
	err := e.s.write(ctx, e.Reader(), stream, first, last, func(tx *sql.Tx, _ int64) error {
		written = true
		if err := e.s.putSnapshots(ctx, tx, "standings", "contract", w.Standings); err != nil {
			return err
		}
		if err := e.s.putSnapshots(ctx, tx, "waves", "campaign", w.Waves); err != nil {
			return err
		}
		if w.Count > 0 {
			if err := e.s.enter(ctx, tx, used("infection_notice", w.Count, w.From, w.To)); err != nil {
				return err
			}
		}
		return e.s.openCases(ctx, tx, w.Found)
	})
	if err == nil && written {
		e.ahead = false
	} // otherwise another reader was first, or it failed: load again
	return err
}

// evidence gathers the records of evidence of a pack.
func (s *Store) evidence(to [][]byte, pack []byte) [][]byte {
	var r record.Row
	for len(pack) > 0 {
		rec, rest, err := record.Split(pack)
		if err == nil {
			err = r.Decode(rec)
		}
		if err != nil {
			return to // the reader of counts tells of it
		}
		if r.Evidence {
			to = append(to, rec)
		}
		pack = rest
	}
	return to
}

func (s *Store) putSnapshots(ctx context.Context, tx *sql.Tx, table, key string, all []Snapshot) error {
	var values []any
	for _, x := range all {
		if len(x.Body) == 0 {
			if _, err := tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE "+key+" = $1", int64(x.ID)); err != nil {
				return err
			}
			continue
		}
		values = append(values, int64(x.ID), x.Updated, x.Body)
	}
	return s.bulk(ctx, tx, "INSERT INTO "+table+" ("+key+", updated, body) VALUES ", 3,
		" ON CONFLICT ("+key+") DO UPDATE SET updated = excluded.updated, body = excluded.body", values)
}

// DropStanding destroys what stands against a contract.
func (s *Store) DropStanding(ctx context.Context, c subject.Contract) error {
	return s.tx(ctx, "standing", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "DELETE FROM standings WHERE contract = $1", int64(c))
		return err
	})
}
