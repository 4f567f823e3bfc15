package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/sekisho/sekisho/audit"
	"github.com/sekisho/sekisho/auth"
	"github.com/sekisho/sekisho/door/smppdoor"
	"github.com/sekisho/sekisho/message"
	"github.com/sekisho/sekisho/simulate"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
	"github.com/sekisho/sekisho/subject"
)

type tryCommand struct {
	Listen  string        `default:"127.0.0.1:8470" help:"Where the page is; loopback only."`
	Rate    int           `default:"300" help:"Honest texts a minute, about; at most 1500."`
	Seed    uint64        `default:"1" help:"Another seed tells another story."`
	For     time.Duration `help:"End by itself after so long; 0: when interrupted."`
	Observe bool          `help:"Only watch: judge, and stop nothing."`
	Keep    string        `help:"Keep the data in this folder; otherwise it is deleted at the end."`
	Verbose bool          `short:"v" help:"Write the log to standard error."`
}

// Run starts a pretend SMSC, the checkpoint and ESMEs, all on loopback and over real SMPP sessions.
func (c tryCommand) Run(ctx context.Context, io streams) error {
	host, _, err := net.SplitHostPort(c.Listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("try is for this machine only: %q is no loopback address", c.Listen)
	}
	if c.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.For)
		defer cancel()
	}
	d, err := c.start(ctx, io)
	if err != nil {
		return err
	}
	fmt.Fprintf(io.out, "\n  関所 Sekisho is running with simulated traffic.\n\n  Look at it:   %s\n                (this link lets one browser in, once)\n  Metrics:      %s/metrics\n  SMPP:         %s (system_id tsubame, password try)\n\n  Ctrl-C ends it.\n\n",
		d.enter, d.program.cfg.Console.Origin, d.program.smpp.Addr())
	<-ctx.Done()
	return d.stop()
}

// demo is everything that try starts.
type demo struct {
	program *program
	smsc    *smpptest.SMSC
	dir     string
	keep    bool
	enter   string // the link that lets a browser in
	wg      sync.WaitGroup
	cancel  context.CancelFunc
}

func (c tryCommand) start(ctx context.Context, out streams) (_ *demo, err error) {
	d := &demo{dir: c.Keep, keep: c.Keep != ""}
	if d.dir == "" {
		if d.dir, err = os.MkdirTemp("", "sekisho-try-"); err != nil {
			return nil, err
		}
	}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	if c.Verbose {
		log = slog.New(slog.NewTextHandler(out.err, nil))
	}
	ctx, d.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			d.stop()
		}
	}()
	d.smsc = &smpptest.SMSC{Receipts: true, ReceiptAfter: 800 * time.Millisecond, Prefix: "m"}
	addr, err := d.smsc.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	cfg, err := c.config(addr, d.dir)
	if err != nil {
		return nil, err
	}
	shown := newTryFeed()
	if d.program, err = startProgram(ctx, cfg, "", log, shown); err != nil {
		return nil, err
	}
	operator, err := auth.NewPerson("demo", auth.Everybody, time.Now())
	if err != nil {
		return nil, err
	}
	if was, err := personNamed(ctx, d.program.store, operator.Name); err == nil { // of a folder that was kept
		operator = was
	} else if err := d.program.store.PutPerson(ctx, operator, audit.Sekisho, "person-add", "the demonstration's operator"); err != nil {
		return nil, err
	}
	d.enter = d.program.signIn.Demonstrate(operator.ID)
	policy := d.program.gate.Policy()
	if !c.Observe {
		enforced := *policy
		enforced.Mode = message.Enforce
		d.program.gate.SetPolicy(&enforced)
	}
	return d, d.traffic(ctx, c, shown)
}

// config is a configuration in memory: the accounts that the story sends by.
func (c tryCommand) config(smsc, dir string) (Config, error) {
	cfg := defaultConfig()
	cfg.Data = dir
	if c.Keep == "" {
		cfg.Data = dir + "/data"
	}
	cfg.Console.Listen = c.Listen
	_, port, _ := net.SplitHostPort(c.Listen)
	cfg.Console.Origin = "http://localhost:" + port
	cfg.SMPP.Listen = "127.0.0.1:2775"
	if l, err := net.Listen("tcp", cfg.SMPP.Listen); err != nil {
		cfg.SMPP.Listen = "127.0.0.1:0" // somebody has that port: any will do for a demonstration
	} else {
		l.Close()
	}
	hash, err := auth.HashPassword("try")
	if err != nil {
		return cfg, err
	}
	cfg.SMPP.Upstreams = []smppdoor.Upstream{{Name: "smsc", Address: smsc, SystemID: "sekisho", Password: "try", Binds: 2}}
	for _, a := range simulate.Accounts() {
		cfg.SMPP.Accounts = append(cfg.SMPP.Accounts, smppdoor.Account{SystemID: a.Name, Password: hash, Sources: []string{"*"}, Route: a.Route})
	}
	return cfg, cfg.check()
}

// traffic binds an ESME for each account and sends the story through them.
func (d *demo) traffic(ctx context.Context, c tryCommand, shown *tryFeed) error {
	esmes := make(map[string]*sender)
	for _, a := range simulate.Accounts() {
		bctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		e, err := smpptest.Bind(bctx, d.program.smpp.Addr().String(), smpp.BindTransceiver, a.Name, "try", smpp.Config{}, nil)
		cancel()
		if err != nil {
			return fmt.Errorf("account %s: %w", a.Name, err)
		}
		esmes[a.Name] = &sender{esme: e}
	}
	story := simulate.NewStory(c.Seed, simulate.StoryConfig{PerMinute: c.Rate})
	reports := newTryReports(ctx, d.program)
	if err := reports.begin(); err != nil {
		return err
	}
	d.wg.Go(func() {
		start := time.Now()
		var it simulate.Item
		for ctx.Err() == nil {
			story.Next(&it)
			select {
			case <-time.After(time.Until(start.Add(it.At))):
			case <-ctx.Done():
				return
			}
			shown.note(it.From, it.To, string(it.Text))
			esmes[it.Account].send(&it)
			reports.saw(&it)
		}
	})
	return nil
}

func (d *demo) stop() error {
	d.cancel()
	var err error
	if d.program != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		err = d.program.stop(ctx)
	}
	d.wg.Wait()
	if d.smsc != nil {
		d.smsc.Close()
	}
	if !d.keep {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	return err
}

// sender sends simulated texts on an ESME's session.
type sender struct {
	esme *smpptest.ESME
	ref  uint16
	body []byte
}

func (s *sender) send(it *simulate.Item) {
	m, parts := submits(it, s.ref)
	s.ref++
	for _, data := range parts {
		m.ShortMessage = data
		s.body = m.Append(s.body[:0])
		s.esme.Send(smpp.SubmitSM, s.body, nobody{}) // a full window loses a simulated text
	}
	s.esme.Flush()
}

// submits is a simulated text as the submit_sm of each of its parts.
func submits(it *simulate.Item, ref uint16) (smpp.SM, [][]byte) {
	m := smpp.SM{Source: smppAddr(it.From), Dest: smppAddr(it.To), RegisteredDelivery: smpp.RegisteredFinal}
	alphabet := smpp.GSM7
	if it.Script != simulate.GSM7 {
		alphabet, m.DataCoding = smpp.UCS2, 8
	}
	parts, err := smpp.Split(it.Text, alphabet, ref&0xFF, false)
	if err != nil { // a letter that the script does not promise
		m.DataCoding = 8
		parts, _ = smpp.Split(it.Text, smpp.UCS2, ref&0xFF, false)
	}
	if len(parts) > 1 {
		m.ESMClass |= smpp.ESMUDHI
	}
	return m, parts
}

func smppAddr(a subject.Address) smpp.Addr {
	switch a.Kind() {
	case subject.KindLine:
		return smpp.Addr{TON: smpp.TONInternational, NPI: 1, Digits: []byte(strings.TrimPrefix(a.String(), "+"))}
	case subject.KindAlphanumeric:
		return smpp.Addr{TON: smpp.TONAlphanumeric, Digits: []byte(a.String())}
	}
	return smpp.Addr{TON: smpp.TONNetwork, NPI: 1, Digits: []byte(a.String())}
}

type nobody struct{}

func (nobody) Response(*smpp.Session, smpp.PDU, error) {}

// tryFeed remembers the simulated texts of the last moments, so that the page can show them. Real ones are never
// remembered: there is no such thing in serve.
type tryFeed struct {
	mu    sync.Mutex
	texts map[[2]subject.Address]string
	order [][2]subject.Address
}

func newTryFeed() *tryFeed { return &tryFeed{texts: make(map[[2]subject.Address]string)} }

func (t *tryFeed) note(from, to subject.Address, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	k := [2]subject.Address{from, to}
	if _, ok := t.texts[k]; !ok {
		t.order = append(t.order, k)
	}
	t.texts[k] = text
	if len(t.order) > 2000 {
		delete(t.texts, t.order[0])
		t.order = t.order[1:]
	}
}

func (t *tryFeed) text(from, to subject.Address) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.texts[[2]subject.Address{from, to}]
}
