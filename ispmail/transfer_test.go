package ispmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

var kinds = map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite}

// exported returns the file of everything in a database.
func exported(t *testing.T, db *ispmailtest.Database) string {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, ispmail.WriteRecords(&file, db.Store(t, ispmail.Config{}).Export(t.Context())))
	return file.String()
}

func restore(t *testing.T, db *ispmailtest.Database, file string) error {
	t.Helper()
	return db.Store(t, ispmail.Config{}).Restore(t.Context(), ispmail.ReadRecords(strings.NewReader(file)))
}

// wild fills a database with what is found in old ones.
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
			load(t, first, name)
			load(t, third, name)
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
			assert.Equal(t, dump(t, first), dump(t, third))

			// The ids go on after the highest one.
			user, err := third.Store(t, ispmail.Config{}).CreateUser(t.Context(), "new@example.org", "a long enough secret")
			require.NoError(t, err)
			assert.Greater(t, user.ID, int64(15))
			before := dump(t, third)
			require.ErrorIs(t, restore(t, third, file), ispmail.ErrExists, "nothing is restored twice")
			assert.Equal(t, before, dump(t, third))
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
	assert.Equal(t, dump(t, first), dump(t, third))
}

// exportedUser is the line of a user, who is gone then.
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
	require.NoError(t, ispmail.WriteRecords(&file, func(yield func(ispmail.Record, error) bool) {
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
		return ispmail.Record{Origin: "line 4", User: &ispmail.User{ID: id, DomainID: domain, Email: email, Password: "{CRYPT}!"}}
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
				"the records":     {broken, sequence(broken, domain)},
				"no id":           {ispmail.ErrFormat, sequence(nil, domain, user(0, 1, "john@example.org"))},
				"new password":    {ispmail.ErrFormat, sequence(nil, domain, ispmail.Record{Origin: "line 4", User: &ispmail.User{ID: 1, Email: "john@example.org"}, NewPassword: "x"})},
				"empty":           {ispmail.ErrFormat, sequence(nil, ispmail.Record{Origin: "line 4"})},
				"the same id":     {ispmail.ErrExists, sequence(nil, domain, user(1, 1, "jane@example.org"), user(1, 1, "john@example.org"))},
				"the same email":  {ispmail.ErrExists, sequence(nil, domain, user(1, 1, "john@example.org"), user(2, 1, "John@example.org"))},
				"no domain":       {ispmail.ErrNoDomain, sequence(nil, domain, user(1, 2, "john@example.org"))},
				"not UTF-8":       {ispmail.ErrFormat, sequence(nil, domain, user(1, 1, "j\xf6rg@example.org"))},
				"domain 0":        {ispmail.ErrNoDomain, sequence(nil, domain, user(1, 0, "john@example.org"))},
				"too long":        {ispmail.ErrTooLong, sequence(nil, domain, user(1, 1, strings.Repeat("j", 99)+"@example.org"))},
				"a later, longer": {ispmail.ErrTooLong, sequence(nil, domain, user(1, 1, "john@example.org"), user(2, 1, strings.Repeat("j", 99)+"@example.org"))},
			} {
				err := store.Restore(t.Context(), test.records)
				require.ErrorIs(t, err, test.err, name)
				if name != "the records" {
					assert.ErrorContains(t, err, "line 4, ", name)
				}
				assert.Empty(t, dump(t, db), name)
			}
			db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
			rich := user(1, 1, "john@example.org")
			rich.User.Quota = ptr(int64(1))
			require.ErrorIs(t, db.Store(t, ispmail.Config{}).Restore(t.Context(), sequence(nil, domain, rich)), ispmail.ErrNoQuota)
			require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				assert.ErrorContains(t, tx.Restore(ctx, sequence(nil)), "cannot be part of a transaction")
				for _, err := range tx.Export(ctx) {
					assert.ErrorContains(t, err, "cannot be part of a transaction")
				}
				assert.ErrorContains(t, errorOf(tx.Import(ctx, sequence(nil), ispmail.ImportConfig{})), "cannot be part of a transaction")
				return nil
			}))
			assert.Empty(t, dump(t, db))
		})
	}
}

func newDomain(name string) ispmail.Record {
	return ispmail.Record{Domain: &ispmail.Domain{Name: name}}
}

func newUser(email, stored string) ispmail.Record {
	return ispmail.Record{User: &ispmail.User{Email: email, Password: stored}}
}

func newPlain(email, password string) ispmail.Record {
	return ispmail.Record{User: &ispmail.User{Email: email}, NewPassword: password}
}

func newAlias(source, destination string) ispmail.Record {
	return ispmail.Record{Alias: &ispmail.Alias{Source: source, Destination: destination}}
}

// imported imports records and returns what was refused.
func imported(t *testing.T, store *ispmail.Store, config ispmail.ImportConfig, records ...ispmail.Record) (ispmail.ImportResult, []error) {
	t.Helper()
	var refused []error
	config.Refused = func(_ ispmail.Record, err error) { refused = append(refused, err) }
	result, err := store.Import(t.Context(), sequence(nil, records...), config)
	require.NoError(t, err)
	require.Len(t, refused, result.Refused)
	require.Equal(t, len(records), result.Total())
	return result, refused
}

func TestImport(t *testing.T) {
	t.Parallel()
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			rich := newUser("rich@example.net", sound())
			rich.User.Quota = ptr(int64(1 << 30))
			records := []ispmail.Record{
				newDomain("Example.org"), // is there
				newDomain("Example.net"),
				newDomain("müller.example"),
				newUser("John@example.org", db.Stored(t, "john@example.org")), // is there
				newPlain("md5@example.org", ispmailtest.Password),             // is there, with a hash of this password
				newUser("Jane@Example.net", "{SSHA}14cbfb845af1f030e372b1cb9275e6dd14cbfb8="),
				newUser("locked@example.net", "{CRYPT}!"),
				newPlain("max@müller.example", "ein langes Paßwort"),
				rich,
				newAlias("Jack@example.org", "john@example.org"), // is there
				newAlias("@example.net", "@example.org"),
				newAlias("jane@example.net", "jane@example.net"),
				newAlias("jane@example.net", "someone@elsewhere.example"),
				newUser("Jane@Example.net", "{SSHA}14cbfb845af1f030e372b1cb9275e6dd14cbfb8="), // once more
			}
			before := dump(t, db)
			dry, refused := imported(t, store, ispmail.ImportConfig{DryRun: true}, records...)
			assert.Empty(t, refused)
			assert.Equal(t, before, dump(t, db), "a dry run changes nothing")
			var progress []ispmail.ImportResult
			result, refused := imported(t, store, ispmail.ImportConfig{Progress: func(r ispmail.ImportResult) { progress = append(progress, r) }}, records...)
			assert.Empty(t, refused)
			assert.Equal(t, ispmail.ImportResult{Domains: 2, Users: 4, Aliases: 3, Present: 5}, result)
			assert.Equal(t, result, dry)
			assert.Equal(t, []ispmail.ImportResult{result}, progress)

			user, err := store.Authenticate(t.Context(), "max@xn--mller-kva.example", "ein langes Paßwort")
			require.NoError(t, err)
			domain, err := store.Domain(t.Context(), "müller.example")
			require.NoError(t, err)
			assert.Equal(t, domain.ID, user.DomainID)
			assert.True(t, strings.HasPrefix(user.Password, "{SHA256-CRYPT}$5$"))
			user, err = store.User(t.Context(), "rich@example.net")
			require.NoError(t, err)
			assert.Equal(t, int64(1<<30), *user.Quota)
			user, err = store.User(t.Context(), "jane@example.net")
			require.NoError(t, err)
			assert.Equal(t, "jane@example.net", user.Email, "in its canonical form")
			assert.Equal(t, int64(0), *user.Quota)
			var to []string
			recipients, err := store.Recipients(t.Context(), "jane@example.net")
			require.NoError(t, err)
			for _, r := range recipients {
				to = append(to, r.Address)
			}
			assert.Equal(t, []string{"jane@example.net", "someone@elsewhere.example"}, to)

			after := dump(t, db)
			for _, dryRun := range []bool{true, false} {
				result, refused = imported(t, store, ispmail.ImportConfig{DryRun: dryRun}, records...)
				assert.Empty(t, refused)
				assert.Equal(t, ispmail.ImportResult{Present: len(records)}, result, "again")
				assert.Equal(t, after, dump(t, db))
			}
		})
	}
}

// TestImportRefuses adds what is between records that it refuses, and a dry run refuses the same.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	huge := newUser("huge@example.org", sound())
	huge.User.Quota = ptr(int64(-1))
	other := newUser("john@example.org", "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7")
	other.User.Quota = ptr(int64(5))
	both := newPlain("both@example.org", "a long enough secret")
	both.User.Password = sound()
	named := newDomain("exa mple.org")
	named.Origin = "line 3"
	refused := []struct {
		record ispmail.Record
		err    error
		text   string
	}{
		{named, ispmail.ErrInvalidAddress, "line 3, domain exa mple.org: "},
		{newDomain(strings.Repeat("long.", 10) + "example"), ispmail.ErrTooLong, "57 characters"},
		{newUser("a b@example.org", sound()), ispmail.ErrInvalidAddress, "user a b@example.org: "},
		{newUser("@example.org", "~"), ispmail.ErrInvalidAddress, "user @example.org: "},
		{newUser("jim@example.com", sound()), ispmail.ErrNoDomain, "example.com"},
		{newPlain("john@example.org", "another password"), ispmail.ErrExists, "with another password or quota"},
		{newUser("JOHN@example.org", sound()), ispmail.ErrExists, "with another password or quota"},
		{other, ispmail.ErrExists, "with another password or quota"},
		{newUser("new@example.org", ""), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "14cbfb845af1f030e372b1cb9275e6dd"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "summersun"), hash.ErrMalformed, "the stored password"},
		{newUser("none@example.org", "{NONE}x"), nil, ""},
		{newUser("new@example.org", "{SHA256-CRYPT}x"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "{PLAIN}a\x00b"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "{PLAIN}\xff"), hash.ErrMalformed, "the stored password"},
		{newUser("wide@example.org", "{PLAIN}"+strings.Repeat("x", 150)), ispmail.ErrTooLong, "157 characters"},
		{newPlain("new@example.org", strings.Repeat("x", 512)), hash.ErrPasswordTooLong, ""},
		{newPlain("new@example.org", "a\x00b"), hash.ErrInvalidPassword, ""},
		{newPlain("jane@example.net", "a long enough secret"), ispmail.ErrExists, "the user comes twice"},
		{both, ispmail.ErrFormat, "a stored password and a new one"},
		{huge, ispmail.ErrTooLong, "quota -1"},
		{newUser(strings.Repeat("x", 60)+"@example.org", sound()), nil, ""},
		{newUser(strings.Repeat("x", 60)+"@"+strings.Repeat("long.", 8)+"example", sound()), ispmail.ErrTooLong, "108 characters"},
		{newAlias("jack@example.com", "john@example.org"), ispmail.ErrNoDomain, "example.com"},
		{newAlias("jack@example.org", "@example.net"), ispmail.ErrInvalidAddress, "only a source @domain"},
		{newAlias("jack@example.org", "nobody"), ispmail.ErrInvalidAddress, "in the destination"},
		{newAlias("loop@example.org", "loop@example.org"), ispmail.ErrAliasLoop, ""},
		{newAlias("@example.net", "@example.net"), ispmail.ErrAliasLoop, ""},
		{newAlias("@example.org", "@example.net"), nil, ""},
		{newAlias("@example.org", "john@example.org"), ispmail.ErrExists, "the only destination"},
		{ispmail.Record{}, ispmail.ErrFormat, "empty record"},
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			records := []ispmail.Record{newDomain("example.net"), newDomain(strings.Repeat("long.", 8) + "example"), newUser("jane@example.net", sound())}
			var want []error
			for i, r := range refused {
				records = append(records, r.record, newUser(fmt.Sprintf("good%d@example.net", i), sound()))
				want = append(want, r.err)
			}
			want = compact(want)
			dry, dryRefused := imported(t, store, ispmail.ImportConfig{DryRun: true}, records...)
			result, got := imported(t, store, ispmail.ImportConfig{}, records...)
			assert.Equal(t, result, dry)
			assert.Equal(t, texts(got), texts(dryRefused))
			require.Len(t, got, len(want), texts(got))
			i := 0
			for _, r := range refused {
				if r.err == nil {
					continue
				}
				require.ErrorIs(t, got[i], r.err, r.record.String())
				assert.ErrorContains(t, got[i], r.text)
				assert.ErrorContains(t, got[i], r.record.String())
				assert.NotContains(t, got[i].Error(), "summersun")
				i++
			}
			assert.Equal(t, len(refused)+1+2, result.Users)
			for i := range refused {
				require.NoError(t, errorOf(store.User(t.Context(), fmt.Sprintf("good%d@example.net", i))))
			}
		})
	}
}

func compact(errs []error) (all []error) {
	for _, err := range errs {
		if err != nil {
			all = append(all, err)
		}
	}
	return all
}

func texts(errs []error) (all []string) {
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return all
}

// TestImportFindsFew counts statements: that a batch cannot be added because of a few rows does not mean one for each row.
func TestImportFindsFew(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	records := []ispmail.Record{newDomain("example.org")}
	for i := range 5000 {
		records = append(records, newUser(email(i), sound()))
	}
	first := db.Store(t, ispmail.Config{})
	require.NoError(t, errorOf(first.CreateDomain(t.Context(), "example.org")))
	var want []string
	for _, i := range []int{0, 1234, 4999} { // the unique key takes an é for an e
		twin := strings.Replace(email(i), "e", "é", 1)
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT id, ?, ? FROM virtual_domains", twin, sound())
		want = append(want, email(i))
	}
	watched, ran := watch(db)
	result, refused := imported(t, watched.Store(t, ispmail.Config{}), ispmail.ImportConfig{}, records...)
	assert.Equal(t, ispmail.ImportResult{Users: 4997, Present: 1, Refused: 3}, result)
	for i, err := range refused {
		require.ErrorIs(t, err, ispmail.ErrExists)
		assert.ErrorContains(t, err, want[i])
	}
	assert.Less(t, len(ran()), 200)
}

// TestImportAgainWithoutQuota has a table without the column quota: who was refused is refused again, although the first try of
// the second import ends at the user who is there.
func TestImportAgainWithoutQuota(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
	store := db.Store(t, ispmail.Config{})
	there, rich := newUser("jane@example.org", sound()), newUser("rich@example.org", sound())
	rich.User.Quota = ptr(int64(1 << 30))
	for _, want := range []ispmail.ImportResult{{Domains: 1, Users: 1, Refused: 1}, {Present: 2, Refused: 1}} {
		result, refused := imported(t, store, ispmail.ImportConfig{}, newDomain("example.org"), there, rich)
		assert.Equal(t, want, result)
		require.Len(t, refused, 1)
		assert.ErrorIs(t, refused[0], ispmail.ErrNoQuota)
	}
}

// TestImportRolledBack has a key for which SQLite undoes the whole transaction: the import ends, and nothing is added after that.
func TestImportRolledBack(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	store := db.Store(t, ispmail.Config{})
	db.Exec(t, "DROP TABLE virtual_users")
	db.Exec(t, `CREATE TABLE virtual_users (
		id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL UNIQUE ON CONFLICT ROLLBACK, email TEXT NOT NULL, password TEXT NOT NULL)`)
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
	require.NoError(t, errorOf(store.CreateUser(t.Context(), "john@example.org", "a long enough secret")))
	err := errorOf(store.Import(t.Context(), sequence(nil, newDomain("example.net"), newUser("jane@example.org", sound()),
		newAlias("a@example.org", "john@example.org"), newAlias("b@example.org", "john@example.org")), ispmail.ImportConfig{}))
	require.Error(t, err)
	var rows int
	require.NoError(t, db.DB.NewRaw("SELECT (SELECT COUNT(*) FROM virtual_domains) + (SELECT COUNT(*) FROM virtual_aliases)").Scan(t.Context(), &rows))
	assert.Equal(t, 1, rows)
}

// TestImportBatches stops an import in its third batch, in three ways, and completes it.
func TestImportBatches(t *testing.T) {
	t.Parallel()
	const (
		batch = 4000
		n     = 2*batch + 1000
	)
	records := []ispmail.Record{newDomain("example.org")}
	for i := range n {
		records = append(records, newUser(email(i), sound()))
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			store := db.Store(t, ispmail.Config{})
			count := func() (users int) {
				require.NoError(t, db.DB.NewSelect().TableExpr("virtual_users").ColumnExpr("COUNT(*)").Scan(t.Context(), &users))
				return users
			}
			broken := errors.New("broken")
			result, err := store.Import(t.Context(), sequence(broken, records[:2*batch+500]...), ispmail.ImportConfig{})
			require.ErrorIs(t, err, broken)
			assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 2*batch - 1}, result)
			assert.Equal(t, 2*batch-1, count())

			db.Exec(t, "DELETE FROM virtual_users")
			ctx, cancel := context.WithCancel(t.Context())
			_, err = store.Import(ctx, sequence(nil, records...), ispmail.ImportConfig{Progress: func(ispmail.ImportResult) { cancel() }})
			require.ErrorIs(t, err, context.Canceled)
			assert.Contains(t, []int{batch - 1, 2*batch - 1}, count(), "whole batches")

			db.Exec(t, "DELETE FROM virtual_users")
			fails := fmt.Sprintf("BEFORE INSERT ON virtual_users FOR EACH ROW WHEN NEW.email = '%s' BEGIN SELECT RAISE(ROLLBACK, 'no'); END", email(batch+500))
			if kind == "MariaDB" {
				fails = fmt.Sprintf("BEFORE INSERT ON virtual_users FOR EACH ROW IF NEW.email = '%s' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF", email(batch+500))
			}
			db.Exec(t, "CREATE TRIGGER stops "+fails)
			result, err = store.Import(t.Context(), sequence(nil, records...), ispmail.ImportConfig{})
			require.Error(t, err)
			assert.Equal(t, ispmail.ImportResult{Users: batch - 1, Present: 1}, result)
			assert.Equal(t, batch-1, count())

			db.Exec(t, "DROP TRIGGER stops")
			result, err = store.Import(t.Context(), sequence(nil, records...), ispmail.ImportConfig{})
			require.NoError(t, err)
			assert.Equal(t, ispmail.ImportResult{Users: n - (batch - 1), Present: batch}, result)
			assert.Equal(t, n, count())
		})
	}
}

// TestImportCollation has a column take an address for another one, which is not the same.
func TestImportCollation(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'josé@example.org', '{CRYPT}!')")
	db.Exec(t, "INSERT INTO virtual_domains (name) VALUES ('exämple.com')")
	store := db.Store(t, ispmail.Config{})
	result, refused := imported(t, store, ispmail.ImportConfig{},
		newUser("a@example.org", sound()), newUser("jose@example.org", sound()), newAlias("jose@example.org", "jose@example.org"), newUser("z@example.org", sound()),
		newDomain("example.com"), newUser("a@example.com", sound()), newDomain("example.net"), newUser("a@example.net", sound()))
	assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 3, Refused: 4}, result)
	require.ErrorIs(t, refused[0], ispmail.ErrExists)
	require.ErrorIs(t, refused[1], ispmail.ErrAliasLoop)
	require.ErrorIs(t, refused[2], ispmail.ErrExists)
	require.ErrorIs(t, refused[3], ispmail.ErrNoDomain)
	require.NoError(t, errorOf(store.User(t.Context(), "z@example.org")))
}

// TestImportColumns fills in what other programs want, and the quota where there is no default.
func TestImportColumns(t *testing.T) {
	t.Parallel()
	for _, f := range fixtures {
		if f.narrow {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			load(t, db, f.name)
			rich := newUser("rich@example.org", sound())
			rich.User.Quota = ptr(f.quota)
			store := db.Store(t, f.config())
			records := []ispmail.Record{newDomain("example.org"), newUser("a@example.org", sound()), rich, newUser("b@example.org", sound()), newAlias("c@example.org", "a@example.org")}
			result, refused := imported(t, store, ispmail.ImportConfig{}, records...)
			assert.Empty(t, refused)
			assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 3, Aliases: 1}, result)
			user, err := store.User(t.Context(), "rich@example.org")
			require.NoError(t, err)
			if f.quota > 0 {
				assert.Equal(t, f.quota, *user.Quota)
			}
			result, _ = imported(t, store, ispmail.ImportConfig{}, records...)
			assert.Equal(t, ispmail.ImportResult{Present: 5}, result)
		})
	}
}
