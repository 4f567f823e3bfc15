package gate

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sekisho/sekisho/message"
)

// doors are those that count; a door of another name counts as the last.
var doors = [...]string{"smpp", "http", "file", "milter", "report", "other"}

// metrics counts without a lock or a look-up by label on the message path.
type metrics struct {
	messages [len(doors)][message.Routes][message.Outcomes]atomic.Uint64 // by what was done
	judged   [message.Routes][message.Outcomes]atomic.Uint64             // by what policy said
	skipped  [NoText + 1]atomic.Uint64
	delay    prometheus.Histogram
	delays   [len(delayBounds) + 1]atomic.Uint64 // the same, to be read back
	gate     *Gate
}

// delayBounds are the upper ends of the steps in which judging is timed.
var delayBounds = [...]time.Duration{1e3, 2e3, 3e3, 4e3, 5e3, 6e3, 7e3, 8e3, 10e3, 12e3, 15e3, 20e3, 30e3, 50e3,
	100e3, 200e3, 500e3, 1e6, 10e6, 100e6, 1e9}

// Totals are the messages judged so far, by route and what policy said.
func (g *Gate) Totals() (t [message.Routes][message.Outcomes]uint64) {
	for r := range t {
		for o := range t[r] {
			t[r][o] = g.metrics.judged[r][o].Load()
		}
	}
	return t
}

// Delays counts how long judging took so far, in steps; Percentile reads the difference of two such counts.
type Delays [len(delayBounds) + 1]uint64

// Delays are the counts so far.
func (g *Gate) Delays() (d Delays) {
	for i := range d {
		d[i] = g.metrics.delays[i].Load()
	}
	return d
}

// Percentile is the upper end of the step that the share p (0 to 1) of what was judged since before lies
// below; 0 where nothing was.
func (d Delays) Percentile(p float64, before Delays) time.Duration {
	total, sum := uint64(0), uint64(0)
	for i := range d {
		total += d[i] - before[i]
	}
	for i := range d {
		if sum += d[i] - before[i]; total > 0 && float64(sum) >= p*float64(total) {
			return delayBounds[min(i, len(delayBounds)-1)]
		}
	}
	return 0
}

var (
	messagesDesc = prometheus.NewDesc("sekisho_messages_total",
		"Messages that passed the gate, by door, route and what was done with them.", []string{"door", "route", "outcome"}, nil)
	judgedDesc = prometheus.NewDesc("sekisho_judged_total",
		"Messages by what policy said of them, whatever the mode let be done.", []string{"route", "outcome"}, nil)
	skippedDesc = prometheus.NewDesc("sekisho_skipped_total",
		"Messages that were not judged, by why.", []string{"why"}, nil)
	bypassDesc = prometheus.NewDesc("sekisho_bypass",
		"1 while nothing is stopped: by hand, or because judging fell behind (overload).", []string{"by"}, nil)
)

func (x *metrics) register(r prometheus.Registerer, g *Gate) {
	x.gate = g
	x.delay = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sekisho_judge_seconds", Help: "How long judging one message took.",
		Buckets: []float64{2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 1e-2, 0.1, 1},
	})
	if r != nil {
		r.MustRegister(x.delay, x)
	}
}

func (x *metrics) count(m *message.Message, w *Verdict) {
	d := len(doors) - 1
	for i := range doors {
		if doors[i] == m.Door {
			d = i
			break
		}
	}
	route := m.Route
	if route >= message.Routes {
		route = message.RouteUnset
	}
	x.messages[d][route][w.Do].Add(1)
	if w.Skipped == Judged {
		x.judged[route][w.Outcome].Add(1)
	} else {
		x.skipped[w.Skipped].Add(1)
	}
}

func (x *metrics) took(d time.Duration) {
	x.delay.Observe(d.Seconds())
	i := 0
	for i < len(delayBounds) && d > delayBounds[i] {
		i++
	}
	x.delays[i].Add(1)
}

// Describe and Collect make the counts readable for Prometheus.
func (x *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{messagesDesc, judgedDesc, skippedDesc, bypassDesc} {
		c <- d
	}
}

func (x *metrics) Collect(c chan<- prometheus.Metric) {
	for d := range x.messages {
		for r := range x.messages[d] {
			for o := range x.messages[d][r] {
				if n := x.messages[d][r][o].Load(); n > 0 {
					c <- prometheus.MustNewConstMetric(messagesDesc, prometheus.CounterValue, float64(n),
						doors[d], message.Route(r).String(), message.Outcome(o).String())
				}
			}
		}
	}
	for r, by := range x.gate.Totals() {
		for o, n := range by {
			if n > 0 {
				c <- prometheus.MustNewConstMetric(judgedDesc, prometheus.CounterValue, float64(n), message.Route(r).String(), message.Outcome(o).String())
			}
		}
	}
	for s := OptedOut; s <= NoText; s++ {
		c <- prometheus.MustNewConstMetric(skippedDesc, prometheus.CounterValue, float64(x.skipped[s].Load()), s.String())
	}
	byHand, byItself := x.gate.Bypass()
	for by, on := range map[string]bool{"hand": byHand, "overload": byItself} {
		v := 0.0
		if on {
			v = 1
		}
		c <- prometheus.MustNewConstMetric(bypassDesc, prometheus.GaugeValue, v, by)
	}
}
