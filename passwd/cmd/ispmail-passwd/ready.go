package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail"
)

// Why a change would not work now.
var (
	errNoAnswer    = errors.New("the database does not answer")
	errRefused     = errors.New("the database refuses the account")
	errCannotRead  = errors.New("the table virtual_users cannot be read")
	errCannotWrite = errors.New("passwords cannot be written")
	errTooNarrow   = errors.New("the column password is too narrow for the scheme")
	errFailed      = errors.New("the last changes failed")
)

// reasons are all that [reasonOf] returns.
var reasons = []error{errNoAnswer, errRefused, errCannotRead, errCannotWrite, errTooNarrow, errFailed}

// reasonOf says why a change would not work, without what the database says about itself. The log has that.
func reasonOf(err error) string {
	reason := errNoAnswer
	switch {
	case errors.Is(err, errTooNarrow):
		reason = errTooNarrow
	case errors.Is(err, errFailed):
		reason = errFailed
	case errors.Is(err, errCannotWrite):
		reason = errCannotWrite
	case errors.Is(err, ispmail.ErrUnavailable), errors.Is(err, context.DeadlineExceeded): // a table that cannot be read because nobody answers
	case errors.Is(err, errCannotRead), errors.Is(err, ispmail.ErrSchema):
		reason = errCannotRead
	case errors.Is(err, ispmail.ErrDenied):
		reason = errRefused
	}
	return reason.Error()
}

const (
	// readyTimeout is how long the database may take to answer the readiness probe.
	readyTimeout = 3 * time.Second
	// readyFor is for how long an answer to the probe holds, so that probes do not load the database.
	readyFor = time.Second
	// watchInterval is how often the service itself asks.
	watchInterval = 15 * time.Second
)

// readiness tells whether a change would work, and remembers it for a second.
type readiness struct {
	probe func(context.Context) error
	log   *slog.Logger
	found func(error) // is told what each probe finds; nil if nobody is

	mu     sync.Mutex
	looked time.Time
	err    error
}

// ready returns nil if a change would work. The client of the probe does not decide: what is found holds for others too.
func (r *readiness) ready(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.looked.IsZero() && time.Since(r.looked) < readyFor {
		return r.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	was := r.err
	r.err = r.probe(ctx)
	r.looked = time.Now()
	if r.found != nil {
		r.found(r.err)
	}
	switch {
	case r.err != nil && (was == nil || was.Error() != r.err.Error()):
		r.log.WarnContext(ctx, "not ready: a change would not work", slog.Any("cause", r.err))
	case r.err == nil && was != nil:
		r.log.InfoContext(ctx, "ready again")
	}
	return r.err
}

// watch asks again and again, from when a channel is closed until ctx ends. So the log and systemctl status tell that changes do
// not work before somebody tries one.
func (r *readiness) watch(ctx context.Context, from <-chan struct{}) {
	select {
	case <-from:
	case <-ctx.Done():
	}
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		_ = r.ready(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
}

// canChange returns nil if a change would work, as far as that can be seen without one: the row can be read, an update is
// allowed, and what it would write fits. It changes nothing.
func canChange(ctx context.Context, store *ispmail.Store, length int) error {
	if err := canRead(ctx, store); err != nil {
		return fmt.Errorf("%w: %w", errCannotRead, err)
	}
	if err := canWrite(ctx, store); err != nil {
		return fmt.Errorf("%w: %w", errCannotWrite, err)
	}
	width, err := columnWidth(ctx, store)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errCannotRead, err)
	case width > 0 && width < length:
		return fmt.Errorf("%w: it holds %d characters, and a new value takes %d", errTooNarrow, width, length)
	}
	return nil
}

// canRead returns nil if the table of users can be read. It looks up a user, because a ping succeeds even if no table can be
// read.
func canRead(ctx context.Context, store *ispmail.Store) error {
	if _, err := store.User(ctx, "nobody@ready.invalid"); err != nil && !errors.Is(err, ispmail.ErrNotFound) {
		return err
	}
	return nil
}

// canWrite returns nil if passwords can be written, and changes nothing.
func canWrite(ctx context.Context, store *ispmail.Store) error {
	return store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		if db.Dialect().Name() == dialect.SQLite {
			return canWriteFile(ctx, db)
		}
		// Of no row: it fails without the right, and if the server is read-only.
		_, err := db.ExecContext(ctx, "UPDATE virtual_users SET password = password WHERE 1 = 0")
		return err
	})
}

// canWriteFile changes a page of a file of SQLite and undoes that: whether there is a place and room for the journal shows only
// when something is changed. In WAL mode a lack of room does not show before the commit.
func canWriteFile(ctx context.Context, db bun.IDB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // if that fails, SQLite does it when the file is opened next
	var version int32                    // of the application: nobody here uses it
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d", version^1))
	return err
}

// columnWidth is the number of characters that the column password holds, 0 if there is no limit.
func columnWidth(ctx context.Context, store *ispmail.Store) (width int, err error) {
	err = store.Read(ctx, func(ctx context.Context, db bun.IDB) error {
		if db.Dialect().Name() == dialect.SQLite {
			return nil
		}
		return db.NewRaw("SELECT character_maximum_length FROM information_schema.columns "+
			"WHERE table_schema = DATABASE() AND table_name = 'virtual_users' AND column_name = 'password'").Scan(ctx, &width)
	})
	return width, err
}
