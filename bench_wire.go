package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/sekisho/sekisho/simulate"
	"github.com/sekisho/sekisho/smpp"
	"github.com/sekisho/sekisho/smpp/smpptest"
)

// throughput floods every target in turn, so that a machine that is slow for a while is slow for all of them.
func (b *bench) throughput(ctx context.Context, targets []target, pdus [][]byte) error {
	w := tabwriter.NewWriter(b.io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "window 100\tconnections\tsubmit_sm/s (lowest to highest)\tof the bare relay\tp50\tp90\tp99\tp99.9")
	throttled := int64(0)
	for _, conns := range []int{1, 8} {
		runs := make([][]flood, len(targets))
		for range b.Repeat {
			for i, t := range targets {
				f, err := b.flood(ctx, t.addr, conns, b.For, pdus)
				if err != nil {
					return fmt.Errorf("%s: %w", t.name, err)
				}
				runs[i] = append(runs[i], f)
			}
		}
		var ratios []float64
		for i, t := range targets {
			var rates []float64
			all := newTimes(0)
			for r, f := range runs[i] {
				rates = append(rates, f.rate)
				throttled += f.throttled
				all.add(&f.times)
				if i == 2 {
					ratios = append(ratios, f.rate/runs[1][r].rate)
				}
			}
			of := ""
			if i == 2 {
				of = fmt.Sprintf("%.2f (%.2f to %.2f)", middle(ratios), slices.Min(ratios), slices.Max(ratios))
			}
			fmt.Fprintf(w, "%s\t%d\t%.0f (%.0f to %.0f)\t%s\t%s\n", t.name, conns, middle(rates), slices.Min(rates), slices.Max(rates), of, all.percentiles())
		}
	}
	fmt.Fprintf(w, "\nnot counted, since answered ESME_RTHROTTLED: %d\n\n", throttled)
	return w.Flush()
}

// flood is one measurement at full speed.
type flood struct {
	rate      float64
	times     times
	throttled int64 // answered ESME_RTHROTTLED: these were not relayed
}

func (b *bench) bind(ctx context.Context, addr string, conns, window int) ([]*smpptest.ESME, error) {
	accounts := simulate.Accounts()
	var all []*smpptest.ESME
	for i := range conns {
		ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
		e, err := smpptest.Bind(ctx, addr, smpp.BindTransceiver, accounts[i%len(accounts)].Name, "bench", smpp.Config{Window: window, Response: time.Minute, PeerWindow: 100_000}, nil)
		cancel()
		if err != nil {
			return all, err
		}
		all = append(all, e)
	}
	return all, nil
}

// flood keeps the window of every connection full for a time: each answer sends the next submit.
func (b *bench) flood(ctx context.Context, addr string, conns int, d time.Duration, pdus [][]byte) (flood, error) {
	esmes, err := b.bind(ctx, addr, conns, 100)
	defer func() {
		for _, e := range esmes {
			e.Close()
		}
	}()
	if err != nil {
		return flood{}, err
	}
	var f flood
	var answered atomic.Int64
	all := make([]*refill, conns)
	until := time.Now().Add(d)
	start := time.Now()
	var wg sync.WaitGroup
	for i, e := range esmes {
		r := &refill{pdus: pdus, next: i * len(pdus) / conns, until: until, answered: &answered, done: make(chan struct{})}
		r.times = newTimes(0)
		all[i] = r
		wg.Go(func() {
			for range 100 {
				r.send(e.Session)
			}
			e.Flush()
			<-r.done
		})
	}
	wg.Wait()
	took := time.Since(start)
	f.rate = float64(answered.Load()) / took.Seconds()
	f.times = newTimes(0)
	for _, r := range all {
		if r.err != nil {
			return f, r.err
		}
		f.times.add(&r.times)
		f.throttled += r.throttled
	}
	f.rate -= float64(f.throttled) / took.Seconds()
	return f, nil
}

// refill keeps one connection's window full.
type refill struct {
	pdus      [][]byte
	next      int
	until     time.Time
	answered  *atomic.Int64
	throttled int64
	mu        sync.Mutex
	flying    int
	closed    bool
	done      chan struct{}
	times     times
	err       error
	free      []*shot
}

// shot is one submit on its way.
type shot struct {
	r    *refill
	sent time.Time
}

func (r *refill) send(s *smpp.Session) {
	r.mu.Lock()
	var x *shot
	if n := len(r.free); n > 0 {
		x, r.free = r.free[n-1], r.free[:n-1]
	} else {
		x = &shot{r: r}
	}
	x.sent = time.Now()
	body := r.pdus[r.next%len(r.pdus)]
	r.next++
	r.flying++
	r.mu.Unlock()
	if _, err := s.Send(smpp.SubmitSM, body, x); err != nil {
		x.Response(s, smpp.PDU{}, err)
	}
}

func (x *shot) Response(s *smpp.Session, p smpp.PDU, err error) {
	r := x.r
	now := time.Now()
	r.mu.Lock()
	r.flying--
	if err != nil && !r.closed {
		r.err = err
	}
	if p.Status == smpp.StatusThrottled {
		r.throttled++
	}
	r.times.note(now.Sub(x.sent))
	r.free = append(r.free, x)
	more := err == nil && now.Before(r.until)
	end := !more && r.flying == 0 && !r.closed
	if end {
		r.closed = true
		close(r.done)
	}
	r.mu.Unlock()
	r.answered.Add(1)
	if more {
		r.send(s)
	}
}

// times counts durations in steps of a sixteenth of a power of two, from 256 ns on.
type times struct {
	n     []uint64
	total uint64
}

func newTimes(int) times { return times{n: make([]uint64, 48*16)} }

func (t *times) note(d time.Duration) {
	v := uint64(max(d, 256))
	e := 63
	for v>>e == 0 {
		e--
	}
	t.n[min((e-8)*16+int(v>>(e-4)&15), len(t.n)-1)]++
	t.total++
}

func (t *times) add(o *times) {
	for i := range o.n {
		t.n[i] += o.n[i]
	}
	t.total += o.total
}

// at is the duration that the share p is at most.
func (t *times) at(p float64) time.Duration {
	sum := uint64(0)
	for i, n := range t.n {
		if sum += n; t.total > 0 && float64(sum) >= p*float64(t.total) {
			e, m := i/16+8, i%16
			return time.Duration((16 + m + 1) << (e - 4))
		}
	}
	return 0
}

func (t *times) percentiles() string {
	s := ""
	for i, p := range []float64{0.5, 0.9, 0.99, 0.999} {
		if i > 0 {
			s += "\t"
		}
		s += t.at(p).Round(time.Microsecond).String()
	}
	return s
}

// delay sends at a fixed rate, whatever comes back, and counts from the time at which a text was to be sent: a
// target that stalls is charged for everything that had to wait.
func (b *bench) delay(ctx context.Context, targets []target, pdus [][]byte) error {
	w := tabwriter.NewWriter(b.io.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(w, "open loop at %d/s\tsent\tp50\tp90\tp99\tp99.9\n", b.Rate)
	sums := make([]times, len(targets))
	for i := range sums {
		sums[i] = newTimes(0)
	}
	for range b.Repeat {
		for i, t := range targets {
			d, err := b.pace(ctx, t.addr, pdus)
			if err != nil {
				return fmt.Errorf("%s: %w", t.name, err)
			}
			sums[i].add(&d)
		}
	}
	for i, t := range targets {
		fmt.Fprintf(w, "%s\t%d\t%s\n", t.name, sums[i].total, sums[i].percentiles())
	}
	added := func(p float64) time.Duration { return sums[2].at(p) - sums[0].at(p) }
	fmt.Fprintf(w, "added by Sekisho\t\t%v\t%v\t%v\t%v\n\n", added(0.5), added(0.9), added(0.99), added(0.999))
	return w.Flush()
}

// pace sends open-loop over 8 connections.
func (b *bench) pace(ctx context.Context, addr string, pdus [][]byte) (times, error) {
	esmes, err := b.bind(ctx, addr, 8, 1000)
	defer func() {
		for _, e := range esmes {
			e.Close()
		}
	}()
	if err != nil {
		return times{}, err
	}
	p := &paced{times: newTimes(0)}
	step := time.Second / time.Duration(b.Rate)
	start := time.Now()
	n := int(b.For / step)
	for i := 0; i < n; {
		due := int(time.Since(start)/step) + 1
		var dirty [8]bool
		for ; i < min(due, n); i++ {
			e := i % len(esmes)
			p.flying.Add(1)
			x := &pacedShot{p, start.Add(time.Duration(i) * step)}
			if _, err := esmes[e].Send(smpp.SubmitSM, pdus[i%len(pdus)], x); err != nil {
				return p.times, fmt.Errorf("the window is full at %d/s: %w", b.Rate, err)
			}
			dirty[e] = true
		}
		for e, d := range dirty {
			if d {
				esmes[e].Flush()
			}
		}
		nap(time.Until(start.Add(time.Duration(i) * step)))
	}
	for end := time.Now().Add(5 * time.Second); p.flying.Load() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.times, nil
}

type paced struct {
	flying atomic.Int64
	mu     sync.Mutex
	times  times
}

type pacedShot struct {
	p   *paced
	due time.Time
}

func (x *pacedShot) Response(_ *smpp.Session, _ smpp.PDU, err error) {
	d := time.Since(x.due)
	x.p.mu.Lock()
	x.p.times.note(d)
	x.p.mu.Unlock()
	x.p.flying.Add(-1)
}

// relay passes PDUs between ESMEs and an SMSC without reading them: what is left when nothing is judged, which no
// proxy on this machine can be faster than.
func relay(ctx context.Context, smsc string, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Fprintln(out, l.Addr())
	context.AfterFunc(ctx, func() { l.Close() })
	v := smpp.Server{Accept: func(net.Conn) (smpp.Config, smpp.Handler, bool) {
		conn, err := net.Dial("tcp", smsc)
		if err != nil {
			return smpp.Config{}, nil, false
		}
		up, err := smpp.Dial(ctx, conn, smpp.BindTransceiver, smpp.Bind{SystemID: []byte("relay"), InterfaceVersion: 0x34}, smpp.Config{Window: 2000}, &relayUp{})
		return smpp.Config{PeerWindow: 2000}, &relayDown{up: up}, err == nil
	}}
	return v.Serve(l)
}

// relayDown is the side of the ESME.
type relayDown struct{ up *smpp.Session }

func (r *relayDown) Request(s *smpp.Session, p smpp.PDU) {
	if p.Command == smpp.BindTransceiver {
		r.up.Value = s
		s.SetState(smpp.StateBoundTRX)
		s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, []byte{0})
		return
	}
	if _, err := r.up.Send(p.Command, p.Body, &passing{s, p.Command, p.Sequence}); err != nil {
		s.Reply(p.Command.Response(), smpp.StatusThrottled, p.Sequence, nil)
	}
}

func (r *relayDown) Idle(*smpp.Session)          { r.up.Flush() }
func (r *relayDown) Closed(*smpp.Session, error) { r.up.Close() }

// relayUp is the side of the SMSC.
type relayUp struct{}

func (relayUp) Request(s *smpp.Session, p smpp.PDU) {
	s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, []byte{0})
}

func (relayUp) Idle(s *smpp.Session) {
	if down, ok := s.Value.(*smpp.Session); ok {
		down.Flush()
	}
}
func (relayUp) Closed(*smpp.Session, error) {}

type passing struct {
	to      *smpp.Session
	command smpp.Command
	seq     uint32
}

func (x *passing) Response(_ *smpp.Session, p smpp.PDU, err error) {
	if err != nil {
		p.Status = smpp.StatusSysErr
	}
	x.to.Reply(x.command.Response(), p.Status, x.seq, p.Body)
}
