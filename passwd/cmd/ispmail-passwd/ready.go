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
	errCannotRead  = errors.New("the table virtual_users cannot be read")
	errCannotWrite = errors.New("passwords cannot be written")
	errTooNarrow   = errors.New("the column password is too narrow for the scheme")
)

const (
	// readyTimeout is how long the database may take to answer the readiness probe.
	readyTimeout = 3 * time.Second
	// readyFor is for how long an answer to the probe holds, so that probes do not load the database.
	readyFor = time.Second
)

// readiness tells whether a change would work, and remembers it for a second.
type readiness struct {
	probe func(context.Context) error
	log   *slog.Logger

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
	switch {
	case r.err != nil && (was == nil || was.Error() != r.err.Error()):
		r.log.WarnContext(ctx, "not ready: a change would not work", slog.Any("cause", r.err))
	case r.err == nil && was != nil:
		r.log.InfoContext(ctx, "ready again")
	}
	return r.err
}

// canChange returns nil if a change would work, as far as that can be seen without one: the row can be read, an update is
// allowed, and what it would write fits. It changes nothing.
func canChange(ctx context.Context, store *ispmail.Store, length int) error {
	if err := canRead(ctx, store); err != nil {
		return fmt.Errorf("%w: %w", errCannotRead, err)
	}
	err := store.Read(ctx, func(ctx context.Context, db bun.IDB) error { // of no row: it fails without the right, and if the server is read-only
		_, err := db.ExecContext(ctx, "UPDATE virtual_users SET password = password WHERE id = -1")
		return err
	})
	if err != nil {
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
