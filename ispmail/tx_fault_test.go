package ispmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// refused runs a method that refuses after its first statements, and commits. Nothing of the method may remain, but what the
// transaction did before and after it does.
func refused(t *testing.T, db *ispmailtest.Database, store *ispmail.Store, want error, method func(ctx context.Context, tx *ispmail.Store) error) {
	t.Helper()
	old := dbtest.Dump(t, db)
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.CreateDomain(ctx, "before.example")))
		require.ErrorIs(t, method(ctx, tx), want)
		return errorOf(tx.CreateDomain(ctx, "after.example"))
	}))
	require.NoError(t, errorOf(store.DeleteDomain(t.Context(), "before.example")))
	require.NoError(t, errorOf(store.DeleteDomain(t.Context(), "after.example")))
	assert.Equal(t, old, dbtest.Dump(t, db))
}

// TestHalfRename renames a user whose extension is an alias of the new address already.
func TestHalfRename(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for _, source := range []string{"john+x@example.org", "johann+x@example.org"} {
			require.NoError(t, errorOf(store.CreateAlias(t.Context(), source, "a@elsewhere.example")))
		}
		refused(t, db, store, ispmail.ErrExists, func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.RenameUser(ctx, "john@example.org", "johann@example.org"))
		})
	})
}

// TestHalfSetAliases replaces the destinations of a source by one that is too long.
func TestHalfSetAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		long := "a@" + strings.Repeat("y", 60) + "." + strings.Repeat("y", 40) + ".example"
		refused(t, db, store, ispmail.ErrTooLong, func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.SetAliases(ctx, "jack@example.org", long))
		})
	})
}

// TestHalfRenameDomain gives a domain a name with which one of its aliases is too long.
func TestHalfRenameDomain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), strings.Repeat("x", 64)+"@example.org", "a@elsewhere.example")))
		refused(t, db, store, ispmail.ErrTooLong, func(ctx context.Context, tx *ispmail.Store) error {
			return errorOf(tx.RenameDomain(ctx, "example.org", strings.Repeat("y", 37)+".example"))
		})
	})
}

// TestNestedCancel undoes an inner function whose context has ended, and keeps the work of the outer one.
func TestNestedCancel(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			short, cancel := context.WithCancel(ctx)
			defer cancel()
			require.ErrorIs(t, tx.RunInTx(short, func(ctx context.Context, inner *ispmail.Store) error {
				require.NoError(t, errorOf(inner.CreateDomain(ctx, "inner.example")))
				cancel()
				return errNo
			}), errNo)
			return errorOf(tx.CreateDomain(ctx, "outer.example"))
		}))
		require.ErrorIs(t, errorOf(store.Domain(t.Context(), "inner.example")), ispmail.ErrNotFound)
		require.NoError(t, errorOf(store.Domain(t.Context(), "outer.example")))
	})
}

// TestOwnContext has a function with a context of its own that ends. The database is not to blame, whether a statement had
// that context or something else, and whether the function passes the error on or not.
func TestOwnContext(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		old := dbtest.Dump(t, db)
		for name, fn := range map[string]func(ctx, ended context.Context, tx *ispmail.Store) error{
			"a method": func(_, ended context.Context, tx *ispmail.Store) error {
				return tx.Lock(ended, "john@example.org")
			},
			"a list": func(_, ended context.Context, tx *ispmail.Store) error {
				return errorOf(tx.CountUsers(ended, ispmail.Query{}))
			},
			"a savepoint": func(_, ended context.Context, tx *ispmail.Store) error {
				return tx.RunInTx(ended, func(context.Context, *ispmail.Store) error { return nil })
			},
			"a statement": func(_, ended context.Context, tx *ispmail.Store) error {
				return errorOf(tx.DB().ExecContext(ended, "DELETE FROM virtual_aliases"))
			},
			"a query of bun": func(_, ended context.Context, tx *ispmail.Store) error {
				return errorOf(tx.DB().NewSelect().Table("virtual_users").Count(ended))
			},
		} {
			for _, swallowed := range []bool{false, true} {
				canceled, cancel := context.WithCancel(t.Context())
				late, cancelLate := context.WithDeadline(t.Context(), time.Now())
				cancel()
				for want, ended := range map[error]context.Context{context.Canceled: canceled, context.DeadlineExceeded: late} {
					err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
						require.NoError(t, tx.SetQuota(ctx, "john@example.org", 7))
						if err := fn(ctx, ended, tx); !swallowed {
							return err
						}
						return nil
					})
					require.ErrorIs(t, err, want, name)
					require.NotErrorIs(t, err, ispmail.ErrUnavailable, name)
					require.ErrorContains(t, err, "the caller did not wait", name)
				}
				cancelLate()
			}
		}
		elsewhere := fmt.Errorf("the program's own work: %w", context.DeadlineExceeded)
		require.Equal(t, elsewhere, store.RunInTx(t.Context(), func(context.Context, *ispmail.Store) error { return elsewhere }))
		assert.Equal(t, old, dbtest.Dump(t, db))
	})
}

// TestNestedPanic undoes an inner function whose panic the outer one recovers from.
func TestNestedPanic(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			require.PanicsWithError(t, errNo.Error(), func() {
				_ = tx.RunInTx(ctx, func(ctx context.Context, inner *ispmail.Store) error {
					require.NoError(t, errorOf(inner.CreateDomain(ctx, "inner.example")))
					panic(errNo)
				})
			})
			return errorOf(tx.CreateDomain(ctx, "outer.example"))
		}))
		require.ErrorIs(t, errorOf(store.Domain(t.Context(), "inner.example")), ispmail.ErrNotFound)
		require.NoError(t, errorOf(store.Domain(t.Context(), "outer.example")))
	})
}

// TestStoreAfterTx refuses each use of a Store after its transaction.
func TestStoreAfterTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		var kept *ispmail.Store
		require.NoError(t, store.RunInTx(t.Context(), func(_ context.Context, tx *ispmail.Store) error {
			kept = tx
			return nil
		}))
		ctx := t.Context()
		for name, err := range map[string]error{
			"User":         errorOf(kept.User(ctx, "john@example.org")),
			"CountUsers":   errorOf(kept.CountUsers(ctx, ispmail.Query{})),
			"DomainCounts": errorOf(kept.DomainCounts(ctx)),
			"RunInTx":      kept.RunInTx(ctx, func(context.Context, *ispmail.Store) error { return nil }),
			"Lock":         kept.Lock(ctx, "john@example.org"),
			"Authenticate": errorOf(kept.Authenticate(ctx, "john@example.org", ispmailtest.Password)),
			"RenameDomain": errorOf(kept.RenameDomain(ctx, "example.org", "example.net")),
		} {
			assert.ErrorContains(t, err, "the transaction is over", name)
		}
	})
}
