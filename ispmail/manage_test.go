package ispmail_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// allAliases returns all aliases as arrows.
func allAliases(t *testing.T, store *ispmail.Store) []string {
	t.Helper()
	return arrows(dbtest.Collect(t, store.Aliases(t.Context(), ispmail.Query{})))
}

func TestRenameUser(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		other, err := store.CreateDomain(ctx, "example.net")
		require.NoError(t, err)
		require.NoError(t, store.SetQuota(ctx, "john@example.org", 7))
		before, err := store.User(ctx, "john@example.org")
		require.NoError(t, err)
		for _, alias := range [][2]string{
			{"john@example.org", "John@Example.org"},
			{"team@example.net", "a@elsewhere.example, JOHN+work@example.org"},
			{"@example.net", "@example.org"},
			{"x@example.org", "johnny@example.org"},
			{"john+lists@example.org", "jack@example.org"},
			{"johnny@example.org", "x@elsewhere.example"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		user, _, err := store.RenameUser(ctx, "John@Example.ORG", "Johann@example.NET")
		require.NoError(t, err)
		assert.Equal(t, []any{before.ID, other.ID, "johann@example.net", before.Password.Reveal(), int64(7)}, []any{user.ID, user.DomainID, user.Email, user.Password.Reveal(), *user.Quota})
		assert.Equal(t, []string{
			"jack@example.org > johann@example.net", "johann@example.net > johann@example.net", "team@example.net > a@elsewhere.example, johann+work@example.net", "@example.net > @example.org",
			"x@example.org > johnny@example.org", "johann+lists@example.net > jack@example.org", "johnny@example.org > x@elsewhere.example",
		}, allAliases(t, store))
		require.ErrorIs(t, errorOf(store.User(ctx, "john@example.org")), ispmail.ErrNotFound)
		require.NoError(t, errorOf(store.Authenticate(ctx, "johann@example.net", ispmailtest.Password)))
	})
}

// TestRenameRefuses changes nothing.
func TestRenameRefuses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateDomain(ctx, "example.net")))
		require.NoError(t, errorOf(store.CreateUser(ctx, "digest@example.net", "a long enough secret")))
		require.NoError(t, store.SetStoredPassword(ctx, "digest@example.net", "{DIGEST-MD5}00112233445566778899aabbccddeeff"))
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (9, 'used.example')")
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'x@Taken.example', 'john@example.org')")
		old := dbtest.Dump(t, db)
		for _, test := range []struct {
			from, to string
			want     error
		}{
			{"john@example.org", "john@example.org", ispmail.ErrExists},
			{"john@example.org", "JOHN@example.org", ispmail.ErrExists},
			{"john@example.org", "md5@example.org", ispmail.ErrExists},
			{"john@example.org", "jack@example.org", ispmail.ErrExists},
			{"john@example.org", "john@elsewhere.example", ispmail.ErrNoDomain},
			{"john@example.org", "@example.org", ispmail.ErrInvalidAddress},
			{"john@example.org", "jo hn@example.org", ispmail.ErrInvalidAddress},
			{"john@example.org", "", ispmail.ErrInvalidAddress},
			{"", "x@example.org", ispmail.ErrInvalidAddress},
			{"nobody@example.org", "x@example.org", ispmail.ErrNotFound},
			{"jack@example.org", "x@example.org", ispmail.ErrNotFound},
			{"john@example.org", strings.Repeat("x", 64) + "@" + strings.Repeat("x", 40) + ".example", ispmail.ErrNoDomain},
			{"digest@example.net", "x@example.net", ispmail.ErrAddressInPassword},
		} {
			require.ErrorIs(t, errorOf(store.RenameUser(ctx, test.from, test.to)), test.want, "%+v", test)
		}
		for _, test := range []struct {
			from, to string
			want     error
		}{
			{"example.org", "example.org", ispmail.ErrExists},
			{"example.org", "Example.ORG", ispmail.ErrExists},
			{"example.org", "example.net", ispmail.ErrExists},
			{"example.org", "taken.example", ispmail.ErrExists},
			{"example.org", "a b", ispmail.ErrInvalidAddress},
			{"example.org", "", ispmail.ErrInvalidAddress},
			{"missing.example", "x.example", ispmail.ErrNotFound},
			{"example.org", strings.Repeat("x", 60) + ".example", ispmail.ErrTooLong},
			{"example.net", "x.example", ispmail.ErrAddressInPassword},
		} {
			require.ErrorIs(t, errorOf(store.RenameDomain(ctx, test.from, test.to)), test.want, "%+v", test)
		}
		assert.Equal(t, old, dbtest.Dump(t, db))
		require.NoError(t, store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			if err := tx.SetPassword(ctx, "digest@example.net", "a long enough secret"); err != nil {
				return err
			}
			return errorOf(tx.RenameUser(ctx, "digest@example.net", "jim@example.net"))
		}), "with a new password")
	})
}

func TestRenameDomain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateDomain(ctx, "example.net")))
		for _, alias := range [][2]string{
			{"@Example.org", "john@EXAMPLE.org"},
			{"x@example.net", "jim@sub.example.org"},
			{"y@example.net", "a@elsewhere.example, John+work@example.org ; md5@example.org"},
			{"@example.net", "@example.org"},
			{"z@example.net", "john@notexample.org"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		db.Exec(t, "UPDATE virtual_users SET email = 'MD5@Example.org' WHERE id = 2")
		domain, _, err := store.RenameDomain(ctx, "example.ORG", "müller.example")
		require.NoError(t, err)
		assert.Equal(t, ispmail.Domain{ID: 1, Name: "xn--mller-kva.example"}, domain)
		assert.Equal(t, []string{
			"jack@xn--mller-kva.example > john@xn--mller-kva.example", "@xn--mller-kva.example > john@xn--mller-kva.example", "x@example.net > jim@sub.example.org",
			"y@example.net > a@elsewhere.example, john+work@xn--mller-kva.example, md5@xn--mller-kva.example", "@example.net > @xn--mller-kva.example", "z@example.net > john@notexample.org",
		}, allAliases(t, store))
		for _, user := range []string{"john", "md5"} {
			require.NoError(t, errorOf(store.Authenticate(ctx, user+"@müller.example", ispmailtest.Password)))
		}
		require.ErrorIs(t, errorOf(store.Domain(ctx, "example.org")), ispmail.ErrNotFound)
		// And back, from rows in U-labels.
		db.Exec(t, "UPDATE virtual_domains SET name = 'müller.example' WHERE id = 1")
		db.Exec(t, "UPDATE virtual_users SET email = 'md5@müller.example' WHERE id = 2")
		require.NoError(t, errorOf(store.RenameDomain(ctx, "müller.example", "example.org")))
		require.NoError(t, errorOf(store.User(ctx, "md5@example.org")))
		require.NoError(t, errorOf(store.User(ctx, "john@example.org")))
	})
}

// TestRenameAccents leaves a domain alone that a collation takes for the renamed one.
func TestRenameAccents(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_domains DROP INDEX name")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'exämple.org')")
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (2, 'jane@exämple.org', '')")
	require.NoError(t, errorOf(db.Store(t, ispmail.Config{}).RenameDomain(t.Context(), "example.org", "example.com")))
	require.NoError(t, errorOf(db.Store(t, ispmail.Config{}).User(t.Context(), "jane@exämple.org")))
}

func TestLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		stored := db.Stored(t, "john@example.org")
		require.NoError(t, store.Lock(ctx, "john@example.org"))
		assert.Equal(t, "{CRYPT}!"+stored, db.Stored(t, "john@example.org"))
		user, err := store.User(ctx, "john@example.org")
		require.NoError(t, err)
		assert.True(t, user.IsLocked())
		assert.False(t, user.CanLogin())
		require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)
		require.ErrorIs(t, store.ChangePassword(ctx, "john@example.org", ispmailtest.Password, "a long enough secret"), ispmail.ErrBadCredentials)
		require.ErrorIs(t, store.Lock(ctx, "john@example.org"), ispmail.ErrLocked)
		require.NoError(t, store.Unlock(ctx, "john@example.org"))
		assert.Equal(t, stored, db.Stored(t, "john@example.org"))
		require.ErrorIs(t, store.Unlock(ctx, "john@example.org"), ispmail.ErrNotLocked)

		require.NoError(t, store.Lock(ctx, "john@example.org"))
		require.NoError(t, store.SetPassword(ctx, "john@example.org", "a long enough secret"))
		require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", "a long enough secret")), ispmail.ErrBadCredentials, "a reset keeps a lock")
		require.NoError(t, store.Unlock(ctx, "john@example.org"))
		require.NoError(t, errorOf(store.Authenticate(ctx, "john@example.org", "a long enough secret")))

		// Locks of others.
		for _, locked := range []string{"{CRYPT}!", "{SHA256-CRYPT}!$5$x", "{BLF-CRYPT}!"} {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", locked)
			require.ErrorIs(t, store.Lock(ctx, "john@example.org"), ispmail.ErrLocked, locked)
		}
		db.Exec(t, "UPDATE virtual_users SET password = '{CRYPT}!' WHERE id = 1")
		require.ErrorIs(t, store.Unlock(ctx, "john@example.org"), ispmail.ErrNotLocked, "there is nothing to go back to")
		wide := "{PLAIN}" + strings.Repeat("x", 143)
		db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", wide)
		require.ErrorIs(t, store.Lock(ctx, "john@example.org"), ispmail.ErrTooLong)
		assert.Equal(t, wide, db.Stored(t, "john@example.org"))
		for _, change := range []func(context.Context, string) error{store.Lock, store.Unlock} {
			require.ErrorIs(t, change(ctx, "nobody@example.org"), ispmail.ErrNotFound)
			require.ErrorIs(t, change(ctx, ""), ispmail.ErrInvalidAddress)
		}
	})
}

func TestSetStoredPassword(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for range 2 { // the same value again is no error
			require.NoError(t, store.SetStoredPassword(ctx, "john@example.org", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"))
			assert.Equal(t, "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd", db.Stored(t, "john@example.org"))
		}
		for _, wrong := range []string{"", "summersun", "{FOO}bar", "{SHA256-CRYPT}junk", "{PLAIN}x\x00y", "{PLAIN}\xff"} {
			require.ErrorIs(t, store.SetStoredPassword(ctx, "john@example.org", wrong), hash.ErrMalformed, "%q", wrong)
		}
		require.ErrorIs(t, store.SetStoredPassword(ctx, "john@example.org", "{PLAIN}"+strings.Repeat("x", 150)), ispmail.ErrTooLong)
		require.ErrorIs(t, store.SetStoredPassword(ctx, "nobody@example.org", dbtest.Sound()), ispmail.ErrNotFound)
		assert.Equal(t, "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd", db.Stored(t, "john@example.org"))
	})
}

func TestCreateUserStored(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, wrong := range []string{"", "summersun", "{FOO}bar", "{SHA256-CRYPT}junk", "{PLAIN}x\x00y", "{PLAIN}\xff"} {
			require.ErrorIs(t, errorOf(store.CreateUserStored(ctx, "jill@example.org", wrong)), hash.ErrMalformed, "%q", wrong)
		}
		require.ErrorIs(t, errorOf(store.CreateUserStored(ctx, "jill@example.org", "{PLAIN}"+strings.Repeat("x", 150))), ispmail.ErrTooLong)
		require.ErrorIs(t, errorOf(store.CreateUserStored(ctx, "no address", dbtest.Sound())), ispmail.ErrInvalidAddress)
		require.ErrorIs(t, errorOf(store.CreateUserStored(ctx, "jill@nowhere.example", dbtest.Sound())), ispmail.ErrNoDomain)
		require.ErrorIs(t, errorOf(store.CreateUserStored(ctx, "john@example.org", dbtest.Sound())), ispmail.ErrExists)
		user, _, err := store.CreateUserStored(ctx, "Jill@Example.org", dbtest.Sound())
		require.NoError(t, err)
		assert.Equal(t, "jill@example.org", user.Email)
		assert.Equal(t, dbtest.Sound(), db.Stored(t, "jill@example.org"), "unchanged")
	})
}

// TestResetKeepsLock gives a locked user another stored password, which is in force after the unlock.
func TestResetKeepsLock(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		require.NoError(t, store.Lock(ctx, "john@example.org"))
		require.NoError(t, store.SetStoredPassword(ctx, "john@example.org", dbtest.Sound()))
		user, err := store.User(ctx, "john@example.org")
		require.NoError(t, err)
		require.True(t, user.IsLocked())
		require.ErrorIs(t, errorOf(store.Authenticate(ctx, "john@example.org", "a long enough secret")), ispmail.ErrBadCredentials)
		locked := db.Stored(t, "john@example.org")
		require.NoError(t, store.SetStoredPassword(ctx, "john@example.org", locked))
		assert.Equal(t, locked, db.Stored(t, "john@example.org"), "no second lock")
		require.NoError(t, store.Unlock(ctx, "john@example.org"))
		assert.Equal(t, dbtest.Sound(), db.Stored(t, "john@example.org"))
	})
}

// TestLockComesBack locks and unlocks whatever is in the column. It is the same text afterwards.
func TestLockComesBack(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for _, stored := range []string{
			"", "~", "*", "!", "!!", "{", "x{y}", "{CRYPT}", "{CRYPT}*", "{CRYPT}!", "{CRYPT}!x", "{CRYPT}!{CRYPT}!{PLAIN}x", "{crypt}!{PLAIN}x",
			"{CRYPT.HEX}!x", "{PLAIN}*", "{PLAIN}!x", "{plain}x", "{CLEARTEXT}!", "{SHA256-CRYPT}!$5$x$y", "{MD5-CRYPT}$1$a$b ", "{DIGEST-MD5}*x",
			"{FOO}x", "14cbfb845af1f030e372b1cb9275e6dd",
		} {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE id = 1", stored)
			if store.Lock(t.Context(), "john@example.org") != nil {
				assert.Equal(t, stored, db.Stored(t, "john@example.org"))
				continue
			}
			user, err := store.User(t.Context(), "john@example.org")
			require.NoError(t, err)
			assert.True(t, user.IsLocked(), stored)
			require.NoError(t, store.Unlock(t.Context(), "john@example.org"), stored)
			assert.Equal(t, stored, db.Stored(t, "john@example.org"))
		}
	})
}

func TestSetAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		set := func(source string, destinations ...string) []string {
			rows, _, err := store.SetAliases(ctx, source, destinations...)
			require.NoError(t, err)
			var all []string
			for _, row := range rows {
				all = append(all, fmt.Sprint(row.ID, " ", row.Destination))
			}
			return all
		}
		first := set("Jack@example.org", "john@example.org", "A@Elsewhere.example", "a@elsewhere.example")
		require.Len(t, first, 2)
		assert.Equal(t, "1 john@example.org", first[0], "what is there stays")
		assert.Equal(t, first[1:], set("jack@example.org", "a@elsewhere.example"))
		assert.Len(t, set("john@example.org", "john@example.org", "b@elsewhere.example"), 2, "with a copy")
		assert.Len(t, set("@example.org", "md5@example.org"), 1)
		assert.Len(t, set("@example.org", "@elsewhere.example"), 1)
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'row@example.org', 'a@elsewhere.example, b@elsewhere.example')")
		assert.Len(t, set("row@example.org", "a@elsewhere.example", "c@elsewhere.example"), 2)

		old := dbtest.Dump(t, db)
		many := make([]string, 10_000)
		for i := range many {
			many[i] = fmt.Sprintf("n%d@elsewhere.example", i)
		}
		for _, test := range []struct {
			source       string
			destinations []string
			want         error
		}{
			{"jack@example.org", nil, ispmail.ErrInvalidAddress},
			{"", []string{"a@elsewhere.example"}, ispmail.ErrInvalidAddress},
			{"jack@example.org", []string{"a@elsewhere.example", "b c"}, ispmail.ErrInvalidAddress},
			{"jack@example.org", []string{"@elsewhere.example"}, ispmail.ErrInvalidAddress},
			{"@example.org", []string{"@elsewhere.example", "a@elsewhere.example"}, ispmail.ErrExists},
			{"jack@example.org", []string{"jack@example.org", "b@elsewhere.example"}, ispmail.ErrAliasLoop},
			{"jack@elsewhere.example", []string{"a@elsewhere.example"}, ispmail.ErrNoDomain},
			{"jack@example.org", many, ispmail.ErrAliasLimit},
			{"jack@example.org", []string{"b@elsewhere.example", strings.Repeat("x", 60) + "@" + strings.Repeat("y", 50) + ".example"}, ispmail.ErrTooLong},
		} {
			require.ErrorIs(t, errorOf(store.SetAliases(ctx, test.source, test.destinations...)), test.want, "%s %v", test.source, test.destinations[:min(3, len(test.destinations))])
		}
		assert.Equal(t, old, dbtest.Dump(t, db))
		assert.Len(t, set("many@example.org", many[:1000]...), 1000)
		assert.Len(t, set("many@example.org", many[500:1200]...), 700)
	})
	t.Run("unique source", func(t *testing.T) {
		t.Parallel()
		db := ispmailtest.SQLite(t)
		db.Example(t)
		db.Exec(t, "CREATE UNIQUE INDEX one ON virtual_aliases (source)")
		store := db.Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.SetAliases(t.Context(), "jack@example.org", "a@elsewhere.example")))
		err := errorOf(store.SetAliases(t.Context(), "jack@example.org", "b@elsewhere.example", "c@elsewhere.example"))
		require.ErrorIs(t, err, ispmail.ErrExists)
		require.ErrorContains(t, err, "allows one row for each source")
		require.Equal(t, []string{"jack@example.org > a@elsewhere.example"}, allAliases(t, store))
	})
}

// TestLockingReadsNeedSelect reads with locks under an account that may only read.
func TestLockingReadsNeedSelect(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := db.As(t, "GRANT SELECT ON * TO %s")
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.User(ctx, "john@example.org")))
		require.NoError(t, errorOf(tx.Domain(ctx, "example.org")))
		return errorOf(tx.AliasesOf(ctx, "jack@example.org"))
	}))
}

// TestPagesAreRanges counts what MariaDB reads for a page in the middle of a domain: the rows of the page.
func TestPagesAreRanges(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	const n = 5000
	db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) SELECT 100 + seq, 1, CONCAT('u', seq, '@example.org'), '' FROM seq_1_to_"+fmt.Sprint(n))
	db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) SELECT 100 + seq, 1, CONCAT('a', seq, '@example.org'), 'john@example.org' FROM seq_1_to_"+fmt.Sprint(n))
	db.Exec(t, "ANALYZE TABLE virtual_users, virtual_aliases")
	store := db.Store(t, ispmail.Config{})
	db.DB.SetMaxOpenConns(1) // the counters are those of a connection
	read := func() (rows int) {
		var counters []struct {
			Name  string
			Value int
		}
		require.NoError(t, db.DB.NewRaw("SELECT variable_name AS name, variable_value AS value FROM information_schema.session_status WHERE variable_name IN ('HANDLER_READ_NEXT', 'HANDLER_READ_RND_NEXT', 'HANDLER_ICP_ATTEMPTS')").Scan(t.Context(), &counters))
		for _, c := range counters {
			rows += c.Value
		}
		return rows
	}
	cost := func(list func()) int {
		list() // looks at the tables first
		db.Exec(t, "FLUSH STATUS")
		base := read()
		list()
		return read() - base
	}
	q := ispmail.InDomain("example.org")
	q.After, q.Limit = 100+n/2, 50
	assert.Less(t, cost(func() { require.Len(t, dbtest.Collect(t, store.Users(t.Context(), q)), 50) }), 300)
	assert.Less(t, cost(func() { require.Len(t, dbtest.Collect(t, store.Aliases(t.Context(), q)), 50) }), 300)
	whole := cost(func() {
		require.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.InDomain("example.org"))), n+2)
	})
	assert.Less(t, whole, n+n/2, "each row once")
	assert.Less(t, cost(func() { require.NoError(t, errorOf(store.DomainCounts(t.Context()))) }), 3*n)

	watched, ran := dbtest.Watch(db)
	counting := watched.Store(t, ispmail.Config{})
	ran()
	require.NoError(t, errorOf(counting.DomainCounts(t.Context())))
	assert.Len(t, ran(), 1)
	require.NoError(t, errorOf(counting.CountUsers(t.Context(), ispmail.Query{})))
	assert.Len(t, ran(), 1)
	assert.False(t, slices.Contains(ran(), ""))
}

func TestDeleteAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'Jack@example.org', 'a@x.example, b@x.example, no address'), (1, 'team@example.org', 'jack@example.org')")
		warnings, err := store.DeleteAliases(ctx, "JACK@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"team@example.org > jack@example.org"}, about(warnings))
		assert.Equal(t, []string{"team@example.org > jack@example.org"}, allAliases(t, store))
		require.ErrorIs(t, errorOf(store.DeleteAliases(ctx, "jack@example.org")), ispmail.ErrNotFound)
		require.ErrorIs(t, errorOf(store.DeleteAliases(ctx, "")), ispmail.ErrInvalidAddress)
	})
}
