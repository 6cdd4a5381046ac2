package ispmail_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// withTextIDs returns databases whose ids are texts or bytes, with the users john and md5 of Example.
func withTextIDs(t *testing.T, test func(t *testing.T, db *ispmailtest.Database)) {
	t.Helper()
	t.Parallel()
	for name, idType := range map[string]string{"CHAR(36)": "CHAR(36)", "VARCHAR(64)": "VARCHAR(64) COLLATE utf8mb4_bin", "UUID": "UUID", "BINARY(16)": "BINARY(16)", "users only": "", "SQLite TEXT": "TEXT", "SQLite BLOB": "BLOB"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ids := []string{"'3e9a0f5c-0d1e-11ef-8b1c-0242ac110002'", "'7e9a0f5c-0d1e-11ef-8b1c-0242ac110002'"}
			domain := "'aa9a0f5c-0d1e-11ef-8b1c-0242ac110002'"
			if idType == "BINARY(16)" || idType == "BLOB" {
				ids, domain = []string{"X'00C3285C27FF00000000000000000001'", "X'FFC3285C27FF00000000000000000001'"}, "X'AAC3285C27FF00000000000000000001'"
			}
			var db *ispmailtest.Database
			if name == "SQLite TEXT" || name == "SQLite BLOB" {
				db = ispmailtest.SQLite(t)
			} else {
				db = ispmailtest.MariaDB(t)
			}
			example := ispmailtest.SQLite(t)
			example.Example(t)
			tables := []string{"virtual_aliases", "virtual_users", "virtual_domains"}
			domainType := idType
			if idType == "" {
				tables, idType, domainType, domain = tables[1:2], "CHAR(36)", "INT", "1"
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
			}
			for _, table := range tables {
				db.Exec(t, "DROP TABLE "+table)
				columns := map[string]string{"virtual_domains": "name VARCHAR(50)", "virtual_users": "domain_id " + domainType + ", email VARCHAR(100), password VARCHAR(150)", "virtual_aliases": "domain_id " + domainType + ", source VARCHAR(100), destination VARCHAR(100)"}
				db.Exec(t, "CREATE TABLE "+table+" (id "+idType+" NOT NULL PRIMARY KEY, "+columns[table]+")")
			}
			if len(tables) == 3 {
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES ("+domain+", 'example.org')")
			}
			for i, email := range []string{"john@example.org", "md5@example.org"} {
				db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES ("+ids[i]+", "+domain+", ?, ?)", email, example.Stored(t, email))
			}
			test(t, db)
		})
	}
}

// TestTextIDsService does with ids that are no numbers what the password service does.
func TestTextIDsService(t *testing.T) {
	withTextIDs(t, func(t *testing.T, db *ispmailtest.Database) {
		ctx := t.Context()
		store := db.Store(t, ispmail.Config{})
		user, err := store.Authenticate(ctx, "md5@example.org", ispmailtest.Password)
		require.NoError(t, err)
		assert.Zero(t, user.ID)
		assert.Contains(t, db.Stored(t, "md5@example.org"), "{SHA256-CRYPT}", "the rehash")
		john := db.Stored(t, "john@example.org")
		require.NoError(t, store.ChangePassword(ctx, "md5@example.org", ispmailtest.Password, "a long enough secret"))
		require.ErrorIs(t, store.ChangePassword(ctx, "md5@example.org", ispmailtest.Password, "another long secret"), ispmail.ErrBadCredentials)
		require.NoError(t, store.SetPassword(ctx, "md5@example.org", "another long secret"))
		require.NoError(t, errorOf(store.Authenticate(ctx, "md5@example.org", "another long secret")))
		assert.Equal(t, john, db.Stored(t, "john@example.org"), "the row of another user")
		swapped, err := store.Swap(ctx, user, john)
		require.NoError(t, err)
		assert.False(t, swapped, "the row holds something else by now")

		require.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 2)
		require.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{Search: "MD5", Limit: 5})), 1)
		n, err := store.CountUsers(ctx, ispmail.Query{})
		require.NoError(t, err)
		assert.Equal(t, 2, n)
	})
}

// TestTextIDsPages lists more users than fit into the first pages.
func TestTextIDsPages(t *testing.T) {
	withTextIDs(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Exec(t, "DELETE FROM virtual_users")
		number := "SELECT seq FROM seq_1_to_1300"
		id := map[bool]string{true: "CONCAT(LPAD(HEX(seq), 8, '0'), '-0d1e-11ef-8b1c-0242ac110002')", false: "UNHEX(LPAD(HEX(seq * 300000), 32, 'F'))"}
		var kind string
		if db.DB.Dialect().Name().String() == "mysql" {
			require.NoError(t, db.DB.NewRaw("SELECT data_type FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = 'virtual_users' AND column_name = 'id'").Scan(t.Context(), &kind))
			db.Exec(t, "INSERT INTO virtual_users (id, email, password) SELECT "+id[kind != "binary"]+", CONCAT('u', seq, '@example.org'), '' FROM ("+number+") n")
		} else {
			db.Exec(t, "INSERT INTO virtual_users (id, email, password) WITH RECURSIVE n (seq) AS (SELECT 1 UNION ALL SELECT seq + 1 FROM n WHERE seq < 1300) SELECT printf('%08X', seq * 7), 'u' || seq || '@example.org', '' FROM n")
			db.Exec(t, "UPDATE virtual_users SET id = CAST(id AS BLOB) WHERE (SELECT type FROM pragma_table_info('virtual_users') WHERE name = 'id') = 'BLOB'")
		}
		store := db.Store(t, ispmail.Config{})
		seen := map[string]bool{}
		for _, user := range dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{})) {
			seen[user.Email] = true
		}
		assert.Len(t, seen, 1300)
		assert.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{Limit: 1250})), 1250)
		require.ErrorIs(t, failureOf(store.Users(t.Context(), ispmail.Query{After: 5})), ispmail.ErrSchema)
	})
}

// TestTextIDsRefused does what needs numbers. It changes nothing and says why.
func TestTextIDsRefused(t *testing.T) {
	withTextIDs(t, func(t *testing.T, db *ispmailtest.Database) {
		ctx := t.Context()
		store := db.Store(t, ispmail.Config{})
		before := dbtest.Dump(t, db)
		lacking := ispmailtest.SQLite(t)
		lacking.Example(t)
		for name, run := range map[string]func() error{
			"CreateUser":        func() error { return errorOf(store.CreateUser(ctx, "jim@example.org", "a long enough secret")) },
			"DeleteUser":        func() error { return errorOf(store.DeleteUser(ctx, "john@example.org")) },
			"RenameUser":        func() error { return errorOf(store.RenameUser(ctx, "john@example.org", "jim@example.org")) },
			"RenameDomain":      func() error { return errorOf(store.RenameDomain(ctx, "example.org", "example.net")) },
			"DeleteDomain":      func() error { return errorOf(store.DeleteDomain(ctx, "example.org")) },
			"SetQuota":          func() error { return store.SetQuota(ctx, "john@example.org", 1) },
			"Lock":              func() error { return store.Lock(ctx, "john@example.org") },
			"Unlock":            func() error { return store.Unlock(ctx, "john@example.org") },
			"SetStoredPassword": func() error { return store.SetStoredPassword(ctx, "john@example.org", dbtest.Sound()) },
			"DeleteRow":         func() error { return errorOf(store.DeleteRow(ctx, ispmail.User{Email: "john@example.org"})) },
			"CorrectUser": func() error {
				return errorOf(store.CorrectUser(ctx, ispmail.User{Email: "john@example.org"}, "jim@example.org"))
			},
			"ByID":   func() error { return failureOf(store.Users(ctx, ispmail.ByID(3))) },
			"Export": func() error { return failureOf(store.Export(ctx)) },
			"Import": func() error {
				return errorOf(store.Import(ctx, dbtest.Sequence(nil, newUser("jim@example.org", dbtest.Sound())), ispmail.ImportConfig{}))
			},
			"Import, dry": func() error {
				return errorOf(store.Import(ctx, dbtest.Sequence(nil, newUser("jim@example.org", dbtest.Sound())), ispmail.ImportConfig{DryRun: true}))
			},
			"Restore": func() error {
				return store.Restore(ctx, lacking.Store(t, ispmail.Config{}).Export(ctx))
			},
			"check": func() error { return failureOf(check.Run(ctx, store, check.Config{})) },
			"User, locked": func() error {
				return store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error { return errorOf(tx.User(ctx, "john@example.org")) })
			},
		} {
			err := run()
			require.ErrorIs(t, err, ispmail.ErrSchema, name)
			require.ErrorContains(t, err, "id is of the type", name)
			assert.NotContains(t, err.Error(), "\n", name)
		}
		assert.Equal(t, before, dbtest.Dump(t, db))
	})
}

// TestTextIDsOutcome loses the answer to the commit of a change. The row is found by its real key.
func TestTextIDsOutcome(t *testing.T) {
	withTextIDs(t, func(t *testing.T, db *ispmailtest.Database) {
		if db.DB.Dialect().Name().String() != "mysql" {
			t.Skip("the proxy is one of MariaDB")
		}
		proxy, dsn := through(t, db.DSN)
		store := dbtest.Open(t, dsn, ispmail.Config{})
		password := ispmailtest.Password
		for _, moment := range []moment{before, after} {
			old := db.Stored(t, "john@example.org")
			proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
			err := store.ChangePassword(t.Context(), "john@example.org", password, "secret "+string(moment))
			require.Nil(t, proxy.armed.Load(), "the cut took place")
			settle(t, db)
			if moment == before {
				require.ErrorIs(t, err, ispmail.ErrUnavailable)
				assert.Equal(t, old, db.Stored(t, "john@example.org"))
				continue
			}
			require.NoError(t, err)
			require.NoError(t, errorOf(store.Authenticate(t.Context(), "john@example.org", "secret "+string(moment))))
		}
	})
}

// TestTextIDsGrants has the rights that the password service needs, and no others.
func TestTextIDsGrants(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "uuid")
	db.Exec(t, "INSERT INTO virtual_domains VALUES ('2ad7b8a0-16ae', 'example.org')")
	db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES ('6a8f', '2ad7b8a0-16ae', 'john@example.org', '{PLAIN}a long enough secret'), ('6b', NULL, 'jim@example.org', '{PLAIN}x')")
	store := db.As(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s")
	require.NoError(t, store.ChangePassword(t.Context(), "john@example.org", "a long enough secret", "another long secret"))
	require.NoError(t, errorOf(store.Authenticate(t.Context(), "jim@example.org", "x")))
	var null sql.NullString
	require.NoError(t, db.DB.NewRaw("SELECT domain_id FROM virtual_users WHERE id = '6b'").Scan(t.Context(), &null))
	assert.False(t, null.Valid)
}
