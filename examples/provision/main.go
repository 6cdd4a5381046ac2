// Provision is a daemon that manages the users of a mail server over HTTP with JSON: what to copy for a program of your own
// on package ispmail. Each change writes an event to a table of the daemon's own, in the same transaction. Its settings are
// environment variables, see README.md.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv, slog.Default()); err != nil {
		slog.ErrorContext(ctx, "ended", "error", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then until the requests that have begun are answered.
func run(ctx context.Context, getenv func(string) string, log *slog.Logger) error {
	text, err := os.ReadFile(getenv("PROVISION_TOKEN_FILE"))
	token := strings.TrimSpace(string(text))
	if err != nil || len(token) < 32 {
		return errors.Join(errors.New("PROVISION_TOKEN_FILE must name a file with a token of at least 32 characters"), err)
	}
	store, err := ispmail.Open(ctx, getenv("PROVISION_DSN"), ispmail.Config{Logger: log})
	if err != nil {
		return err
	}
	defer func() { _ = store.Close() }()
	// There is no TLS, so by default only this machine can ask. A change takes 20 seconds at most, less than the time to answer.
	listener, err := net.Listen("tcp", cmp.Or(getenv("PROVISION_LISTEN"), "127.0.0.1:8025"))
	if err != nil {
		return fmt.Errorf("PROVISION_LISTEN must name an address that is free: %w", err)
	}
	server := &http.Server{ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second}
	server.Handler = newAPI(store, log, token)
	ended := make(chan error, 1)
	context.AfterFunc(ctx, func() { ended <- server.Shutdown(context.WithoutCancel(ctx)) })
	log.InfoContext(ctx, "listening", "address", listener.Addr())
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-ended
}
