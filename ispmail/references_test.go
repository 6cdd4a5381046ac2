package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestReferenced deletes rows that tables of other programs hold on to. The error names the table, and nothing changes.
func TestReferenced(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, statement := range []string{
			"CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER, FOREIGN KEY (user_id) REFERENCES virtual_users (id))",
			"CREATE TABLE notes (id INTEGER PRIMARY KEY, alias_id INTEGER, FOREIGN KEY (alias_id) REFERENCES virtual_aliases (id))",
			"CREATE TABLE bills (id INTEGER PRIMARY KEY, payer INTEGER, FOREIGN KEY (payer) REFERENCES virtual_domains (id))",
		} {
			if db.DB.Dialect().Name().String() == "mysql" {
				statement = strings.ReplaceAll(statement, "INTEGER", "INT")
			}
			db.Exec(t, statement)
		}
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		db.Exec(t, "INSERT INTO tickets VALUES (1, 1)")
		db.Exec(t, "INSERT INTO notes VALUES (1, 1)")
		db.Exec(t, "INSERT INTO bills VALUES (1, 2)")
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (9, 2, 'a@example.net', 'x@elsewhere.example')") // which goes before the domain
		before := dbtest.Dump(t, db)
		for name, test := range map[string]struct {
			run  func(s *ispmail.Store) error
			want string
		}{
			"DeleteUser": {func(s *ispmail.Store) error { return errorOf(s.DeleteUser(ctx, "john@example.org")) }, "the table tickets does, in its column user_id"},
			"DeleteAlias": {func(s *ispmail.Store) error {
				return errorOf(s.DeleteAlias(ctx, "jack@example.org", "john@example.org"))
			}, "the table notes does, in its column alias_id"},
			"DeleteRow, user": {func(s *ispmail.Store) error {
				return errorOf(s.DeleteRow(ctx, ispmail.User{ID: 1, DomainID: 1, Email: "john@example.org"}))
			}, "the table tickets does, in its column user_id"},
			"DeleteAliases": {func(s *ispmail.Store) error { return errorOf(s.DeleteAliases(ctx, "jack@example.org")) }, "the table notes"},
			"SetAliases": {func(s *ispmail.Store) error {
				return errorOf(s.SetAliases(ctx, "jack@example.org", "x@elsewhere.example"))
			}, "the table notes"},
			"DeleteDomain": {func(s *ispmail.Store) error { return errorOf(s.DeleteDomain(ctx, "example.net")) }, "the table bills does, in its column payer"},
			"whole domain": {func(s *ispmail.Store) error { return errorOf(s.DeleteDomain(ctx, "example.org")) }, "the table notes"},
		} {
			err := test.run(store)
			require.ErrorIs(t, err, ispmail.ErrReferenced, name)
			require.NotErrorIs(t, err, ispmail.ErrNoDomain, name)
			require.ErrorContains(t, err, test.want, name)
			assert.NotContains(t, err.Error(), "\n", name)
			assert.Equal(t, before, dbtest.Dump(t, db), name)
			// A transaction that goes on loses nothing of what it did before, and has nothing half done.
			require.NoError(t, store.RunInTx(ctx, func(_ context.Context, tx *ispmail.Store) error {
				require.ErrorIs(t, test.run(tx), ispmail.ErrReferenced, name)
				return nil
			}))
			assert.Equal(t, before, dbtest.Dump(t, db), name)
		}
		require.NoError(t, errorOf(store.DeleteUser(ctx, "md5@example.org")), "nothing holds on to this one")
	})
}

// TestReferencedRedirects has the aliases of an administration page, which name the user that owns them.
func TestReferencedRedirects(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "redirects")
	db.Example(t)
	db.Exec(t, "UPDATE virtual_aliases SET mailbox_id = 1")
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	err := errorOf(store.DeleteUser(t.Context(), "john@example.org"))
	require.ErrorIs(t, err, ispmail.ErrReferenced)
	require.ErrorContains(t, err, "the table virtual_aliases does, in its column mailbox_id")
	require.NoError(t, errorOf(store.DeleteAlias(t.Context(), "jack@example.org", "john@example.org")))
	require.NoError(t, errorOf(store.DeleteUser(t.Context(), "john@example.org")))

	// A value of Config.Columns may be one that is not there. The domain is not to blame.
	wrong := db.Store(t, ispmail.Config{Columns: func(context.Context, any) map[string]any { return map[string]any{"mailbox_id": 99} }})
	err = errorOf(wrong.CreateAlias(t.Context(), "jim@example.org", "md5@example.org"))
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.NotErrorIs(t, err, ispmail.ErrNoDomain)
	require.ErrorContains(t, err, "of virtual_aliases (mailbox_id), refuses the row")
}

// TestReferencedName has a foreign key on a name, which a rename would change.
func TestReferencedName(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		charset := "" // of the tables, whose collation may be another one than that of the server
		if db.DB.Dialect().Name() == dialect.MySQL {
			charset = " CHARACTER SET utf8mb4"
		}
		db.Exec(t, "CREATE TABLE tickets (email VARCHAR(100) REFERENCES virtual_users (email), name VARCHAR(50) REFERENCES virtual_domains (name))"+charset)
		db.Exec(t, "INSERT INTO tickets VALUES ('john@example.org', 'example.org')")
		before := dbtest.Dump(t, db)
		require.ErrorIs(t, errorOf(store.RenameUser(t.Context(), "john@example.org", "jim@example.org")), ispmail.ErrReferenced)
		require.ErrorIs(t, errorOf(store.RenameDomain(t.Context(), "example.org", "example.net")), ispmail.ErrReferenced)
		assert.Equal(t, before, dbtest.Dump(t, db))
	})
}

// TestReferencedLater has a foreign key of SQLite that is looked at only by the commit.
func TestReferencedLater(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	db.Exec(t, "CREATE TABLE tickets (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES virtual_users (id) DEFERRABLE INITIALLY DEFERRED)")
	db.Exec(t, "INSERT INTO tickets VALUES (1, 1)")
	err := errorOf(db.Store(t, ispmail.Config{}).DeleteUser(t.Context(), "john@example.org"))
	require.ErrorIs(t, err, ispmail.ErrReferenced)
	require.NotErrorIs(t, err, ispmail.ErrNoDomain)
}

// TestOneRowForASource has unique keys that allow one destination. Every way to a second one says so.
func TestOneRowForASource(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, key := range []string{"source", "domain_id, source"} {
			db.Exec(t, "CREATE UNIQUE INDEX one ON virtual_aliases ("+key+")")
			before := dbtest.Dump(t, db)
			restored := []ispmail.Record{
				{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}},
				{Alias: &ispmail.Alias{ID: 1, DomainID: 1, Source: "a@example.org", Destination: "b@example.org"}},
				{Alias: &ispmail.Alias{ID: 2, DomainID: 1, Source: "a@example.org", Destination: "c@example.org"}},
			}
			for name, run := range map[string]func() error{
				"CreateAlias": func() error { return errorOf(store.CreateAlias(ctx, "jack@example.org", "md5@example.org")) },
				"SetAliases": func() error {
					return errorOf(store.SetAliases(ctx, "jim@example.org", "a@elsewhere.example", "b@elsewhere.example"))
				},
				"Import": func() error {
					_, refused := imported(t, store, ispmail.ImportConfig{}, newAlias("jack@example.org", "md5@example.org"))
					return errors.Join(refused...)
				},
				"Restore": func() error {
					db.Exec(t, "DELETE FROM virtual_aliases")
					db.Exec(t, "DELETE FROM virtual_users")
					db.Exec(t, "DELETE FROM virtual_domains")
					defer db.Example(t)
					return store.Restore(ctx, dbtest.Sequence(nil, restored...))
				},
			} {
				err := run()
				require.ErrorIs(t, err, ispmail.ErrExists, name)
				require.ErrorContains(t, err, "virtual_aliases allows one row for each source, and so one destination", fmt.Sprint(name, key))
				assert.Equal(t, before, dbtest.Dump(t, db), name)
			}
			drop := "DROP INDEX one"
			if db.DB.Dialect().Name().String() == "mysql" {
				db.Exec(t, "ALTER TABLE virtual_aliases ADD KEY (domain_id)") // for the foreign key
				drop += " ON virtual_aliases"
			}
			db.Exec(t, drop)
		}
		// Another unique key is none of that.
		db.Exec(t, "CREATE UNIQUE INDEX pair ON virtual_aliases (source, destination)")
		require.NoError(t, errorOf(store.CreateAlias(ctx, "jack@example.org", "md5@example.org")))
	})
}
