package console

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/sekisho/sekisho/message"
)

const (
	shown      = 40                     // entries that a list shows
	batchEvery = 250 * time.Millisecond // how often a browser is told
	batchMost  = 12                     // entries of each list in one telling; the rest is only counted
	waiting    = 24                     // tellings that may wait for a browser before it is dropped
	beat       = 15 * time.Second       // a sign of life where there is nothing to tell
	writeLimit = 10 * time.Second       // for one telling to reach the browser
)

// hub carries entries from the feed to the browsers. It renders each once for each language.
type hub struct {
	mu      sync.Mutex
	clients map[*client]struct{}
	stopped []Entry // the latest first, at most shown
	all     []Entry
	meter   meter
	closed  bool
}

// client is a browser that watches.
type client struct {
	lang   Language
	frames chan []byte // closed when the browser is dropped
}

func (h *hub) init() { h.clients = make(map[*client]struct{}) }

// Run carries verdicts to the browsers until ctx ends; then it lets them go, so that the server can shut down.
func (c *Console) Run(ctx context.Context) {
	feed := c.src.Feed.Subscribe(ctx)
	tell, second := time.NewTicker(batchEvery), time.NewTicker(time.Second)
	defer tell.Stop()
	defer second.Stop()
	defer c.hub.close()
	c.hub.sample(c.cfg.Now(), c.src.Health.Status())
	var b batch
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-feed:
			if !ok {
				feed = nil // nothing more comes; figures still do
				continue
			}
			if !c.cfg.Try {
				e.Text = ""
			}
			b.add(e)
		case <-tell.C:
			c.tell(&b)
		case <-second.C:
			c.hub.sample(c.cfg.Now(), c.src.Health.Status())
			c.tellNow()
		}
	}
}

// batch is what came since browsers were told last: the latest of each list, and how many more there were.
type batch struct {
	stopped, all []Entry
	more         int
}

func (b *batch) add(e Entry) {
	if suspicious(e) {
		b.stopped = keep(b.stopped, e, batchMost)
	}
	if len(b.all) == batchMost {
		b.more++
	}
	b.all = keep(b.all, e, batchMost)
}

// keep puts the latest first and lets the oldest go.
func keep(list []Entry, e Entry, most int) []Entry {
	if len(list) < most {
		list = append(list, Entry{})
	}
	copy(list[1:], list)
	list[0] = e
	return list
}

func suspicious(e Entry) bool { return e.Outcome >= message.Label }

// tell sends a batch to all browsers and empties it.
func (c *Console) tell(b *batch) {
	if len(b.all) == 0 {
		return
	}
	h := &c.hub
	h.mu.Lock()
	for i := len(b.stopped) - 1; i >= 0; i-- {
		h.stopped = keep(h.stopped, b.stopped[i], shown)
	}
	for i := len(b.all) - 1; i >= 0; i-- {
		h.all = keep(h.all, b.all[i], shown)
	}
	h.mu.Unlock()
	for lang := range languages {
		if h.watching(lang) {
			h.send(lang, frame("entries", c.lists(lang, b.stopped, b.all, b.more)))
		}
	}
	*b = batch{stopped: b.stopped[:0], all: b.all[:0]}
}

// lists are both lists as the browser puts them in.
func (c *Console) lists(lang Language, stopped, all []Entry, more int) any {
	v := c.view(lang)
	return map[string]any{
		"stopped": c.render("overview", "stopped", v.entries(stopped)),
		"all":     c.render("overview", "rows", v.entries(all)),
		"more":    more,
	}
}

// tellNow tells how things are.
func (c *Console) tellNow() {
	for lang := range languages {
		if c.hub.watching(lang) {
			c.hub.send(lang, c.nowFrame(lang))
		}
	}
}

func (c *Console) nowFrame(lang Language) []byte {
	v := c.view(lang)
	return frame("now", map[string]any{"banner": c.render("overview", "banner", v), "now": c.render("overview", "now", v), "system": c.render("overview", "system", v)})
}

// frame is one server-sent event (HTML Living Standard §9.2). JSON holds no line break, so one data line is enough.
func frame(event string, data any) []byte {
	var b bytes.Buffer
	b.WriteString("event: " + event + "\ndata: ")
	if err := json.NewEncoder(&b).Encode(data); err != nil {
		panic("console: " + err.Error()) // strings and numbers always encode
	}
	b.WriteByte('\n')
	return b.Bytes()
}

func (h *hub) watching(lang Language) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for cl := range h.clients {
		if cl.lang == lang {
			return true
		}
	}
	return false
}

// send gives a frame to who reads that language. Who has not taken the earlier ones is dropped: his browser
// comes back by itself and gets the whole lists.
func (h *hub) send(lang Language, f []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for cl := range h.clients {
		if cl.lang != lang {
			continue
		}
		select {
		case cl.frames <- f:
		default:
			delete(h.clients, cl)
			close(cl.frames)
		}
	}
}

// join adds a browser unless there are too many.
func (h *hub) join(lang Language, most int) *client {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.clients) >= most {
		return nil
	}
	cl := &client{lang: lang, frames: make(chan []byte, waiting)}
	h.clients[cl] = struct{}{}
	return cl
}

func (h *hub) leave(cl *client) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.clients[cl]; ok {
		delete(h.clients, cl)
		close(cl.frames)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for cl := range h.clients {
		delete(h.clients, cl)
		close(cl.frames)
	}
}

// lists returns copies of what is shown now.
func (h *hub) lists() (stopped, all []Entry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append(stopped, h.stopped...), append(all, h.all...)
}

// events is the stream that a browser watches.
func (c *Console) events(w http.ResponseWriter, r *http.Request) {
	if elsewhere(r) || !c.mayLook(r) {
		http.Error(w, "Only this console's own page may watch, of somebody who is signed in.", http.StatusForbidden)
		return
	}
	lang := languageOf(r)
	cl := c.hub.join(lang, c.cfg.MaxClients)
	if cl == nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "Too many browsers are watching; try again in a while.", http.StatusServiceUnavailable)
		return
	}
	defer c.hub.leave(cl)
	w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	w.Header().Set("X-Accel-Buffering", "no")
	out := stream{w: w, c: http.NewResponseController(w)}
	stopped, all := c.hub.lists()
	out.write([]byte("retry: 2000\n\n"))
	out.write(frame("lists", c.lists(lang, stopped, all, 0)))
	out.write(c.nowFrame(lang))
	beats := time.NewTicker(beat)
	defer beats.Stop()
	for out.err == nil {
		select {
		case <-r.Context().Done():
			return
		case f, ok := <-cl.frames:
			if !ok {
				return
			}
			out.write(f)
		case <-beats.C:
			out.write([]byte(": still here\n\n"))
		}
	}
}

// stream writes and flushes. The server's own write deadline is for ordinary answers; here each telling has one.
type stream struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

func (s *stream) write(b []byte) {
	if s.err != nil {
		return
	}
	// Not every writer has deadlines (tests): then there is none.
	_ = s.c.SetWriteDeadline(time.Now().Add(writeLimit))
	if _, s.err = s.w.Write(b); s.err == nil {
		s.err = s.c.Flush()
	}
}
