package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

const retries = 3 // of a transaction that MariaDB undid for the sake of another one

// RunInTx runs fn in a transaction. Everything that fn does through the Store that it is given happens completely if
// fn returns nil, else not at all. That Store must not be used after fn.
//
// No update gets lost: [Store.User], [Store.Domain], [Store.AliasesOf] and whatever changes rows read the present and lock what
// they read until the transaction ends, so that two transactions that read a row and then change it run one after the
// other. Lists, counts, [Store.Recipients] and [Store.Export] lock nothing and read the snapshot that MariaDB takes at the first
// of them (REPEATABLE READ).
//
// A RunInTx within fn is a part of the transaction that may fail by itself: what it did is undone if its function returns an
// error (a savepoint). If a statement failed, as opposed to an answer like [ErrNotFound], the whole transaction is undone,
// whatever fn returns, and no further statement runs.
//
// [Store.DB] within fn is for statements of the caller's own, on tables of his own, in the same transaction.
//
// A transaction that MariaDB undid because of a deadlock or a lock is tried again, at most three times: fn must not
// have effects elsewhere that may not happen twice. Each method within fn has [Config.Timeout] for itself; for fn as a
// whole, the limit is that of ctx. Within fn, Authenticate does not rehash.
//
// The error is that of fn or of the statement that failed, or [ErrOutcomeUnknown] if the connection broke during the
// commit and the database stayed away.
func (s *Store) RunInTx(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	if s.tx != nil {
		return s.tx.within(ctx, func() error { return fn(ctx, s) })
	}
	return s.explain(ctx, s.transact(ctx, s.isolation(), func(ctx context.Context, tx *transaction) error {
		return fn(ctx, s.in(tx))
	}))
}

// in returns the Store within a transaction.
func (s *Store) in(tx *transaction) *Store {
	within := *s
	within.tx, within.owned = tx, false
	return &within
}

// WithTx returns a Store whose methods run in a transaction that the caller has begun, on the database of this Store, and that
// he ends. Then several promises are his to keep:
//
//   - nothing is tried again after a deadlock, and a commit whose answer got lost is not looked into;
//   - uniqueness where the schema has no unique key needs REPEATABLE READ on MariaDB, which is its default, and a
//     transaction that is IMMEDIATE on SQLite;
//   - after an error of the database, the transaction must be rolled back, and no further method runs;
//   - [Config.OnChange] hears of the changes when the caller says by [Store.Committed] that he has committed.
//
// A Store of WithTx is for one goroutine.
func (s *Store) WithTx(tx bun.Tx) *Store {
	t := &transaction{Tx: tx, foreign: true, snapshot: true} // for all that is known
	if tx.Tx == nil || tx.Dialect().Name() != s.db.Dialect().Name() {
		t.failed = errors.New("ispmail: the transaction is none of this database")
	}
	return s.in(t)
}

// Committed tells a Store of [Store.WithTx] that its transaction is committed, so that [Config.OnChange] hears of what it
// changed. It does nothing on other Stores.
func (s *Store) Committed(ctx context.Context) {
	if s.tx == nil || !s.tx.foreign {
		return
	}
	news := s.tx.news
	s.tx.news = nil
	s.notify(ctx, news, false)
}

// DB returns the database of the Store, for statements of the caller's own. Within [Store.RunInTx] and [Store.WithTx] it is the
// transaction. Errors are those of the driver.
func (s *Store) DB() bun.IDB {
	if s.tx == nil {
		return s.db
	}
	s.tx.raw = true
	return s.tx
}

type callerKey struct{}

// deadline bounds the work of a method. The context remembers that of the caller.
func (s *Store) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, callerKey{}, callerOf(ctx)), s.timeout)
}

// callerOf returns the context that the caller of the outermost method has given.
func callerOf(ctx context.Context) context.Context {
	if caller, ok := ctx.Value(callerKey{}).(context.Context); ok {
		return caller
	}
	return ctx
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
		return s.explain(ctx, s.tx.ran(fn(ctx, s.tx)))
	}
	return s.explain(ctx, fn(ctx, s.db))
}

// write runs fn in a transaction, its own or the one of RunInTx.
func (s *Store) write(ctx context.Context, fn func(context.Context, *transaction) error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	if s.tx != nil {
		return s.explain(ctx, s.tx.ran(fn(ctx, s.tx)))
	}
	return s.explain(ctx, s.transact(ctx, s.isolation(), fn))
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
	if err := s.stillOpen(ctx, tx); err != nil {
		return false, err
	}
	committing = true
	err = s.await(ctx, begun.Commit)
	switch {
	case err == nil:
		s.notify(ctx, tx.news, false)
		return false, nil
	case errors.Is(err, sql.ErrTxDone), isRetryable(err):
		return isRetryable(err), mapError(err) // it was rolled back: before COMMIT was sent, or by MariaDB
	}
	err = s.outcome(ctx, tx.changes, err)
	if err == nil || errors.Is(err, ErrOutcomeUnknown) {
		s.notify(ctx, tx.news, err != nil)
	}
	return false, err
}

// stillOpen returns an error if MariaDB has undone the transaction because of a statement of the caller's own. Its error may
// have come with the rows, where nobody here sees it.
func (s *Store) stillOpen(ctx context.Context, tx *transaction) error {
	if !tx.raw || !s.isMariaDB() {
		return nil
	}
	var open bool
	if err := tx.QueryRowContext(ctx, "SELECT @@in_transaction").Scan(&open); err != nil {
		return mapError(err)
	}
	if !open {
		return &databaseError{kind: ErrUnavailable, text: "others are in the way", cause: errors.New("the transaction was undone before its end")}
	}
	return nil
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
