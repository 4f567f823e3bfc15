package smpp

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// echo is a bare SMSC: it takes every bind and answers every submit_sm with one message_id.
type echo struct{}

func (echo) Request(s *Session, p PDU) {
	switch p.Command {
	case BindTransceiver:
		s.SetState(StateBoundTRX)
		s.Reply(BindTransceiverResp, StatusOK, p.Sequence, []byte{0})
	default:
		s.Reply(p.Command.Response(), StatusOK, p.Sequence, []byte("1234567890\x00"))
	}
}
func (echo) Idle(*Session)          {}
func (echo) Closed(*Session, error) {}

// load keeps a window full from the session's own reading goroutine until left requests are sent.
type load struct {
	body []byte
	left atomic.Int64
	done sync.WaitGroup
	bad  atomic.Int64
}

func (l *load) Response(s *Session, p PDU, err error) {
	if err != nil || p.Status != StatusOK {
		l.bad.Add(1)
	}
	l.done.Done()
	l.send(s)
}

func (l *load) send(s *Session) {
	if l.left.Add(-1) < 0 {
		return
	}
	if _, err := s.Send(SubmitSM, l.body, l); err != nil {
		l.bad.Add(1)
		l.done.Done()
	}
}

func BenchmarkSession(b *testing.B) {
	for _, conns := range []int{1, 8} {
		for _, window := range []int{10, 100} {
			b.Run(fmt.Sprintf("conns=%d/window=%d", conns, window), func(b *testing.B) { benchSession(b, conns, window) })
		}
	}
}

func benchSession(b *testing.B, conns, window int) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := Server{Accept: func(net.Conn) (Config, Handler, bool) { return Config{}, echo{}, true }}
	go server.Serve(l)
	sm := benchSM()
	work := &load{body: sm.Append(nil)}
	var all []*Session
	for range conns {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		s, err := Dial(context.Background(), conn, BindTransceiver, Bind{}, Config{Window: window}, echo{})
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, s)
	}
	b.ReportAllocs()
	b.ResetTimer()
	work.left.Store(int64(b.N))
	work.done.Add(b.N)
	for _, s := range all {
		for range window {
			work.send(s)
		}
		s.Flush()
	}
	work.done.Wait()
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
	if n := work.bad.Load(); n > 0 {
		b.Fatalf("%d of %d requests failed", n, b.N)
	}
	l.Close()
	for _, s := range all {
		s.Close()
	}
	server.Shutdown(context.Background())
}
