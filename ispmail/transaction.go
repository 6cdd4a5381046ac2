package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/uptrace/bun"
)

// A transaction is a running transaction of the database. It remembers the first statement that failed and runs no
// other after it: MariaDB may have rolled back silently, and would then commit each further statement by itself.
type transaction struct {
	bun.Tx
	external     bool // the caller begins and ends it: WithTx
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

// inSavepoint runs fn inside a savepoint and rolls back to it if fn fails.
func (tx *transaction) inSavepoint(ctx context.Context, fn func() error) error {
	tx.depth++
	defer func() { tx.depth-- }()
	savepoint := fmt.Sprintf("ispmail_%d", tx.depth) // MariaDB replaces an earlier one of the same name
	changes, events := slices.Clone(tx.fieldChanges), len(tx.events)
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		return mapError(err)
	}
	undo := func() error {
		tx.fieldChanges, tx.events = changes, tx.events[:events]
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); err != nil {
			return mapError(err)
		}
		return nil
	}
	err := fn()
	if err != nil {
		if undoErr := undo(); undoErr != nil {
			err = errors.Join(err, undoErr)
		}
	}
	if failed := tx.failure(); failed != nil {
		return cmp.Or(err, failed)
	}
	if _, releaseErr := tx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); releaseErr != nil && err == nil {
		err = mapError(releaseErr)
	}
	return err
}

// ExecContext runs a statement, unless one failed before.
func (tx *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	result, err := tx.Tx.ExecContext(ctx, query, args...)
	tx.noteUndo(err)
	return result, err
}

// noteUndo remembers an error after which the database may have rolled the transaction back. After other errors it is
// intact.
func (tx *transaction) noteUndo(err error) {
	if mayUndo(err) {
		_ = tx.noteFailure(mapError(err))
	}
}

// QueryContext runs a query, unless a statement failed before.
func (tx *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	tx.snapshot = tx.snapshot || !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := tx.Tx.QueryContext(ctx, query, args...)
	tx.noteUndo(err)
	return rows, err
}

// QueryRowContext runs a query of one row.
func (tx *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	tx.snapshot = true
	return tx.Tx.QueryRowContext(ctx, query, args...)
}

// A guard makes the query builders of bun run through the transaction. It calls sql.Tx directly, because the builders
// call the hooks of bun themselves.
type guard struct{ tx *transaction }

func (g guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	result, err := g.tx.Tx.Tx.ExecContext(ctx, query, args...)
	g.tx.noteUndo(err)
	return result, err
}

func (g guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	g.tx.snapshot = g.tx.snapshot || !strings.Contains(query, "information_schema") && !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := g.tx.Tx.Tx.QueryContext(ctx, query, args...)
	g.tx.noteUndo(err)
	return rows, err
}

func (g guard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	g.tx.snapshot = true
	return g.tx.Tx.Tx.QueryRowContext(ctx, query, args...)
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
