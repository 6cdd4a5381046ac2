package main

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// metrics counts attempts for Prometheus.
type metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	seconds  *prometheus.HistogramVec

	linesLost func() int64 // set before the metrics are served
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "ispmail_passwd_attempts_total",
			Help: "Attempts to change a password, by channel (api, page) and reason (ok, bad-credentials, limited, ...).",
		}, []string{"channel", "reason"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "ispmail_passwd_attempt_duration_seconds",
			Help:    "Time from the arrival of an attempt to its answer, with the floor of wrong credentials.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"channel"}),
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
	m.registry.MustRegister(lost, m.attempts, m.seconds, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) observe(e passwd.Event) {
	m.attempts.WithLabelValues(e.Channel.String(), e.Reason).Inc()
	m.seconds.WithLabelValues(e.Channel.String()).Observe(e.Duration.Seconds())
}

// handler serves /metrics, /healthz, which says that the process lives, and /readyz, which says that a change
// would work.
func (m *metrics) handler(ready func(context.Context) error) http.Handler {
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
		_, _ = io.WriteString(w, "ok\n")
	})
	return mux
}

// reasonOf says why a change would not work, without what the database says about itself. The log has that.
func reasonOf(err error) string {
	switch {
	case errors.Is(err, errTooNarrow):
		return errTooNarrow.Error()
	case errors.Is(err, errCannotWrite):
		return errCannotWrite.Error()
	case errors.Is(err, errCannotRead) && !errors.Is(err, ispmail.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded):
		return errCannotRead.Error()
	}
	return "the database does not answer"
}
