package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func newDomain(name string) ispmail.Record {
	return ispmail.Record{Domain: &ispmail.Domain{Name: name}}
}

func newUser(email, stored string) ispmail.Record {
	return ispmail.Record{User: &ispmail.User{Email: email, Password: ispmail.NewSecret(stored)}}
}

func newPlain(email, password string) ispmail.Record {
	return ispmail.Record{User: &ispmail.User{Email: email}, NewPassword: ispmail.NewSecret(password)}
}

func newAlias(source, destination string) ispmail.Record {
	return ispmail.Record{Alias: &ispmail.Alias{Source: source, Destination: destination}}
}

// imported imports records and returns what was refused.
func imported(t *testing.T, store *ispmail.Store, config ispmail.ImportConfig, records ...ispmail.Record) (ispmail.ImportResult, []error) {
	t.Helper()
	var refused []error
	config.Refused = func(_ ispmail.Record, err error) { refused = append(refused, err) }
	result, err := store.Import(t.Context(), dbtest.Sequence(nil, records...), config)
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
			rich := newUser("rich@example.net", dbtest.Sound())
			rich.User.Quota = new(int64(1 << 30))
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
			before := dbtest.Dump(t, db)
			dry, refused := imported(t, store, ispmail.ImportConfig{DryRun: true}, records...)
			assert.Empty(t, refused)
			assert.Equal(t, before, dbtest.Dump(t, db), "a dry run changes nothing")
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
			assert.True(t, strings.HasPrefix(user.Password.Reveal(), "{SHA256-CRYPT}$5$"))
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

			after := dbtest.Dump(t, db)
			for _, dryRun := range []bool{true, false} {
				result, refused = imported(t, store, ispmail.ImportConfig{DryRun: dryRun}, records...)
				assert.Empty(t, refused)
				assert.Equal(t, ispmail.ImportResult{Present: len(records)}, result, "again")
				assert.Equal(t, after, dbtest.Dump(t, db))
			}
		})
	}
}

// TestImportRefuses adds the records between those that it refuses. A dry run refuses the same ones.
func TestImportRefuses(t *testing.T) {
	t.Parallel()
	huge := newUser("huge@example.org", dbtest.Sound())
	huge.User.Quota = new(int64(-1))
	other := newUser("john@example.org", "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7")
	other.User.Quota = new(int64(5))
	both := newPlain("both@example.org", "a long enough secret")
	both.User.Password = ispmail.NewSecret(dbtest.Sound())
	named := newDomain("exa mple.org")
	named.Origin = "line 3"
	refused := []struct {
		record ispmail.Record
		err    error
		text   string
	}{
		{named, ispmail.ErrInvalidAddress, "line 3, domain exa mple.org: "},
		{newDomain(strings.Repeat("long.", 10) + "example"), ispmail.ErrTooLong, "57 characters"},
		{newUser("a b@example.org", dbtest.Sound()), ispmail.ErrInvalidAddress, "user a b@example.org: "},
		{newUser("@example.org", "~"), ispmail.ErrInvalidAddress, "user @example.org: "},
		{newUser("jim@example.com", dbtest.Sound()), ispmail.ErrNoDomain, "example.com"},
		{newPlain("john@example.org", "another password"), ispmail.ErrExists, "with another password or quota"},
		{newUser("JOHN@example.org", dbtest.Sound()), ispmail.ErrExists, "with another password or quota"},
		{other, ispmail.ErrExists, "with another password or quota"},
		{newUser("new@example.org", ""), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "14cbfb845af1f030e372b1cb9275e6dd"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "summersun"), hash.ErrMalformed, "the stored password"},
		{newUser("none@example.org", "{NONE}x"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "{SHA256-CRYPT}x"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "{PLAIN}a\x00b"), hash.ErrMalformed, "the stored password"},
		{newUser("new@example.org", "{PLAIN}\xff"), hash.ErrMalformed, "the stored password"},
		{newUser("wide@example.org", "{PLAIN}"+strings.Repeat("x", 150)), ispmail.ErrTooLong, "157 characters"},
		{newPlain("new@example.org", strings.Repeat("x", 512)), hash.ErrPasswordTooLong, ""},
		{newPlain("new@example.org", "a\x00b"), hash.ErrInvalidPassword, ""},
		{newPlain("jane@example.net", "a long enough secret"), ispmail.ErrExists, "the user comes twice"},
		{both, ispmail.ErrRecord, "a stored password and a new one"},
		{huge, ispmail.ErrTooLong, "quota -1"},
		{newUser(strings.Repeat("x", 60)+"@example.org", dbtest.Sound()), nil, ""},
		{newUser(strings.Repeat("x", 60)+"@"+strings.Repeat("long.", 8)+"example", dbtest.Sound()), ispmail.ErrTooLong, "108 characters"},
		{newAlias("jack@example.com", "john@example.org"), ispmail.ErrNoDomain, "example.com"},
		{newAlias("jack@example.org", "@example.net"), ispmail.ErrInvalidAddress, "only a source @domain"},
		{newAlias("jack@example.org", "|/bin/nobody"), ispmail.ErrInvalidAddress, "in the destination: it is a command"},
		{newAlias("jack@example.org", `"jim b"@example.org`), ispmail.ErrInvalidAddress, "in the destination: the part before the @"},
		{newAlias("*@example.org", "john@example.org"), ispmail.ErrInvalidAddress, "in the source: a * or % stands"},
		{newUser("%@example.org", dbtest.Sound()), ispmail.ErrInvalidAddress, "a * or % stands"},
		{newAlias("loop@example.org", "loop@example.org"), ispmail.ErrAliasLoop, ""},
		{newAlias("@example.net", "@example.net"), ispmail.ErrAliasLoop, ""},
		{newAlias("@example.org", "@example.net"), nil, ""},
		{newAlias("@example.org", "john@example.org"), ispmail.ErrExists, "the only destination"},
		{ispmail.Record{}, ispmail.ErrRecord, "empty record"},
	}
	for kind, open := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := open(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			records := []ispmail.Record{newDomain("example.net"), newDomain(strings.Repeat("long.", 8) + "example"), newUser("jane@example.net", dbtest.Sound())}
			var want []error
			for i, r := range refused {
				records = append(records, r.record, newUser(fmt.Sprintf("good%d@example.net", i), dbtest.Sound()))
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
			assert.Equal(t, len(refused)+1+1, result.Users)
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

// TestImportFindsFew counts statements: if a few rows of a batch are refused, it must not take one for each row.
func TestImportFindsFew(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	records := []ispmail.Record{newDomain("example.org")}
	for i := range 5000 {
		records = append(records, newUser(email(i), dbtest.Sound()))
	}
	first := db.Store(t, ispmail.Config{})
	require.NoError(t, errorOf(first.CreateDomain(t.Context(), "example.org")))
	var want []string
	for _, i := range []int{0, 1234, 4999} { // the unique key takes an é for an e
		twin := strings.Replace(email(i), "e", "é", 1)
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT id, ?, ? FROM virtual_domains", twin, dbtest.Sound())
		want = append(want, email(i))
	}
	watched, ran := dbtest.Watch(db)
	result, refused := imported(t, watched.Store(t, ispmail.Config{}), ispmail.ImportConfig{}, records...)
	assert.Equal(t, ispmail.ImportResult{Users: 4997, Present: 1, Refused: 3}, result)
	for i, err := range refused {
		require.ErrorIs(t, err, ispmail.ErrExists)
		assert.ErrorContains(t, err, want[i])
	}
	assert.Less(t, len(ran()), 225) // a node has some more
}

// TestImportAgainWithoutQuota has a table without the column quota: who was refused is refused again, although the first try of
// the second import ends at the user who is there.
func TestImportAgainWithoutQuota(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
	store := db.Store(t, ispmail.Config{})
	there, rich := newUser("jane@example.org", dbtest.Sound()), newUser("rich@example.org", dbtest.Sound())
	rich.User.Quota = new(int64(1 << 30))
	for _, want := range []ispmail.ImportResult{{Domains: 1, Users: 1, Refused: 1}, {Present: 2, Refused: 1}} {
		result, refused := imported(t, store, ispmail.ImportConfig{}, newDomain("example.org"), there, rich)
		assert.Equal(t, want, result)
		require.Len(t, refused, 1)
		assert.ErrorIs(t, refused[0], ispmail.ErrNoQuota)
	}
}

// TestImportRolledBack has a key for which SQLite rolls back the whole transaction. The import ends and adds nothing more.
func TestImportRolledBack(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	store := db.Store(t, ispmail.Config{})
	db.Exec(t, "DROP TABLE virtual_users")
	db.Exec(t, `CREATE TABLE virtual_users (
		id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL UNIQUE ON CONFLICT ROLLBACK, email TEXT NOT NULL, password TEXT NOT NULL)`)
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
	require.NoError(t, errorOf(store.CreateUser(t.Context(), "john@example.org", "a long enough secret")))
	err := errorOf(store.Import(t.Context(), dbtest.Sequence(nil, newDomain("example.net"), newUser("jane@example.org", dbtest.Sound()),
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
		records = append(records, newUser(email(i), dbtest.Sound()))
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
			result, err := store.Import(t.Context(), dbtest.Sequence(broken, records[:2*batch+500]...), ispmail.ImportConfig{})
			require.ErrorIs(t, err, broken)
			assert.Equal(t, ispmail.ImportResult{Domains: 1, Users: 2*batch - 1}, result)
			assert.Equal(t, 2*batch-1, count())

			db.Exec(t, "DELETE FROM virtual_users")
			ctx, cancel := context.WithCancel(t.Context())
			_, err = store.Import(ctx, dbtest.Sequence(nil, records...), ispmail.ImportConfig{Progress: func(ispmail.ImportResult) { cancel() }})
			require.ErrorIs(t, err, context.Canceled)
			assert.Contains(t, []int{batch - 1, 2*batch - 1}, count(), "whole batches")

			db.Exec(t, "DELETE FROM virtual_users")
			fails := fmt.Sprintf("BEFORE INSERT ON virtual_users FOR EACH ROW WHEN NEW.email = '%s' BEGIN SELECT RAISE(ROLLBACK, 'no'); END", email(batch+500))
			if kind == "MariaDB" {
				fails = fmt.Sprintf("BEFORE INSERT ON virtual_users FOR EACH ROW IF NEW.email = '%s' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF", email(batch+500))
			}
			db.Exec(t, "CREATE TRIGGER stops "+fails)
			result, err = store.Import(t.Context(), dbtest.Sequence(nil, records...), ispmail.ImportConfig{})
			require.Error(t, err)
			assert.Equal(t, ispmail.ImportResult{Users: batch - 1, Present: 1}, result)
			assert.Equal(t, batch-1, count())

			db.Exec(t, "DROP TRIGGER stops")
			result, err = store.Import(t.Context(), dbtest.Sequence(nil, records...), ispmail.ImportConfig{})
			require.NoError(t, err)
			assert.Equal(t, ispmail.ImportResult{Users: n - (batch - 1), Present: batch}, result)
			assert.Equal(t, n, count())
		})
	}
}

// TestImportCollation has a unique key whose collation takes different addresses for equal.
func TestImportCollation(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'josé@example.org', '{CRYPT}!')")
	db.Exec(t, "INSERT INTO virtual_domains (name) VALUES ('exämple.com')")
	store := db.Store(t, ispmail.Config{})
	result, refused := imported(t, store, ispmail.ImportConfig{},
		newUser("a@example.org", dbtest.Sound()), newUser("jose@example.org", dbtest.Sound()), newAlias("jose@example.org", "jose@example.org"), newUser("z@example.org", dbtest.Sound()),
		newDomain("example.com"), newUser("a@example.com", dbtest.Sound()), newDomain("example.net"), newUser("a@example.net", dbtest.Sound()))
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
			dbtest.Load(t, db, f.name)
			rich := newUser("rich@example.org", dbtest.Sound())
			rich.User.Quota = new(f.quota)
			store := db.Store(t, f.config())
			records := []ispmail.Record{newDomain("example.org"), newUser("a@example.org", dbtest.Sound()), rich, newUser("b@example.org", dbtest.Sound()), newAlias("c@example.org", "a@example.org")}
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
