package ispmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// twoStores returns a MariaDB database with the example rows, and two programs that know the id of its domain.
func twoStores(t *testing.T) (db *ispmailtest.Database, store, other *ispmail.Store) {
	t.Helper()
	t.Parallel()
	db = ispmailtest.MariaDB(t)
	db.Example(t)
	store, other = dbtest.Open(t, db.DSN, ispmail.Config{}), dbtest.Open(t, db.DSN, ispmail.Config{})
	for _, s := range []*ispmail.Store{store, other} {
		require.NoError(t, errorOf(s.SetAliases(t.Context(), "known@example.org", "a@elsewhere.example")))
	}
	return db, store, other
}

// TestOwnReads replaces what others have committed since a statement of the program's own took the snapshot. A locking read
// takes none, but a query inside it does.
func TestOwnReads(t *testing.T) {
	t.Parallel()
	for name, read := range map[string]func(ctx context.Context, db bun.IDB) error{
		"subquery": func(ctx context.Context, db bun.IDB) error {
			var ids []int64
			return db.NewRaw("SELECT id FROM virtual_domains WHERE id = (SELECT MAX(id) FROM virtual_users) FOR UPDATE").Scan(ctx, &ids)
		},
		"builder": func(ctx context.Context, db bun.IDB) error {
			var ids []int64
			return db.NewSelect().Table("virtual_domains").Column("id").Where("id = (SELECT MAX(id) FROM virtual_users)").For("UPDATE").Scan(ctx, &ids)
		},
		"SET": func(ctx context.Context, db bun.IDB) error {
			return errorOf(db.ExecContext(ctx, "SET @n = (SELECT COUNT(*) FROM virtual_users)"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, store, other := twoStores(t)
			require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				require.NoError(t, read(ctx, tx.DB()))
				require.NoError(t, errorOf(other.SetAliases(t.Context(), "team@example.org", "b@elsewhere.example")))
				return errorOf(tx.SetAliases(ctx, "team@example.org", "a@elsewhere.example"))
			}))
			assert.Equal(t, []string{"team@example.org > a@elsewhere.example"}, arrows(aliasesOf(t, store, "team@example.org")))
		})
	}
}

// TestDeletedInHeldDomain has somebody delete a user after the domain was locked, which keeps nobody from that. What follows
// must not believe the snapshot, where the user still is.
func TestDeletedInHeldDomain(t *testing.T) {
	db, store, other := twoStores(t)
	needSingle(t, db, "who deletes a user waits there for the domain")
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.AliasesOf(ctx, "x@example.org"))) // locks the domain, then takes the snapshot
		require.NoError(t, errorOf(other.DeleteUser(t.Context(), "john@example.org")))
		require.ErrorIs(t, errorOf(tx.User(ctx, "john@example.org")), ispmail.ErrNotFound)
		require.ErrorIs(t, errorOf(tx.CreateAlias(ctx, "john@example.org", "john@example.org")), ispmail.ErrAliasLoop)
		return errorOf(tx.CreateUser(ctx, "john@example.org", "a long enough secret"))
	}))
	require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
}

// TestMovedInHeldDomain has another program give a row another source after the domain was locked. The row is no longer one
// of the old source.
func TestMovedInHeldDomain(t *testing.T) {
	db, store, _ := twoStores(t)
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.AliasesOf(ctx, "x@example.org")))
		db.Exec(t, "UPDATE virtual_aliases SET source = 'boss@example.org' WHERE id = 1")
		return errorOf(tx.SetAliases(ctx, "jack@example.org", "a@elsewhere.example"))
	}))
	assert.Equal(t, []string{"boss@example.org > john@example.org"}, arrows(aliasesOf(t, store, "boss@example.org")))
	assert.Equal(t, []string{"jack@example.org > a@elsewhere.example"}, arrows(aliasesOf(t, store, "jack@example.org")))
}

// TestSnapshotIsolation is TestIncrements on connections of the program where a locking read fails if the row has changed
// since the snapshot, as by default from MariaDB 11.6 on. Every commit of another program then causes a repetition. It has two
// programs, because with four a transaction now and then needs more than ten.
func TestSnapshotIsolation(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Connect(t, db, map[string]string{"innodb_snapshot_isolation": "1"}).Store(t, ispmail.Config{})
	var on bool
	require.NoError(t, store.DB().QueryRowContext(t.Context(), "SELECT @@innodb_snapshot_isolation").Scan(&on))
	require.True(t, on)
	for range times(1, 100) {
		increments(t, store, 2)
	}
}

// TestOpenEndsSnapshotIsolation has a connection of Open on which no locking read fails for the snapshot. A server of an older
// version, which may not know the variable, does not read the setting.
func TestOpenEndsSnapshotIsolation(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	var on bool
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	require.NoError(t, store.DB().QueryRowContext(t.Context(), "SELECT @@innodb_snapshot_isolation").Scan(&on))
	assert.False(t, on)
	all, err := ispmail.Connections(db.DSN)
	require.NoError(t, err)
	const since = "/*M!110402," // a server of this version and later ones read the comment
	set := all[0].Params["innodb_lock_wait_timeout"]
	require.Contains(t, set, since)
	conn, err := db.DB.Conn(t.Context())
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	for _, statement := range []string{
		"SET innodb_snapshot_isolation = ON",
		"SET innodb_lock_wait_timeout = " + strings.Replace(set, since, "/*M!,", 1), // for this server, whatever version it is
	} {
		_, err = conn.ExecContext(t.Context(), statement)
		require.NoError(t, err, statement)
	}
	require.NoError(t, conn.QueryRowContext(t.Context(), "SELECT @@innodb_snapshot_isolation").Scan(&on))
	assert.False(t, on)
}

// TestCrossingTransactions has two programs that lock two domains in opposite order. MariaDB undoes some for a deadlock, and all
// come through.
func TestCrossingTransactions(t *testing.T) {
	_, store, other := twoStores(t)
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.net")))
	together(2, func(program int) {
		s := []*ispmail.Store{store, other}[program]
		sources := []string{"x@example.org", "x@example.net"}
		if program == 1 {
			sources[0], sources[1] = sources[1], sources[0]
		}
		for i := range times(12, 500) {
			destination := fmt.Sprintf("n%d.%d@elsewhere.example", program, i)
			assert.NoError(t, s.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				if _, err := tx.AliasesOf(ctx, sources[0]); err != nil {
					return err
				}
				if _, _, err := tx.SetAliases(ctx, sources[1], destination); err != nil {
					return err
				}
				return errorOf(tx.SetAliases(ctx, sources[0], destination))
			}))
		}
	})
	org, net := aliasesOf(t, store, "x@example.org"), aliasesOf(t, store, "x@example.net")
	require.Len(t, org, 1)
	require.Len(t, net, 1)
	assert.Equal(t, org[0].Destination, net[0].Destination, "both of one transaction")
}
