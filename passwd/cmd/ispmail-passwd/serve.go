package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
)

// serveOrCheck serves until the context of the command ends. With --check it only checks the settings and the database.
func serveOrCheck(c *cobra.Command, s *settings) error {
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	counters := newMetrics()
	log, endLog := s.steadyLog(counters)
	defer endLog()
	database, refused := newLateStore(), newRefusals(log)
	defer refused.flush()
	config := s.config(database, log, counters, refused)
	limits := s.shareLimits(&config, log, counters)
	defer limits.close()
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
	probe := &readiness{log: log, found: state.sayReadiness, probe: func(ctx context.Context) error { return database.canChange(ctx, len(sample)) }}
	counters.addReadiness(probe.ready)
	s.reloadOnSignal(ctx, service, log)
	// Listen first: whoever comes before the database answers gets 503 and not a closed port.
	endpoints := []endpoint{{name: "api", address: &s.APIListen, serve: overHTTP(service.API(), log), shown: urlOf}}
	if s.Listen != "" {
		endpoints = append(endpoints, endpoint{name: "page", address: &s.Listen, serve: overHTTP(service.Page(), log), shown: urlOf})
	}
	if s.PoppassdListen != "" {
		endpoints = append(endpoints, endpoint{name: "poppassd", address: &s.PoppassdListen, serve: service.ServePoppassd, shown: addressOf})
	}
	if s.MetricsListen != "" {
		handler := counters.handler(probe.ready, limits.note)
		endpoints = append(endpoints, endpoint{name: "metrics", address: &s.MetricsListen, serve: overHTTP(handler, log), shown: urlOf})
	}
	if err := listenAll(endpoints, s.mode); err != nil {
		return command.Fail(err)
	}
	if err := s.validateReach(); err != nil { // now that it is known where systemd listens
		return err
	}
	for _, warning := range s.warnings() {
		log.Warn("a setting is seldom meant", slog.String("warning", warning))
	}

	state.say(statusOpening)
	var background sync.WaitGroup
	background.Go(func() { probe.watch(ctx, database.tried) })
	background.Go(func() {
		database.open(ctx, log, s.opener(log, counters))
		if store := database.store.Load(); store != nil {
			s.warnTables(ctx, store, log)
		}
		if s.Demo && ctx.Err() == nil {
			printDemo(c.OutOrStdout(), endpoints[0].listener, endpoints[1].listener)
		}
		if store := database.store.Load(); store != nil {
			s.followTable(ctx, log, service, store, floorEvery)
		}
	})
	err = serve(ctx, log, endpoints, s.proxies)
	stop()
	background.Wait()
	database.close()
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

// listenAll opens the addresses of the endpoints. Each setting becomes the address of its listener, with the real port.
func listenAll(endpoints []endpoint, mode fs.FileMode) error {
	inherited, err := inherit()
	if err != nil {
		return err
	}
	for i := range endpoints {
		e := &endpoints[i]
		if e.listener, err = inherited.listen(*e.address, mode); err != nil {
			return fmt.Errorf("the %s cannot listen: %w", e.name, err)
		}
		*e.address = addressOf(e.listener)
	}
	return nil
}

// An endpoint is an address and what is served there.
type endpoint struct {
	name     string
	address  *string                                   // the setting; listenAll replaces it by the address of the listener
	serve    func(context.Context, net.Listener) error // until the context ends; then it lets finish what is under way
	shown    func(net.Listener) string                 // the address as people use it
	listener net.Listener                              // set by listenAll
}

// connections is the greatest number of open connections of an endpoint; further ones wait. An idle one costs some 20 KiB.
const connections = 1024

const (
	// writeTimeout is more than an attempt may take: 10 s for its body, 3 for a place, 10 for the change, and 5 to find
	// out what became of it if its answer gets lost.
	writeTimeout = 35 * time.Second
	// stopTimeout is how long requests that are under way may take after SIGTERM; systemd kills after 90 seconds.
	stopTimeout = 40 * time.Second
)

// newServer returns a server whose slow or idle clients do not keep others out.
func newServer(handler http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       5 * time.Second,
		MaxHeaderBytes:    8 << 10,
		// OPTIONS * would get a 200 that is not ours.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
}

// overHTTP returns what serves a handler at an endpoint.
func overHTTP(handler http.Handler, log *slog.Logger) func(context.Context, net.Listener) error {
	return func(ctx context.Context, listener net.Listener) error {
		server, failed := newServer(handler, log), make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := server.Shutdown(late); err != nil {
			return fmt.Errorf("requests were cut off: %w", err)
		}
		return nil
	}
}

// serve serves all endpoints until ctx ends or one of them fails. Then all of them stop at once, so that none takes more in while
// another finishes.
func serve(ctx context.Context, log *slog.Logger, endpoints []endpoint, proxies []netip.Prefix) error {
	all, serving := errgroup.WithContext(ctx)
	for _, e := range endpoints {
		all.Go(func() error {
			if err := e.serve(serving, netutil.LimitListener(newFairListener(e.listener, proxies), connections)); err != nil {
				return fmt.Errorf("%s: %w", e.name, err)
			}
			return nil
		})
		log.Info("listening", slog.String(e.name, e.shown(e.listener)))
	}
	notifySystemd(log, daemon.SdNotifyReady)
	<-serving.Done()
	if ctx.Err() != nil {
		log.Info("stopping")
	}
	notifySystemd(log, daemon.SdNotifyStopping)
	return all.Wait()
}
