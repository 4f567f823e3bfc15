package main

import (
	"context"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/console"
	"github.com/sekisho/sekisho/store"
)

// ledgerPages is what the page Ledger reads.
type ledgerPages struct {
	audit.Source
	store *store.Store
	key   *audit.Key
}

func (p *program) ledgerSource() console.Ledger {
	return ledgerPages{p.store.Ledger(), p.store, p.ledgerKey}
}

func (l ledgerPages) Newest(ctx context.Context) (audit.Stored, error) {
	return l.store.NewestCheckpoint(ctx)
}
func (l ledgerPages) PublicKey() string { return l.key.Public() }
func (l ledgerPages) Enter(ctx context.Context, entries ...audit.Entry) error {
	return l.store.Enter(ctx, entries...)
}
func (l ledgerPages) Verify(ctx context.Context, held []audit.Held) (*audit.Report, error) {
	return audit.Verify(ctx, l.Source, held, l.key.Verifier())
}
