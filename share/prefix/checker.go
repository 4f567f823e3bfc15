package prefix

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Checker asks a server about addresses, as a handset or a browser does: it keeps the list, asks for whole hashes only where four octets match, and remembers the
// answers. It is for many goroutines.
type Checker struct {
	Base      string       // of the server: https://.../share/prefix/
	Client    *http.Client // nil: http.DefaultClient
	Authorize func(*http.Request)
	Now       func() time.Time // nil: the wall clock

	mu       sync.Mutex
	version  string
	prefixes []uint32
	cache    map[uint32]cached
}

type cached struct {
	sums  []Sum
	until time.Time
}

const cacheMost = 4096

func (c *Checker) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

func (c *Checker) get(ctx context.Context, what string, q url.Values, v any) error {
	r, err := http.NewRequestWithContext(ctx, "GET", strings.TrimSuffix(c.Base, "/")+"/"+what+"?"+q.Encode(), nil)
	if err != nil {
		return err
	}
	if c.Authorize != nil {
		c.Authorize(r)
	}
	client := c.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answered %d", resp.StatusCode)
	}
	return json.NewDecoder(io.LimitReader(resp.Body, 64<<20)).Decode(v)
}

// Update brings the list up to date. Where a difference does not come out right the whole list is asked for.
func (c *Checker) Update(ctx context.Context) (wait time.Duration, err error) {
	c.mu.Lock()
	have, before := c.version, c.prefixes
	c.mu.Unlock()
	for range 2 {
		var u Update
		q := url.Values{}
		if have != "" {
			q.Set("have", have)
		}
		if err := c.get(ctx, "list", q, &u); err != nil {
			return 0, err
		}
		after, err := u.apply(have, before)
		if err != nil {
			if have == "" {
				return 0, err
			}
			have, before = "", nil
			continue
		}
		c.mu.Lock()
		c.version, c.prefixes = u.Version, after
		c.mu.Unlock()
		return time.Duration(u.Wait) * time.Second, nil
	}
	return 0, errRice
}

func (u *Update) apply(have string, before []uint32) ([]uint32, error) {
	add, err := u.Add.decode()
	if err != nil {
		return nil, err
	}
	after := add
	if u.Since != "" {
		gone, err := u.Removals.decode()
		if err != nil || u.Since != have {
			return nil, errRice
		}
		after = make([]uint32, 0, len(before)+len(add))
		for i, p := range before {
			if _, is := slices.BinarySearch(gone, uint32(i)); !is {
				after = append(after, p)
			}
		}
		after = append(after, add...)
		slices.Sort(after)
	}
	if checksum(after) != u.SHA256 {
		return nil, errors.New("the list does not have the checksum that it should")
	}
	return after, nil
}

// Check reports whether an address is known to be fraud.
func (c *Checker) Check(ctx context.Context, address string) (bool, error) {
	sums := Sums(address)
	c.mu.Lock()
	now := c.now()
	var ask []uint32
	for i := range sums {
		p := binary.BigEndian.Uint32(sums[i][:4])
		if _, on := slices.BinarySearch(c.prefixes, p); !on {
			continue
		}
		if k, ok := c.cache[p]; ok && now.Before(k.until) {
			if slices.Contains(k.sums, sums[i]) {
				c.mu.Unlock()
				return true, nil
			}
			continue
		}
		if !slices.Contains(ask, p) {
			ask = append(ask, p)
		}
	}
	c.mu.Unlock()
	if len(ask) == 0 {
		return false, nil
	}
	q := url.Values{}
	for _, p := range ask {
		q.Add("prefix", fmt.Sprintf("%08x", p))
	}
	var answer struct {
		Hashes []string `json:"hashes"`
		Cache  int      `json:"cache_seconds"`
	}
	if err := c.get(ctx, "search", q, &answer); err != nil {
		return false, err
	}
	found := map[uint32][]Sum{}
	for _, h := range answer.Hashes {
		b, err := hex.DecodeString(h)
		if err != nil || len(b) != len(Sum{}) {
			return false, errRice
		}
		p := binary.BigEndian.Uint32(b[:4])
		found[p] = append(found[p], Sum(b))
	}
	bad := false
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cache == nil || len(c.cache) > cacheMost {
		c.cache = map[uint32]cached{}
	}
	for _, p := range ask {
		c.cache[p] = cached{found[p], now.Add(time.Duration(min(max(answer.Cache, 0), 86400)) * time.Second)}
		for _, s := range found[p] {
			bad = bad || slices.Contains(sums, s)
		}
	}
	return bad, nil
}
