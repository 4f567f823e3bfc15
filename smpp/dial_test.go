package smpp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// listen serves one handler on loopback until the test ends, and hands out each session.
func listen(t testing.TB, cfg Config, h Handler) (addr string, sessions chan *Session) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	sessions = make(chan *Session, 16)
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s := NewSession(conn, cfg, h)
			sessions <- s
			all.Go(func() { s.Run() })
			t.Cleanup(s.Close)
		}
	})
	t.Cleanup(all.Wait)
	t.Cleanup(func() { l.Close() })
	return l.Addr().String(), sessions
}

func dialTCP(t testing.TB, addr string) *net.TCPConn {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn.(*net.TCPConn)
}

func TestBindAs(t *testing.T) {
	good := Bind{SystemID: []byte("esme"), Password: []byte("secret"), InterfaceVersion: 0x34}
	for _, c := range []struct {
		name    string
		command Command
		bind    Bind
		answer  func(p *peer, q PDU)
		status  Status
		says    string
	}{
		{"bound", BindTransceiver, good, func(p *peer, q PDU) {
			p.send(BindTransceiverResp, 0, q.Sequence, []byte("SMSC\x00\x02\x10\x00\x01\x34")...)
		}, StatusOK, ""},
		{"bound, no body", BindReceiver, good, func(p *peer, q PDU) { p.send(BindReceiverResp, 0, q.Sequence) }, StatusOK, ""},
		{"bound, a name too long", BindTransmitter, good, func(p *peer, q PDU) {
			p.send(BindTransmitterResp, 0, q.Sequence, []byte(strings.Repeat("SMSC", 9)+"\x00")...)
		}, StatusOK, ""},
		{"wrong password", BindTransceiver, good, func(p *peer, q PDU) {
			p.send(BindTransceiverResp, StatusInvPaswd, q.Sequence)
		}, StatusInvPaswd, "refused"},
		{"generic_nack", BindTransceiver, good, func(p *peer, q PDU) { p.send(GenericNack, StatusInvCmdID, q.Sequence) }, StatusInvCmdID, "refused"},
		{"generic_nack that says OK", BindTransceiver, good, func(p *peer, q PDU) { p.send(GenericNack, 0, q.Sequence) }, StatusOK, "generic_nack"},
		{"closed", BindTransceiver, good, func(p *peer, q PDU) { p.conn.Close() }, StatusOK, "closed"},
		{"no answer", BindTransceiver, good, func(p *peer, q PDU) {}, StatusOK, "in time"},
		{"no bind", SubmitSM, good, nil, StatusOK, "submit_sm is no bind"},
		{"a password too long", BindTransceiver, Bind{Password: []byte("123456789")}, nil, StatusInvPaswd, "bad password"},
	} {
		bubble(c.name, t, func(t *testing.T) {
			ours, theirs := net.Pipe()
			p := newPeer(t, theirs)
			go func() {
				if q, ok := <-p.got; ok && c.answer != nil {
					c.answer(p, q)
				}
			}()
			w := newWitness(nil)
			s, err := Dial(t.Context(), ours, c.command, c.bind, Config{}, w)
			if c.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				if want := map[Command]BindState{BindTransceiver: StateBoundTRX, BindReceiver: StateBoundRX, BindTransmitter: StateBoundTX}[c.command]; s.State() != want {
					t.Errorf("state %v", s.State())
				}
				s.Close()
			} else if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			var st Status
			if errors.As(err, &st); st != c.status {
				t.Errorf("%v, want %v", st, c.status)
			}
			over(t, w, nil, time.Second)
		})
	}
}

// deliver_sm may come in the same read as the bind_resp, and it may be a large one.
func TestDeliverRightBehindBind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		p := newPeer(t, theirs)
		go func() {
			q := <-p.got
			b := PDU{BindReceiverResp, 0, q.Sequence, []byte{0}}.Append(nil)
			theirs.Write(PDU{DeliverSM, 0, 1, make([]byte, 20_000)}.Append(b))
		}()
		w := newWitness(nil)
		s, err := Dial(t.Context(), ours, BindReceiver, Bind{}, Config{}, w)
		if err != nil {
			t.Fatal(err)
		}
		p.want(DeliverSMResp, StatusOK, 1)
		s.Close()
		over(t, w, ErrClosed, time.Second)
	})
}

func TestCallContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWitness(nil)
		s, p := serve(t, Config{}, StateBoundTRX, w)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := s.Call(ctx, DeliverSM, nil); err != context.DeadlineExceeded {
			t.Error(err)
		}
		go func() {
			p.next()
			p.send(DeliverSMResp, StatusRxRAppn, 2, 'x', 0)
		}()
		p.next()
		if q, err := s.Call(t.Context(), DeliverSM, nil); err != nil || q.Status != StatusRxRAppn || string(q.Body) != "x\x00" {
			t.Error(q, err)
		}
		p.send(DeliverSMResp, 0, 1) // nobody waits for it any more
		p.conn.Close()
		over(t, w, nil, time.Second)
	})
}

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{"smsc.test"}}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func TestTLS(t *testing.T) {
	cert := selfSigned(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
	if err != nil {
		t.Fatal(err)
	}
	server := Server{Accept: func(net.Conn) (Config, Handler, bool) {
		return Config{BindWithin: 200 * time.Millisecond}, echo{}, true
	}}
	var serving sync.WaitGroup
	serving.Go(func() { server.Serve(l) })
	leaf, _ := x509.ParseCertificate(cert.Certificate[0])
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	conn, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{RootCAs: roots, ServerName: "smsc.test"})
	if err != nil {
		t.Fatal(err)
	}
	w := newWitness(nil)
	s, err := Dial(t.Context(), conn, BindTransceiver, Bind{SystemID: []byte("esme")}, Config{}, w)
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		if q, err := s.Call(t.Context(), SubmitSM, make([]byte, 30_000)); err != nil || q.Status != StatusOK {
			t.Fatal(q, err)
		}
	}
	if err := s.Unbind(t.Context()); err != nil {
		t.Error(err)
	}
	over(t, w, ErrClosed, 5*time.Second)

	// One that never begins to speak TLS is ended like one that does not bind.
	if n, err := dialTCP(t, l.Addr().String()).Read(make([]byte, 1)); n != 0 || err == nil {
		t.Error(n, err)
	}
	l.Close()
	server.Shutdown(t.Context())
	serving.Wait()
}

func TestServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked, closed atomic.Int32
	var refuse atomic.Bool
	server := Server{Max: 2, Accept: func(net.Conn) (Config, Handler, bool) {
		asked.Add(1)
		return Config{Role: RoleESME}, &closeCounter{n: &closed}, !refuse.Load()
	}}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	addr := l.Addr().String()
	dial := func() (*Session, error) {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return nil, err
		}
		return Dial(t.Context(), conn, BindTransceiver, Bind{}, Config{}, newWitness(nil))
	}
	a, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dial(); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(); err == nil || asked.Load() != 2 || len(server.Sessions()) != 2 {
		t.Fatalf("a third: %v; asked %d, open %d", err, asked.Load(), len(server.Sessions()))
	}
	a.Close()
	refuse.Store(true)
	for range 500 { // until the server has noticed the end of one
		if _, err = dial(); asked.Load() == 3 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if asked.Load() != 3 || err == nil || closed.Load() != 1 {
		t.Fatalf("asked %d, %v, closed %d", asked.Load(), err, closed.Load())
	}
	refuse.Store(false)
	if _, err := dial(); err != nil { // a refused one has given its place back
		t.Fatal(err)
	}
	open, err := net.Dial("tcp", addr) // one over Max
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	l.Close()
	server.Shutdown(t.Context())
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if closed.Load() != 3 || len(server.Sessions()) != 0 {
		t.Errorf("closed %d, left %d", closed.Load(), len(server.Sessions()))
	}
}

type closeCounter struct {
	echo
	n *atomic.Int32
}

func (c *closeCounter) Closed(*Session, error) { c.n.Add(1) }

// Out of file descriptors for a while is no reason to close the door for good.
func TestServerAcceptErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &failing{left: 60}
		server := Server{Accept: func(net.Conn) (Config, Handler, bool) { return Config{}, nil, false }}
		start := time.Now()
		if err := server.Serve(l); err != nil {
			t.Error(err)
		}
		between(t, start, 30*time.Second, time.Minute)
		if err := server.Serve(&failing{err: syscall.EINVAL, left: 1}); !errors.Is(err, syscall.EINVAL) {
			t.Error(err)
		}
	})
}

// failing is a listener that fails so many times, and then is closed.
type failing struct {
	net.Listener
	err  error
	left int
}

func (f *failing) Accept() (net.Conn, error) {
	if f.left--; f.left < 0 {
		return nil, net.ErrClosed
	}
	err := f.err
	if err == nil {
		err = []error{syscall.EMFILE, syscall.ECONNABORTED, syscall.ENFILE}[f.left%3]
	}
	return nil, &net.OpError{Op: "accept", Err: err}
}

func TestShutdown(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan *Session, 1)
	slow := newWitness(func(s *Session, p PDU) {
		if p.Command == BindTransceiver {
			echo{}.Request(s, p)
			return
		}
		asked <- s
	})
	server := Server{Accept: func(net.Conn) (Config, Handler, bool) { return Config{}, slow, true }}
	go server.Serve(l)
	s, err := Dial(t.Context(), dialTCP(t, l.Addr().String()), BindTransceiver, Bind{}, Config{}, newWitness(nil))
	if err != nil {
		t.Fatal(err)
	}
	open := newPeer(t, dialTCP(t, l.Addr().String()))
	for len(server.Sessions()) < 2 {
		time.Sleep(time.Millisecond)
	}
	answered := make(chan error, 1)
	go func() {
		q, err := s.Call(context.Background(), SubmitSM, nil)
		if err == nil && q.Status != StatusOK {
			err = q.Status
		}
		answered <- err
	}()
	far := <-asked
	l.Close()
	down := make(chan struct{})
	go func() {
		server.Shutdown(t.Context())
		close(down)
	}()
	open.ended() // who is not bound is not waited for
	for far.State() != StateUnbinding {
		time.Sleep(time.Millisecond)
	}
	if q, err := s.Call(t.Context(), SubmitSM, nil); err != nil || q.Status != StatusThrottled {
		t.Errorf("a new one: %v, %v", q.Status, err)
	}
	far.Reply(SubmitSMResp, StatusOK, 1+1, nil) // the bind was 1
	far.Flush()
	if err := <-answered; err != nil {
		t.Error("the outstanding one:", err)
	}
	<-down
	<-s.Done()
}
