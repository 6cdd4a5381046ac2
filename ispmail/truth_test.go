package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestLostInsert loses an insert, and gives its id to another row before the rows are read back.
func TestLostInsert(t *testing.T) {
	t.Parallel()
	db, proxy, store := proxied(t)
	for name, c := range map[string]struct {
		create func() error
		insert string
		table  string
	}{
		"CreateUser": {
			func() error {
				return errorOf(store.CreateUser(t.Context(), "lost@example.org", "a long enough secret"))
			},
			"INSERT INTO virtual_users (id, domain_id, email, password) VALUES (?, 1, 'other@example.org', 'x')", "virtual_users",
		},
		"CreateDomain": {
			func() error { return errorOf(store.CreateDomain(t.Context(), "lost.example")) },
			"INSERT INTO virtual_domains (id, name) VALUES (?, 'other.example')", "virtual_domains",
		},
		"CreateAlias": {
			func() error { return errorOf(store.CreateAlias(t.Context(), "lost@example.org", "john@example.org")) },
			"INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (?, 1, 'other@example.org', 'john@example.org')", "virtual_aliases",
		},
	} {
		proxy.armed.Store(&cut{statement: "COMMIT", moment: before, away: true})
		result := make(chan error, 1)
		go func() { result <- c.create() }()
		require.Eventually(t, proxy.away.Load, time.Minute, 2*time.Millisecond)
		settle(t, db)
		var next int64
		require.NoError(t, db.DB.NewRaw("SELECT auto_increment FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?", c.table).Scan(t.Context(), &next))
		db.Exec(t, c.insert, next-1)
		proxy.away.Store(false)
		require.Error(t, <-result, name)
	}
}

// TestOutcomeOfTwins loses a transaction with two changes. Another transaction makes one of them before the rows are read
// back.
func TestOutcomeOfTwins(t *testing.T) {
	t.Parallel()
	db, proxy, store := proxied(t)
	proxy.armed.Store(&cut{statement: "COMMIT", moment: before, away: true})
	result := make(chan error, 1)
	go func() {
		result <- store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			if err := tx.SetQuota(ctx, "john@example.org", 5); err != nil {
				return err
			}
			return errorOf(tx.CreateUser(ctx, "new@example.org", "a long enough secret"))
		})
	}()
	require.Eventually(t, proxy.away.Load, time.Minute, 2*time.Millisecond)
	settle(t, db)
	db.Exec(t, "UPDATE virtual_users SET quota = 5 WHERE id = 1")
	proxy.away.Store(false)
	require.ErrorIs(t, <-result, ispmail.ErrOutcomeUnknown)
}

// TestOutcomeOfNothing loses the answer to the commit of a change that changes nothing. It succeeds, whatever the outcome.
func TestOutcomeOfNothing(t *testing.T) {
	t.Parallel()
	_, proxy, store := proxied(t)
	for _, moment := range []moment{before, after} {
		proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
		require.NoError(t, store.SetQuota(t.Context(), "john@example.org", 0))
		proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			for _, quota := range []int64{5, 0} {
				if err := tx.SetQuota(ctx, "john@example.org", quota); err != nil {
					return err
				}
			}
			return nil
		}))
	}
}

// TestColumnNarrowedMeanwhile has a server that cuts, and a column that becomes too narrow while a store runs.
func TestColumnNarrowedMeanwhile(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Lax(t, db, ispmail.Config{})
	require.NoError(t, store.SetPassword(t.Context(), "md5@example.org", "a long enough secret"))
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(77) NOT NULL")
	db.Exec(t, "UPDATE virtual_users SET password = 'x'")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(50) NOT NULL")
	require.ErrorIs(t, store.SetPassword(t.Context(), "john@example.org", "a long enough secret"), ispmail.ErrTooLong)
	assert.Equal(t, "x", db.Stored(t, "john@example.org"))
}

// TestChangeAliasInARow has a row with several destinations.
func TestChangeAliasInARow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'all@example.org', 'a@x.example, b@x.example')")
		_, _, err := store.ChangeAlias(t.Context(), "all@example.org", "a@x.example", "b@x.example")
		require.ErrorIs(t, err, ispmail.ErrExists)
		alias, _, err := store.ChangeAlias(t.Context(), "all@example.org", "a@x.example", "c@x.example")
		require.NoError(t, err)
		assert.Equal(t, "c@x.example, b@x.example", alias.Destination)
	})
}

// TestTwoSpellings has one address, and one domain, in both forms of an international name.
func TestTwoSpellings(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (50, 'xn--mller-kva.example'), (51, 'müller.example')")
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (50, 50, 'a@xn--mller-kva.example', 'x'), (51, 51, 'a@müller.example', 'x')")
		_, err := store.User(t.Context(), "a@müller.example")
		require.ErrorIs(t, err, ispmail.ErrAmbiguous)
		assert.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.InDomain("müller.example"))), 2)
		_, err = store.DeleteDomain(t.Context(), "müller.example")
		require.NoError(t, err)
		_, err = store.Domain(t.Context(), "müller.example")
		require.ErrorIs(t, err, ispmail.ErrNotFound)
		assert.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{})), 2)
	})
}

// TestDeleteDomainOfOthers has a user whose row belongs to another domain than its address.
func TestDeleteDomainOfOthers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net'), (3, 'third.example')")
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'u@example.net', 'x')")
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (9, 3, 'x@third.example', 'u@example.net')")
		warnings, err := store.DeleteDomain(t.Context(), "example.org")
		require.NoError(t, err)
		require.Len(t, warnings, 1)
		assert.EqualValues(t, 9, warnings[0].Alias.ID)
	})
}

// TestOddRows has NULL where other programs let it in, and ids below zero.
func TestOddRows(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(150) NULL, MODIFY quota VARCHAR(20) NULL")
	db.Exec(t, "ALTER TABLE virtual_aliases MODIFY domain_id INT NULL")
	db.Exec(t, "UPDATE virtual_users SET quota = '5G' WHERE id = 1")
	db.Exec(t, "UPDATE virtual_aliases SET domain_id = NULL")
	db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES (-7, 1, 'null@example.org', NULL)")
	store := db.Store(t, ispmail.Config{})
	ctx := t.Context()
	users := dbtest.Collect(t, store.Users(ctx, ispmail.Query{}))
	require.Len(t, users, 3)
	assert.EqualValues(t, -7, users[0].ID)
	_, err := store.Authenticate(ctx, "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	_, err = store.Authenticate(ctx, "null@example.org", "")
	require.Equal(t, ispmail.ErrBadCredentials, err)
	require.NoError(t, store.SetPassword(ctx, "null@example.org", "a long enough secret"))
	_, err = store.Authenticate(ctx, "null@example.org", "a long enough secret")
	require.NoError(t, err)
	_, err = store.DeleteUser(ctx, "john@example.org")
	require.NoError(t, err)
}

// TestWiderGrants gives rights on quota without the one to read it.
func TestWiderGrants(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, more := range []string{"UPDATE", "UPDATE (password, quota)", "INSERT, DELETE, UPDATE (password)"} {
		store := dbtest.Open(t, db.Account(t, "GRANT SELECT (id, domain_id, email, password), "+more+" ON virtual_users TO %s"), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
		user, err := store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
		require.NoError(t, err, more)
		assert.Nil(t, user.Quota)
		require.NoError(t, store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, ispmailtest.Password), more)
	}
}

// TestTriggerFillsColumn has a column without a default that the server fills in by itself.
func TestTriggerFillsColumn(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "ALTER TABLE virtual_domains ADD owner VARCHAR(20) NOT NULL")
	db.Exec(t, "CREATE TRIGGER own BEFORE INSERT ON virtual_domains FOR EACH ROW SET NEW.owner = 'trigger'")
	_, err := db.Store(t, ispmail.Config{}).CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
}

// TestListFails loses its database in the middle of a list.
func TestListFails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		aliases := make([]ispmail.Alias, 500)
		for i := range aliases {
			aliases[i] = ispmail.Alias{DomainID: 1, Source: fmt.Sprintf("a%d@example.org", i), Destination: "john@example.org"}
		}
		require.NoError(t, errorOf(db.DB.NewInsert().Model(&aliases).Exec(t.Context())))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var failed error
		seen := 0
		for _, err := range store.Aliases(ctx, ispmail.Query{}) {
			if err != nil {
				failed = err
				break
			}
			seen++
			cancel()
		}
		require.Error(t, failed, "after %d rows", seen)
		assert.Less(t, seen, 501)

		failed = nil
		for _, err := range store.Aliases(t.Context(), ispmail.InDomain("a@b@c")) {
			failed = errors.Join(failed, err)
		}
		require.ErrorIs(t, failed, ispmail.ErrInvalidAddress)
	})
}

func TestConnectionIsStrict(t *testing.T) {
	t.Parallel()
	for range 20 { // a map has no order
		all, err := ispmail.Connections("u:p@tcp(127.0.0.1:3306)/mailserver?SQL_MODE=''&Max_Statement_Time=9&charset=latin1")
		require.NoError(t, err)
		require.Len(t, all[0].Params, 1, "more than one would have no order")
		set := all[0].Params["innodb_lock_wait_timeout"]
		theirs, ours := strings.Index(set, "sql_mode = ''"), strings.Index(set, "sql_mode='STRICT_ALL_TABLES")
		assert.Positive(t, theirs)
		assert.Greater(t, ours, theirs, "the last one holds")
		assert.Contains(t, set, "max_statement_time = 9")
		assert.NotZero(t, all[0].ReadTimeout)
		assert.Contains(t, all[0].FormatDSN(), "charset=utf8mb4")
	}
}
