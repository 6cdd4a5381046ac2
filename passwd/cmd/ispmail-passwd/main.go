// Ispmail-passwd lets the users of a mail server that was built after the ISPmail guide change their passwords from a
// webmail. Call it with --help for its settings, with --demo for a try.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/ispmail/go-ispmail/passwd"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// stopTimeout is how long changes that are under way may take after SIGTERM; systemd kills after 90 seconds.
const stopTimeout = 15 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command, until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		_, _ = fmt.Fprintln(stderr, "ispmail-passwd:", err)
		return code
	}
	s, err := parse(args, stdout, stderr)
	if errors.Is(err, errDone) {
		return exitOK
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	database := &lateStore{}
	service, err := passwd.New(passwd.Config{Changer: database, MinLength: s.MinLength, Logger: log})
	if err != nil {
		return fail(exitUsage, err)
	}

	// Listen first: whoever comes before the database answers gets 503 and not a closed port.
	listener, err := listen(s.APIListen)
	if err != nil {
		return fail(exitFailed, err)
	}
	server := &http.Server{
		Handler:           service.API(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      20 * time.Second,
		IdleTimeout:       30 * time.Second,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.Info("listening", slog.String("api", apiURL(listener)))

	ctx, stop := context.WithCancel(ctx)
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		database.open(ctx, log, s.opener(log))
		if s.Demo && ctx.Err() == nil {
			printDemo(stdout, listener)
		}
	}()

	code := exitOK
	select {
	case err := <-served:
		code = fail(exitFailed, err)
	case <-ctx.Done():
		log.Info("stopping")
		late, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		if err := server.Shutdown(late); err != nil {
			code = fail(exitFailed, fmt.Errorf("requests were cut off: %w", err))
		}
		cancel()
	}
	stop()
	<-opened
	database.close()
	return code
}
