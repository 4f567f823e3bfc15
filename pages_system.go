package main

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strings"

	"github.com/pelletier/go-toml/v2"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/console"
)

// system is what the page System reads and does.
type system struct{ p *program }

func (p *program) systemSource() console.System { return system{p} }

func (s system) Running(ctx context.Context) (console.Running, error) {
	p := s.p
	r := console.Running{Version: programVersion(), Go: runtime.Version(), Started: p.started}
	if b, ok := debug.ReadBuildInfo(); ok {
		r.Go = b.GoVersion
	}
	mem := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(mem)
	r.Heap = mem[0].Value.Uint64()
	totals := p.gate.Totals()
	for _, route := range totals {
		for _, n := range route {
			r.Judged += n
		}
	}
	smppDoor := "SMPP"
	if p.cfg.SMPP.Certificate != "" {
		smppDoor = "SMPP, TLS"
	}
	r.Doors = []console.Door{{Name: smppDoor, Address: p.smpp.Addr().String()}, {Name: "HTTP", Address: p.pages.String()}}
	for _, at := range p.cfg.Share.RPZ.Listen {
		r.Doors = append(r.Doors, console.Door{Name: "RPZ", Address: at})
	}
	check := func(name string, err error) {
		k := console.Check{Name: name}
		if err != nil {
			k.Trouble = err.Error()
		}
		r.Checks = append(r.Checks, k)
	}
	var smsc error
	if bound, wanted := p.smpp.Up(); bound < wanted {
		smsc = errors.New("not all binds to SMSCs are up")
	}
	check("SMSC", smsc)
	check("stream", p.stream.Healthy())
	check("database", p.store.Healthy(ctx))
	var late error
	if byHand, byItself := p.gate.Bypass(); byHand || byItself {
		late = errors.New("bypass is on")
	}
	check("judging", late)
	text, err := maskedConfig(p.cfg)
	r.Config = text
	return r, err
}

// maskedConfig writes a configuration without its secrets.
func maskedConfig(cfg Config) (string, error) {
	b, err := toml.Marshal(cfg)
	if err != nil {
		return "", err
	}
	var all map[string]any
	if err := toml.Unmarshal(b, &all); err != nil {
		return "", err
	}
	maskSecrets(all)
	b, err = toml.Marshal(all)
	return string(b), err
}

// maskSecrets hides what is, or may hold, a secret. What ends in _file is the name of a file.
func maskSecrets(at any) {
	switch at := at.(type) {
	case map[string]any:
		for k, v := range at {
			s, isText := v.(string)
			switch {
			case !isText:
				maskSecrets(v)
			case s == "" || strings.HasSuffix(k, "_file"):
			case k == "dsn", strings.Contains(k, "password"), strings.Contains(k, "secret"), strings.Contains(k, "token"), k == "key", strings.HasSuffix(k, "_key"):
				at[k] = "********"
			case strings.Contains(s, "://"):
				at[k] = maskUserInfo(s)
			}
		}
	case []any:
		for i, v := range at {
			if s, ok := v.(string); ok {
				at[i] = maskUserInfo(s)
				continue
			}
			maskSecrets(v)
		}
	}
}

// maskUserInfo hides what stands before @ in an address, and what is asked behind ?.
func maskUserInfo(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	host, path, _ := strings.Cut(rest, "/")
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		host = "********" + host[i:]
	}
	if i := strings.IndexByte(path, '?'); i >= 0 {
		path = path[:i] + "?********"
	}
	if strings.Contains(rest, "/") {
		host += "/"
	}
	return scheme + "://" + host + path
}

func (s system) Bypass(_ context.Context, on bool, who, why string) error {
	_, err := s.p.setBypass(on, who, why)
	return err
}

func (s system) Reload(ctx context.Context, who string) error {
	if err := s.p.store.Enter(ctx, audit.Entry{Actor: who, Act: "reload"}); err != nil {
		return err
	}
	if s.p.path == "" {
		return errors.New("the demonstration has no configuration file")
	}
	return s.p.reload(ctx)
}
