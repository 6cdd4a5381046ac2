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

// A transaction is one on its way. It runs statements and remembers what became of them. After the first one that failed it
// runs no other: MariaDB may have undone everything without a word, and would commit each further statement by itself.
type transaction struct {
	bun.Tx
	foreign  bool // begun and ended by the caller, see WithTx
	mu       sync.Mutex
	failed   error    // of a statement
	changes  []change // that tell later whether it was committed
	news     []Change // for Config.OnChange
	depth    int      // of RunInTx within it
	snapshot bool     // a plain read has made MariaDB take the snapshot that all plain reads see
	// held are the domains that were locked before the snapshot: to their users and aliases nobody has added any since, so that
	// plain reads of these see the present.
	held map[string]bool
	raw  bool // the caller has the transaction for statements of his own
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

// within runs fn between a savepoint and its release. If fn fails, what it did is undone.
func (tx *transaction) within(ctx context.Context, fn func() error) error {
	tx.depth++
	defer func() { tx.depth-- }()
	savepoint := fmt.Sprintf("ispmail_%d", tx.depth) // MariaDB forgets an earlier one of the same name
	changes, news := slices.Clone(tx.changes), len(tx.news)
	if _, err := tx.ExecContext(ctx, "SAVEPOINT "+savepoint); err != nil {
		return mapError(err)
	}
	undo := func() error {
		tx.changes, tx.news = changes, tx.news[:news]
		if _, err := tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+savepoint); err != nil {
			return mapError(err)
		}
		return nil
	}
	err := fn()
	if err != nil {
		err = errors.Join(err, undo())
	}
	if failed := tx.failure(); failed != nil {
		return cmp.Or(err, failed)
	}
	if _, releaseErr := tx.ExecContext(ctx, "RELEASE SAVEPOINT "+savepoint); releaseErr != nil {
		err = errors.Join(err, mapError(releaseErr))
	}
	return err
}

// ExecContext runs a statement, unless one failed before.
func (tx *transaction) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	result, err := tx.Tx.ExecContext(ctx, query, args...)
	tx.watch(err)
	return result, err
}

// watch notes an error after which the transaction may be undone. Other errors leave it as it was.
func (tx *transaction) watch(err error) {
	if mayUndo(err) {
		_ = tx.ran(mapError(err))
	}
}

// QueryContext runs a query, unless a statement failed before.
func (tx *transaction) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := tx.failure(); err != nil {
		return nil, err
	}
	tx.snapshot = tx.snapshot || !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := tx.Tx.QueryContext(ctx, query, args...)
	tx.watch(err)
	return rows, err
}

// QueryRowContext runs a query of one row.
func (tx *transaction) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	tx.snapshot = true
	return tx.Tx.QueryRowContext(ctx, query, args...)
}

// A guard is how the query builders of bun run through the transaction, not past it. It is below the hooks of bun, which
// the builders call themselves.
type guard struct{ tx *transaction }

func (g guard) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	result, err := g.tx.Tx.Tx.ExecContext(ctx, query, args...)
	g.tx.watch(err)
	return result, err
}

func (g guard) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := g.tx.failure(); err != nil {
		return nil, err
	}
	g.tx.snapshot = g.tx.snapshot || !strings.Contains(query, "information_schema") && !strings.HasSuffix(query, "FOR UPDATE")
	rows, err := g.tx.Tx.Tx.QueryContext(ctx, query, args...)
	g.tx.watch(err)
	return rows, err
}

func (g guard) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	g.tx.snapshot = true
	return g.tx.Tx.Tx.QueryRowContext(ctx, query, args...)
}

// NewValues is that of [bun.IDB], as are the following.
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
