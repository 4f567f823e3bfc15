package reportdoor

import (
	"sync"
	"time"
)

// hourly lets each name do so many things an hour. Its memory is bounded: where more names come than it can count, all of those that it does not
// know share one account.
type hourly struct {
	most int
	mu   sync.Mutex
	hour int64
	n    map[string]int
}

const hourlyNames = 1 << 16

func newHourly(most int) *hourly { return &hourly{most: most} }

func (h *hourly) allow(name string, now time.Time) bool {
	if h == nil {
		return true
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if hour := now.Unix() / 3600; hour != h.hour || h.n == nil {
		h.hour, h.n = hour, make(map[string]int)
	}
	if _, known := h.n[name]; !known && len(h.n) >= hourlyNames {
		name = ""
	}
	if h.n[name] >= h.most {
		return false
	}
	h.n[name]++
	return true
}
