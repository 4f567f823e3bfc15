package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/sekisho/sekisho/subject"
)

// ContractEvent is what happened to a line.
type ContractEvent struct {
	At    int64  // microseconds since 1970 UTC
	Event string // assign, release, port_in, port_out, sim
	Name  string // the operator's for the contract
	Line  subject.Line
}

// AddContractEvents keeps events behind all that are there, all or none.
func (s *Store) AddContractEvents(ctx context.Context, events ...ContractEvent) error {
	if len(events) == 0 {
		return nil
	}
	return s.tx(ctx, "contract events", func(tx *sql.Tx) error {
		var last int64
		if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(seq), 0) FROM contract_events`).Scan(&last); err != nil {
			return err
		}
		values := make([]any, 0, 5*len(events))
		for i, e := range events {
			values = append(values, last+1+int64(i), e.At, e.Event, e.Name, int64(e.Line))
		}
		return s.bulk(ctx, tx, `INSERT INTO contract_events (seq, at, event, name, line) VALUES `, 5, "", values)
	})
}

// ContractEvents visits all events in their order.
func (s *Store) ContractEvents(ctx context.Context, each func(ContractEvent) error) error {
	err := query(ctx, s.r, `SELECT at, event, name, line FROM contract_events ORDER BY seq`, nil, func(rows *sql.Rows) error {
		var e ContractEvent
		var line int64
		if err := rows.Scan(&e.At, &e.Event, &e.Name, &line); err != nil {
			return err
		}
		e.Line = subject.Line(line)
		return each(e)
	})
	if err != nil {
		return fmt.Errorf("read contract events: %w", err)
	}
	return nil
}
