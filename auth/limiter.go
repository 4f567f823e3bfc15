package auth

import (
	"sync/atomic"
	"time"
)

// Limiter lets so many events a second pass, and so many at once after a rest: a token bucket, kept as the time
// at which it would be full again (GCRA, ITU-T I.371 annex A). It takes no lock and allocates nothing. Its zero
// value lets everything pass.
type Limiter struct {
	interval atomic.Int64 // nanoseconds an event costs; 0 for no limit
	slack    atomic.Int64 // nanoseconds that may be owed
	full     atomic.Int64 // when all that was taken is paid back, in nanoseconds since start
}

// start is what Limiters count from: the monotonic clock, which no setting of the time moves.
var start = time.Now()

// NewLimiter makes a limiter of so many events a second, burst of them at once. A rate of 0 or less is no limit.
func NewLimiter(perSecond float64, burst int) *Limiter {
	l := new(Limiter)
	l.Set(perSecond, burst)
	return l
}

// Set changes the rate; what has been taken stays taken.
func (l *Limiter) Set(perSecond float64, burst int) {
	if !(perSecond > 0) || perSecond > 1e9 {
		l.interval.Store(0)
		return
	}
	interval := int64(min(1e9/perSecond, 1e18/float64(max(1, burst))))
	l.slack.Store(interval * int64(max(0, burst-1)))
	l.interval.Store(interval)
}

// Allow reports whether an event may pass now, and counts it if so.
func (l *Limiter) Allow() bool { return l.allow(int64(time.Since(start)), 1) }

// AllowN is Allow for n events that pass together or not at all.
func (l *Limiter) AllowN(n int) bool { return l.allow(int64(time.Since(start)), n) }

func (l *Limiter) allow(now int64, n int) bool {
	interval := l.interval.Load()
	if interval == 0 || n <= 0 {
		return true
	}
	slack := l.slack.Load()
	if int64(n-1) > slack/interval { // more than could ever pass
		return false
	}
	for {
		full := l.full.Load()
		next := max(full, now) + int64(n-1)*interval
		if next-now > slack {
			return false
		}
		if l.full.CompareAndSwap(full, next+interval) {
			return true
		}
	}
}
