package httpdoor

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics of the door. What was judged is counted by the gate.
type metrics struct {
	ok       prometheus.Counter // of answers, the one that is counted often
	answers  *prometheus.CounterVec
	problems *prometheus.CounterVec
	delay    prometheus.Histogram
}

func (x *metrics) register(r prometheus.Registerer, d *Door) {
	x.answers = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_http_answers_total",
		Help: "Answers to requests, by status; a stream is one."}, []string{"status"})
	x.problems = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "sekisho_http_problems_total",
		Help: "What was wrong with requests and lines of streams, by kind."}, []string{"problem"})
	x.delay = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "sekisho_http_delay_seconds", Help: "From the head of a request for one message to its answer.",
		Buckets: []float64{1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 0.1, 1},
	})
	x.ok = x.answers.WithLabelValues("200")
	if r == nil {
		return
	}
	r.MustRegister(x.answers, x.problems, x.delay, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sekisho_http_streams", Help: "Streams that are open.",
	}, func() float64 { return float64(d.streams.Load()) }))
}

func (x *metrics) answered(status int) {
	if status == 200 {
		x.ok.Inc()
		return
	}
	x.answers.WithLabelValues(strconv.Itoa(status)).Inc()
}

func (x *metrics) problem(k *kind) { x.problems.WithLabelValues(k.name).Inc() }
