package smppdoor

import (
	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the door. Labels are names of accounts and upstreams, never numbers.
type metrics struct {
	door         *Door
	delay        prometheus.Histogram
	bindRefused  prometheus.Counter
	malformed    prometheus.Counter
	overRate     prometheus.Counter
	badSource    prometheus.Counter
	notPermitted prometheus.Counter
	throttled    prometheus.Counter
	unanswered   prometheus.Counter
	lostIDs      prometheus.Counter
	holdFailed   prometheus.Counter
	fellBack     prometheus.Counter
	unlabelled   prometheus.Counter
	longExpired  prometheus.Counter
	nobody       prometheus.Counter
	returned     prometheus.Counter
	cancels      *prometheus.CounterVec
	receipts     *prometheus.CounterVec
	undecodable  *prometheus.CounterVec
}

var (
	bindsDesc = prometheus.NewDesc("sekisho_smpp_upstream_binds", "Binds to an SMSC that are up.", []string{"upstream"}, nil)
	wantDesc  = prometheus.NewDesc("sekisho_smpp_upstream_binds_wanted", "Binds to an SMSC that there should be.", []string{"upstream"}, nil)
	waitDesc  = prometheus.NewDesc("sekisho_smpp_upstream_outstanding", "Requests that wait for an SMSC's answer.", []string{"upstream"}, nil)
	esmeDesc  = prometheus.NewDesc("sekisho_smpp_sessions", "Bound sessions of an account.", []string{"account"}, nil)
	longDesc  = prometheus.NewDesc("sekisho_smpp_long_messages", "Long messages whose parts are remembered.", nil, nil)
	queueDesc = prometheus.NewDesc("sekisho_smpp_hold_queue", "Messages that wait to be kept.", nil, nil)
)

func (x *metrics) register(r prometheus.Registerer, d *Door) {
	x.door = d
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Name: "sekisho_smpp_" + name + "_total", Help: help})
		if r != nil {
			r.MustRegister(c)
		}
		return c
	}
	vector := func(name, help, label string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_smpp_" + name + "_total", Help: help}, []string{label})
		if r != nil {
			r.MustRegister(c)
		}
		return c
	}
	x.bindRefused = counter("binds_refused", "Binds of ESMEs that were refused.")
	x.malformed = counter("malformed", "PDUs whose body could not be read.")
	x.overRate = counter("over_rate", "Submits beyond an account's rate, answered ESME_RTHROTTLED.")
	x.badSource = counter("bad_source", "Submits from an address that the account may not send as.")
	x.notPermitted = counter("not_permitted", "Binary, port-addressed, OTA or MMS messages of accounts without permission.")
	x.throttled = counter("throttled", "Requests that no bind to the SMSC had room for.")
	x.unanswered = counter("unanswered", "Requests that the SMSC never answered; the ESME got ESME_RSYSERR.")
	x.lostIDs = counter("ids_lost", "Message ids that could not be kept: their receipts are lost.")
	x.holdFailed = counter("hold_failed", "Messages that could not be kept when they should be held.")
	x.fellBack = counter("fallback", "Messages that were blocked or delivered because they could not be held.")
	x.unlabelled = counter("unlabelled", "Messages that no warning fits on, delivered as they were.")
	x.longExpired = counter("long_expired", "Long messages that did not come whole.")
	x.nobody = counter("nobody", "Texts from an SMSC for a number of no account.")
	x.returned = counter("returned", "Texts that came back from the SMSC on the p2p loop: its binds do not lead past us.")
	x.cancels = vector("cancels", "Parts of stopped messages taken back at the SMSC: done, late, unsent.", "result")
	x.receipts = vector("receipts", "Receipts: passed, again (the SMSC repeats one that was passed), away (ESME not bound), unknown (no such id), no-account.", "result")
	x.undecodable = vector("undecodable", "Texts that could not be read, or in more than one way.", "account")
	x.delay = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sekisho_smpp_delay_seconds", Help: "From reading a submit to queueing it for the SMSC.",
		Buckets: []float64{5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 0.1, 1},
	})
	if r != nil {
		r.MustRegister(x.delay, x)
	}
}

// Describe and Collect read what is counted elsewhere.
func (x *metrics) Describe(c chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{bindsDesc, wantDesc, waitDesc, esmeDesc, longDesc, queueDesc} {
		c <- d
	}
}

func (x *metrics) Collect(c chan<- prometheus.Metric) {
	gauge := func(d *prometheus.Desc, v int, labels ...string) {
		c <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(v), labels...)
	}
	for name, u := range *x.door.upstreams.Load() {
		gauge(bindsDesc, u.bound(), name)
		gauge(wantDesc, u.cfg.Load().Binds, name)
		gauge(waitDesc, u.outstanding(), name)
	}
	for id, n := range x.door.Sessions() {
		gauge(esmeDesc, n, id)
	}
	gauge(longDesc, x.door.longs.len())
	gauge(queueDesc, len(x.door.holds.queue))
}
