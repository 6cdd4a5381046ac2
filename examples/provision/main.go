// Provision is a daemon that manages the users of a mail server over HTTP with JSON: what to copy for a program of your own
// on package ispmail. Each change writes an event to a table of the daemon's own, in the same transaction. Its settings are
// environment variables, see README.md.
package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
)

// Only this machine can ask: the token and passwords are not encrypted on the way.
const defaultListen = "127.0.0.1:8025"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Getenv, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "provision:", err)
		os.Exit(1)
	}
}

// run serves until ctx ends, and then until the requests that have begun are answered.
func run(ctx context.Context, args []string, getenv func(string) string, logs io.Writer) error {
	if len(args) > 0 { // everybody on the machine may read the arguments of a process
		return errors.New("there are no arguments: settings are environment variables")
	}
	token, err := readToken(getenv("PROVISION_TOKEN"), getenv("PROVISION_TOKEN_FILE"))
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(logs, nil))
	store, closeStore, err := open(ctx, getenv("PROVISION_DSN"), ispmail.Config{
		Logger: log,
		// The place to flush Dovecot's cache and to end sessions.
		OnChange: func(ctx context.Context, c ispmail.Change) { log.InfoContext(ctx, "changed", "change", c) },
	})
	if err != nil {
		return err
	}
	defer closeStore()
	if err := createOutbox(ctx, store.DB()); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", cmp.Or(getenv("PROVISION_LISTEN"), defaultListen))
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           admit(token, newAPI(store, log)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second, // longer than a change may take
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	log.InfoContext(ctx, "listening", "address", listener.Addr())
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	return server.Shutdown(ending)
}

// readToken returns the token of either setting.
func readToken(token, file string) (string, error) {
	if (token == "") == (file == "") {
		return "", errors.New("set PROVISION_TOKEN_FILE or PROVISION_TOKEN, one of them")
	}
	if file != "" {
		text, err := os.ReadFile(file) //nolint:gosec // the administrator says which
		if err != nil {
			return "", err
		}
		token = strings.TrimSpace(string(text))
	}
	if len(token) < 32 {
		return "", errors.New("the token has less than 32 characters")
	}
	return token, nil
}

// open opens a database of MariaDB, or of SQLite if the DSN begins with "file:", and returns what closes it.
func open(ctx context.Context, dsn string, config ispmail.Config) (*ispmail.Store, func(), error) {
	if !strings.HasPrefix(dsn, "file:") {
		store, err := ispmail.Open(ctx, dsn, config)
		if err != nil {
			return nil, nil, err
		}
		return store, func() { _ = store.Close() }, nil
	}
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return nil, nil, err
	}
	store, err := ispmail.New(ctx, bun.NewDB(db, sqlitedialect.New()), config)
	if err == nil {
		err = store.CreateSchema(ctx) // on MariaDB the guide has done that
	}
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return store, func() { _ = db.Close() }, nil
}
