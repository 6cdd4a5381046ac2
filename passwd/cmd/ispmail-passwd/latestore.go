package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// A lateStore is a [passwd.Changer] that exists before its database is open. Make one with newLateStore and call Open.
type lateStore struct {
	*database.Late
	latest *latest
}

func newLateStore() lateStore { return lateStore{database.NewLate(), &latest{}} }

// ChangePassword calls the store. At the start it waits for the first attempt to open the database: systemd may have started
// the service for this very request.
func (l lateStore) ChangePassword(ctx context.Context, email, current, replacement string) error {
	select {
	case <-l.Tried():
	case <-ctx.Done():
	}
	store, err := l.Store()
	if err != nil {
		return database.ErrNotOpen
	}
	err = store.ChangePassword(ctx, email, current, replacement)
	l.latest.note(err)
	return err
}

// canChange returns nil if a change to a stored value of a length would work, and the last one has not failed for what only a
// change can show.
func (l lateStore) canChange(ctx context.Context, length int) error {
	store, err := l.Store()
	if err != nil {
		return err
	}
	if err := canChange(ctx, store, length); err != nil {
		return err
	}
	return l.latest.failure()
}

// failedFor is for how long failed changes tell of the next one.
const failedFor = time.Minute

// latest remembers failures of changes that no look at a MariaDB foretells: its disk is full. Then it says so; or, with
// a binary log, it waits for room without an answer. A single change without a known outcome is none: a cluster that loses a node
// has such ones, and goes on.
type latest struct {
	mu      sync.Mutex
	unknown int // changes without a known outcome since the last one that worked
	failed  time.Time
	err     error
}

// note notes how a change ended.
func (l *latest) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.unknown, l.err = 0, nil
		return
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		if l.unknown++; l.unknown < 2 {
			return
		}
	case !isFull(err):
		return
	}
	l.failed, l.err = time.Now(), err
}

// failure returns an error if the next change is likely to fail too.
func (l *latest) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil || time.Since(l.failed) > failedFor {
		return nil
	}
	return fmt.Errorf("%w: %w", errFailed, l.err)
}

// isFull reports whether MariaDB says that its disk is full. Of a file of SQLite, the look at it tells.
func isFull(err error) bool {
	e, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && (e.Number == 1021 || e.Number == 1026 || e.Number == 1114) // ER_DISK_FULL, ER_ERROR_ON_WRITE, ER_RECORD_FILE_FULL
}
