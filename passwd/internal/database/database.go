// Package database opens the databases of the services, which run before theirs answers.
package database

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// An Opener opens a store, and says how to close it.
type Opener func(context.Context) (store *ispmail.Store, closer func() error, err error)

// A Late is a store whose database is opened later. Make one with [NewLate], and call Open.
type Late struct {
	store  atomic.Pointer[ispmail.Store]
	failed atomic.Pointer[error] // what the last attempt to open it came to, while there is no store
	tried  chan struct{}         // closed once the first attempt to open the database has ended
	closer func() error
}

func NewLate() *Late { return &Late{tried: make(chan struct{})} }

// ErrNotOpen means that no attempt to open the database has ended yet.
var ErrNotOpen = fmt.Errorf("%w: it has not been opened yet", ispmail.ErrUnavailable)

// Timeout bounds an attempt to open a database.
const Timeout = 10 * time.Second

const (
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
)

// Store returns the store, or why there is none yet.
func (l *Late) Store() (*ispmail.Store, error) {
	if store := l.store.Load(); store != nil {
		return store, nil
	}
	if failed := l.failed.Load(); failed != nil {
		return nil, *failed
	}
	return nil, ErrNotOpen
}

// Tried is closed once the first attempt to open the database has ended.
func (l *Late) Tried() <-chan struct{} { return l.tried }

// Open tries to open the database until that works or ctx ends. It logs an error when it differs from the last one.
func (l *Late) Open(ctx context.Context, log *slog.Logger, open Opener) {
	reported, tried := "", sync.OnceFunc(func() { close(l.tried) })
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		attempt, cancel := context.WithTimeout(ctx, Timeout)
		store, closer, err := open(attempt)
		cancel()
		if err == nil {
			l.closer = closer
			l.store.Store(store)
			log.Info("database opened")
		} else {
			l.failed.Store(&err)
		}
		tried()
		if err == nil {
			return
		}
		if ctx.Err() == nil && err.Error() != reported {
			reported = err.Error()
			log.Error("cannot open the database, trying on", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// Close closes the database. No change may be under way.
func (l *Late) Close() {
	if l.closer != nil {
		_ = l.closer() // there is nothing left to lose
	}
}

// MariaDB returns what opens a database of a server.
func MariaDB(dsn string, config ispmail.Config) Opener {
	return func(ctx context.Context) (*ispmail.Store, func() error, error) {
		store, err := ispmail.Open(ctx, dsn, config)
		if err != nil {
			return nil, nil, Advise(dsn, err)
		}
		return store, store.Close, nil
	}
}

// grants are the files of the package with the accounts of the services, which come through the socket without a password.
var grants = map[string]string{"ispmail-passwd": "grants.sql", "ispmail-admin": "grants-admin.sql"}

// Advise adds to an error of the database what to do, if it is that the server refuses an account of the package: nobody has made
// it yet, or it was made for a password.
func Advise(dsn string, err error) error {
	if _, done := errors.AsType[advised](err); done || !errors.Is(err, ispmail.ErrDenied) {
		return err
	}
	servers, parseErr := ispmail.ParseDSN(dsn)
	if parseErr != nil || servers[0].Net != "unix" || servers[0].Passwd != "" || grants[servers[0].User] == "" || servers[0].DBName != "mailserver" {
		return err
	}
	if strings.Contains(err.Error(), " GRANT ") { // it says itself which right is missing, and the file does not give it
		return err
	}
	return advised{fmt.Errorf("%w. To make the account or set it right, as root: mariadb </usr/share/doc/ispmail/examples/%s", err, grants[servers[0].User])}
}

// advised is an error that says already what to do.
type advised struct{ error }

func (a advised) Unwrap() error { return a.error }

// SQLite returns what opens a file, which must be there: a new one would have no tables.
func SQLite(path string, config ispmail.Config) Opener {
	return func(ctx context.Context) (*ispmail.Store, func() error, error) {
		return sqlitefile.OpenStore(ctx, path, sqlitefile.Write, config)
	}
}

// Memory returns the [Opener] of a new SQLite database in memory, with the rows that fill puts in.
func Memory(config ispmail.Config, fill func(context.Context, *bun.DB, *ispmail.Store) error) Opener {
	return func(ctx context.Context) (*ispmail.Store, func() error, error) {
		db, err := sqlitefile.Memory()
		if err != nil {
			return nil, nil, err
		}
		store, err := ispmail.New(ctx, db, config)
		if err == nil {
			err = fill(ctx, db, store)
		}
		if err != nil {
			return nil, nil, errors.Join(err, db.Close())
		}
		return store, db.Close, nil
	}
}
