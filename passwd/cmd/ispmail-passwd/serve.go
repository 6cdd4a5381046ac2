package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"
)

// A door is a listener with what it serves.
type door struct {
	name     string // of the flag
	listener net.Listener
	handler  http.Handler
}

// connections is how many each door keeps open; more wait. A place costs a slow client's few kilobytes.
const connections = 256

// stopTimeout is how long requests that are under way may take after SIGTERM; systemd kills after 90 seconds.
const stopTimeout = 15 * time.Second

// serve serves all doors until ctx ends or one of them fails, and then lets requests that are under way finish.
func serve(ctx context.Context, log *slog.Logger, doors []door) error {
	failed := make(chan error, len(doors))
	var servers []*http.Server
	for _, d := range doors {
		server := &http.Server{
			Handler:           d.handler,
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      25 * time.Second, // of which a change may take 10, and the wait for a place 3
			IdleTimeout:       30 * time.Second,
			MaxHeaderBytes:    8 << 10,
			// OPTIONS * would get a 200 that is not ours.
			DisableGeneralOptionsHandler: true,
			ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		}
		servers = append(servers, server)
		go func() {
			failed <- fmt.Errorf("%s: %w", d.name, server.Serve(netutil.LimitListener(d.listener, connections)))
		}()
		log.Info("listening", slog.String(d.name, urlOf(d.listener)))
	}
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		log.Info("stopping")
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	for _, server := range servers {
		if shutdownErr := server.Shutdown(late); shutdownErr != nil {
			err = errors.Join(err, fmt.Errorf("requests were cut off: %w", shutdownErr))
		}
	}
	return err
}
