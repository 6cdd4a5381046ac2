package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// idOf returns the id of a row by the statements of the test.
func idOf(t *testing.T, db *ispmailtest.Database, table, column, value string) (id int64) {
	t.Helper()
	require.NoError(t, db.DB.NewRaw("SELECT id FROM ? WHERE ? = ?", bun.Ident(table), bun.Ident(column), value).Scan(t.Context(), &id))
	return id
}

// TestIDsOfOthers creates rows where the driver does not know their ids. Each is answered with the id that it has.
func TestIDsOfOthers(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"uuid-short", "trigger", "sequence", "view", "trixie"} {
		t.Run(schema, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			dbtest.Load(t, db, schema)
			createdIDs(t, db, dbtest.Open(t, db.DSN, ispmail.Config{}))
		})
	}
	t.Run("counted elsewhere", func(t *testing.T) {
		t.Parallel()
		db := ispmailtest.MariaDB(t)
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "CREATE TRIGGER "+table+"_id BEFORE INSERT ON "+table+" FOR EACH ROW SET NEW.id = COALESCE((SELECT MAX(id) FROM "+table+"), 0) + 500")
		}
		createdIDs(t, db, dbtest.Open(t, db.DSN, ispmail.Config{}))
	})
	for name, id := range map[string]string{
		"a default":     "id BIGINT PRIMARY KEY DEFAULT (abs(random()) / 2 + 5)",
		"no rowid":      "id INTEGER DEFAULT (abs(random()) / 2 + 5) PRIMARY KEY",
		"the rowid":     "id INTEGER PRIMARY KEY",
		"after a while": "id INT PRIMARY KEY",
	} {
		t.Run("SQLite/"+name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.SQLite(t)
			for table, columns := range map[string]string{
				"virtual_domains": "name TEXT", "virtual_users": "domain_id INTEGER, email TEXT, password TEXT", "virtual_aliases": "domain_id INTEGER, source TEXT, destination TEXT",
			} {
				db.Exec(t, "DROP TABLE "+table)
				end := ""
				if name == "no rowid" {
					end = " WITHOUT ROWID"
				}
				db.Exec(t, "CREATE TABLE "+table+" ("+id+", "+columns+")"+end)
				if name == "after a while" {
					db.Exec(t, "CREATE TRIGGER "+table+"_id AFTER INSERT ON "+table+" BEGIN UPDATE "+table+" SET id = 1000 + NEW.rowid * 7 WHERE rowid = NEW.rowid; END")
				}
			}
			createdIDs(t, db, db.Store(t, ispmail.Config{}))
		})
	}
}

func createdIDs(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	for round := range 2 {
		domain, err := store.CreateDomain(ctx, fmt.Sprintf("example%d.org", round))
		require.NoError(t, err)
		assert.Equal(t, idOf(t, db, "virtual_domains", "name", domain.Name), domain.ID)
		user, _, err := store.CreateUser(ctx, "john@"+domain.Name, "a long enough secret")
		require.NoError(t, err)
		assert.Equal(t, idOf(t, db, "virtual_users", "email", user.Email), user.ID)
		assert.Equal(t, domain.ID, user.DomainID)
		alias, _, err := store.CreateAlias(ctx, "jack@"+domain.Name, user.Email)
		require.NoError(t, err)
		assert.Equal(t, idOf(t, db, "virtual_aliases", "source", alias.Source), alias.ID)
		rows, _, err := store.SetAliases(ctx, "team@"+domain.Name, user.Email, "x@elsewhere.example", "jack@"+domain.Name)
		require.NoError(t, err)
		assert.Len(t, rows, 3)
		result, refused := imported(t, store, ispmail.ImportConfig{}, newDomain(fmt.Sprintf("import%d.org", round)),
			newUser(fmt.Sprintf("a@import%d.org", round), dbtest.Sound()), newUser(fmt.Sprintf("b@import%d.org", round), dbtest.Sound()),
			newAlias(fmt.Sprintf("c@import%d.org", round), "a@"+domain.Name))
		require.Empty(t, refused)
		assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 2, Aliases: 1}, result)
		require.NoError(t, errorOf(store.RenameUser(ctx, user.Email, "jim@"+domain.Name)))
	}
	require.NoError(t, errorOf(store.DeleteDomain(ctx, "example0.org")))
	assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 5)
}

// TestIDsOfTheProgram has ids that neither the database nor a trigger gives.
func TestIDsOfTheProgram(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		mariaDB := db.DB.Dialect().Name().String() == "mysql"
		if mariaDB {
			db.Exec(t, "ALTER TABLE virtual_aliases MODIFY id BIGINT NOT NULL")
		} else {
			db.Exec(t, "DROP TABLE virtual_aliases")
			db.Exec(t, "CREATE TABLE virtual_aliases (id BIGINT PRIMARY KEY, domain_id INTEGER, source TEXT COLLATE NOCASE, destination TEXT)")
		}
		before := dbtest.Dump(t, db)
		for range 2 {
			err := errorOf(db.Store(t, ispmail.Config{}).CreateAlias(ctx, "jim@example.org", "john@example.org"))
			require.ErrorIs(t, err, ispmail.ErrSchema)
			require.ErrorContains(t, err, "virtual_aliases.id")
		}
		assert.Equal(t, before, dbtest.Dump(t, db))

		next := int64(100)
		store := db.Store(t, ispmail.Config{Columns: func(context.Context, any) map[string]any {
			next++
			return map[string]any{"ID": next}
		}})
		alias, _, err := store.CreateAlias(ctx, "jim@example.org", "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, int64(101), alias.ID)
		user, _, err := store.CreateUser(ctx, "jim@example.org", "a long enough secret")
		require.NoError(t, err)
		assert.Less(t, user.ID, int64(100), "the database counts these")
		next = 100
		err = errorOf(store.CreateAlias(ctx, "joe@example.org", "john@example.org"))
		require.ErrorIs(t, err, ispmail.ErrSchema)
		require.NotErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "gives an id twice")
	})
}

// TestIDsUsedUp has a table whose ids have reached the end of their type. That is not an alias that is there already.
func TestIDsUsedUp(t *testing.T) {
	t.Parallel()
	for _, change := range []string{"MODIFY id TINYINT NOT NULL AUTO_INCREMENT", "MODIFY id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT", "MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT"} {
		db := ispmailtest.MariaDB(t)
		db.Example(t)
		db.Exec(t, "ALTER TABLE virtual_aliases "+change)
		db.Exec(t, "UPDATE virtual_aliases SET id = ?", map[bool]string{true: "127", false: "255"}[change == "MODIFY id TINYINT NOT NULL AUTO_INCREMENT"])
		if change == "MODIFY id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT" {
			db.Exec(t, "ALTER TABLE virtual_aliases AUTO_INCREMENT = 18446744073709551614")
		} else {
			db.Exec(t, "ALTER TABLE virtual_aliases ENGINE=InnoDB") // reads the highest id
		}
		store := dbtest.Open(t, db.DSN, ispmail.Config{})
		before := dbtest.Dump(t, db)
		for name, run := range map[string]func() error{
			"CreateAlias": func() error { return errorOf(store.CreateAlias(t.Context(), "jim@example.org", "john@example.org")) },
			"SetAliases": func() error {
				return errorOf(store.SetAliases(t.Context(), "jim@example.org", "john@example.org", "x@elsewhere.example"))
			},
			"Import": func() error {
				return errorOf(store.Import(t.Context(), dbtest.Sequence(nil, newAlias("jim@example.org", "john@example.org")), ispmail.ImportConfig{}))
			},
			"swallowed": func() error {
				return store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
					_ = errorOf(tx.CreateAlias(ctx, "jim@example.org", "john@example.org"))
					return nil
				})
			},
		} {
			err := run()
			require.ErrorIs(t, err, ispmail.ErrSchema, "%s %s", change, name)
			require.NotErrorIs(t, err, ispmail.ErrExists)
			require.ErrorContains(t, err, "virtual_aliases.id", "%s %s", change, name)
			assert.NotContains(t, err.Error(), "\n")
			assert.Equal(t, before, dbtest.Dump(t, db), "%s %s", change, name)
		}
	}
}

// TestIDsBeyond has ids that an int64 cannot hold, as UUID_SHORT() gives on a server with a high server_id.
func TestIDsBeyond(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "uuid-short")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY id BIGINT UNSIGNED NOT NULL DEFAULT (CAST(18446744073709000000 AS UNSIGNED) + FLOOR(RAND() * 100000))")
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	before := dbtest.Dump(t, db)
	for range 2 {
		err := errorOf(store.CreateUser(t.Context(), "jim@example.org", "a long enough secret"))
		require.ErrorIs(t, err, ispmail.ErrSchema)
		require.ErrorContains(t, err, "ids must be whole numbers up to 9223372036854775807")
		assert.Equal(t, before, dbtest.Dump(t, db))
	}
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'joe@example.org', '{PLAIN}x')")
	for name, err := range map[string]error{
		"Authenticate": errorOf(store.Authenticate(t.Context(), "joe@example.org", "x")),
		"Users":        failureOf(store.Users(t.Context(), ispmail.Query{})),
	} {
		require.ErrorIs(t, err, ispmail.ErrSchema, name)
		require.ErrorContains(t, err, `virtual_users.id is "184467440737090`, name)
		assert.NotContains(t, err.Error(), "sql:", name)
	}
}

// failureOf returns the error at the end of a list.
func failureOf[T any](rows func(func(T, error) bool)) (failed error) {
	for _, err := range rows {
		failed = errors.Join(failed, err)
	}
	return failed
}

// TestNoID has a table whose id is no key, and stays NULL.
func TestNoID(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "DROP TABLE virtual_aliases")
		db.Exec(t, "CREATE TABLE virtual_aliases (id BIGINT, domain_id INTEGER, source VARCHAR(100), destination VARCHAR(100))")
		require.ErrorIs(t, errorOf(store.CreateAlias(t.Context(), "jim@example.org", "john@example.org")), ispmail.ErrSchema)
		n, err := db.DB.NewSelect().Table("virtual_aliases").Count(t.Context())
		require.NoError(t, err)
		assert.Zero(t, n)
	})
}

// TestEvidenceOfOtherIDs loses the answers to commits where the driver does not know the ids. The rows tell the outcome.
func TestEvidenceOfOtherIDs(t *testing.T) {
	t.Parallel()
	for _, schema := range []string{"uuid-short", "view"} {
		for _, moment := range []moment{before, after} {
			t.Run(schema+"/"+string(moment), func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				dbtest.Load(t, db, schema)
				proxy, dsn := through(t, db.DSN)
				store := dbtest.Open(t, dsn, ispmail.Config{})
				require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
				for name, run := range map[string]func() error{
					"CreateDomain": func() error { return errorOf(store.CreateDomain(t.Context(), "example.net")) },
					"CreateUser":   func() error { return errorOf(store.CreateUser(t.Context(), "jim@example.org", "a long enough secret")) },
					"CreateAlias":  func() error { return errorOf(store.CreateAlias(t.Context(), "joe@example.org", "x@elsewhere.example")) },
					"Import": func() error {
						return errorOf(store.Import(t.Context(), dbtest.Sequence(nil, newUser("kim@example.org", dbtest.Sound())), ispmail.ImportConfig{}))
					},
				} {
					old := dbtest.Dump(t, db)
					proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
					err := run()
					require.Nil(t, proxy.armed.Load(), "the cut took place")
					settle(t, db)
					if moment == after {
						require.NoError(t, err, name)
						require.NotEqual(t, old, dbtest.Dump(t, db), name)
					} else {
						require.ErrorIs(t, err, ispmail.ErrUnavailable, name)
						require.Equal(t, old, dbtest.Dump(t, db), name)
					}
				}
			})
		}
	}
}
