// Package serve listens and serves for the commands: on addresses, unix sockets and sockets of systemd, with bounds on what a client
// can take.
package serve

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// ListenAll opens the addresses of the endpoints, and says of one that cannot be opened which setting takes another. Each setting
// becomes the address of its listener, with the real port.
func ListenAll(endpoints []Endpoint, mode fs.FileMode) error {
	inherited, err := Inherit()
	if err != nil {
		return err
	}
	for i := range endpoints {
		e := &endpoints[i]
		if e.Listener, err = inherited.Listen(*e.Address, mode); err != nil {
			return fmt.Errorf("the %s cannot listen on %s: %w", e.Name, *e.Address, withAdvice(err, *e.Address, e.Setting))
		}
		*e.Address = AddressOf(e.Listener)
	}
	return nil
}

// An Endpoint is an address and what is served there.
type Endpoint struct {
	Name     string
	Setting  string                                    // how people name another address, such as "--listen or ISPMAIL_LISTEN"
	Address  *string                                   // the value of the setting; ListenAll replaces it by the address of the listener
	Serve    func(context.Context, net.Listener) error // until the context ends; then it lets finish what is under way
	Shown    func(net.Listener) string                 // the address as people use it
	Refused  func()                                    // called for each connection that is closed because its client has too many; may be nil
	Listener net.Listener                              // set by ListenAll
}

// Connections is the greatest number of open connections of an endpoint; further ones wait. An idle one costs some 20 KiB.
const Connections = 1024

const (
	// writeTimeout is more than an attempt may take: 10 s for its body, 3 for a place, 10 for the change, and 5 to find
	// out what became of it if its answer gets lost.
	writeTimeout = 35 * time.Second
	// StopTimeout is how long requests that are under way may take after SIGTERM; systemd kills after 90 seconds.
	StopTimeout = 40 * time.Second
)

// NewServer returns a server whose slow or idle clients do not keep others out.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
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

// HTTP returns what serves a handler at an endpoint.
func HTTP(handler http.Handler, log *slog.Logger) func(context.Context, net.Listener) error {
	return func(ctx context.Context, listener net.Listener) error {
		server, failed := NewServer(handler, log), make(chan error, 1)
		go func() { failed <- server.Serve(listener) }()
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
		}
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), StopTimeout)
		defer cancel()
		if err := server.Shutdown(late); err != nil {
			return fmt.Errorf("requests were cut off: %w", err)
		}
		return nil
	}
}

// Serve serves all endpoints until ctx ends or one of them fails. Then all of them stop at once, so that none takes more in while
// another finishes.
func Serve(ctx context.Context, log *slog.Logger, endpoints []Endpoint, proxies []netip.Prefix) error {
	all, serving := errgroup.WithContext(ctx)
	crowds := summary.New(func(listener string, more int) {
		log.Info("more connections were closed, because their clients have too many others", slog.String("listener", listener), slog.Int("count", more))
	})
	defer crowds.Flush()
	for _, e := range endpoints {
		refused := func(client netip.Addr) {
			if e.Refused != nil {
				e.Refused()
			}
			if crowds.First(e.Name) {
				log.Info("a connection was closed, because its client has too many others", slog.String("listener", e.Name), slog.String("client", client.String()))
			}
		}
		all.Go(func() error {
			if err := e.Serve(serving, netutil.LimitListener(newFairListener(e.Listener, proxies, refused), Connections)); err != nil {
				return fmt.Errorf("%s: %w", e.Name, err)
			}
			return nil
		})
		log.Info("listening", slog.String(e.Name, e.Shown(e.Listener)))
	}
	Notify(log, daemon.SdNotifyReady)
	<-serving.Done()
	if ctx.Err() != nil {
		log.Info("stopping")
	}
	Notify(log, daemon.SdNotifyStopping)
	return all.Wait()
}

// Notify tells systemd the state of the service, see sd_notify(3). Without systemd it does nothing.
func Notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told", slog.String("state", state), slog.Any("cause", err))
	}
}
