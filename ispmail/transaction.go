package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"
)

// A transaction is a running transaction of the database. It remembers the first statement that failed and runs no
// other after it: MariaDB may have rolled back silently, and would then commit each further statement by itself.
type transaction struct {
	bun.Tx
	external     bool // the caller begins and ends it: WithTx
	known        bool // an external one is of the database of the Store
	mu           sync.Mutex
	failed       error         // of the first statement that failed
	fieldChanges []fieldChange // evidence for outcome
	events       []Change      // for Config.OnChange, after the commit
	depth        int           // of nested RunInTx
	snapshot     bool          // MariaDB has taken the snapshot that plain reads see
	// held has the domains that were locked before the snapshot was taken. Nobody has added users or aliases to them
	// since, so that snapshot reads of these rows are current.
	held map[string]bool
	raw  bool // the caller may have run statements of its own, see Store.DB
	// Of a node of a cluster, see holdOff.
	alongside []int64          // ids of domains that lockDomains locks with others, see domainsOf
	guards    map[int64]string // names of the domains that are locked, by id
	claimed   bool             // claimNames has run
	wrote     bool
}

// noteFailure remembers the error of a statement that failed, and returns err.
func (tx *transaction) noteFailure(err error) error {
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

// inSavepoint runs fn inside a savepoint and rolls back to it if fn fails or panics. If that does not work, the whole
// transaction counts as failed.
func (tx *transaction) inSavepoint(ctx context.Context, fn func() error) (err error) {
	tx.depth++
	savepoint := fmt.Sprintf("ispmail_%d", tx.depth) // MariaDB replaces an earlier one of the same name
	changes, events := slices.Clone(tx.fieldChanges), slices.Clone(tx.events)
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		tx.depth--
		return mapError(err)
	}
	done := false
	defer func() {
		tx.depth--
		if done {
			return
		}
		tx.fieldChanges, tx.events = changes, events
		// The context of the caller may have ended.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		if _, undoErr := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); undoErr != nil {
			_ = tx.noteFailure(&databaseError{kind: ErrUnavailable, text: "a part of the transaction could not be undone", cause: undoErr})
		}
	}()
	if err := cmp.Or(fn(), tx.failure()); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); err != nil {
		return mapError(err)
	}
	done = true
	return nil
}

const undoTimeout = 5 * time.Second

// ExecContext runs a statement, unless one failed before.
func (tx *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	tx.wrote = tx.wrote || !strings.Contains(query, "SAVEPOINT ")
	result, err := tx.Tx.ExecContext(ctx, query, args...)
	tx.noteUndo(ctx, err)
	return result, err
}

// noteUndo remembers an error after which the database may have rolled the transaction back. After other errors it is
// intact.
func (tx *transaction) noteUndo(ctx context.Context, err error) {
	if mayUndo(err) {
		_ = tx.noteFailure(blameCaller(ctx, mapError(err)))
	}
}

// translate returns the error of a function inside the transaction as one of this package, if it is that of a statement:
// those of the caller fail with errors of the driver. If no statement failed, the end of a context or a broken connection
// are those of something else that the function did.
func (tx *transaction) translate(err error) error {
	_, network := errors.AsType[net.Error](err)
	elsewhere := (network || isContextError(err)) && errorCode(err) == 0
	switch failure := tx.failure(); {
	case elsewhere && failure == nil:
		return err
	case elsewhere && errors.Is(failure, errCallerGone):
		return failure
	}
	if mapped := mapError(err); errors.Is(mapped, ErrUnavailable) {
		return mapped
	}
	return err
}

// QueryContext runs a query, unless a statement failed before.
func (tx *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	tx.snapshot = tx.snapshot || !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := tx.Tx.QueryContext(ctx, query, args...)
	tx.noteUndo(ctx, err)
	return rows, err
}

// QueryRowContext runs a query of one row.
func (tx *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	tx.snapshot = true
	ctx, cancel := tx.unlessFailed(ctx)
	defer cancel()
	row := tx.Tx.QueryRowContext(ctx, query, args...)
	tx.noteUndo(ctx, row.Err())
	return row
}

// unlessFailed returns a context that is over if a statement failed before: a sql.Row has no other way to say so.
func (tx *transaction) unlessFailed(ctx context.Context) (context.Context, context.CancelFunc) {
	if tx.failure() == nil {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, cancel
}

// errOwnSavepoint is for the ways past the guards.
var errOwnSavepoint = errors.New("ispmail: inside a transaction, RunInTx of the Store makes a savepoint")

// BeginTx refuses: what runs in a transaction of bun, nobody here would see fail.
func (tx *transaction) BeginTx(context.Context, *sql.TxOptions) (bun.Tx, error) {
	return bun.Tx{}, errOwnSavepoint
}

// RunInTx refuses as BeginTx does.
func (tx *transaction) RunInTx(context.Context, *sql.TxOptions, func(context.Context, bun.Tx) error) error {
	return errOwnSavepoint
}

// A guard makes the query builders of bun run through the transaction. It calls sql.Tx directly, because the builders
// call the hooks of bun themselves.
type guard struct{ tx *transaction }

func (g guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	g.tx.wrote = true
	result, err := g.tx.Tx.Tx.ExecContext(ctx, query, args...)
	g.tx.noteUndo(ctx, err)
	return result, err
}

func (g guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	g.tx.snapshot = g.tx.snapshot || !strings.Contains(query, "information_schema") && !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := g.tx.Tx.Tx.QueryContext(ctx, query, args...)
	g.tx.noteUndo(ctx, err)
	return rows, err
}

func (g guard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	g.tx.snapshot = true
	ctx, cancel := g.tx.unlessFailed(ctx)
	defer cancel()
	row := g.tx.Tx.Tx.QueryRowContext(ctx, query, args...)
	g.tx.noteUndo(ctx, row.Err())
	return row
}

// NewValues and the following methods are those of [bun.IDB], through a guard.
func (tx *transaction) NewValues(model any) *bun.ValuesQuery {
	return tx.Tx.NewValues(model).Conn(guard{tx})
}

// NewSelect begins a SELECT.
func (tx *transaction) NewSelect() *bun.SelectQuery { return tx.Tx.NewSelect().Conn(guard{tx}) }

// NewInsert begins an INSERT.
func (tx *transaction) NewInsert() *bun.InsertQuery { return tx.Tx.NewInsert().Conn(guard{tx}) }

// NewUpdate begins an UPDATE.
func (tx *transaction) NewUpdate() *bun.UpdateQuery { return tx.Tx.NewUpdate().Conn(guard{tx}) }

// NewDelete begins a DELETE.
func (tx *transaction) NewDelete() *bun.DeleteQuery { return tx.Tx.NewDelete().Conn(guard{tx}) }

// NewMerge begins a MERGE.
func (tx *transaction) NewMerge() *bun.MergeQuery { return tx.Tx.NewMerge().Conn(guard{tx}) }

// NewRaw begins a statement as it is written.
func (tx *transaction) NewRaw(query string, args ...any) *bun.RawQuery {
	return tx.Tx.NewRaw(query, args...).Conn(guard{tx})
}
