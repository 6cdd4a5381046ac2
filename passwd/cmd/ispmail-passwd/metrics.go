package main

import (
	"context"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ispmail/go-ispmail/passwd"
)

// metrics counts attempts for Prometheus. Every metric is there from the start: an alert on one that is not there yet would never
// come.
type metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec

	notPassedOn prometheus.Counter
	noNotice    prometheus.Counter
	notLookedUp prometheus.Counter
	refused     *prometheus.CounterVec // by listener, each of which is added before it listens

	linesLost func() int64 // set before the metrics are served
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ispmail_passwd_attempts_total",
			Help: "Attempts to change a password, by channel (api, page, poppassd) and reason (ok, bad-credentials, limited, ...).",
		}, []string{"channel", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ispmail_passwd_attempt_duration_seconds",
			Help:    "Time from the arrival of an attempt to its answer, with the floor of wrong credentials.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"channel"}),
		notPassedOn: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ispmail_passwd_changes_not_passed_on_total",
			Help: "Changes that the program of --on-change was not told of: a cache may go on to accept the old password.",
		}),
		noNotice: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ispmail_passwd_notices_failed_total",
			Help: "Changes that the program of --notice was not told of: the owners get no mail.",
		}),
		notLookedUp: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "ispmail_passwd_breached_not_looked_up_total",
			Help: "New passwords that were let through without a look into the list of breached ones, because it cannot be read or is out of order.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ispmail_passwd_connections_refused_total",
			Help: "Connections that were closed because their client had too many others, by listener (api, page, poppassd, metrics).",
		}, []string{"listener"}),
	}
	// process_start_time_seconds is not there in the sandbox of the unit, which hides /proc/stat.
	started := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "ispmail_passwd_start_time_seconds",
		Help: "When the service started, in seconds since 1970.",
	})
	started.SetToCurrentTime()
	for _, channel := range []passwd.Channel{passwd.API, passwd.Page, passwd.Poppassd} {
		m.seconds.WithLabelValues(channel.String())
		for _, reason := range channel.Reasons() {
			m.attempts.WithLabelValues(channel.String(), reason)
		}
	}
	lost := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "ispmail_passwd_log_lines_lost_total",
		Help: "Lines of the log that were lost, because nobody read standard error.",
	}, func() float64 {
		if m.linesLost == nil {
			return 0
		}
		return float64(m.linesLost())
	})
	m.registry.MustRegister(started, lost, m.attempts, m.seconds, m.notPassedOn, m.noNotice, m.notLookedUp, m.refused, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// addReadiness adds whether a change would work, and why not. That is asked at each scrape.
func (m *metrics) addReadiness(ready func(context.Context) error) {
	m.registry.MustRegister(&readinessCollector{ready: ready})
}

// A readinessCollector has a gauge for the answer of /readyz, and one for each reason.
type readinessCollector struct{ ready func(context.Context) error }

var (
	readyDesc = prometheus.NewDesc("ispmail_passwd_ready",
		"Whether a change of a password would work now: 1 if so, else 0.", nil, nil)
	notReadyDesc = prometheus.NewDesc("ispmail_passwd_not_ready",
		"Why a change of a password would not work now: 1 for the reason that /readyz says, 0 for all others.", []string{"reason"}, nil)
)

// Describe implements [prometheus.Collector].
func (c *readinessCollector) Describe(descs chan<- *prometheus.Desc) {
	descs <- readyDesc
	descs <- notReadyDesc
}

// Collect implements [prometheus.Collector].
func (c *readinessCollector) Collect(collected chan<- prometheus.Metric) {
	ready, current := 1.0, ""
	if err := c.ready(context.Background()); err != nil {
		ready, current = 0, reasonOf(err)
	}
	collected <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, ready)
	for _, reason := range reasons {
		value := 0.0
		if reason.Error() == current {
			value = 1
		}
		collected <- prometheus.MustNewConstMetric(notReadyDesc, prometheus.GaugeValue, value, reason.Error())
	}
}

func (m *metrics) observe(e passwd.Event) {
	m.attempts.WithLabelValues(e.Channel.String(), e.Reason).Inc()
	m.seconds.WithLabelValues(e.Channel.String()).Observe(e.Duration.Seconds())
}

// handler serves /metrics, /healthz, which says that the process lives, and /readyz, which says that a change would work, and
// with a note what works less well than it should.
func (m *metrics) handler(ready func(context.Context) error, note func() string) http.Handler {
	mux := http.NewServeMux() // redirects do no harm here
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := ready(r.Context()); err != nil {
			http.Error(w, reasonOf(err), http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ok\n"+note())
	})
	return mux
}
