package ispmail_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestWithTx works in a transaction that the program began.
func TestWithTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		var heard []ispmail.Change
		store := db.Store(t, ispmail.Config{OnChange: func(_ context.Context, c ispmail.Change) { heard = append(heard, c) }})
		for _, commit := range []bool{false, true} {
			tx, err := db.DB.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			within := store.WithTx(tx)
			require.NoError(t, within.SetPassword(t.Context(), "john@example.org", "a long enough secret"))
			require.NoError(t, errorOf(within.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)), "which does not rehash here")
			require.Empty(t, heard)
			if commit {
				require.NoError(t, tx.Commit())
				within.Committed(t.Context())
				within.Committed(t.Context())
			} else {
				require.NoError(t, tx.Rollback())
			}
			err = errorOf(within.User(t.Context(), "john@example.org"))
			require.ErrorIs(t, err, sql.ErrTxDone)
			require.NotErrorIs(t, err, ispmail.ErrUnavailable)
			require.ErrorContains(t, err, "the transaction is over")
			_, err = store.Authenticate(t.Context(), "john@example.org", "a long enough secret")
			require.Equal(t, commit, err == nil, "%v", err)
		}
		assert.Equal(t, []ispmail.Change{{Kind: ispmail.PasswordChanged, Email: "john@example.org", Domain: "example.org"}}, heard)
		assert.True(t, strings.HasPrefix(db.Stored(t, "md5@example.org"), "{PLAIN-MD5}"))
	})
}

// TestWithTxElsewhere refuses a transaction of another kind of database, of another database of the same kind, and none.
func TestWithTxElsewhere(t *testing.T) {
	t.Parallel()
	const refusal = "the transaction is none of this database"
	maria, lite := ispmailtest.MariaDB(t), onDisk(t)
	for name, test := range map[string]struct{ ours, other *ispmailtest.Database }{
		"MariaDB and SQLite": {maria, lite},
		"SQLite and MariaDB": {lite, maria},
		"two of MariaDB":     {maria, ispmailtest.MariaDB(t)},
		"two of SQLite":      {lite, onDisk(t)},
		"two in memory":      {ispmailtest.SQLite(t), ispmailtest.SQLite(t)},
	} {
		tx, err := test.other.DB.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		within := test.ours.Store(t, ispmail.Config{}).WithTx(tx)
		for range 2 {
			require.ErrorContains(t, errorOf(within.CreateDomain(t.Context(), "example.net")), refusal, name)
			require.ErrorContains(t, errorOf(within.CountDomains(t.Context(), ispmail.Query{})), refusal, name)
		}
		require.NoError(t, tx.Commit())
	}
	n, err := maria.Store(t, ispmail.Config{}).CountDomains(t.Context(), ispmail.Query{})
	require.NoError(t, err)
	assert.Zero(t, n)
	for _, db := range []*ispmailtest.Database{maria, lite} {
		none := db.Store(t, ispmail.Config{}).WithTx(bun.Tx{})
		require.ErrorContains(t, errorOf(none.User(t.Context(), "john@example.org")), refusal)
		require.ErrorContains(t, errorOf(none.CountUsers(t.Context(), ispmail.Query{})), refusal)
		require.ErrorContains(t, none.SetQuota(t.Context(), "john@example.org", 1), refusal)
		require.NotPanics(t, func() { none.DB().NewSelect() })
	}
}

// TestWithTxAfterReads replaces what others have committed since the program took its snapshot.
func TestWithTxAfterReads(t *testing.T) {
	db, store, other := twoStores(t)
	// With innodb_snapshot_isolation, the default from MariaDB 11.6 on, the transaction would have to be tried again.
	db = dbtest.Connect(t, db, map[string]string{"autocommit": "1/*M!110402, innodb_snapshot_isolation=OFF*/"})
	tx, err := db.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, errorOf(tx.NewSelect().Table("virtual_domains").Count(t.Context())))
	require.NoError(t, errorOf(other.SetAliases(t.Context(), "team@example.org", "b@elsewhere.example")))
	require.NoError(t, errorOf(store.WithTx(tx).SetAliases(t.Context(), "team@example.org", "a@elsewhere.example")))
	require.NoError(t, tx.Commit())
	assert.Equal(t, []string{"team@example.org > a@elsewhere.example"}, arrows(aliasesOf(t, store, "team@example.org")))
}

// TestCommittedNested calls Committed too early, in a nested function that is undone. It must not panic.
func TestCommittedNested(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		heard := 0
		store := db.Store(t, ispmail.Config{OnChange: func(context.Context, ispmail.Change) { heard++ }})
		tx, err := db.DB.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		within := store.WithTx(tx)
		require.NoError(t, within.Lock(t.Context(), "john@example.org"))
		require.NotPanics(t, func() {
			err = within.RunInTx(t.Context(), func(ctx context.Context, inner *ispmail.Store) error {
				require.NoError(t, inner.Lock(ctx, "md5@example.org"))
				inner.Committed(ctx)
				return errNo
			})
		})
		require.ErrorIs(t, err, errNo)
		require.NoError(t, within.Unlock(t.Context(), "john@example.org"))
		require.NoError(t, tx.Commit())
		within.Committed(t.Context())
		assert.Positive(t, heard)
		assert.NotContains(t, db.Stored(t, "md5@example.org"), "!")
	})
}
