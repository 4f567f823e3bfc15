package console

import (
	"time"

	"github.com/sekisho/sekisho/message"
)

const (
	bar     = 5 * time.Second
	bars    = 60 // of five seconds: five minutes
	rateFor = 10 // seconds that the rate is an average of
)

// meter keeps what the last five minutes counted, from totals read once a second. The feed is no measure: it
// may leave entries out.
type meter struct {
	last    Totals
	status  Status
	started bool
	bars    [bars]Totals
	head    int64 // the number of the current bar, counted from the epoch
	seconds [rateFor]uint64
	ticks   int
}

func (h *hub) sample(now time.Time, s Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.meter.add(now, s)
}

func (m *meter) add(now time.Time, s Status) {
	n := now.UnixNano() / int64(bar)
	if !m.started || n-m.head >= bars || n < m.head {
		m.bars, m.head = [bars]Totals{}, n
	}
	for m.head < n {
		m.head++
		m.bars[m.head%bars] = Totals{}
	}
	var sum uint64
	for r := range s.Totals {
		for o := range s.Totals[r] {
			// Less than before means that whoever counts has begun anew.
			if d := s.Totals[r][o] - m.last[r][o]; m.started && s.Totals[r][o] >= m.last[r][o] {
				m.bars[m.head%bars][r][o] += d
				sum += d
			}
		}
	}
	m.seconds[m.ticks%rateFor] = sum
	m.ticks++
	m.last, m.status, m.started = s.Totals, s, true
}

// rate is messages a second.
func (m *meter) rate() float64 {
	var sum uint64
	for _, n := range m.seconds {
		sum += n
	}
	return float64(sum) / float64(max(1, min(m.ticks-1, rateFor)))
}

// columns are the bars, the oldest first.
func (m *meter) columns() []Totals {
	cols := make([]Totals, bars)
	for i := range cols {
		cols[i] = m.bars[(m.head+1+int64(i))%bars]
	}
	return cols
}

func (m *meter) sum() (t Totals) {
	for i := range m.bars {
		t.add(&m.bars[i])
	}
	return t
}

func (t *Totals) add(u *Totals) {
	for r := range t {
		for o := range t[r] {
			t[r][o] += u[r][o]
		}
	}
}

// of counts an outcome over all routes; a message without a verdict was delivered.
func (t *Totals) of(o message.Outcome) (n uint64) {
	for r := range t {
		n += t.at(message.Route(r), o)
	}
	return n
}

func (t *Totals) at(r message.Route, o message.Outcome) uint64 {
	n := t[r][o]
	if o == message.Deliver {
		n += t[r][message.OutcomeUnset]
	}
	return n
}

func (t *Totals) route(r message.Route) (n uint64) {
	for _, v := range t[r] {
		n += v
	}
	return n
}

func (t *Totals) total() (n uint64) {
	for r := range t {
		n += t.route(message.Route(r))
	}
	return n
}
