package main

import (
	"context"
	"crypto/cipher"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/evidence"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/store"
	"github.com/sekisho/sekisho/subject"
)

// Whoever weighs evidence is killed now and then, before the commit or behind it, and starts again from what was committed: the same cases
// come out, none twice, on the same texts, as without any kill.
func TestEvidenceOutlivesKills(t *testing.T) {
	policy, err := gate.ReadPolicy("", subject.Japan, rules())
	if err != nil {
		t.Fatal(err)
	}
	register, err := consent.NewRegister(consent.DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	secret := make([]byte, 32)
	key, err := record.NewKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	x := newInfections(func() *gate.Policy { return policy }, register, partyOf)
	rnd := rand.New(rand.NewPCG(7, 7))
	start := time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
	var facts []evidence.Fact
	for i := range 4000 {
		line := subject.Line(819000800000 + rnd.IntN(60))
		facts = append(facts, evidence.Fact{Kind: evidence.Stopped, Time: start.Add(time.Duration(i) * time.Second).UnixMicro(), Line: line, Contract: register.Contract(line),
			Campaign: uint64(line % 3), Link: rnd.Uint64(), Domain: rnd.Uint64(), Party: rnd.Uint64(), Sure: line%2 == 0})
	}
	open := func(name string) (*store.Store, func() *store.Evidence) {
		s, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), name), slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		seal, err := record.NewSealer(secret, s)
		if err != nil {
			t.Fatal(err)
		}
		k := *key
		k.Days = func(day int64) (cipher.Block, error) { return seal.Lines(context.Background(), day, true) }
		key.Days = k.Days
		return s, func() *store.Evidence {
			return s.Evidence(&weigher{infections: newInfections(x.policy, register, partyOf), key: &k, log: slog.New(slog.DiscardHandler)})
		}
	}
	outcome := func(name string, kills bool) map[subject.Contract]string {
		s, born := open(name)
		var packs [][]byte
		for at := 0; at < len(facts); {
			n := min(1+rnd.IntN(256), len(facts)-at)
			var b []byte
			for _, f := range facts[at : at+n] {
				it, ok := x.item(f)
				if !ok {
					t.Fatal("no grant")
				}
				b = (&record.Evidence{Item: it}).Append(b)
			}
			if err := key.SealBatch(b); err != nil {
				t.Fatal(err)
			}
			packs = append(packs, b)
			at += n
		}
		e := born()
		seq, err := e.Place(t.Context(), "st@1")
		if err != nil {
			t.Fatal(err)
		}
		killed := 0
		for seq < uint64(len(packs)) {
			n := min(uint64(1+rnd.IntN(3)), uint64(len(packs))-seq)
			ctx := t.Context()
			if kills && rnd.IntN(3) == 0 { // it dies before the commit
				dead, cancel := context.WithCancel(ctx)
				cancel()
				ctx, killed = dead, killed+1
			}
			err := e.Write(ctx, "st@1", seq+1, seq+n, packs[seq:seq+n])
			if (err != nil) != (ctx.Err() != nil) {
				t.Fatal(err)
			}
			if err != nil || kills && rnd.IntN(4) == 0 { // or behind it, before anybody knows
				if rnd.IntN(2) == 0 {
					e = born()
				}
				if seq, err = e.Place(t.Context(), "st@1"); err != nil {
					t.Fatal(err)
				}
				continue
			}
			seq += n
		}
		if kills && killed < 3 {
			t.Fatalf("%d kills", killed)
		}
		all, err := s.Cases(t.Context(), store.CaseFilter{})
		if err != nil {
			t.Fatal(err)
		}
		out := map[subject.Contract]string{}
		for _, c := range all {
			if out[c.Contract] != "" {
				t.Errorf("contract %d has two cases", c.Contract)
			}
			out[c.Contract] = fmt.Sprint(c.State, c.Opened.UnixMicro(), c.FirstEvidence.UnixMicro(), c.Stopped, c.Score)
		}
		return out
	}
	calm, killed := outcome("calm.db", false), outcome("killed.db", true)
	if len(calm) < 50 || len(calm) != len(killed) {
		t.Errorf("%d cases without kills, %d with", len(calm), len(killed))
	}
	for c, was := range calm {
		if killed[c] != was {
			t.Errorf("contract %d: %s, with kills %s", c, was, killed[c])
		}
	}
	if _, err := purpose.Ask(&policy.Purposes, purpose.InfectionNotice, 447700900123, register); err == nil {
		t.Error("a stranger's line was asked about")
	}
}
