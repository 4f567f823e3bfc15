package rpz

import "github.com/prometheus/client_golang/prometheus"

type metrics struct {
	queries   *prometheus.CounterVec
	transfers *prometheus.CounterVec
	records   *prometheus.CounterVec
	denied    prometheus.Counter
	turned    prometheus.Counter
	skipped   *prometheus.CounterVec
	notifies  *prometheus.CounterVec
	versions  prometheus.Counter
	all       []prometheus.Collector
}

func newMetrics(s *Server) *metrics {
	vec := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_rpz_" + name, Help: help}, labels)
	}
	one := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_rpz_" + name, Help: help})
	}
	gauge := func(name, help string, f func(*version) float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sekisho_rpz_" + name, Help: help}, func() float64 {
			if v := s.zone.now.Load(); v != nil {
				return f(v)
			}
			return 0
		})
	}
	m := &metrics{
		queries: vec("queries_total", "Requests, by what became of them: apex, name, transfer, refused, not-yet, malformed, bad-tsig, dropped.", "answer"),
		transfers: vec("transfers_total", "Transfers of the zone to peers: axfr and ixfr that were sent whole, current where there was nothing newer, "+
			"failed, busy.", "form"),
		records:  vec("transferred_records_total", "Records sent in transfers.", "form"),
		denied:   one("denied_total", "Transfers asked for by who is no peer."),
		turned:   one("turned_away_total", "Connections closed at once: too many, or from no peer."),
		skipped:  vec("skipped_total", "Indicators that make no record, by reason.", "reason"),
		notifies: vec("notifies_total", "NOTIFY to peers, by result: taken, refused, unanswered.", "peer", "result"),
		versions: one("versions_total", "Versions of the zone that were made."),
	}
	m.all = []prometheus.Collector{m.queries, m.transfers, m.records, m.denied, m.turned, m.skipped, m.notifies, m.versions,
		gauge("names", "Names in the zone, without what is below them.", func(v *version) float64 { return float64(v.names) }),
		gauge("records", "Policy records in the zone.", func(v *version) float64 { return float64(v.content.records) }),
		gauge("serial", "Serial of the zone; 0 until it was set.", func(v *version) float64 { return float64(v.serial) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sekisho_rpz_connections", Help: "Connections over TCP."},
			func() float64 { return float64(s.conns.count()) }),
	}
	return m
}

func (m *metrics) register(r prometheus.Registerer) error {
	for i, c := range m.all {
		if err := r.Register(c); err != nil {
			for _, c := range m.all[:i] {
				r.Unregister(c)
			}
			return err
		}
	}
	return nil
}

func (m *metrics) tally(t Tally) {
	for reason, n := range t.Skipped {
		m.skipped.WithLabelValues(reason).Add(float64(n))
	}
}
