package ispmail_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

const another = "another good password"

// The tests of this file are what people have reported about servers like those of the guide, and about other programs on
// such tables. Each subtest is named after the repository and the number of the report.

// TestReportsOfPasswords has stored values as they were reported, and what Dovecot's default_pass_scheme was there.
func TestReportsOfPasswords(t *testing.T) {
	t.Parallel()
	sha := sha256.Sum256([]byte("summersun"))
	for report, test := range map[string]struct{ stored, defaultScheme, password string }{
		"linode/docs#3902, SHA2(pw, 256) and CONCAT('{SHA256}', password)": {hex.EncodeToString(sha[:]), "SHA256", "summersun"},
		"mailcow/mailcow-dockerized#2600, from LDAP":                       {"{SSHA}UxKwkCjwgaGpyVAis2QJZI7kTKj0+rbTpdPLlQ==", "", "123456"},
		"mailcow/mailcow-dockerized#3282, MD5-CRYPT":                       {"{MD5-CRYPT}$1$nFQxoV4e$a1E5g07OsmIduSVZR9MLL/", "", "summersun"},
		"docs.iredmail.org, $1$ without a prefix":                          {"$1$nFQxoV4e$a1E5g07OsmIduSVZR9MLL/", "MD5", "summersun"},
		"docs.iredmail.org, an MD5 digest without a prefix":                {"14cbfb845af1f030e372b1cb9275e6dd", "MD5", "summersun"},
		"docs.iredmail.org, clear text without a prefix":                   {"123456", "PLAIN", "123456"},
	} {
		t.Run(report, func(t *testing.T) {
			t.Parallel()
			ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
				hasher, err := hash.New(hash.Config{Default: test.defaultScheme})
				require.NoError(t, err)
				store := db.Store(t, ispmail.Config{Hasher: hasher})
				db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
				for _, email := range []string{"john@example.org", "jane@example.org"} {
					db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", email, test.stored)
				}
				_, err = store.Authenticate(t.Context(), "john@example.org", "wrong")
				require.ErrorIs(t, err, ispmail.ErrBadCredentials)
				user, err := store.Authenticate(t.Context(), "john@example.org", test.password)
				require.NoError(t, err)
				assert.Contains(t, user.Password.Reveal(), "{SHA256-CRYPT}$5$", "rehashed, with its prefix")
				require.NoError(t, store.ChangePassword(t.Context(), "jane@example.org", test.password, another))
				_, err = store.Authenticate(t.Context(), "jane@example.org", another)
				require.NoError(t, err)
			})
		})
	}
}

// manage does everything that an administrator does.
func manage(t *testing.T, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	_, err := store.CreateDomain(ctx, "reports.example")
	require.NoError(t, err)
	for _, name := range []string{"a", "b"} {
		_, _, err = store.CreateUser(ctx, name+"@reports.example", "a password")
		require.NoError(t, err)
	}
	_, _, err = store.CreateAlias(ctx, "info@reports.example", "a@reports.example")
	require.NoError(t, err)
	_, _, err = store.SetAliases(ctx, "info@reports.example", "a@reports.example", "b@reports.example")
	require.NoError(t, err)
	require.NoError(t, store.ChangePassword(ctx, "a@reports.example", "a password", another))
	require.NoError(t, store.Lock(ctx, "a@reports.example"))
	require.NoError(t, store.Unlock(ctx, "a@reports.example"))
	_, err = store.Authenticate(ctx, "a@reports.example", another)
	require.NoError(t, err)
	_, _, err = store.RenameUser(ctx, "a@reports.example", "c@reports.example")
	require.NoError(t, err)
	recipients, err := store.Recipients(ctx, "info@reports.example")
	require.NoError(t, err)
	assert.Len(t, recipients, 2)
	all := dbtest.Collect(t, store.Export(ctx))
	_, err = store.DeleteDomain(ctx, "reports.example")
	require.NoError(t, err)
	for _, r := range all {
		if r.User != nil {
			_, err := store.User(ctx, r.User.Email)
			require.ErrorIs(t, err, ispmail.ErrNotFound)
		}
	}
	require.NoError(t, store.Restore(ctx, dbtest.Sequence(nil, all...)))
	_, err = store.Authenticate(ctx, "c@reports.example", another)
	require.NoError(t, err)
	_, err = store.DeleteUser(ctx, "c@reports.example")
	require.NoError(t, err)
	_, err = store.DeleteAliases(ctx, "info@reports.example")
	require.NoError(t, err)
	_, err = store.DeleteDomain(ctx, "reports.example")
	require.NoError(t, err)
}

// TestReportsOfTables has tables as they were reported.
func TestReportsOfTables(t *testing.T) {
	t.Parallel()
	for report, statements := range map[string][]string{
		"phpmyadmin/phpmyadmin#14516, system versioning with columns of its own": {
			`ALTER TABLE virtual_users ADD COLUMN ts TIMESTAMP(6) GENERATED ALWAYS AS ROW START, ADD COLUMN te TIMESTAMP(6) GENERATED ALWAYS AS ROW END,
				ADD PERIOD FOR SYSTEM_TIME (ts, te), ADD SYSTEM VERSIONING`,
		},
		"dbtrail/dbtrail#1272, system versioning": {"ALTER TABLE virtual_users ADD SYSTEM VERSIONING", "ALTER TABLE virtual_aliases ADD SYSTEM VERSIONING"},
		"chequer-io/qsi#57, invisible columns": {
			"ALTER TABLE virtual_users MODIFY password VARCHAR(150) INVISIBLE NOT NULL DEFAULT '', ADD COLUMN note VARCHAR(20) INVISIBLE DEFAULT 'x'",
		},
		"FAForever/db#177, columns that compare bytes": {
			"ALTER TABLE virtual_users MODIFY email VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
			"ALTER TABLE virtual_aliases MODIFY source VARCHAR(100) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
			"ALTER TABLE virtual_domains MODIFY name VARCHAR(50) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL",
		},
		"tables of different collations, as a conversion of one of them leaves them": {
			"ALTER TABLE virtual_users CONVERT TO CHARACTER SET latin1 COLLATE latin1_swedish_ci",
			"ALTER TABLE virtual_aliases CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci",
			"ALTER TABLE virtual_domains CONVERT TO CHARACTER SET utf8mb3 COLLATE utf8mb3_general_ci",
		},
	} {
		t.Run(report, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			for _, statement := range statements {
				db.Exec(t, statement)
			}
			manage(t, db.Store(t, ispmail.Config{}))
		})
	}
}

// TestReportsOfRows has rows as they were reported, and what can be done about them.
func TestReportsOfRows(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		ctx := t.Context()
		store := db.Store(t, ispmail.Config{})
		for _, statement := range []string{
			"INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')",
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (1, 1, 'john@example.org', '{PLAIN}secret')",
		} {
			db.Exec(t, statement)
		}
		// antiwork/gumroad#6522: a mark for the direction of writing, which utf8mb4_unicode_ci ignores.
		marked := "\u200fjane@example.org"
		// MutonUfoAI/pgina#161, traccar/traccar#3445: a blank at the end, which collations ignore.
		blank := "jim@example.org "
		for id, email := range map[int]string{11: marked, 12: blank} {
			db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (?, 1, ?, '{PLAIN}secret')", id, email)
		}
		// opensolutions/ViMbAdmin#213, postfixadmin/postfixadmin#358: an alias to itself, with a catch-all, and no mailbox.
		for id, alias := range map[int][2]string{21: {"foo@example.org", "foo@example.org"}, 22: {"@example.org", "john@example.org"}} {
			db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (?, 1, ?, ?)", id, alias[0], alias[1])
		}
		for _, email := range []string{"jane@example.org", "jim@example.org"} {
			_, err := store.Authenticate(ctx, email, "secret")
			require.ErrorIs(t, err, ispmail.ErrBadCredentials, "%s is another address", email)
		}
		_, err := store.Recipients(ctx, "foo@example.org")
		require.ErrorIs(t, err, ispmail.ErrNotFound, "Postfix accepts the mail, and then bounces it; the catch-all gets none")

		rows := map[int64]any{}
		for user, err := range store.Users(ctx, ispmail.Query{}) {
			require.NoError(t, err)
			rows[user.ID] = user
		}
		for alias, err := range store.Aliases(ctx, ispmail.Query{}) {
			require.NoError(t, err)
			rows[alias.ID] = alias
		}
		for _, id := range []int64{11, 12, 21} {
			require.Contains(t, rows, id)
		}
		_, err = store.DeleteAliases(ctx, "foo@example.org")
		require.NoError(t, err)
		recipients, err := store.Recipients(ctx, "foo@example.org")
		require.NoError(t, err)
		assert.Equal(t, "john@example.org", recipients[0].Mailbox)
	})
}

// TestReportPostfixadmin643 has a mailbox that is switched off, and its alias that is not.
func TestReportPostfixadmin643(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		ctx := t.Context()
		for _, statement := range []string{
			"ALTER TABLE virtual_users ADD COLUMN active INT NOT NULL DEFAULT 1", "ALTER TABLE virtual_aliases ADD COLUMN active INT NOT NULL DEFAULT 1",
			"INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')",
			"INSERT INTO virtual_users (id, domain_id, email, password, active) VALUES (1, 1, 'john@example.org', '{PLAIN}secret', 0)",
			"INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, 'info@example.org', 'john@example.org'), (2, 1, 'john@example.org', 'john@example.net')",
		} {
			db.Exec(t, statement)
		}
		store := db.Store(t, ispmail.Config{State: []string{"active"}})
		_, err := store.Authenticate(ctx, "john@example.org", "secret")
		require.ErrorIs(t, err, ispmail.ErrBadCredentials)
		recipients, err := store.Recipients(ctx, "info@example.org")
		require.NoError(t, err, "the forwarding goes on, as in Postfix")
		assert.Equal(t, []ispmail.Recipient{{Address: "john@example.net"}}, recipients)
		db.Exec(t, "UPDATE virtual_aliases SET active = 0 WHERE id = 2")
		_, err = store.Recipients(ctx, "info@example.org")
		require.ErrorIs(t, err, ispmail.ErrNotFound)
	})
}

// TestReportHermes320 has aliases of a domain that another program has deleted, in tables without foreign keys.
func TestReportHermes320(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "DROP TABLE virtual_aliases")
	db.Exec(t, "CREATE TABLE virtual_aliases (id INT AUTO_INCREMENT PRIMARY KEY, domain_id INT, source VARCHAR(100), destination VARCHAR(100))")
	ctx := t.Context()
	store := db.Store(t, ispmail.Config{})
	db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (7, 'info@gone.example', 'john@elsewhere.example')")
	recipients, err := store.Recipients(ctx, "info@gone.example")
	require.NoError(t, err, "Postfix still follows the alias")
	assert.Equal(t, "john@elsewhere.example", recipients[0].Address)
	_, err = store.CreateDomain(ctx, "gone.example")
	require.NoError(t, err)
	_, err = store.DeleteAliases(ctx, "info@gone.example")
	require.NoError(t, err)
	assert.Empty(t, slices.Collect(func(yield func(ispmail.Alias) bool) {
		for alias, err := range store.Aliases(ctx, ispmail.Query{}) {
			require.NoError(t, err)
			if !yield(alias) {
				return
			}
		}
	}))
}

// TestReportFriendica15628 has a server with innodb_snapshot_isolation, as MariaDB from 11.6 on, and two who change one row.
func TestReportFriendica15628(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := db.Store(t, ispmail.Config{})
	tries := 0
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		tries++
		for _, err := range tx.Users(ctx, ispmail.Query{}) { // the snapshot
			require.NoError(t, err)
		}
		if tries == 1 {
			require.NoError(t, store.SetPassword(ctx, "john@example.org", another))
		}
		return tx.SetPassword(ctx, "john@example.org", "another replacement")
	}))
	_, err := store.Authenticate(t.Context(), "john@example.org", "another replacement")
	require.NoError(t, err)
}
