package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/net/netutil"
)

// A door is an address with what is served there.
type door struct {
	name     string
	address  *string // a setting; of the listener, once there is one
	handler  http.Handler
	listener net.Listener // once it listens
}

// connections is how many each door keeps open; more wait. One that is idle costs some 20 KiB.
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

// serve serves all doors until ctx ends or one of them fails, and then lets requests that are under way finish.
func serve(ctx context.Context, log *slog.Logger, doors []door) error {
	failed := make(chan error, len(doors))
	var servers []*http.Server
	for _, d := range doors {
		server := newServer(d.handler, log)
		servers = append(servers, server)
		go func() {
			failed <- fmt.Errorf("%s: %w", d.name, server.Serve(netutil.LimitListener(d.listener, connections)))
		}()
		log.Info("listening", slog.String(d.name, urlOf(d.listener)))
	}
	notifySystemd(log, daemon.SdNotifyReady)
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	notifySystemd(log, daemon.SdNotifyStopping)
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	ended := make(chan error, len(servers))
	for _, server := range servers { // at once, so that none takes more in while another finishes
		go func() { ended <- server.Shutdown(late) }()
	}
	for range servers {
		if shutdownErr := <-ended; shutdownErr != nil {
			err = errors.Join(err, fmt.Errorf("requests were cut off: %w", shutdownErr))
		}
	}
	return err
}

// notifySystemd tells systemd what the service is up to, if that started it, see sd_notify(3).
func notifySystemd(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told", slog.String("state", state), slog.Any("cause", err))
	}
}
