package smppdoor

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/sekisho/sekisho/smpp"
)

// account is an ESME account while the program runs: its configuration may change under bound sessions.
type account struct {
	cfg     atomic.Pointer[Account]
	limiter *rate.Limiter

	mu       sync.Mutex
	sessions []*esme // bound ones
	next     int     // whose turn it is to be delivered to
	undone   atomic.Int64
}

func newAccount(a *Account) *account {
	r := &account{limiter: rate.NewLimiter(rate.Inf, 1)}
	r.configure(a)
	return r
}

func (r *account) configure(a *Account) {
	r.cfg.Store(a)
	limit, burst := rate.Inf, 1
	if a.Rate > 0 {
		limit, burst = rate.Limit(a.Rate), max(1, int(a.Rate))
	}
	r.limiter.SetLimit(limit)
	r.limiter.SetBurst(burst)
}

func (r *account) join(e *esme) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.sessions) >= r.cfg.Load().Binds {
		return false
	}
	r.sessions = append(r.sessions, e)
	return true
}

func (r *account) leave(e *esme) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sessions = slices.DeleteFunc(r.sessions, func(x *esme) bool { return x == e })
}

func (r *account) bound() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.sessions)
}

func (r *account) unbind(ctx context.Context) {
	r.mu.Lock()
	all := slices.Clone(r.sessions)
	r.mu.Unlock()
	for _, e := range all {
		go func() {
			ctx, cancel := context.WithTimeout(ctx, e.door.cfg.Load().Session.Response.Duration)
			defer cancel()
			e.session.Unbind(ctx)
		}()
	}
}

// receiver gives a session that may be delivered to, each in its turn; nil where the ESME is away.
func (r *account) receiver() *esme {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range r.sessions {
		r.next++
		e := r.sessions[r.next%len(r.sessions)]
		if st := e.session.State(); st == smpp.StateBoundRX || st == smpp.StateBoundTRX {
			return e
		}
	}
	return nil
}

// esme serves one connection of an ESME. Its fields belong to the session's reading goroutine.
type esme struct {
	judging
	session *smpp.Session
	account *account
	touched flusher
	index   int // which bind to an SMSC it keeps to
}

// Request takes what the ESME asks.
func (e *esme) Request(s *smpp.Session, p smpp.PDU) {
	switch p.Command {
	case smpp.BindTransmitter, smpp.BindReceiver, smpp.BindTransceiver:
		e.bind(s, p)
	case smpp.SubmitSM, smpp.DataSM:
		e.submit(p)
	case smpp.SubmitMulti:
		e.multi(p)
	case smpp.ReplaceSM:
		e.replace(p)
	case smpp.QuerySM:
		e.query(p)
	case smpp.CancelSM:
		e.cancel(p)
	default:
		s.Reply(smpp.GenericNack, smpp.StatusInvCmdID, p.Sequence, nil)
	}
}

// Idle hands on what was written while the ESME's octets were worked through.
func (e *esme) Idle(*smpp.Session) { e.touched.flush() }

// Closed takes the session off its account.
func (e *esme) Closed(s *smpp.Session, err error) {
	e.touched.flush()
	if e.account != nil {
		e.account.leave(e)
		e.door.Log.Info("smpp: ESME session ended", "account", e.account.cfg.Load().SystemID, "why", err)
	}
}

func (e *esme) bind(s *smpp.Session, p smpp.PDU) {
	e.session = s
	s.Value = e
	e.index = int(e.door.bound.Add(1))
	var b smpp.Bind
	if err := b.Decode(p.Body); err != nil {
		s.Reply(p.Command.Response(), smpp.StatusOf(err), p.Sequence, nil)
		return
	}
	a, st := e.admit(&b)
	if st != smpp.StatusOK {
		e.door.metrics.bindRefused.Inc()
		e.door.Log.Warn("smpp: bind refused", "system_id", printable(b.SystemID), "from", s.RemoteAddr(), "status", st)
		s.Reply(p.Command.Response(), st, p.Sequence, nil)
		return
	}
	e.account = a
	s.SetState(map[smpp.Command]smpp.BindState{
		smpp.BindTransmitter: smpp.StateBoundTX, smpp.BindReceiver: smpp.StateBoundRX, smpp.BindTransceiver: smpp.StateBoundTRX,
	}[p.Command])
	if w := a.cfg.Load().Window; w > 0 {
		s.SetPeerWindow(w)
	}
	if !a.join(e) {
		e.account = nil
		s.SetState(smpp.StateOpen)
		s.Reply(p.Command.Response(), smpp.StatusBindFail, p.Sequence, nil)
		return
	}
	r := smpp.BindResp{SystemID: []byte(e.door.cfg.Load().SystemID)}
	if b.InterfaceVersion >= 0x34 { // §4.1.2: sc_interface_version
		r.TLVs = smpp.AppendTLV(nil, smpp.TagScInterfaceVersion, []byte{0x34})
	}
	s.Reply(p.Command.Response(), smpp.StatusOK, p.Sequence, r.Append(nil))
	e.door.Log.Info("smpp: ESME bound", "account", a.cfg.Load().SystemID, "as", p.Command, "from", s.RemoteAddr())
	e.door.holds.wake() // receipts may wait for this account
}

// admit checks who binds. An unknown name takes as long as a wrong password: names cannot be guessed by the clock.
func (e *esme) admit(b *smpp.Bind) (*account, smpp.Status) {
	a := e.door.account(string(b.SystemID))
	hash, name := "", string(b.SystemID)
	if a != nil {
		hash = a.cfg.Load().Password
	}
	ok, wait := e.door.Passwords.CheckPassword(e.door.ctx, name, hash, string(b.Password), e.session.RemoteAddr())
	if wait > 0 {
		e.door.Log.Warn("smpp: too many binds with a wrong password; none is looked at for a while", "system_id", printable(b.SystemID),
			"from", e.session.RemoteAddr(), "wait", wait.Round(time.Second))
		return nil, smpp.StatusBindFail
	}
	if a == nil {
		return nil, smpp.StatusInvSysID
	}
	if !ok {
		return nil, smpp.StatusInvPaswd
	}
	if nets := a.cfg.Load().networks; len(nets) > 0 {
		from, err := netip.ParseAddrPort(e.session.RemoteAddr().String())
		if err != nil || !slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(from.Addr().Unmap()) }) {
			return nil, smpp.StatusBindFail
		}
	}
	return a, smpp.StatusOK
}

func printable(b []byte) string { return strconv.QuoteToASCII(string(b)) }
