package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"iter"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/consent"
	"github.com/sekisho/sekisho/detect"
	"github.com/sekisho/sekisho/gate"
	"github.com/sekisho/sekisho/indicator"
	"github.com/sekisho/sekisho/inspect"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/purpose"
	"github.com/sekisho/sekisho/settings"
	"github.com/sekisho/sekisho/simulate"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
	"github.com/sekisho/sekisho/subject"
)

type benchCommand struct {
	Only       []string      `help:"Only these: judge, relay, proxy, delay, memory." placeholder:"PART"`
	For        time.Duration `default:"10s" help:"How long each measurement lasts."`
	Repeat     int           `default:"3" help:"How often each is repeated, in turns; the middle and the spread are printed."`
	Texts      int           `default:"1000000" help:"Distinct texts."`
	Indicators int           `default:"1000000" help:"Known-bad hosts that are loaded."`
	OptOuts    int           `default:"5000000" help:"Lines that opted out."`
	Rate       int           `default:"10000" help:"Messages a second at which delay is measured."`
	Receipts   bool          `help:"Ask for a receipt for every message."`
	Role       string        `hidden:"" help:"Be a part of the measurement."`
	To         string        `hidden:""`
}

func (benchCommand) Help() string {
	return `Measures on this machine: judging alone on one core; the proxy, as a process of its own, between a
generator and a pretend SMSC in this one, beside a bare relay of the same PDUs in the same run; the delay that the proxy adds;
and its memory. The traffic is that of docs/mix.md. Everything is on loopback and deleted afterwards.`
}

// Run measures.
func (c benchCommand) Run(ctx context.Context, io streams) error {
	if c.Role == "relay" {
		return relay(ctx, c.To, io.out)
	}
	for _, p := range c.Only {
		if !slices.Contains([]string{"judge", "relay", "proxy", "delay", "memory"}, p) {
			return fmt.Errorf("there is nothing called %q to measure: judge, relay, proxy, delay, memory", p)
		}
	}
	b := &bench{benchCommand: c, io: io, mix: simulate.NewMix(simulate.MixSeed, simulate.MixConfig{Texts: c.Texts})}
	fmt.Fprintf(io.out, "%s/%s, %d processors, %s; %d texts, %d indicators, %d opt-outs; %v each, %d times\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), runtime.Version(), c.Texts, c.Indicators, c.OptOuts, c.For, c.Repeat)
	if b.wants("judge") {
		if err := b.judge(ctx); err != nil {
			return err
		}
	}
	if b.wants("relay") || b.wants("proxy") || b.wants("delay") || b.wants("memory") {
		return b.wire(ctx)
	}
	return nil
}

type bench struct {
	benchCommand
	io  streams
	mix *simulate.Mix
}

func (b *bench) wants(part string) bool { return len(b.Only) == 0 || slices.Contains(b.Only, part) }

// loaded is a gate with all that docs/mix.md loads.
func (b *bench) loaded(ctx context.Context) (*gate.Gate, *inspect.Inspector, *consent.Register, error) {
	builder := indicator.NewBuilder(b.Indicators)
	for i := range b.Indicators {
		if err := builder.Add(indicator.Indicator{Kind: indicator.Host, Value: string(simulate.AppendIndicator(nil, i)), Bad: true, Source: "bench"}); err != nil {
			return nil, nil, nil, err
		}
	}
	index := builder.Index()
	choices, err := consent.NewRegister(consent.DefaultConfig())
	if err != nil {
		return nil, nil, nil, err
	}
	if err := choices.Load(ctx, b.OptOuts, b.optOuts()); err != nil {
		return nil, nil, nil, err
	}
	in, err := inspect.New(inspect.Config{Indicators: func() inspect.Lookup { return index }})
	if err != nil {
		return nil, nil, nil, err
	}
	policy, err := gate.ReadPolicy("", subject.Japan, rules())
	if err != nil {
		return nil, nil, nil, err
	}
	policy.Enforce()
	return gate.New(gate.Config{Inspector: in, Choices: choices, Policy: policy, Campaigns: detect.NewCampaigns(detect.Config{}), Domains: detect.NewDomains(0, 0)}), in, choices, nil
}

func (b *bench) optOuts() iter.Seq2[consent.Change, error] {
	return func(yield func(consent.Change, error) bool) {
		for i := range b.OptOuts {
			if !yield(consent.Change{Line: b.mix.OptOut(i), Purpose: purpose.Inspect, Choice: purpose.OptedOut}, nil) {
				return
			}
		}
	}
}

// stages are what judging a message is made of, each measured on the same messages.
func (b *bench) judge(ctx context.Context) error {
	g, in, choices, err := b.loaded(ctx)
	if err != nil {
		return err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	const sample = 50_000
	msgs := make([]message.Message, sample)
	var it simulate.Item
	for i := range msgs {
		b.mix.At(uint64(i)*uint64(max(1, b.Texts/sample)), &it)
		msgs[i] = message.Message{Time: time.Now(), Door: "smpp", Account: it.Account, Route: it.Route, From: it.From,
			To: []subject.Address{it.To}, Text: slices.Clone(it.Text)}
	}
	var v gate.Verdicts
	var report inspect.Report
	var folded message.Folded
	var empty inspect.Report
	grant, err := purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, 0, nil)
	if err != nil {
		return err
	}
	stages := []struct {
		name string
		f    func(*message.Message)
	}{
		{"Gate.Pass, all checks", func(m *message.Message) { m.Time = time.Now(); g.Pass(ctx, m, &v) }},
		{"  of it: inspection", func(m *message.Message) { in.Inspect(grant, m, &report) }},
		{"    of that: folding, links, numbers", func(m *message.Message) { folded.Fold(m.Text) }},
		{"  of it: the recipient's choice", func(m *message.Message) {
			purpose.Ask(&purpose.DefaultPolicy, purpose.Inspect, m.To[0].Line(), choices)
		}},
		{"  of it: Judge, without findings", func(m *message.Message) { gate.Judge(g.Policy(), m.Route, m.Decoding, &empty) }},
	}
	w := tabwriter.NewWriter(b.io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "judging, one core\tmessages/s (lowest to highest)\tns a message\tallocations")
	for _, s := range stages {
		var rates []float64
		allocs := 0.0
		for range b.Repeat {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			start, n := time.Now(), 0
			for time.Since(start) < b.For/5 {
				for i := range 1000 {
					s.f(&msgs[(n+i)%sample])
				}
				n += 1000
			}
			runtime.ReadMemStats(&after)
			rates = append(rates, float64(n)/time.Since(start).Seconds())
			allocs = float64(after.Mallocs-before.Mallocs) / float64(n)
		}
		mid := middle(rates)
		fmt.Fprintf(w, "%s\t%.0f (%.0f to %.0f)\t%.0f\t%.3f\n", s.name, mid, slices.Min(rates), slices.Max(rates), 1e9/mid, allocs)
	}
	fmt.Fprintln(w)
	return w.Flush()
}

func middle(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// wire measures what goes over sockets. The proxy and the relay are processes of their own.
func (b *bench) wire(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "sekisho-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	smsc := &smpptest.SMSC{Config: smpp.Config{PeerWindow: 100_000, Window: 10_000}, Receipts: b.Receipts}
	smscAddr, err := smsc.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer smsc.Close()
	pdus, err := b.encode()
	if err != nil {
		return err
	}
	proxy, err := b.startProxy(ctx, dir, smscAddr)
	if err != nil {
		return err
	}
	defer proxy.stop()
	bare, err := b.startRelay(ctx, smscAddr)
	if err != nil {
		return err
	}
	defer bare.stop()
	targets := []target{{"SMSC, nothing between", smscAddr, nil}, {"bare relay", bare.addr, bare}, {"Sekisho, all checks", proxy.addr, proxy}}
	if b.wants("relay") || b.wants("proxy") {
		if err := b.throughput(ctx, targets, pdus); err != nil {
			return err
		}
	}
	if b.wants("delay") {
		if err := b.delay(ctx, targets, pdus); err != nil {
			return err
		}
	}
	if b.wants("memory") {
		return b.memory(ctx, proxy, pdus)
	}
	return nil
}

// target is what texts are sent to.
type target struct {
	name, addr string
	child      *child
}

// encode writes the mix as submit_sm bodies, so that the generator costs little while it is measured.
func (b *bench) encode() ([][]byte, error) {
	n := min(b.Texts, 400_000)
	bar := newBar(b.io.err, int64(n), "encoding texts")
	defer bar.end()
	var it simulate.Item
	arena := make([]byte, 0, 64<<20)
	var bodies [][]byte
	for i := range n {
		b.mix.At(uint64(i), &it)
		m, parts := submits(&it, uint16(i))
		if len(parts) == 0 {
			return nil, fmt.Errorf("text %d of the mix cannot be written in any alphabet", i)
		}
		if !b.Receipts {
			m.RegisteredDelivery = 0
		}
		for _, data := range parts {
			m.ShortMessage = data
			at := len(arena)
			arena = m.Append(arena)
			bodies = append(bodies, arena[at:len(arena):len(arena)])
		}
		bar.add(1)
	}
	return bodies, nil
}

// child is another process of ours.
type child struct {
	cmd  *exec.Cmd
	addr string
}

func (c *child) stop() {
	c.cmd.Process.Signal(os.Interrupt)
	done := make(chan struct{})
	go func() { c.cmd.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		c.cmd.Process.Kill()
	}
}

func (b *bench) startRelay(ctx context.Context, smsc string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "bench", "--role", "relay", "--to", smsc)
	cmd.Stderr = b.io.err
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the relay did not start: %w", err)
	}
	return &child{cmd, strings.TrimSpace(line)}, nil
}

// startProxy starts `sekisho serve` with everything loaded, as an operator would.
func (b *bench) startProxy(ctx context.Context, dir, smsc string) (*child, error) {
	bar := newBar(b.io.err, int64(b.Indicators+b.OptOuts), "writing lists")
	if err := writeLines(filepath.Join(dir, "bad-hosts.txt"), b.Indicators, func(dst []byte, i int) []byte {
		bar.add(1)
		return simulate.AppendIndicator(dst, i)
	}, ""); err != nil {
		return nil, err
	}
	if err := writeLines(filepath.Join(dir, "choices.csv"), b.OptOuts, func(dst []byte, i int) []byte {
		bar.add(1)
		return append(b.mix.OptOut(i).Append(dst), ",inspect,false"...)
	}, "line,scope,granted"); err != nil {
		return nil, err
	}
	bar.end()
	hash, err := auth.HashPassword("bench")
	if err != nil {
		return nil, err
	}
	addr, err := freePort()
	if err != nil {
		return nil, err
	}
	pages, err := freePort()
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "data = \"data\"\n[console]\nlisten = %q\n[smpp]\nlisten = %q\n[smpp.session]\nwindow = 1000\n[consent]\nfile = \"choices.csv\"\n[[indicators]]\npath = \"bad-hosts.txt\"\n"+
		"[[smpp.upstream]]\nname = \"smsc\"\naddress = %q\nbinds = 2\nwindow = 2000\n", pages, addr, smsc)
	for _, a := range simulate.Accounts() {
		fmt.Fprintf(&text, "[[smpp.account]]\nsystem_id = %q\npassword = %q\nsources = [\"*\"]\nroute = %q\nmode = \"enforce\"\nbinds = 100\n", a.Name, hash, a.Route)
	}
	config := filepath.Join(dir, "sekisho.toml")
	if err := settings.WriteFile(config, []byte(text.String())); err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, "serve", "-c", config)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	cmd.Stderr = log
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c := &child{cmd, addr}
	wait := newBar(b.io.err, -1, "starting the checkpoint")
	defer wait.end()
	for range 600 {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			time.Sleep(500 * time.Millisecond) // for its binds
			return c, nil
		}
		if cmd.ProcessState != nil || ctx.Err() != nil {
			break
		}
		wait.add(1)
		time.Sleep(200 * time.Millisecond)
	}
	c.stop()
	said, _ := os.ReadFile(log.Name())
	return nil, fmt.Errorf("the checkpoint did not start: %s", said)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func writeLines(path string, n int, f func([]byte, int) []byte, header string) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	if header != "" {
		fmt.Fprintln(w, header)
	}
	var buf []byte
	for i := range n {
		buf = append(f(buf[:0], i), '\n')
		w.Write(buf)
	}
	return errors.Join(w.Flush(), file.Close())
}

// memory reads what the checkpoint holds, before and during a reload under load.
func (b *bench) memory(ctx context.Context, proxy *child, pdus [][]byte) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	loaded := resident(proxy.cmd.Process.Pid)
	done := make(chan error, 1)
	go func() {
		_, err := b.flood(ctx, proxy.addr, 8, 6*time.Second, pdus)
		done <- err
	}()
	time.Sleep(2 * time.Second)
	proxy.cmd.Process.Signal(hangup)
	peak := 0.0
	for {
		select {
		case err := <-done:
			fmt.Fprintf(b.io.out, "memory of the checkpoint with all of it loaded: %.0f MB at rest; highest under full load during a reload: %.0f MB\n", loaded, peak)
			return err
		case <-time.After(20 * time.Millisecond):
			peak = max(peak, resident(proxy.cmd.Process.Pid))
		}
	}
}

// resident is a process's resident memory in megabytes; 0 where the system does not tell.
func resident(pid int) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, rest, ok := strings.Cut(string(b), "VmRSS:")
	if !ok {
		return 0
	}
	f := strings.Fields(rest)
	kb, _ := strconv.ParseFloat(f[0], 64)
	return kb / 1024
}
