package ispmail_test

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

var kinds = map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite}

// exported returns everything in a database as a file of records.
func exported(t *testing.T, db *ispmailtest.Database) string {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, records.Write(&file, db.Store(t, ispmail.Config{}).Export(t.Context())))
	return file.String()
}

func restore(t *testing.T, db *ispmailtest.Database, file string) error {
	t.Helper()
	return db.Store(t, ispmail.Config{}).Restore(t.Context(), records.Read(strings.NewReader(file)))
}

// wild fills a database with faulty rows as they occur in old ones.
func wild(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	db.Example(t)
	for _, statement := range []string{
		`INSERT INTO virtual_domains (id, name) VALUES (7, 'Example.NET'), (9, 'müller.de'), (2147483647, 'empty.example')`,
		`INSERT INTO virtual_users (id, domain_id, email, password) VALUES
			(10, 7, 'Jane@Example.Org', '14cbfb845af1f030e372b1cb9275e6dd'), (11, 1, '@example.org', '~'), (12, 1, 'a b@example.org', ''),
			(13, 9, 'josé@müller.de', '{PLAIN}ä"<\&''{}'), (15, 7, 'jim@example.org', '{SSHA}x')`,
		`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES
			(4, 1, 'jack@example.org', 'john@example.org'), (3, 1, 'jack@example.org', 'john@example.org'),
			(20, 7, '@example.org', 'A@example.net, b@elsewhere.example,c@example.net'), (21, 1, 'x', 'x'), (22, 1, '', '')`,
	} {
		db.Exec(t, statement)
	}
	if _, err := db.DB.ExecContext(t.Context(), "UPDATE virtual_users SET quota = -5 WHERE id = 10"); err == nil {
		db.Exec(t, "UPDATE virtual_users SET quota = 2147483647 WHERE id = 11")
	}
}

// TestRoundTrip moves what every schema can hold from MariaDB to SQLite and back.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"jessie", "stretch", "bookworm", "bookworm-ansible", "trixie"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second, third := ispmailtest.MariaDB(t), ispmailtest.SQLite(t), ispmailtest.MariaDB(t)
			dbtest.Load(t, first, name)
			dbtest.Load(t, third, name)
			if hasQuota := strings.Contains(exportedUser(t, first), `"quota"`); !hasQuota {
				second.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
			}
			wild(t, first)
			file := exported(t, first)
			assert.Equal(t, 4+7+6+2, strings.Count(file, "\n"))
			require.NoError(t, restore(t, second, file))
			require.Equal(t, file, exported(t, second))
			require.NoError(t, restore(t, third, exported(t, second)))
			require.Equal(t, file, exported(t, third))
			assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, third))

			// The ids go on after the highest one.
			user, _, err := third.Store(t, ispmail.Config{}).CreateUser(t.Context(), "new@example.org", "a long enough secret")
			require.NoError(t, err)
			assert.Greater(t, user.ID, int64(15))
			before := dbtest.Dump(t, third)
			require.ErrorIs(t, restore(t, third, file), ispmail.ErrExists, "nothing is restored twice")
			assert.Equal(t, before, dbtest.Dump(t, third))
		})
	}
}

// TestRoundTripOdd moves what the tables of the guide do not hold but those of others may: NULL, NUL bytes, negative ids.
func TestRoundTripOdd(t *testing.T) {
	t.Parallel()
	first, second, third := ispmailtest.MariaDB(t), ispmailtest.SQLite(t), ispmailtest.MariaDB(t)
	for _, db := range []*ispmailtest.Database{first, third} {
		db.Exec(t, "SET FOREIGN_KEY_CHECKS = 0")
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET latin1")
		}
		db.Exec(t, "SET FOREIGN_KEY_CHECKS = 1")
		db.Exec(t, "ALTER TABLE virtual_users MODIFY quota BIGINT NULL DEFAULT 0")
	}
	first.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (-1, 'm\\üller.de'), (1, '')")
	first.Exec(t, `INSERT INTO virtual_users (id, domain_id, email, password, quota) VALUES
		(-7, -1, 'a', '{PLAIN}€ä\\''"', NULL), (2, 1, '', '{PLAIN}\0x\Z\r\n\0', 0), (3, 1, ' ?0 ', '\0', 9223372036854775807)`)
	first.Exec(t, `INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, '\0', 'a,\n\0ä')`)
	file := exported(t, first)
	assert.Contains(t, file, `"email":"a","password":"{PLAIN}€ä\\'\""}`)
	require.NoError(t, restore(t, second, file))
	require.Equal(t, file, exported(t, second))
	require.NoError(t, restore(t, third, exported(t, second)))
	require.Equal(t, file, exported(t, third))
	assert.Equal(t, dbtest.Dump(t, first), dbtest.Dump(t, third))
}

// exportedUser returns the line of a user, and deletes the user again.
func exportedUser(t *testing.T, db *ispmailtest.Database) string {
	t.Helper()
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (1, 1, 'john@example.org', '')")
	file := exported(t, db)
	db.Exec(t, "DELETE FROM virtual_users")
	db.Exec(t, "DELETE FROM virtual_domains")
	return strings.Split(file, "\n")[2]
}

// TestExportMoment changes a database while it is exported.
func TestExportMoment(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	want := exported(t, db)
	store := db.Store(t, ispmail.Config{})
	var file bytes.Buffer
	require.NoError(t, records.Write(&file, func(yield func(ispmail.Record, error) bool) {
		for r, err := range store.Export(t.Context()) {
			if r.Domain != nil {
				require.NoError(t, errorOf(store.CreateUser(t.Context(), "jane@example.org", "a long enough secret")))
			}
			if !yield(r, err) {
				return
			}
		}
	}))
	assert.Equal(t, want, file.String())
	n := 0
	for _, err := range store.Export(t.Context()) {
		require.NoError(t, err)
		if n++; n == 2 {
			break
		}
	}
	assert.Equal(t, 2, n)
}

// TestRestoreRefuses names the row that does not fit, and restores none.
func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	domain := ispmail.Record{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}}
	user := func(id, domain int64, email string) ispmail.Record {
		return ispmail.Record{Origin: "line 4", User: &ispmail.User{ID: id, DomainID: domain, Email: email, Password: ispmail.NewSecret("{CRYPT}!")}}
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := db.Store(t, ispmail.Config{})
			for name, test := range map[string]struct {
				err     error
				records iter.Seq2[ispmail.Record, error]
			}{
				"the records":     {broken, dbtest.Sequence(broken, domain)},
				"no id":           {ispmail.ErrRecord, dbtest.Sequence(nil, domain, user(0, 1, "john@example.org"))},
				"new password":    {ispmail.ErrRecord, dbtest.Sequence(nil, domain, ispmail.Record{Origin: "line 4", User: &ispmail.User{ID: 1, Email: "john@example.org"}, NewPassword: ispmail.NewSecret("x")})},
				"empty":           {ispmail.ErrRecord, dbtest.Sequence(nil, ispmail.Record{Origin: "line 4"})},
				"the same id":     {ispmail.ErrExists, dbtest.Sequence(nil, domain, user(1, 1, "jane@example.org"), user(1, 1, "john@example.org"))},
				"the same email":  {ispmail.ErrExists, dbtest.Sequence(nil, domain, user(1, 1, "john@example.org"), user(2, 1, "John@example.org"))},
				"no domain":       {ispmail.ErrNoDomain, dbtest.Sequence(nil, domain, user(1, 2, "john@example.org"))},
				"not UTF-8":       {ispmail.ErrRecord, dbtest.Sequence(nil, domain, user(1, 1, "j\xf6rg@example.org"))},
				"domain 0":        {ispmail.ErrNoDomain, dbtest.Sequence(nil, domain, user(1, 0, "john@example.org"))},
				"too long":        {ispmail.ErrTooLong, dbtest.Sequence(nil, domain, user(1, 1, strings.Repeat("j", 99)+"@example.org"))},
				"a later, longer": {ispmail.ErrTooLong, dbtest.Sequence(nil, domain, user(1, 1, "john@example.org"), user(2, 1, strings.Repeat("j", 99)+"@example.org"))},
			} {
				err := store.Restore(t.Context(), test.records)
				require.ErrorIs(t, err, test.err, name)
				if name != "the records" {
					assert.ErrorContains(t, err, "line 4, ", name)
				}
				assert.Empty(t, dbtest.Dump(t, db), name)
			}
			db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
			rich := user(1, 1, "john@example.org")
			rich.User.Quota = new(int64(1))
			require.ErrorIs(t, db.Store(t, ispmail.Config{}).Restore(t.Context(), dbtest.Sequence(nil, domain, rich)), ispmail.ErrNoQuota)
			require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				assert.ErrorContains(t, tx.Restore(ctx, dbtest.Sequence[ispmail.Record](nil)), "cannot be part of a transaction")
				for _, err := range tx.Export(ctx) {
					assert.ErrorContains(t, err, "cannot be part of a transaction")
				}
				assert.ErrorContains(t, errorOf(tx.Import(ctx, dbtest.Sequence[ispmail.Record](nil), ispmail.ImportConfig{})), "cannot be part of a transaction")
				return nil
			}))
			assert.Empty(t, dbtest.Dump(t, db))
		})
	}
}
