package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/store"
)

// The commands bypass, reload and release talk to the running checkpoint by a socket in its data folder: who may open
// that may do so.

const bypassOn = "on\n"

func (p *program) bypassFile() string { return filepath.Join(p.cfg.Data, "bypass") }

func socketPath(data string) string { return filepath.Join(data, "control.sock") }

// startControl comes last: what is asked for by it needs everything else.
func (p *program) startControl(context.Context) error {
	if p.path == "" {
		return nil
	}
	path := socketPath(p.cfg.Data)
	os.Remove(path) // left behind by one that was killed: startData found nobody there
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("control: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return fmt.Errorf("control: %w", err)
	}
	mux := http.NewServeMux()
	answer := func(f func(*http.Request) (string, error)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			said, err := f(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
			fmt.Fprintln(w, said)
		}
	}
	mux.HandleFunc("POST /bypass", answer(func(r *http.Request) (string, error) { return p.setBypass(r.FormValue("to") == "on", operator(), "") }))
	mux.HandleFunc("POST /reload", answer(func(r *http.Request) (string, error) {
		return "accounts, certificates, policy and lists are read again", p.reload(r.Context())
	}))
	mux.HandleFunc("POST /keys", answer(func(r *http.Request) (string, error) { return "API keys are read again", p.loadKeys(r.Context()) }))
	mux.HandleFunc("POST /release", answer(func(r *http.Request) (string, error) {
		return p.release(r.Context(), r.FormValue("id"))
	}))
	mux.HandleFunc("POST /cases", answer(func(r *http.Request) (string, error) {
		return "lines whose cases have ended may be found anew", p.forgetEnded(r.Context())
	}))
	mux.HandleFunc("POST /contracts", answer(func(r *http.Request) (string, error) {
		n, err := p.tellContracts(r.Context(), "the file", http.MaxBytesReader(nil, r.Body, contractsMost))
		return fmt.Sprintf("%d events are in force", n), err
	}))
	mux.HandleFunc("POST /campaigns", answer(p.listCampaigns))
	mux.HandleFunc("POST /campaign", answer(p.decideCampaign))
	p.controlReports(mux, answer)
	// Profiles are for whoever looks for what eats the time of a running checkpoint:
	// curl --unix-socket DATA/control.sock http://sekisho/debug/pprof/profile?seconds=10 > cpu.pprof
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	s := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	p.onStop("control", func(context.Context) error { return s.Close() })
	go s.Serve(l)
	return nil
}

// release delivers a held message and says what came of it.
func (p *program) release(ctx context.Context, id string) (string, error) {
	if err := p.acted(ctx, audit.MessageFreed, id, ""); err != nil {
		return "", err
	}
	st, err := p.smpp.Release(ctx, id)
	if err == nil && st == smpp.StatusOK {
		return "the SMSC has taken it: " + st.String(), nil
	}
	h, lookErr := p.store.HeldByID(ctx, id)
	switch {
	case errors.Is(lookErr, store.ErrNotFound) && errors.Is(err, smppdoor.ErrNotHeld):
		return "", err
	case lookErr != nil:
		return "", errors.Join(err, lookErr)
	case err != nil && !errors.Is(err, smppdoor.ErrNotHeld):
		return "", err
	case err == nil && h.State == store.StateHeld:
		return "", fmt.Errorf("the SMSC answered %s; the message is held still, and can be released later", st)
	case err == nil:
		return "", fmt.Errorf("the SMSC answered %s; the message is not sent again", st)
	}
	return "", fmt.Errorf("nothing to release: the message is %s since %s (%s)", h.State, time.UnixMicro(h.Decided).Format(time.DateTime), h.DecidedBy)
}

// setBypass is in force for the next message, and after a restart.
func (p *program) setBypass(on bool, who, why string) (string, error) {
	to := "off"
	if on {
		to = "on"
	}
	if why != "" {
		to += ": " + why
	}
	// Stopping is stopped even where nothing can be written down: that it can be, at once, is what it is for.
	if err := p.store.Enter(p.ctx, audit.Entry{Actor: who, Act: audit.BypassChange, Why: to}); err != nil {
		p.log.Error("the bypass could not be written down", "err", err)
	}
	p.gate.SetBypass(on)
	p.mu.Lock()
	p.bypass = time.Now()
	p.mu.Unlock()
	if !on {
		p.log.Warn("bypass is off: messages are stopped again")
		if err := os.Remove(p.bypassFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
			return "", fmt.Errorf("bypass is off, but it will be on again after a restart: %w", err)
		}
		return "bypass is off: messages are stopped again", nil
	}
	p.log.Warn("BYPASS IS ON: nothing is stopped, until `sekisho bypass off`")
	if err := settings.WriteFile(p.bypassFile(), []byte(bypassOn)); err != nil {
		return "", fmt.Errorf("bypass is on, but only until a restart: %w", err)
	}
	return "BYPASS IS ON: nothing is stopped, until `sekisho bypass off`", nil
}

// errNobody is returned where no checkpoint runs.
var errNobody = errors.New("no checkpoint answers")

// ask sends a request to the running checkpoint and gives its answer.
func ask(ctx context.Context, config, path string, form url.Values) (string, error) {
	return post(ctx, config, path, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

// post sends a body to the running checkpoint.
func post(ctx context.Context, config, path, kind string, body io.Reader) (string, error) {
	cfg, err := readConfig(config)
	if err != nil {
		return "", err
	}
	client := http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socketPath(cfg.Data))
	}}}
	req, err := http.NewRequestWithContext(ctx, "POST", "http://sekisho"+path, body)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", kind)
	res, err := client.Do(req)
	if err != nil {
		return "", fmt.Errorf("%w in %s; is `sekisho serve` running there?", errNobody, cfg.Data)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	said := strings.TrimSpace(string(b))
	if res.StatusCode != http.StatusOK {
		return "", errors.New(said)
	}
	return said, nil
}

type serveCommand struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

// gcPercent lets the heap grow by half between collections instead of doubling: most of it is tables without pointers, which
// cost a collection little and memory much.
const gcPercent = 50

// Run serves until it is told to stop; SIGHUP lets it read its configuration again.
func (c serveCommand) Run(ctx context.Context, io streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return err
	}
	log := cfg.Log.logger(io.err)
	debug.SetGCPercent(gcPercent)
	reloads := hangups() // from the first moment: a signal that nobody takes would end the process
	p, err := startProgram(ctx, cfg, c.Config, log, nil)
	if err != nil {
		return err
	}
	log.Info("sekisho serves", "smpp", p.smpp.Addr().String(), "console", cfg.Console.Origin, "mode", p.mode(), "version", programVersion())
	for {
		select {
		case <-reloads:
			if err := p.reload(ctx); err != nil {
				log.Error("the configuration was not taken; what was in force stays so", "err", err)
			} else {
				log.Info("the configuration is in force")
			}
		case <-ctx.Done():
			log.Info("stopping: no new submits, what is outstanding is answered first")
			end, cancel := context.WithTimeout(context.Background(), 30*time.Second)
			defer cancel()
			return p.stop(end)
		}
	}
}

func (c LogConfig) logger(w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: c.Level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

type bypassCommand struct {
	To     string `arg:"" enum:"on,off" help:"on or off."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c bypassCommand) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/bypass", url.Values{"to": {c.To}})
}

type reloadCommand struct {
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c reloadCommand) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/reload", nil)
}

type releaseCommand struct {
	ID     string `arg:"" help:"The message id that the ESME was given."`
	Config string `short:"c" default:"sekisho.toml" help:"The configuration file."`
}

func (c releaseCommand) Run(ctx context.Context, io streams) error {
	return tell(ctx, io, c.Config, "/release", url.Values{"id": {c.ID}})
}

func tell(ctx context.Context, io streams, config, path string, form url.Values) error {
	said, err := ask(ctx, config, path, form)
	if err == nil {
		fmt.Fprintln(io.out, said)
	}
	return err
}
