package ispmail_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestOwnDeadlock has a statement of the program's own for which MariaDB undoes the transaction, whether the program heeds the
// error or not. No further statement may run, because MariaDB would commit it by itself, and everything must be tried again.
func TestOwnDeadlock(t *testing.T) {
	t.Parallel()
	const query = "SELECT id FROM outbox WHERE id = 1 FOR UPDATE"
	for name, run := range map[string]func(ctx context.Context, tx *ispmail.Store) error{
		"exec": func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.DB().ExecContext(ctx, "UPDATE outbox SET text = 'victim' WHERE id = 1"))
		},
		"row": func(ctx context.Context, tx *ispmail.Store) error {
			var id int
			return tx.DB().QueryRowContext(ctx, query).Scan(&id)
		},
		"scan": func(ctx context.Context, tx *ispmail.Store) error {
			var ids []int
			return tx.DB().NewRaw(query).Scan(ctx, &ids)
		},
		"Read": func(ctx context.Context, tx *ispmail.Store) error {
			return tx.Read(ctx, func(ctx context.Context, db bun.IDB) error {
				var ids []int
				_ = db.NewRaw(query).Scan(ctx, &ids)
				return nil
			})
		},
	} {
		for _, heeded := range []bool{true, false} {
			t.Run(fmt.Sprint(name, "/", heeded), func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				db.Example(t)
				outbox(t, db)
				db.Exec(t, "INSERT INTO outbox VALUES (1, 'a'), (2, 'b')")
				store := dbtest.Open(t, dbtest.Connect(t, db, waits).DSN, ispmail.Config{})
				tries := 0
				require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
					tries++
					require.NoError(t, errorOf(tx.CreateDomain(ctx, "lost.example")))
					if tries > 1 {
						return nil
					}
					err := deadlock(t, db, tx.DB(), func() error { return run(ctx, tx) })
					if heeded {
						return err
					}
					require.Error(t, errorOf(tx.CreateDomain(ctx, "after.example")))
					return nil
				}))
				assert.Equal(t, 2, tries)
				require.NoError(t, errorOf(store.Domain(t.Context(), "lost.example")))
				require.ErrorIs(t, errorOf(store.Domain(t.Context(), "after.example")), ispmail.ErrNotFound)
			})
		}
	}
}

// deadlock makes a transaction the victim of a deadlock in its last statement, which needs row 1 of the outbox, and returns the
// error of that statement.
func deadlock(t *testing.T, db *ispmailtest.Database, victim bun.IDB, last func() error) error {
	t.Helper()
	other, err := db.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	defer func() { _ = other.Rollback() }()
	for i := range 50 { // MariaDB undoes the lighter one
		_, err = other.ExecContext(t.Context(), "INSERT INTO outbox (id, text) VALUES (?, 'weight')", 100+i)
		require.NoError(t, err)
	}
	_, err = other.ExecContext(t.Context(), "UPDATE outbox SET text = 'other' WHERE id = 1")
	require.NoError(t, err)
	_, err = victim.ExecContext(t.Context(), "UPDATE outbox SET text = 'victim' WHERE id = 2")
	require.NoError(t, err)
	waits := make(chan error, 1)
	go func() {
		_, err := other.ExecContext(t.Context(), "UPDATE outbox SET text = 'other' WHERE id = 2")
		waits <- err
	}()
	err = last()
	require.NoError(t, <-waits)
	return err
}

// TestRowAfterFailure runs a query of one row after the transaction was undone. It must not reach the database.
func TestRowAfterFailure(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	outbox(t, db)
	db.Exec(t, "INSERT INTO outbox VALUES (1, 'a'), (2, 'b')")
	store := dbtest.Open(t, dbtest.Connect(t, db, waits).DSN, ispmail.Config{})
	tries := 0
	err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		if tries++; tries > 1 {
			return errNo
		}
		require.Error(t, deadlock(t, db, tx.DB(), func() error {
			return errorOf(tx.DB().ExecContext(ctx, "UPDATE outbox SET text = 'victim' WHERE id = 1"))
		}))
		var id int
		require.Error(t, tx.DB().QueryRowContext(ctx, "INSERT INTO outbox VALUES (900, 'x') RETURNING id").Scan(&id))
		require.Error(t, tx.DB().NewRaw("INSERT INTO outbox VALUES (900, 'x') RETURNING id").Scan(ctx, &id))
		return nil
	})
	require.ErrorIs(t, err, errNo)
	n, err := db.DB.NewSelect().Table("outbox").Where("id = 900").Count(t.Context())
	require.NoError(t, err)
	assert.Zero(t, n)
}

// TestOwnOutcome loses the answer to the commit of a transaction with statements of the program's own only. Nothing tells
// whether it took place.
func TestOwnOutcome(t *testing.T) {
	t.Parallel()
	for moment, rows := range map[moment]int64{before: 0, after: 1} {
		t.Run(string(moment), func(t *testing.T) {
			t.Parallel()
			db, proxy, store := proxied(t)
			outbox(t, db)
			err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
				return errorOf(tx.DB().ExecContext(ctx, "INSERT INTO outbox VALUES (1, 'x')"))
			})
			require.ErrorIs(t, err, ispmail.ErrOutcomeUnknown)
			settle(t, db)
			n, err := db.DB.NewSelect().Table("outbox").Count(t.Context())
			require.NoError(t, err)
			assert.Equal(t, rows, n)
		})
	}
}

// TestDeferredForeignKey has a constraint of the program's own that fails only at the commit. The error says so, nothing is
// changed, and the connection is good for the next transaction.
func TestDeferredForeignKey(t *testing.T) {
	t.Parallel()
	for name, ours := range map[string]bool{"own statements": false, "ours too": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			db.Example(t)
			db.Exec(t, "CREATE TABLE outbox (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES virtual_users (id) DEFERRABLE INITIALLY DEFERRED)")
			store := db.Store(t, ispmail.Config{})
			err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				if ours {
					require.NoError(t, errorOf(tx.CreateDomain(ctx, "lost.example")))
				}
				return errorOf(tx.DB().ExecContext(ctx, "INSERT INTO outbox VALUES (1, 999)"))
			})
			require.ErrorContains(t, err, "the commit failed, nothing was changed")
			require.NotErrorIs(t, err, ispmail.ErrOutcomeUnknown)
			n, err := db.DB.NewSelect().Table("outbox").Count(t.Context())
			require.NoError(t, err)
			assert.Zero(t, n)
			require.ErrorIs(t, errorOf(store.Domain(t.Context(), "lost.example")), ispmail.ErrNotFound)
			require.NoError(t, errorOf(store.CreateDomain(t.Context(), "after.example")))
		})
	}
}

// TestInterruptedStatement ends the context of a statement on SQLite, which undoes the whole transaction for that.
func TestInterruptedStatement(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	outbox(t, db)
	store := db.Store(t, ispmail.Config{})
	err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.CreateDomain(ctx, "lost.example")))
		short, cancel := context.WithCancel(ctx)
		defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
		require.ErrorIs(t, errorOf(tx.DB().ExecContext(short, `INSERT INTO outbox
			WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 100000000) SELECT n, 'x' FROM c`)), context.Canceled)
		require.Error(t, errorOf(tx.CreateDomain(ctx, "after.example")))
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ispmail.ErrUnavailable, "the program did not wait")
	for _, name := range []string{"lost.example", "after.example"} {
		require.ErrorIs(t, errorOf(store.Domain(t.Context(), name)), ispmail.ErrNotFound)
	}
}

// TestNoTxOfBun refuses the transactions of bun inside one of the Store, which would not see them fail.
func TestNoTxOfBun(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			require.ErrorContains(t, errorOf(tx.DB().BeginTx(ctx, &sql.TxOptions{})), "RunInTx of the Store")
			require.ErrorContains(t, tx.DB().RunInTx(ctx, nil, func(context.Context, bun.Tx) error { return nil }), "RunInTx of the Store")
			return nil
		}))
	})
}
