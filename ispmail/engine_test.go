package ispmail_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// withoutTransactions returns a database whose tables cannot roll back, with the rows of Example.
func withoutTransactions(t *testing.T) *ispmailtest.Database {
	t.Helper()
	db := ispmailtest.MariaDB(t)
	needSingle(t, db, "rows of MyISAM stay on one node, and as InnoDB they would end it")
	dbtest.Load(t, db, "myisam")
	db.Example(t)
	return db
}

// TestEngineRefused administers tables without transactions. Nothing is written, and the sentence says what to run.
func TestEngineRefused(t *testing.T) {
	t.Parallel()
	db := withoutTransactions(t)
	ctx := t.Context()
	store := dbtest.Open(t, db.Account(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON * TO %s"), ispmail.Config{})
	empty := ispmailtest.MariaDB(t)
	dbtest.Load(t, empty, "myisam")
	records := func() []ispmail.Record {
		return []ispmail.Record{newDomain("example.net"), newUser("jim@example.net", dbtest.Sound())}
	}
	before := dbtest.Dump(t, db)
	for name, run := range map[string]func(s *ispmail.Store) error{
		"CreateDomain": func(s *ispmail.Store) error { return errorOf(s.CreateDomain(ctx, "example.net")) },
		"RenameDomain": func(s *ispmail.Store) error { return errorOf(s.RenameDomain(ctx, "example.org", "example.net")) },
		"DeleteDomain": func(s *ispmail.Store) error { return errorOf(s.DeleteDomain(ctx, "example.org")) },
		"CreateUser": func(s *ispmail.Store) error {
			return errorOf(s.CreateUser(ctx, "jim@example.org", "a long enough secret"))
		},
		"RenameUser": func(s *ispmail.Store) error { return errorOf(s.RenameUser(ctx, "john@example.org", "jim@example.org")) },
		"DeleteUser": func(s *ispmail.Store) error { return errorOf(s.DeleteUser(ctx, "john@example.org")) },
		"SetQuota":   func(s *ispmail.Store) error { return s.SetQuota(ctx, "john@example.org", 5<<30) },
		"CreateAlias": func(s *ispmail.Store) error {
			return errorOf(s.CreateAlias(ctx, "jim@example.org", "john@example.org"))
		},
		"ChangeAlias": func(s *ispmail.Store) error {
			return errorOf(s.ChangeAlias(ctx, "jack@example.org", "john@example.org", "md5@example.org"))
		},
		"SetAliases": func(s *ispmail.Store) error { return errorOf(s.SetAliases(ctx, "jack@example.org", "md5@example.org")) },
		"DeleteAlias": func(s *ispmail.Store) error {
			return errorOf(s.DeleteAlias(ctx, "jack@example.org", "john@example.org"))
		},
		"DeleteRow": func(s *ispmail.Store) error {
			return errorOf(s.DeleteRow(ctx, ispmail.Alias{ID: 1, DomainID: 1, Source: "jack@example.org", Destination: "john@example.org"}))
		},
		"CorrectUser": func(s *ispmail.Store) error {
			return errorOf(s.CorrectUser(ctx, ispmail.User{ID: 1, DomainID: 1, Email: "john@example.org"}, "jim@example.org"))
		},
		"CorrectAlias": func(s *ispmail.Store) error {
			return errorOf(s.CorrectAlias(ctx, ispmail.Alias{ID: 1, DomainID: 1, Source: "jack@example.org", Destination: "john@example.org"}, "jim@example.org", "john@example.org"))
		},
		"CorrectDomain": func(s *ispmail.Store) error {
			return errorOf(s.CorrectDomain(ctx, ispmail.Domain{ID: 1, Name: "example.org"}, "example.net"))
		},
		"DeleteAliases": func(s *ispmail.Store) error { return errorOf(s.DeleteAliases(ctx, "jack@example.org")) },
		"Import": func(s *ispmail.Store) error {
			return errorOf(s.Import(ctx, dbtest.Sequence(nil, records()...), ispmail.ImportConfig{}))
		},
		"Import, dry": func(s *ispmail.Store) error {
			return errorOf(s.Import(ctx, dbtest.Sequence(nil, records()...), ispmail.ImportConfig{DryRun: true}))
		},
		"Restore": func(*ispmail.Store) error {
			return empty.Store(t, ispmail.Config{}).Restore(ctx, dbtest.Sequence(nil, ispmail.Record{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}}))
		},
	} {
		err := run(store)
		require.ErrorIs(t, err, ispmail.ErrSchema, name)
		require.Regexp(t, `^ispmail: the tables do not fit: (virtual_\w+) has the engine (MyISAM|Aria), which cannot undo a change that fails half-way: ALTER TABLE (virtual_\w+) ENGINE=InnoDB$`, err.Error(), name)
		require.Equal(t, before, dbtest.Dump(t, db), name)
	}
	err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
		return errorOf(tx.CreateUser(ctx, "jim@example.org", "a long enough secret"))
	})
	require.ErrorIs(t, err, ispmail.ErrSchema)

	for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} { // as the sentences say
		db.Exec(t, "ALTER TABLE "+table+" ENGINE=InnoDB")
	}
	require.NoError(t, errorOf(store.CreateUser(ctx, "jim@example.org", "a long enough secret")), "without a restart")
	require.NoError(t, errorOf(store.CreateAlias(ctx, "joe@example.org", "jim@example.org")))
}

// TestEngineOnNode does not advise a statement that would leave the other nodes of a cluster without the rows.
func TestEngineOnNode(t *testing.T) {
	t.Parallel()
	err := errorOf(withoutTransactions(t).Store(t, ispmail.Config{}).ActAsNode().CreateAlias(t.Context(), "jim@example.org", "john@example.org"))
	require.ErrorIs(t, err, ispmail.ErrSchema)
	assert.ErrorContains(t, err, "ALTER TABLE does not take them to the others: export them there, make the tables anew with ENGINE=InnoDB")
}

// TestEngineOfOneTable has one table among the three that a method changes. Nothing is written to the others before.
func TestEngineOfOneTable(t *testing.T) {
	t.Parallel()
	for _, table := range []string{"virtual_users", "virtual_aliases"} {
		db := ispmailtest.MariaDB(t)
		needSingle(t, db, "see withoutTransactions")
		dbtest.Load(t, db, "console") // without foreign keys
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "ALTER TABLE "+table+" MODIFY created_at DATETIME, MODIFY updated_at DATETIME")
		}
		db.Example(t)
		db.Exec(t, "ALTER TABLE "+table+" ENGINE=MyISAM")
		store := dbtest.Open(t, db.DSN, ispmail.Config{})
		before := dbtest.Dump(t, db)
		for name, err := range map[string]error{
			"DeleteDomain": errorOf(store.DeleteDomain(t.Context(), "example.org")),
			"RenameDomain": errorOf(store.RenameDomain(t.Context(), "example.org", "example.net")),
			"RenameUser":   errorOf(store.RenameUser(t.Context(), "john@example.org", "jim@example.org")),
		} {
			require.ErrorIs(t, err, ispmail.ErrSchema, name)
			require.ErrorContains(t, err, "ALTER TABLE "+table, name)
		}
		assert.Equal(t, before, dbtest.Dump(t, db))
	}
}

// TestEnginePasswords changes one password, which is one UPDATE that needs no transaction.
func TestEnginePasswords(t *testing.T) {
	t.Parallel()
	db := withoutTransactions(t)
	ctx := t.Context()
	store := dbtest.Open(t, db.Account(t, "GRANT SELECT, UPDATE ON virtual_users TO %s"), ispmail.Config{})
	rehashed(t, db, store, "md5@example.org")
	assert.Contains(t, db.Stored(t, "md5@example.org"), "{SHA256-CRYPT}")
	require.NoError(t, store.ChangePassword(ctx, "john@example.org", ispmailtest.Password, "a long enough secret"))
	require.NoError(t, store.SetPassword(ctx, "john@example.org", "another long secret"))
	require.NoError(t, store.Lock(ctx, "john@example.org"))
	require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", "another long secret")), ispmail.ErrBadCredentials)
	require.NoError(t, store.Unlock(ctx, "john@example.org"))
	require.NoError(t, errorOf(store.Authenticate(ctx, "john@example.org", "another long secret")))
	require.NoError(t, store.SetStoredPassword(ctx, "john@example.org", dbtest.Sound()))
	require.NoError(t, errorOf(store.User(ctx, "john@example.org")))
}
