package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

const retries = 3 // of a transaction that MariaDB undid for the sake of another one

// RunInTx runs fn in a transaction. Everything that fn does through the Store that it is given happens completely if
// fn returns nil, else not at all. If a statement failed, as opposed to an answer like ErrNotFound, nothing happens
// either, whatever fn returns. That Store must not be used after fn; a RunInTx within fn joins the transaction.
// Within fn, Authenticate does not rehash.
//
// A transaction that MariaDB undid because of a deadlock or a lock is tried again, at most three times: fn must not
// have effects elsewhere that may not happen twice. Each method within fn has Config.Timeout for itself; for fn as a
// whole, the limit is that of ctx.
//
// The error is that of fn or of the statement that failed, or ErrOutcomeUnknown if the connection broke during the
// commit and the database stayed away.
func (s *Store) RunInTx(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	if s.tx != nil {
		return fn(ctx, s)
	}
	return s.transact(ctx, s.isolation(), func(ctx context.Context, tx *transaction) error {
		within := *s
		within.tx, within.owned = tx, false
		return fn(ctx, &within)
	})
}

// A transaction is one on its way. It runs statements and remembers what became of them.
type transaction struct {
	bun.Tx
	mu      sync.Mutex
	failed  error    // of a statement: MariaDB may have undone everything, without a word at the commit
	changes []change // that tell later whether it was committed
}

// ran looks at the error of what ran in the transaction.
func (tx *transaction) ran(err error) error {
	if _, ok := errors.AsType[*databaseError](err); ok {
		tx.mu.Lock()
		defer tx.mu.Unlock()
		if tx.failed == nil {
			tx.failed = err
		}
	}
	return err
}

// failure returns the error of the first statement that failed.
func (tx *transaction) failure() error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	return tx.failed
}

// deadline bounds the work of a method.
func (s *Store) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.timeout)
}

// Read runs queries of the caller's own, which must change nothing, with [Config.Timeout] for all of them. Within
// [Store.RunInTx] they are part of the transaction. Errors of the database come back as those of this package, others of fn as
// they are.
func (s *Store) Read(ctx context.Context, fn func(ctx context.Context, db bun.IDB) error) error {
	return s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		err := fn(ctx, db)
		_, mapped := errors.AsType[*databaseError](err)
		_, misfit := errors.AsType[*tables.MisfitError](err)
		if !mapped && (misfit || errorCode(err) != 0 || isBroken(err)) {
			return mapError(err)
		}
		return err
	})
}

// read runs statements that change nothing, in the transaction of RunInTx if there is one.
func (s *Store) read(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	if s.tx != nil {
		return s.tx.ran(fn(ctx, s.tx))
	}
	return fn(ctx, s.db)
}

// write runs fn in a transaction, its own or the one of RunInTx.
func (s *Store) write(ctx context.Context, fn func(context.Context, *transaction) error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	if s.tx != nil {
		return s.tx.ran(fn(ctx, s.tx))
	}
	return s.transact(ctx, s.isolation(), fn)
}

// isolation is what the methods that create something rely on: where the schema has no unique key, the locks between
// rows keep out a twin, and MariaDB has these at this level, its default, but not below.
func (s *Store) isolation() *sql.TxOptions {
	if !s.isMariaDB() {
		return nil // a transaction that writes is alone
	}
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
}

// transact runs fn in a transaction until MariaDB does not undo it any more.
func (s *Store) transact(ctx context.Context, options *sql.TxOptions, fn func(context.Context, *transaction) error) error {
	for retry := 0; ; retry++ {
		again, err := s.transactOnce(ctx, options, fn)
		if err == nil || retry == retries || !again {
			return err
		}
		// The other transaction is on its way; step aside for a moment, not in lockstep with other waiters.
		select {
		case <-time.After(rand.N(time.Duration(retry+1) * 20 * time.Millisecond)): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return err
		}
	}
}

// transactOnce also tells whether MariaDB undid the transaction, whatever fn made of that.
func (s *Store) transactOnce(ctx context.Context, options *sql.TxOptions, fn func(context.Context, *transaction) error) (again bool, err error) {
	// The context of BEGIN is that of the whole transaction, so a deadline for BEGIN alone takes a timer.
	txCtx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	late := time.AfterFunc(s.timeout, func() { cancel(context.DeadlineExceeded) })
	begun, err := s.db.BeginTx(txCtx, options)
	late.Stop()
	if err != nil {
		if cause := context.Cause(txCtx); cause != nil {
			err = cause
		}
		return false, mapError(err)
	}
	tx := &transaction{Tx: begun}
	committing := false
	defer func() {
		if !committing {
			// Also after a deadlock: for other errors, MariaDB undoes the statement only.
			_ = s.await(ctx, begun.Rollback)
		}
	}()
	if err := tx.ran(fn(ctx, tx)); err != nil {
		return isRetryable(tx.failure()), err
	}
	if err := tx.failure(); err != nil {
		return isRetryable(err), err
	}
	if err := ctx.Err(); err != nil {
		return false, mapError(err)
	}
	committing = true
	err = s.await(ctx, begun.Commit)
	switch {
	case err == nil:
		return false, nil
	case errors.Is(err, sql.ErrTxDone), isRetryable(err):
		return isRetryable(err), mapError(err) // it was rolled back: before COMMIT was sent, or by MariaDB
	}
	return false, s.outcome(ctx, tx.changes, err)
}

// await runs a Commit or a Rollback, which take no context, and stops waiting for it when the time is over. Then the
// connection stays with it until the driver gives up too.
func (s *Store) await(ctx context.Context, end func() error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- end() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
