package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

const retries = 10 // of a transaction that MariaDB rolled back because of a deadlock or a lock wait

// RunInTx runs fn in a transaction: everything that fn does through tx is committed if fn returns nil, and rolled back
// otherwise. Do not use tx after fn has returned.
//
// Updates do not get lost. [Store.User], [Store.Domain], [Store.AliasesOf] and all methods that change rows read the
// current rows and lock them until the transaction ends. Lists, counts, [Store.Recipients] and [Store.Trace] lock
// nothing. On MariaDB they read the snapshot that the first of them takes (REPEATABLE READ).
//
// Statements of the caller on other tables go through [Store.DB] of tx. A nested RunInTx is a savepoint: if its
// function fails, only its part is rolled back. If a statement fails, as opposed to an answer like [ErrNotFound], the
// whole transaction is rolled back, whatever fn returns.
//
// After a deadlock or a lock wait, RunInTx calls fn again, at most ten times: side effects of fn elsewhere must bear
// repetition. [Config.Timeout] holds for each method inside fn; ctx bounds the whole. Authenticate does not rehash
// inside fn. Import, Export, Restore and CreateSchema cannot run inside fn.
//
// On a server with innodb_snapshot_isolation, as by default from MariaDB 11.6 on, a row that another program has
// changed since the snapshot costs a repetition too. The connections of [Open] do without; those of [New] are as they
// are configured.
//
// It returns the error of fn or of the statement that failed, or [ErrOutcomeUnknown] if the connection broke during the
// commit.
func (s *Store) RunInTx(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	if s.tx != nil {
		if err := s.usable(ctx); err != nil {
			return err
		}
		return s.tx.inSavepoint(ctx, func() error { return fn(ctx, s) })
	}
	return s.explain(ctx, s.transact(ctx, s.isolation(), func(ctx context.Context, tx *transaction) error {
		return fn(ctx, s.in(tx))
	}))
}

// in returns the Store inside a transaction.
func (s *Store) in(tx *transaction) *Store {
	within := *s
	within.tx, within.owned = tx, false
	return &within
}

// WithTx returns a Store whose methods run in a transaction that the caller begins and ends, on the database of s. It
// belongs to one goroutine. It leaves to the caller what [Store.RunInTx] does:
//
//   - Nothing is tried again after a deadlock, and a commit whose answer got lost is not investigated.
//   - If the tables have no unique keys, duplicates are prevented only by REPEATABLE READ, the default of MariaDB, or
//     by a transaction of SQLite that begins with BEGIN IMMEDIATE.
//   - After an error of the database, no further method runs, and the caller must roll back.
//   - After the commit, the caller calls [Store.Committed], which reports the changes to [Config.OnChange].
//
// If tx is of another database, every method returns an error. A transaction of another *bun.DB than that of [New] must be
// of the same server, and none of SQLite in memory can be.
func (s *Store) WithTx(tx bun.Tx) *Store {
	t := &transaction{Tx: tx, external: true, snapshot: true} // for all that is known
	if tx.Tx == nil || tx.Dialect().Name() != s.db.Dialect().Name() {
		t.failed = errForeignTx
	}
	return s.in(t)
}

// Committed reports the changes of a Store of [Store.WithTx] to [Config.OnChange]. Call it after the commit. On other
// Stores it does nothing.
func (s *Store) Committed(ctx context.Context) {
	if s.tx == nil || !s.tx.external {
		return
	}
	events := s.tx.events
	s.tx.events = nil
	s.notify(ctx, events, false)
}

// DB returns the database of the Store for statements of the caller. Inside [Store.RunInTx] and [Store.WithTx] it is
// the transaction. Errors are those of the driver; [Store.Read] translates them, and RunInTx those that are
// [ErrUnavailable].
//
// In a transaction, [Store.RunInTx] makes savepoints; BeginTx and RunInTx of bun refuse. On MariaDB, statements that define
// tables commit the transaction: run them outside.
//
// Who follows a table of events by an AUTO_INCREMENT id misses those that are committed after a higher id:
// examples/provision has a counter that does not.
func (s *Store) DB() bun.IDB {
	if s.tx == nil {
		return s.db
	}
	s.tx.raw, s.tx.snapshot = true, true
	return s.tx
}

type callerKey struct{}

// deadline bounds the work of a method by Config.Timeout. The new context remembers the one of the caller.
func (s *Store) deadline(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithValue(ctx, callerKey{}, callerOf(ctx)), s.timeout)
}

// callerOf returns the context that the caller passed to the outermost method.
func callerOf(ctx context.Context) context.Context {
	if caller, ok := ctx.Value(callerKey{}).(context.Context); ok {
		return caller
	}
	return ctx
}

// Read runs queries of the caller, which must not change anything, within one [Config.Timeout]. Inside [Store.RunInTx]
// they are part of the transaction. Errors of the database become those of this package; other errors of fn come back
// unchanged.
func (s *Store) Read(ctx context.Context, fn func(ctx context.Context, db bun.IDB) error) error {
	if s.tx != nil {
		s.tx.snapshot = true
	}
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

// read runs statements that change nothing, in the transaction of the Store if there is one.
func (s *Store) read(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	if s.tx == nil {
		return s.explain(ctx, fn(ctx, s.db))
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	return s.tx.noteFailure(s.explain(ctx, fn(ctx, s.tx)))
}

// browse is read for what decides nothing, such as a list. A node of a cluster does not wait for the others before it: it may
// lack what they have acknowledged a moment ago.
func (s *Store) browse(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	return s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		if s.tx == nil && s.onNode() {
			db = atOnce{db}
		}
		return fn(ctx, db)
	})
}

// write runs fn in the transaction of the Store, or in one of its own.
func (s *Store) write(ctx context.Context, fn func(context.Context, *transaction) error) error {
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	if s.tx == nil {
		return s.explain(ctx, s.transact(ctx, s.isolation(), fn))
	}
	if err := s.usable(ctx); err != nil {
		return err
	}
	err := fn(ctx, s.tx)
	if err == nil && s.tx.external {
		err = s.holdOff(ctx, s.tx)
	}
	return s.tx.noteFailure(s.explain(ctx, err))
}

// writeAll is write for a method of several statements. Inside a transaction it is a savepoint: if the method refuses after
// its first statements, nothing is half done even if the caller goes on.
func (s *Store) writeAll(ctx context.Context, fn func(context.Context, *transaction) error) error {
	return s.write(ctx, func(ctx context.Context, tx *transaction) error {
		if s.tx == nil {
			return fn(ctx, tx)
		}
		return tx.inSavepoint(ctx, func() error { return tx.noteFailure(fn(ctx, tx)) })
	})
}

// usable returns why no method can run in the transaction of the Store: a statement failed before, or it is a transaction
// of WithTx on another database.
func (s *Store) usable(ctx context.Context) error {
	if err := s.tx.failure(); err != nil || !s.tx.external || s.tx.known {
		return err
	}
	name, server, err := databaseOf(ctx, s.tx.Tx)
	if err != nil {
		return mapError(err)
	}
	// In a pool, the nodes of a cluster may take turns.
	samePool := s.tx.Dialect() == s.db.Dialect()
	if name != s.database || !samePool && (server == "" || server != s.server) {
		s.tx.failed = errForeignTx
		return errForeignTx
	}
	s.tx.known = true
	return nil
}

var errForeignTx = errors.New("ispmail: the transaction is none of this database")

// databaseOf returns the name of a database, or the file of SQLite, and what its server is known by. In memory, SQLite has
// neither.
func databaseOf(ctx context.Context, db bun.IDB) (name, server string, err error) {
	query := "SELECT COALESCE(DATABASE(), ''), " + serverName
	if db.Dialect().Name() == dialect.SQLite {
		query = "SELECT file, file FROM pragma_database_list WHERE name = 'main'"
	}
	return name, server, db.QueryRowContext(ctx, query).Scan(&name, &server)
}

// serverName tells MariaDB servers apart, also two on one machine.
const serverName = "CONCAT_WS(' ', @@hostname, @@port, @@datadir)"

// isolation returns the level that prevents duplicates if the schema has no unique keys: gap locks, which MariaDB takes
// from REPEATABLE READ up.
func (s *Store) isolation() *sql.TxOptions {
	if !s.isMariaDB() {
		return nil // SQLite runs one writing transaction at a time
	}
	return &sql.TxOptions{Isolation: sql.LevelRepeatableRead}
}

// transact runs fn in a transaction and tries again if MariaDB rolled it back for another one.
func (s *Store) transact(ctx context.Context, options *sql.TxOptions, fn func(context.Context, *transaction) error) error {
	for retry := 0; ; retry++ {
		again, err := s.transactOnce(ctx, options, fn)
		if err == nil || retry == retries || !again {
			return err
		}
		select {
		// Let the other transaction finish. The random wait keeps several waiters apart.
		case <-time.After(rand.N(time.Duration(retry+1) * 20 * time.Millisecond)): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return err
		}
	}
}

// transactOnce runs fn in one transaction. again reports whether MariaDB rolled it back, whatever error fn made of
// that.
func (s *Store) transactOnce(ctx context.Context, options *sql.TxOptions, fn func(context.Context, *transaction) error) (again bool, err error) {
	// database/sql rolls back when the context of BEGIN ends. So a timer, not a deadline, bounds BEGIN alone.
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
			// After most errors MariaDB undoes only the statement. After a deadlock this does no harm.
			_ = s.await(ctx, begun.Rollback)
		}
	}()
	if err := tx.noteFailure(fn(ctx, tx)); err != nil {
		translated := tx.translate(err)
		tx.noteUndo(ctx, err)
		return isRetryable(tx.failure()), translated
	}
	if err := tx.failure(); err != nil {
		return isRetryable(err), err
	}
	if err := ctx.Err(); err != nil {
		return false, mapError(err)
	}
	if err := s.stillOpen(ctx, tx); err != nil {
		return true, err
	}
	if err := s.holdOff(ctx, tx); err != nil {
		return isRetryable(err), err
	}
	committing = true
	err = s.await(ctx, begun.Commit)
	switch {
	case err == nil:
		s.notify(ctx, tx.events, false)
		return false, nil
	case errors.Is(err, sql.ErrTxDone), isRetryable(err):
		return isRetryable(err), mapError(err) // rolled back: before COMMIT was sent, or by MariaDB
	}
	if s.isAnswer(err) {
		if tx.raw {
			return false, fmt.Errorf("ispmail: the commit failed, nothing was changed: %w", err)
		}
		return false, mapError(err)
	}
	err = s.outcome(ctx, tx, err)
	if err == nil || errors.Is(err, ErrOutcomeUnknown) {
		s.notify(ctx, tx.events, err != nil)
	}
	return false, err
}

// stillOpen returns an error if a statement of the caller made MariaDB roll back. Such an error may come with the rows
// of a query, where only the caller sees it.
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

// await runs Commit or Rollback, which take no context, and returns when the time is up. The connection is then busy
// until the driver gives up.
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
