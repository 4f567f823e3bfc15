// Package prefix lets a handset or a browser ask whether an address is known to be fraud without telling which: in the manner of Safe Browsing version 5 it has a list of
// the first four octets of hashes, looks there first, and asks for whole hashes by those four octets alone, which thousands of addresses share.
//
// The forms on the wire are our own JSON (docs/sharing.md), not Google's protocol buffers; hashes and expressions are as Safe Browsing publishes them.
package prefix

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sekisho/sekisho/share"
)

const (
	// versionsKept is how many versions a client may be behind and still be given a difference.
	versionsKept = 32
	// maxPrefixes bounds one question; padTo is what answers are filled up to, so that their length tells nothing.
	maxPrefixes = 30
	padTo       = 4096
	// cacheFor is how long an answer holds, wait how long a client waits before it asks for the list again.
	cacheFor = 5 * time.Minute
	wait     = 5 * time.Minute
)

// version is a list at a moment.
type version struct {
	n        uint64
	prefixes []uint32 // sorted, each once
	sums     []Sum    // sorted
}

// Server serves a list. Set replaces what is on it.
type Server struct {
	mu  sync.Mutex // of Set
	now atomic.Pointer[version]
	old []*version // earlier ones, the newest last
}

// NewServer makes a server of an empty list.
func NewServer() *Server {
	s := &Server{}
	s.now.Store(&version{n: uint64(time.Now().UnixMicro())})
	return s
}

// Set makes the items the list. Items that are no addresses, or over, are left out. Where nothing changed the version stays.
func (s *Server) Set(items iter.Seq2[share.Item, error]) error {
	v := &version{}
	for i, err := range items {
		if err != nil {
			return err
		}
		if sum, ok := sumOf(i); ok && !i.Over() {
			v.sums = append(v.sums, sum)
		}
	}
	slices.SortFunc(v.sums, func(a, b Sum) int { return bytes.Compare(a[:], b[:]) })
	v.sums = slices.Compact(v.sums)
	for i := range v.sums {
		if p := binary.BigEndian.Uint32(v.sums[i][:4]); len(v.prefixes) == 0 || v.prefixes[len(v.prefixes)-1] != p {
			v.prefixes = append(v.prefixes, p)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.now.Load()
	if slices.Equal(v.sums, was.sums) {
		return nil
	}
	v.n = max(was.n+1, uint64(time.Now().UnixMicro()))
	if s.old = append(s.old, &version{n: was.n, prefixes: was.prefixes}); len(s.old) > versionsKept {
		s.old = slices.Delete(s.old, 0, 1)
	}
	s.now.Store(v)
	return nil
}

// Len is how many hashes are on the list.
func (s *Server) Len() int { return len(s.now.Load().sums) }

// Update is what a client is given: a whole list, or what changed since the version that it has.
type Update struct {
	Version  string `json:"version"`
	Since    string `json:"since,omitempty"`    // of a difference: the version that it is to be applied to
	Removals *Rice  `json:"removals,omitempty"` // places in the sorted list before
	Add      *Rice  `json:"additions"`
	SHA256   string `json:"sha256"` // of the sorted prefixes afterwards, four octets each, big-endian
	Wait     int    `json:"wait_seconds"`
}

// Rice is sorted numbers as their differences in Golomb-Rice coding: quotients in unary, remainders in k bits, the lowest bit first.
type Rice struct {
	First uint32 `json:"first"`
	K     int    `json:"k"`
	Count int    `json:"count"` // of the numbers
	Bits  string `json:"bits"`  // base64
}

// ServeHTTP serves .../list?have=VERSION and .../search?prefix=HEX.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:] {
	case "list":
		s.list(w, r)
	case "search":
		s.search(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *Server) list(w http.ResponseWriter, r *http.Request) {
	v := s.now.Load()
	u := Update{Version: strconv.FormatUint(v.n, 36), SHA256: checksum(v.prefixes), Wait: int(wait / time.Second)}
	var before []uint32
	if have := r.URL.Query().Get("have"); have != "" {
		n, err := strconv.ParseUint(have, 36, 64)
		if err != nil {
			http.Error(w, `{"error":"have is no version"}`, http.StatusBadRequest)
			return
		}
		if n == v.n {
			before, u.Since = v.prefixes, have
		} else {
			s.mu.Lock()
			for _, o := range s.old {
				if o.n == n {
					before, u.Since = o.prefixes, have
				}
			}
			s.mu.Unlock()
		}
	}
	var places []uint32
	add := v.prefixes
	if u.Since != "" {
		places, add = difference(before, v.prefixes)
		u.Removals = encode(places)
	}
	u.Add = encode(add)
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(u)
}

// difference is which places of before are gone, and what is new.
func difference(before, after []uint32) (places, added []uint32) {
	j := 0
	for i, p := range before {
		for j < len(after) && after[j] < p {
			added = append(added, after[j])
			j++
		}
		if j < len(after) && after[j] == p {
			j++
		} else {
			places = append(places, uint32(i))
		}
	}
	return places, append(added, after[j:]...)
}

func checksum(prefixes []uint32) string {
	h := sha256.New()
	var b [4]byte
	for _, p := range prefixes {
		binary.BigEndian.PutUint32(b[:], p)
		h.Write(b[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	asked := r.URL.Query()["prefix"]
	if len(asked) == 0 || len(asked) > maxPrefixes {
		http.Error(w, `{"error":"from 1 to 30 prefixes"}`, http.StatusBadRequest)
		return
	}
	v := s.now.Load()
	found := []string{}
	for _, a := range asked {
		b, err := hex.DecodeString(a)
		if err != nil || len(b) != 4 {
			http.Error(w, `{"error":"a prefix is eight hexadecimal digits"}`, http.StatusBadRequest)
			return
		}
		i, _ := slices.BinarySearchFunc(v.sums, b, func(s Sum, b []byte) int { return bytes.Compare(s[:4], b) })
		for ; i < len(v.sums) && bytes.Equal(v.sums[i][:4], b); i++ {
			found = append(found, hex.EncodeToString(v.sums[i][:]))
		}
	}
	body, err := json.Marshal(map[string]any{"hashes": found, "cache_seconds": int(cacheFor / time.Second), "pad": ""})
	if err != nil {
		http.Error(w, `{"error":"it cannot be answered"}`, http.StatusInternalServerError)
		return
	}
	short := padTo - len(body)%padTo
	body = bytes.Replace(body, []byte(`"pad":""`), []byte(`"pad":"`+strings.Repeat("0", short%padTo)+`"`), 1)
	w.Header().Set("Cache-Control", "private, max-age="+strconv.Itoa(int(cacheFor/time.Second)))
	w.Write(body)
}

// encode writes sorted numbers.
func encode(v []uint32) *Rice {
	r := &Rice{Count: len(v)}
	if len(v) == 0 {
		return r
	}
	r.First = v[0]
	if len(v) == 1 {
		return r
	}
	mean := float64(v[len(v)-1]-v[0]) / float64(len(v)-1) * 0.6931
	for r.K < 30 && float64(uint32(1)<<r.K) < mean {
		r.K++
	}
	var w bitWriter
	for i := 1; i < len(v); i++ {
		d := v[i] - v[i-1]
		for range d >> r.K {
			w.bit(1)
		}
		w.bit(0)
		for b := range r.K {
			w.bit(d >> b & 1)
		}
	}
	r.Bits = base64.StdEncoding.EncodeToString(w.b)
	return r
}

type bitWriter struct {
	b []byte
	n uint
}

func (w *bitWriter) bit(v uint32) {
	if w.n%8 == 0 {
		w.b = append(w.b, 0)
	}
	w.b[len(w.b)-1] |= byte(v << (w.n % 8))
	w.n++
}

var errRice = errors.New("the list cannot be read")

// MaxList bounds what a client takes.
const MaxList = 8 << 20

// decode reads what encode wrote.
func (r *Rice) decode() ([]uint32, error) {
	if r == nil || r.Count == 0 {
		return nil, nil
	}
	raw, err := base64.StdEncoding.DecodeString(r.Bits)
	if err != nil || r.Count < 0 || r.Count > MaxList || r.K < 0 || r.K > 30 || uint64(r.Count-1)*uint64(r.K+1) > uint64(len(raw))*8 {
		return nil, errRice
	}
	all := make([]uint32, 1, r.Count)
	all[0] = r.First
	at, end := 0, len(raw)*8
	next := func() (uint32, bool) {
		if at >= end {
			return 0, false
		}
		b := uint32(raw[at/8]>>(at%8)) & 1
		at++
		return b, true
	}
	for len(all) < r.Count {
		q, rest := uint64(0), uint64(0)
		for {
			b, ok := next()
			if !ok {
				return nil, errRice
			}
			if b == 0 {
				break
			}
			q++
		}
		for i := range r.K {
			b, ok := next()
			if !ok {
				return nil, errRice
			}
			rest |= uint64(b) << i
		}
		v := uint64(all[len(all)-1]) + q<<r.K + rest
		if v > 1<<32-1 || v == uint64(all[len(all)-1]) {
			return nil, errRice
		}
		all = append(all, uint32(v))
	}
	return all, nil
}
