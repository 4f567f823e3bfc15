package main

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/record"
	"github.com/sekisho/sekisho/subject"
)

// passwords checks ESME's passwords: few at once, and slower and slower for who guesses.
type passwords struct {
	check    *auth.Passwords
	attempts *auth.Attempts
}

func (p passwords) CheckPassword(ctx context.Context, name, hash, password string, from net.Addr) (bool, time.Duration) {
	addr, _ := netip.ParseAddrPort(from.String())
	attempt, wait := p.attempts.Try(addr.Addr(), name)
	if wait > 0 {
		return false, wait
	}
	ok, err := p.check.Check(ctx, hash, password)
	if ok && err == nil {
		p.attempts.Succeeded(attempt)
	}
	return ok && err == nil, 0
}

// makeSMPP makes the door before the pages that look at it; startSMPP opens it for traffic behind them.
func (p *program) makeSMPP(context.Context) error {
	var service smppdoor.Service
	if p.shortCode != nil {
		service = p.shortCode
	}
	d, err := smppdoor.New(p.cfg.SMPP, smppdoor.Parts{
		Gate: p.gate, Keeper: &keeper{p.store, p.seal, p.key, p.consent}, Recorder: record.NewRecorder(p.feed),
		Passwords:  passwords{auth.NewPasswords(max(1, runtime.GOMAXPROCS(0)/2)), auth.NewAttempts(1 << 14)},
		Subscriber: func(l subject.Line) bool { return p.consent.Home(l) },
		Service:    service,
		Log:        p.log, Metrics: p.metrics,
	})
	if err != nil {
		return err
	}
	p.smpp = d
	p.onStop("the message ids", func(ctx context.Context) error {
		if p.open.Load() {
			return nil // shut with the door
		}
		return d.Shutdown(ctx)
	})
	return nil
}

func (p *program) startSMPP(context.Context) error {
	if err := p.smpp.Start(); err != nil {
		return err
	}
	p.open.Store(true)
	p.onStop("the SMPP door", p.smpp.Shutdown)
	return nil
}
