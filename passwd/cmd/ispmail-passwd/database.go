package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// An opener opens a store, and says how to close it.
type opener func(context.Context) (store *ispmail.Store, closer func() error, err error)

// A lateStore is a [passwd.Changer] that exists before its database is open. Make one with newLateStore and call open.
type lateStore struct {
	store  atomic.Pointer[ispmail.Store]
	failed atomic.Pointer[error] // what the last attempt to open it came to, while there is no store
	tried  chan struct{}         // closed once the first attempt to open the database has ended
	closer func() error
}

func newLateStore() *lateStore { return &lateStore{tried: make(chan struct{})} }

var errNotOpen = fmt.Errorf("%w: it has not been opened yet", ispmail.ErrUnavailable)

const (
	openTimeout = 10 * time.Second
	firstWait   = 500 * time.Millisecond
	longestWait = 15 * time.Second
)

// ChangePassword calls the store. At the start it waits for the first attempt to open the database: systemd may have started
// the service for this very request.
func (l *lateStore) ChangePassword(ctx context.Context, email, current, replacement string) error {
	select {
	case <-l.tried:
	case <-ctx.Done():
	}
	store := l.store.Load()
	if store == nil {
		return errNotOpen
	}
	return store.ChangePassword(ctx, email, current, replacement)
}

// canChange returns nil if a change to a stored value of a length would work.
func (l *lateStore) canChange(ctx context.Context, length int) error {
	store := l.store.Load()
	if store == nil {
		if failed := l.failed.Load(); failed != nil {
			return *failed
		}
		return errNotOpen
	}
	return canChange(ctx, store, length)
}

// open tries to open the database until that works or ctx ends. It logs an error when it differs from the last one.
func (l *lateStore) open(ctx context.Context, log *slog.Logger, open opener) {
	reported, tried := "", sync.OnceFunc(func() { close(l.tried) })
	for wait := firstWait; ; wait = min(2*wait, longestWait) {
		attempt, cancel := context.WithTimeout(ctx, openTimeout)
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

// close closes the database. No change may be under way.
func (l *lateStore) close() {
	if l.closer != nil {
		_ = l.closer() // there is nothing left to lose
	}
}

func openMariaDB(dsn string, config ispmail.Config) opener {
	return func(ctx context.Context) (*ispmail.Store, func() error, error) {
		store, err := ispmail.Open(ctx, dsn, config)
		if err != nil {
			return nil, nil, err
		}
		return store, store.Close, nil
	}
}

// openSQLite opens a file, which must be there: a new one would have no tables.
func openSQLite(path string, config ispmail.Config) opener {
	return func(ctx context.Context) (*ispmail.Store, func() error, error) {
		return sqlitefile.OpenStore(ctx, path, sqlitefile.Write, config)
	}
}
