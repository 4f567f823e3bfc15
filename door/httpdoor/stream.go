package httpdoor

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// A stream is worked through by one goroutine: it reads what there is, judges the lines that are whole, writes their
// verdicts, and only then reads on. So verdicts leave as soon as there is nothing more to judge, a client that
// does not read is not read from, and memory is the two buffers however long the stream is.
const (
	streamOut = 32 << 10 // octets of verdicts that are written at once
	utf8BOM   = "\xef\xbb\xbf"
)

// stream is one stream's state.
type stream struct {
	*exchange
	door *Door
	s    *session
	buf  []byte // the session's
	from int    // what has not been judged begins here
	seen int    // no newline stands before here
	to   int    // what has not been judged ends here
	line int    // lines that are behind us
	end  time.Time
	eof  bool
}

// serveStream judges line by line.
func (d *Door) serveStream(x *exchange) {
	if f := d.enter(x.account, x.cfg); f.kind != nil {
		d.refuse(x, f)
		return
	}
	defer d.leave(x.account)
	// Without full duplex net/http throws away what has not been read as soon as a verdict is written.
	if err := x.rc.EnableFullDuplex(); err != nil {
		d.log.Error("http: streams do not work: something wraps the ResponseWriter without an Unwrap method", "err", err)
		d.refuse(x, fault{kind: noDuplex})
		return
	}
	s := sessions.Get().(*session)
	t := &stream{exchange: x, door: d, s: s, buf: s.in, end: x.began.Add(x.cfg.StreamFor.Duration)}
	d.mu.Lock()
	d.waiting[x.rc] = struct{}{}
	d.mu.Unlock()
	defer func() {
		d.mu.Lock()
		delete(d.waiting, x.rc)
		d.mu.Unlock()
	}()
	h := x.w.Header()
	h["Content-Type"] = typeNDJSON
	h["Content-Language"] = languageNames[x.lang]
	h["Vary"] = varyLanguage
	h["Cache-Control"] = noStore
	h["X-Accel-Buffering"] = []string{"no"} // a proxy of the nginx kind passes verdicts on as they come
	// A stream that ends early leaves octets on the connection that must not be read as the next request.
	x.closes()
	t.serve()
	s.done()
}

// enter counts a stream in, if there is room for it.
func (d *Door) enter(a *account, cfg *Config) fault {
	if a.streams.Add(1) > int64(a.client(cfg).Streams) {
		a.streams.Add(-1)
		return fault{kind: clientStreams}
	}
	if d.streams.Add(1) > int64(cfg.Streams) {
		d.leave(a)
		return fault{kind: allStreams}
	}
	return fault{}
}

func (d *Door) leave(a *account) {
	a.streams.Add(-1)
	d.streams.Add(-1)
}

func (t *stream) serve() {
	var f fault
	var err error
	if t.r.Header.Get("Expect") != "" {
		f, err = t.fill() // this sends 100 Continue, which cannot be sent once the answer has begun
	}
	t.begin()
	if f.kind == nil && err == nil {
		f, err = t.run()
	}
	if f.kind != nil {
		t.door.metrics.problem(f.kind)
		t.s.out = append(f.appendTo(t.s.out, t.lang, t.line+1), '\n')
	}
	if err == nil {
		err = t.flush()
	}
	ended := "whole"
	switch {
	case err != nil:
		ended = "gone"
	case f.kind != nil:
		ended = f.kind.name
		_ = t.rc.SetReadDeadline(time.Now().Add(lingering))
	}
	t.door.log.Debug("http: a stream has ended", "account", t.account.name, "lines", t.line, "ended", ended,
		"err", err, "seconds", time.Since(t.began).Seconds())
}

// run judges until the stream ends, a fault in it, or an error that leaves nobody to tell.
func (t *stream) run() (fault, error) {
	for {
		for {
			line, ok := t.next()
			if !ok {
				break
			}
			if f, err := t.judge(line); f.kind != nil || err != nil {
				return f, err
			}
			t.line++
			if len(t.s.out) >= streamOut {
				if err := t.flush(); err != nil {
					return fault{}, err
				}
			}
		}
		if t.eof {
			return fault{}, nil
		}
		if t.to-t.from > maxBody {
			return fault{kind: longBody, n: maxBody}, nil
		}
		if err := t.flush(); err != nil {
			return fault{}, err
		}
		if f, err := t.fill(); f.kind != nil || err != nil {
			return f, err
		}
	}
}

// next is the next line, without its end, if it is whole. The last one needs no newline.
func (t *stream) next() ([]byte, bool) {
	if i := bytes.IndexByte(t.buf[t.seen:t.to], '\n'); i >= 0 {
		line := t.buf[t.from : t.seen+i]
		t.seen += i + 1
		t.from = t.seen
		return line, true
	}
	t.seen = t.to
	if t.eof && t.from < t.to {
		line := t.buf[t.from:t.to]
		t.from = t.to
		return line, true
	}
	return nil, false
}

// fill reads what there is, at least one octet. A line, not an octet, has to come within the time set for it.
func (t *stream) fill() (fault, error) {
	copy(t.buf, t.buf[t.from:t.to])
	t.to -= t.from
	t.from, t.seen = 0, t.to
	cfg := t.door.cfg.Load()
	deadline := time.Now().Add(cfg.Read.Duration)
	if t.end.Before(deadline) {
		deadline = t.end
	}
	for {
		if err := t.rc.SetReadDeadline(deadline); err != nil {
			return fault{}, err
		}
		if t.door.stopped() { // asked after the deadline is set, which Stop brings forward
			return fault{kind: stopping}, nil
		}
		if !time.Now().Before(t.end) {
			return fault{kind: streamOver}, nil
		}
		n, err := t.r.Body.Read(t.buf[t.to:])
		t.to += n
		switch {
		case err == io.EOF:
			t.eof = true
			return fault{}, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			switch {
			case t.door.stopped():
				return fault{kind: stopping}, nil
			case deadline.Equal(t.end):
				return fault{kind: streamOver}, nil
			}
			return fault{kind: slowLine}, nil
		case err != nil:
			return fault{}, err
		}
		if bytes.IndexByte(t.buf[t.seen:t.to], '\n') >= 0 || t.to > maxBody {
			return fault{}, nil
		}
		t.seen = t.to
	}
}

// judge judges one line. Empty ones are passed over: they keep a stream open.
func (t *stream) judge(line []byte) (fault, error) {
	if t.line == 0 {
		line = bytes.TrimPrefix(line, []byte(utf8BOM)) // RFC 8259 §8.1: may be ignored
	}
	if len(line) > maxBody {
		return fault{kind: longBody, n: maxBody}, nil
	}
	if line = bytes.TrimRight(line, " \t\r"); len(line) == 0 {
		return fault{}, nil
	}
	cfg := t.door.cfg.Load()
	if f, err := t.pace(cfg); f.kind != nil || err != nil {
		return f, err
	}
	if f := t.door.judge(t.s, t.exchange, cfg, line); f.kind != nil {
		return f, nil
	}
	t.s.results(t.lang, t.door.gate.Policy(), false)
	return fault{}, nil
}

// pace waits until the client's rate allows one more message.
func (t *stream) pace(cfg *Config) (fault, error) {
	if t.account.limiter.Allow() {
		return fault{}, nil
	}
	if err := t.flush(); err != nil {
		return fault{}, err
	}
	pause := 1e9 / max(t.account.client(cfg).Rate, 4) // nanoseconds
	tick := time.NewTicker(max(time.Duration(pause), time.Millisecond))
	defer tick.Stop()
	for !t.account.limiter.Allow() {
		t.account.client(t.door.cfg.Load()) // which may have changed since
		if !time.Now().Before(t.end) {
			return fault{kind: streamOver}, nil
		}
		select {
		case <-t.r.Context().Done():
			return fault{}, t.r.Context().Err()
		case <-t.door.stopping:
			return fault{kind: stopping}, nil
		case <-tick.C:
		}
	}
	return fault{}, nil
}

func (t *stream) begin() {
	_ = t.rc.SetWriteDeadline(time.Now().Add(t.cfg.Write.Duration))
	t.door.metrics.answered(http.StatusOK)
	t.w.WriteHeader(http.StatusOK)
	_ = t.rc.Flush() // so that a client that waits for the head of the answer may begin
}

// flush writes what has been judged.
func (t *stream) flush() error {
	if len(t.s.out) == 0 {
		return nil
	}
	if err := t.rc.SetWriteDeadline(time.Now().Add(t.cfg.Write.Duration)); err != nil {
		return err
	}
	_, err := t.w.Write(t.s.out)
	t.s.out = t.s.out[:0]
	if err == nil {
		err = t.rc.Flush()
	}
	return err
}
