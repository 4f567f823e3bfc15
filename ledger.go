package main

import (
	"context"
	"fmt"
	goio "io"
	"os"
	"path/filepath"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/store"
)

// AuditConfig says where the checkpoints of the ledger go besides the database.
type AuditConfig struct {
	Name string    `toml:"name"` // of the installation, in its checkpoints
	File string    `toml:"file"` // appended to; on another machine's disk
	URL  string    `toml:"url"`  // posted to; https
	Mail AuditMail `toml:"mail"`
}

// AuditMail is to whom checkpoints are mailed, once a day.
type AuditMail struct {
	Server string   `toml:"server"` // HOST:PORT; empty: no mail
	From   string   `toml:"from"`
	To     []string `toml:"to"`
}

// startLedger lets everything that is done from here on be written down.
func (p *program) startLedger(ctx context.Context) error {
	var err error
	if p.ledgerKey, err = setLedger(p.store, &p.cfg, p.gate.Policy); err != nil {
		return err
	}
	places, err := p.cfg.Audit.places()
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if p.witnesses, err = audit.NewWitnesses(p.log, p.metrics, places...); err != nil {
		return err
	}
	newest, err := p.store.NewestCheckpoint(ctx)
	if err != nil {
		return err
	}
	if newest.Size > 0 {
		p.witnesses.Tell(newest)
	}
	p.background(p.witnesses.Run)
	p.background(func(ctx context.Context) {
		tick := time.NewTicker(5 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			c, ok, err := p.store.Checkpoint(ctx, time.Now())
			switch {
			case err != nil && ctx.Err() == nil:
				p.log.Error("the ledger could not be signed", "err", err)
			case ok:
				p.witnesses.Tell(c)
			}
		}
	})
	return nil
}

// setLedger lets a store write down what is done. It returns the key that signs checkpoints.
func setLedger(s *store.Store, cfg *Config, policy func() *gate.Policy) (*audit.Key, error) {
	key, err := audit.OpenKey(filepath.Join(cfg.Data, audit.KeyFile), cfg.Audit.Name)
	if err != nil {
		return nil, err
	}
	s.SetLedger(audit.NewLog(key), func(name string) string {
		of, err := purpose.Parse(name)
		if err != nil {
			return ""
		}
		return string(policy().Purposes[of])
	})
	return key, nil
}

func (c *AuditConfig) places() (all []audit.Place, err error) {
	if c.File != "" {
		w, err := audit.NewFileWitness(c.File)
		if err != nil {
			return nil, err
		}
		all = append(all, audit.Place{Witness: w})
	}
	if c.URL != "" {
		w, err := audit.NewHTTPSWitness(c.URL, nil)
		if err != nil {
			return nil, err
		}
		all = append(all, audit.Place{Witness: w})
	}
	if c.Mail.Server != "" {
		w, err := audit.NewMailWitness(audit.MailConfig{Server: c.Mail.Server, From: c.Mail.From, To: c.Mail.To})
		if err != nil {
			return nil, err
		}
		all = append(all, audit.Place{Witness: w, Every: day})
	}
	return all, nil
}

// acted writes an act down before it is done.
func (p *program) acted(ctx context.Context, act, about, why string) error {
	if p.store == nil {
		return nil
	}
	err := p.store.Enter(ctx, audit.Entry{Actor: operator(), Act: act, About: about, Why: why})
	if err != nil {
		return fmt.Errorf("nothing was done, for it could not be written down: %w", err)
	}
	return nil
}

// operator is who gives commands by the control socket: its permissions let nobody in but the user that the checkpoint runs as.
func operator() string {
	if host, err := os.Hostname(); err == nil {
		return "operator at " + host
	}
	return "operator"
}

// openLedgerOf opens the ledger of the database that a configuration names.
func openLedgerOf(ctx context.Context, config string) (audit.Source, goio.Closer, error) {
	_, s, err := storeOf(ctx, config, streams{err: os.Stderr}, false)
	if err != nil {
		return nil, nil, err
	}
	return s.Ledger(), s, nil
}
