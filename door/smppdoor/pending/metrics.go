package pending

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	idsDesc = prometheus.NewDesc("sekisho_pending_ids",
		"Message ids that wait for their final receipt.", nil, nil)
	groupsDesc = prometheus.NewDesc("sekisho_pending_groups",
		"Long messages some but not all parts of which have their final receipt.", nil, nil)
	bytesDesc = prometheus.NewDesc("sekisho_pending_log_bytes",
		"Size of the log of message ids.", nil, nil)
	segmentsDesc = prometheus.NewDesc("sekisho_pending_log_segments",
		"Files of the log of message ids.", nil, nil)
	unwrittenDesc = prometheus.NewDesc("sekisho_pending_unwritten_bytes",
		"Octets of the log that are in memory only.", nil, nil)
	opsDesc = prometheus.NewDesc("sekisho_pending_operations_total",
		"Message ids put, done and expired, records copied and segments removed by compaction.", []string{"op"}, nil)
	errorsDesc = prometheus.NewDesc("sekisho_pending_errors_total",
		"Failures of the log of message ids, by what was tried.", []string{"op"}, nil)
)

// failures are what trouble counts.
var failures = [...]string{"append", "read", "write", "sync", "compact", "recover"}

// metrics counts under the map's mu; only the histogram has its own lock.
type metrics struct {
	puts, dones, expired, copied, removed uint64
	failures                              [len(failures)]uint64
	logged                                time.Time // when trouble was logged last

	syncs prometheus.Histogram
	of    *Map
}

func (x *metrics) register(r prometheus.Registerer, m *Map) error {
	x.of = m
	x.syncs = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sekisho_pending_sync_seconds", Help: "How long forcing the log of message ids to disk took.",
		Buckets: []float64{1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1, 2.5},
	})
	if r == nil {
		return nil
	}
	if err := r.Register(x); err != nil {
		return fmt.Errorf("pending: register metrics: %w", err)
	}
	return nil
}

func (x *metrics) unregister(r prometheus.Registerer) {
	if r != nil {
		r.Unregister(x)
	}
}

func (x *metrics) trouble(op string) {
	for i := range failures {
		if failures[i] == op {
			x.failures[i]++
		}
	}
}

func (x *metrics) syncTook(d time.Duration) { x.syncs.Observe(d.Seconds()) }

func (x *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{idsDesc, groupsDesc, bytesDesc, segmentsDesc, unwrittenDesc, opsDesc, errorsDesc} {
		c <- d
	}
	x.syncs.Describe(c)
}

func (x *metrics) Collect(c chan<- prometheus.Metric) {
	m := x.of
	m.mu.Lock()
	gauges := map[*prometheus.Desc]int64{
		idsDesc: int64(m.table.ids), groupsDesc: int64(m.table.groups), bytesDesc: m.bytes,
		segmentsDesc: int64(len(m.segments)), unwrittenDesc: int64(m.pos - m.written),
	}
	ops := map[string]uint64{"put": x.puts, "done": x.dones, "expired": x.expired, "copied": x.copied, "removed": x.removed}
	failed := x.failures
	m.mu.Unlock()
	for d, v := range gauges {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v))
	}
	for op, v := range ops {
		c <- prometheus.MustNewConstMetric(opsDesc, prometheus.CounterValue, float64(v), op)
	}
	for i, v := range failed {
		c <- prometheus.MustNewConstMetric(errorsDesc, prometheus.CounterValue, float64(v), failures[i])
	}
	x.syncs.Collect(c)
}
