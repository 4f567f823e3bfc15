package lookup

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// HubConfig is what a hub is made of.
type HubConfig struct {
	GroupKey []byte            // of the pseudonyms, so that it finds members by them
	Members  map[string]string // the addresses of members' handlers, by name
	Client   *http.Client      // nil: one of ten seconds
	Shuffle  time.Duration     // requests wait for up to so long, each another while, so that who asks whom cannot be told by when; 200 ms where 0
	Epoch    time.Duration
	Most     int // relayed at once; 1,000 where 0
	Now      func() time.Time
	Log      *slog.Logger
}

// Hub relays sealed requests of one length between members, and their tables. It holds no key that opens anything. It is an http.Handler: GET .../table/PSEUDONYM, POST .../ask/PSEUDONYM.
type Hub struct {
	c    HubConfig
	busy chan struct{}
}

// NewHub makes a hub.
func NewHub(c HubConfig) (*Hub, error) {
	if len(c.GroupKey) < 32 {
		return nil, errors.New("lookup: a hub has the key of the group's pseudonyms")
	}
	for name, address := range c.Members {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
			return nil, errors.New("lookup: the address of " + name + " is none")
		}
	}
	if c.Epoch <= 0 {
		c.Epoch = DefaultEpoch
	}
	if c.Shuffle == 0 {
		c.Shuffle = 200 * time.Millisecond
	}
	if c.Most <= 0 {
		c.Most = 1000
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 10 * time.Second}
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &Hub{c: c, busy: make(chan struct{}, c.Most)}, nil
}

// member finds the address behind a pseudonym of this epoch or the one before.
func (h *Hub) member(name string) (address string, ok bool) {
	p, err := hex.DecodeString(name)
	if err != nil || len(p) != pseudonym {
		return "", false
	}
	epoch := EpochOf(h.c.Now(), h.c.Epoch)
	for member, address := range h.c.Members {
		for _, n := range []uint64{epoch, epoch - 1} {
			if Pseudonym(h.c.GroupKey, n, member) == [pseudonym]byte(p) {
				return address, true
			}
		}
	}
	return "", false
}

func (h *Hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, name := "", r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	if rest := strings.TrimSuffix(r.URL.Path, "/"+name); rest != r.URL.Path {
		path = rest[strings.LastIndexByte(rest, '/')+1:]
	}
	address, ok := h.member(name)
	if !ok {
		http.Error(w, "nobody", http.StatusNotFound)
		return
	}
	select {
	case h.busy <- struct{}{}:
		defer func() { <-h.busy }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "busy", http.StatusServiceUnavailable)
		return
	}
	switch {
	case path == "table" && r.Method == http.MethodGet:
		h.relay(w, r, address, nil, maxRows*rowLen*2)
	case path == "ask" && r.Method == http.MethodPost:
		body, err := io.ReadAll(io.LimitReader(r.Body, sealedLen+1))
		if err != nil || len(body) != sealedLen {
			http.Error(w, "not a request", http.StatusBadRequest)
			return
		}
		t := time.NewTimer(rand.N(h.c.Shuffle))
		select {
		case <-t.C:
		case <-r.Context().Done():
			t.Stop()
			return
		}
		h.relay(w, r, address, body, answeredLen)
	default:
		http.Error(w, "GET table or POST ask", http.StatusMethodNotAllowed)
	}
}

func (h *Hub) relay(w http.ResponseWriter, r *http.Request, address string, body []byte, most int64) {
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	q, err := http.NewRequestWithContext(ctx, r.Method, address, bytes.NewReader(body))
	if err != nil {
		http.Error(w, "not now", http.StatusBadGateway)
		return
	}
	resp, err := h.c.Client.Do(q)
	if err != nil {
		h.c.Log.Warn("lookup: a member cannot be asked")
		http.Error(w, "not now", http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	out, err := io.ReadAll(io.LimitReader(resp.Body, most+1))
	if err != nil || int64(len(out)) > most || body != nil && resp.StatusCode == http.StatusOK && len(out) != answeredLen {
		http.Error(w, "not now", http.StatusBadGateway)
		return
	}
	w.WriteHeader(resp.StatusCode)
	w.Write(out)
}
