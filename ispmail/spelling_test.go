package ispmail_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// withCase returns databases whose columns take Jim and jim for different, with rows in capitals.
func withCase(t *testing.T, test func(t *testing.T, db *ispmailtest.Database)) {
	t.Helper()
	t.Parallel()
	for _, column := range []string{"VARCHAR(100) COLLATE utf8mb4_bin", "VARCHAR(100) CHARACTER SET latin1 COLLATE latin1_general_cs", "VARBINARY(100)", "SQLite TEXT", "SQLite BLOB"} {
		t.Run(column, func(t *testing.T) {
			t.Parallel()
			var db *ispmailtest.Database
			if kind, ok := strings.CutPrefix(column, "SQLite "); ok {
				db = ispmailtest.SQLite(t)
				db.Exec(t, "DROP TABLE virtual_aliases")
				db.Exec(t, "DROP TABLE virtual_users")
				db.Exec(t, "DROP TABLE virtual_domains")
				db.Exec(t, "CREATE TABLE virtual_domains (id INTEGER PRIMARY KEY, name "+kind+" UNIQUE)")
				db.Exec(t, "CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER, email "+kind+" UNIQUE, password TEXT)")
				db.Exec(t, "CREATE TABLE virtual_aliases (id INTEGER PRIMARY KEY, domain_id INTEGER, source "+kind+", destination "+kind+")")
			} else {
				db = ispmailtest.MariaDB(t)
				db.Exec(t, "ALTER TABLE virtual_domains MODIFY name "+column+" NOT NULL")
				db.Exec(t, "ALTER TABLE virtual_users MODIFY email "+column+" NOT NULL")
				db.Exec(t, "ALTER TABLE virtual_aliases MODIFY source "+column+" NOT NULL, MODIFY destination "+column+" NOT NULL")
			}
			db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'Example.org')")
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (1, 1, 'Jim@Example.org', '{PLAIN}a long enough secret'), (2, 1, 'john@example.org', '{PLAIN}a long enough secret')")
			db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, 'Jack@Example.org', 'John@Example.org')")
			test(t, db)
		})
	}
}

// TestCaseFound finds rows by their canonical form.
func TestCaseFound(t *testing.T) {
	withCase(t, func(t *testing.T, db *ispmailtest.Database) {
		ctx := t.Context()
		store := db.Store(t, ispmail.Config{})
		for _, email := range []string{"jim@example.org", "Jim@Example.org", "JIM@EXAMPLE.ORG", "john@example.org", "John@Example.org"} {
			user, err := store.Authenticate(ctx, email, "a long enough secret")
			require.NoError(t, err, email)
			assert.Equal(t, strings.ToLower(email), strings.ToLower(user.Email))
		}
		require.NoError(t, store.ChangePassword(ctx, "jim@example.org", "a long enough secret", "another long secret"))
		require.NoError(t, errorOf(store.Domain(ctx, "example.org")))
		require.Len(t, aliasesOf(t, store, "jack@example.org"), 1)
		require.NoError(t, store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			require.NoError(t, errorOf(tx.User(ctx, "jim@example.org")))
			return nil
		}))

		// A twin would be an account of its own to Dovecot.
		require.ErrorIs(t, errorOf(store.CreateUser(ctx, "jim@example.org", "a long enough secret")), ispmail.ErrExists)
		require.ErrorIs(t, errorOf(store.CreateDomain(ctx, "example.org")), ispmail.ErrExists)
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "jack@example.org", "john@example.org")), ispmail.ErrExists)
		require.ErrorIs(t, errorOf(store.RenameUser(ctx, "john@example.org", "jim@example.org")), ispmail.ErrExists)
		result, refused := imported(t, store, ispmail.ImportConfig{}, newDomain("example.org"), newUser("jim@example.org", dbtest.Sound()), newAlias("jack@example.org", "john@example.org"))
		require.Len(t, refused, 1)
		assert.Equal(t, ispmail.ImportResult{Present: 2, Refused: 1}, result)

		require.NoError(t, errorOf(store.CreateAlias(ctx, "jack@example.org", "jim@example.org")))
		require.Len(t, aliasesOf(t, store, "jack@example.org"), 2)
		require.NoError(t, store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			require.Len(t, dbtest.Collect(t, tx.Users(ctx, ispmail.Query{Search: "JIM"})), 1) // takes the snapshot
			return errorOf(tx.CreateAlias(ctx, "jack@example.org", "x@elsewhere.example"))
		}))
		warnings, err := store.DeleteUser(ctx, "john@example.org")
		require.NoError(t, err)
		assert.Contains(t, about(warnings), "Jack@Example.org > John@Example.org")
		require.NoError(t, errorOf(store.RenameDomain(ctx, "example.org", "example.net")))
		require.NoError(t, errorOf(store.User(ctx, "jim@example.net")))
		assert.Contains(t, allAliases(t, store), "Jack@example.net > John@example.net")
	})
}

// TestCaseTwins has two rows that differ in case. A login in small letters means the row
// in small letters, as it does to Dovecot. What changes a row refuses.
func TestCaseTwins(t *testing.T) {
	withCase(t, func(t *testing.T, db *ispmailtest.Database) {
		store := db.Store(t, ispmail.Config{})
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (3, 1, 'jim@example.org', '{PLAIN}another long secret')")
		user, err := store.Authenticate(t.Context(), "jim@example.org", "another long secret")
		require.NoError(t, err)
		assert.Equal(t, int64(3), user.ID)
		require.NoError(t, errorOf(store.Authenticate(t.Context(), "JIM@example.org", "another long secret")))
		require.ErrorIs(t, errorOf(store.User(t.Context(), "Jim@Example.org")), ispmail.ErrAmbiguous)
		require.ErrorIs(t, errorOf(store.DeleteUser(t.Context(), "jim@example.org")), ispmail.ErrAmbiguous)
	})
}

// TestCaseStatements asks by an index for a spelling that stands in the table.
func TestCaseStatements(t *testing.T) {
	withCase(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Exec(t, "UPDATE virtual_users SET password = ?", dbtest.Sound())
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
		for email, want := range map[string]int{"john@example.org": 1, "Jim@Example.org": 1, "jim@example.org": 2} {
			ran()
			require.NoError(t, errorOf(store.Authenticate(t.Context(), email, "a long enough secret")))
			statements := ran()
			require.Len(t, statements, want, email)
			assert.NotContains(t, statements[0], "LOWER", email)
		}
	})
}

// TestCaseNotFound asks once where the column folds case, also for nobody.
func TestCaseNotFound(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
		ran()
		require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "Nobody@example.org", "x")), ispmail.ErrBadCredentials)
		statements := ran()
		require.Len(t, statements, 1)
		assert.NotContains(t, statements[0], "LOWER")
	})
}

// TestCaseReported reports the rows that Postfix and Dovecot do not find, and its SQL mends them.
func TestCaseReported(t *testing.T) {
	withCase(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Exec(t, "UPDATE virtual_users SET email = ? WHERE id = 1", "O'Hara@Example.org")
		store := db.Store(t, ispmail.Config{})
		found := map[string]string{}
		for _, f := range dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})) {
			if f.Code == check.CodeCapitals {
				found[f.Table] = f.Message
			}
		}
		require.Len(t, found, 3)
		for table, message := range found {
			assert.Equal(t, check.SeverityError, check.CodeCapitals.Severity())
			_, statement, ok := strings.Cut(message, ": UPDATE ")
			require.True(t, ok, message)
			assert.Contains(t, statement, table)
			db.Exec(t, "UPDATE "+statement)
		}
		for _, f := range dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})) {
			assert.NotEqual(t, check.CodeCapitals, f.Code)
		}
		assert.NotEmpty(t, db.Stored(t, "o'hara@example.org"))
	})
	t.Run("as the guide has it", func(t *testing.T) {
		for _, db := range []*ispmailtest.Database{ispmailtest.MariaDB(t), ispmailtest.SQLite(t)} {
			db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'Example.org')")
			assert.Empty(t, dbtest.Collect(t, check.Run(t.Context(), db.Store(t, ispmail.Config{}), check.Config{})))
		}
	})
}
