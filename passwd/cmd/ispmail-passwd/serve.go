package main

import (
	"context"
	"errors"
	"log/slog"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// serveOrCheck serves until the context of the command ends. With --check it only checks the settings and the database.
func serveOrCheck(c *cobra.Command, s *settings) error {
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	counters := newMetrics()
	log, endLog := s.steadyLog(counters)
	defer endLog()
	late, refused := newLateStore(), newRefusals(log)
	defer refused.Flush()
	config := s.config(late, log, counters, refused)
	limits := s.shareLimits(&config, log, counters)
	defer limits.close()
	listed := s.lookUp(&config, log, counters)
	service, err := passwd.New(config)
	if err != nil {
		return inFlags(err)
	}
	if s.Check {
		if !check(ctx, s, c.OutOrStdout()) {
			return &command.Failure{Code: command.ExitFailed}
		}
		return nil
	}

	sample, err := s.sample()
	if err != nil {
		return command.Fail(err)
	}
	state := &status{log: log}
	probe := &readiness{log: log, found: state.sayReadiness, probe: func(ctx context.Context) error {
		return database.Advise(s.dsn, late.canChange(ctx, len(sample)))
	}}
	counters.addReadiness(probe.ready)
	serve.OnReload(ctx, func() { s.reload(service, listed, log) })
	// Listen first: whoever comes before the database answers gets 503 and not a closed port.
	endpoints := []serve.Endpoint{{Name: "api", Setting: command.Setting(c, "api-listen"), Address: &s.APIListen, Serve: serve.HTTP(service.API(), log), Shown: serve.URLOf}}
	if s.Listen != "" {
		endpoints = append(endpoints, serve.Endpoint{Name: "page", Setting: command.Setting(c, "listen"), Address: &s.Listen, Serve: serve.HTTP(service.Page(), log), Shown: serve.URLOf})
	}
	if s.PoppassdListen != "" {
		endpoints = append(endpoints, serve.Endpoint{Name: "poppassd", Setting: command.Setting(c, "poppassd-listen"), Address: &s.PoppassdListen, Serve: service.ServePoppassd, Shown: serve.AddressOf})
	}
	if s.MetricsListen != "" {
		handler := counters.handler(probe.ready, limits.note)
		endpoints = append(endpoints, serve.Endpoint{Name: "metrics", Setting: command.Setting(c, "metrics-listen"), Address: &s.MetricsListen, Serve: serve.HTTP(handler, log), Shown: serve.URLOf})
	}
	for i := range endpoints {
		endpoints[i].Refused = counters.refused.WithLabelValues(endpoints[i].Name).Inc
	}
	if err := serve.ListenAll(endpoints, s.mode); errors.Is(err, serve.ErrNotPassed) {
		return &command.Failure{Code: command.ExitUsage, Err: err} // as a wrong setting, so that systemd does not try again and again
	} else if err != nil {
		return command.Fail(err)
	}
	if err := s.validateReach(); err != nil { // now that it is known where systemd listens
		return err
	}
	for _, warning := range s.warnings() {
		log.Warn("a setting is seldom meant", slog.String("warning", warning))
	}
	listed.warnPartial()

	state.say(statusOpening)
	var background sync.WaitGroup
	background.Go(func() { probe.watch(ctx, late.Tried()) })
	background.Go(func() {
		late.Open(ctx, log, s.opener(log, counters))
		if store, err := late.Store(); err == nil {
			background.Go(func() { s.warnTables(ctx, store, log) }) // the floor does not wait for it
		}
		if s.Demo && ctx.Err() == nil {
			printDemo(c.OutOrStdout(), endpoints[0].Listener, endpoints[1].Listener)
		}
		if store, err := late.Store(); err == nil {
			s.followTable(ctx, log, service, store, floorEvery)
		}
	})
	err = serve.Serve(ctx, log, endpoints, s.proxies)
	stop()
	background.Wait()
	late.Close()
	return command.Fail(err)
}

// steadyLog returns a log that never stops or kills the service, and what ends it. When nobody reads standard error any more,
// lines are lost, and counted.
func (s *settings) steadyLog(counters *metrics) (log *slog.Logger, end func()) {
	signal.Ignore(syscall.SIGPIPE) // which would kill
	lines := logwriter.New(s.stderr, func(n int64) {
		log.Warn("lines of the log were lost, because nobody read it", slog.Int64("count", n))
	})
	counters.linesLost = lines.Lost
	log = s.logger(lines)
	return log, func() {
		lines.Flush(time.Second)
		lines.Close()
	}
}
