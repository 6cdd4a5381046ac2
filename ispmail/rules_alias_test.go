package ispmail_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestRuleDuplicates uses schemas without unique keys.
func TestRuleDuplicates(t *testing.T) {
	t.Parallel()
	for _, isolation := range []string{"REPEATABLE-READ", "READ-COMMITTED"} {
		t.Run(isolation, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			dbtest.Load(t, db, "console")
			console := fixture{stamps: true}.config()
			store := dbtest.Connect(t, db, map[string]string{"tx_isolation": "'" + isolation + "'"}).Store(t, console)
			ctx := t.Context()
			for _, create := range []func() error{
				func() error { return errorOf(store.CreateDomain(ctx, "example.org")) },
				func() error { return errorOf(store.CreateUser(ctx, "john@example.org", "a long enough secret")) },
				func() error { return errorOf(store.CreateAlias(ctx, "jack@example.org", "john@example.org")) },
				func() error {
					return store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
						dbtest.Collect(t, tx.Users(ctx, ispmail.Query{})) // from here on, plain reads are of the past
						dbtest.Collect(t, tx.Aliases(ctx, ispmail.Query{}))
						if _, _, err := tx.CreateUser(ctx, "jane@example.org", "a long enough secret"); err != nil {
							return err
						}
						return errorOf(tx.CreateAlias(ctx, "june@example.org", "jane@example.org"))
					})
				},
			} {
				errs := make([]error, 4)
				var done sync.WaitGroup
				for i := range errs {
					done.Go(func() { errs[i] = create() })
				}
				done.Wait()
				assert.Len(t, filter(errs, func(err error) bool { return err == nil }), 1, "%v", errs)
			}
			assert.Len(t, dbtest.Collect(t, store.Domains(ctx, ispmail.Query{})), 1)
			assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 2)
			assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})), 2)

			// And if there are some already, they are one domain.
			db.Exec(t, "INSERT INTO virtual_domains (name, created_at, updated_at) VALUES ('Example.org', NOW(), NOW())")
			db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password, created_at, updated_at)
				SELECT MAX(id), 'jim@example.org', 'x', NOW(), NOW() FROM virtual_domains`)
			db.Exec(t, `INSERT INTO virtual_aliases (domain_id, source, destination, created_at, updated_at)
				SELECT domain_id, source, destination, NOW(), NOW() FROM virtual_aliases`)
			assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.InDomain("example.org"))), 3)
			_, err := store.DeleteAlias(ctx, "jack@example.org", "john@example.org")
			require.NoError(t, err)
			assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.InDomain("example.org"))), 2)
			_, err = store.DeleteDomain(ctx, "example.org")
			require.NoError(t, err)
			assert.Empty(t, dbtest.Dump(t, db))
		})
	}
}

// TestRuleNoTwinDomains has two stores that look for a domain before either adds it, at an isolation level without gap locks,
// at which both would succeed.
func TestRuleNoTwinDomains(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	needSingle(t, db, "the second one waits there for the first before it looks")
	dbtest.Load(t, db, "bookworm")
	weak := dbtest.Connect(t, db, map[string]string{"tx_isolation": "'READ-COMMITTED'"})
	var both, done sync.WaitGroup
	both.Add(2)
	errs := make([]error, 2)
	for i := range errs {
		proxy, dsn := through(t, weak.DSN)
		store := dbtest.Open(t, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
		proxy.armed.Store(&cut{statement: "INSERT", do: func() {
			both.Done()
			both.Wait()
		}})
		done.Go(func() { _, errs[i] = store.CreateDomain(t.Context(), "example.org") })
	}
	done.Wait()
	assert.Len(t, dbtest.Collect(t, db.Store(t, ispmail.Config{}).Domains(t.Context(), ispmail.Query{})), 1)
	assert.Len(t, filter(errs, func(err error) bool { return errors.Is(err, ispmail.ErrExists) }), 1, "%v", errs)
}

// TestRuleDeleteDomain does not rely on foreign keys.
func TestRuleDeleteDomain(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "console")
	store := db.Store(t, fixture{stamps: true}.config())
	ctx := t.Context()
	for _, name := range []string{"example.org", "example.net"} {
		_, err := store.CreateDomain(ctx, name)
		require.NoError(t, err)
		_, _, err = store.CreateUser(ctx, "john@"+name, "a long enough secret")
		require.NoError(t, err)
		_, _, err = store.CreateAlias(ctx, "jack@"+name, "john@"+name)
		require.NoError(t, err)
	}
	_, _, err := store.CreateAlias(ctx, "sales@example.net", "jack@example.org")
	require.NoError(t, err)
	warnings, err := store.DeleteDomain(ctx, "example.org")
	require.NoError(t, err)
	assert.Equal(t, []string{"sales@example.net > jack@example.org"}, about(warnings))
	assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 1)
	assert.Equal(t, []string{"jack@example.net > john@example.net", "sales@example.net > jack@example.org"}, arrows(dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{}))))
}

// TestRuleForeignKeysOfOthers has a row that another program ties to a user.
func TestRuleForeignKeysOfOthers(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "redirects")
	db.Example(t)
	db.Exec(t, "UPDATE virtual_aliases SET mailbox_id = 1")
	old := dbtest.Dump(t, db)
	_, err := db.Store(t, ispmail.Config{}).DeleteUser(t.Context(), "john@example.org")
	require.ErrorContains(t, err, "FOREIGN KEY (`mailbox_id`)")
	require.NotErrorIs(t, err, ispmail.ErrNoDomain)
	assert.Equal(t, old, dbtest.Dump(t, db))
}

func TestRuleDanglingAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
		db.Exec(t, "DELETE FROM virtual_aliases")
		row := func(source, destination string) {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", source, destination)
		}
		row("a@example.org", "John@Example.org")
		row("b@example.net", "x@elsewhere.example, john@example.org")
		row("c@example.org", "notjohn@example.org")
		row("d@example.org", "john@example.organic")
		row("e@example.org", "c@example.org")
		want := []string{"a@example.org > John@Example.org", "b@example.net > x@elsewhere.example, john@example.org"}

		remove := func() []string {
			var warnings []ispmail.Warning
			_ = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
				warnings, err = tx.DeleteUser(ctx, "john@example.org")
				require.NoError(t, err)
				return context.Canceled // once more, please
			})
			return about(warnings)
		}
		assert.Equal(t, want, remove())
		row("john@example.org", "john@example.org")
		assert.Equal(t, append(want, "john@example.org > john@example.org"), remove(), "to itself is nowhere")
		row("@example.org", "md5@example.org")
		assert.Equal(t, append(want, "john@example.org > john@example.org"), remove(), "which goes before the catch-all")
		db.Exec(t, "DELETE FROM virtual_aliases WHERE source = 'john@example.org'")
		assert.Empty(t, remove(), "the catch-all takes it")
		row("f@example.org", "john+lists@example.org")
		row("@example.net", "@example.org")
		row("g@example.org", "john+news@example.net")
		assert.Empty(t, remove(), "that of an extension and of a whole domain too")

		warnings, err := store.DeleteAlias(ctx, "@example.org", "md5@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"c@example.org > notjohn@example.org"}, about(warnings), "john is there")
		assert.Equal(t, append(want, "f@example.org > john+lists@example.org", "g@example.org > john+news@example.net"), remove())
		warnings, err = store.DeleteAlias(ctx, "c@example.org", "notjohn@example.org")
		require.NoError(t, err)
		assert.Equal(t, []string{"e@example.org > c@example.org"}, about(warnings))
	})
}

// TestRuleSeveralDestinationsInARow reads what other programs join, and takes it apart only where it must.
func TestRuleSeveralDestinationsInARow(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "UPDATE virtual_aliases SET destination = 'John@example.org,x@elsewhere.example  y@elsewhere.example' WHERE id = 1")
		require.ErrorIs(t, errorOf(store.CreateAlias(ctx, "jack@example.org", "x@elsewhere.example")), ispmail.ErrExists)
		all := aliasesOf(t, store, "jack@example.org")
		require.Len(t, all, 1)
		assert.Equal(t, []string{"John@example.org", "x@elsewhere.example", "y@elsewhere.example"}, all[0].Destinations())
		changed, _, err := store.ChangeAlias(ctx, "jack@example.org", "x@elsewhere.example", "z@elsewhere.example")
		require.NoError(t, err)
		assert.Equal(t, "John@example.org, z@elsewhere.example, y@elsewhere.example", changed.Destination)
		for _, destination := range []string{"john@example.org", "y@elsewhere.example"} {
			_, err = store.DeleteAlias(ctx, "jack@example.org", destination)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"jack@example.org > z@elsewhere.example"}, arrows(dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{}))))
		_, err = store.DeleteAlias(ctx, "jack@example.org", "z@elsewhere.example")
		require.NoError(t, err)
		assert.Empty(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})))
	})
}

// TestRulePseudoUsers has a Hasher to which a bare value is the clear text, so that "~" would be a password.
func TestRulePseudoUsers(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "redirects")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	pseudo := []string{"", "~", "*", "!"}
	for i, password := range pseudo {
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", fmt.Sprintf("pseudo%d@example.org", i), password)
	}
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, '@example.org', '~')")
	hasher, err := hash.New(hash.Config{Default: "PLAIN"})
	require.NoError(t, err)
	old := dbtest.Dump(t, db)
	var log bytes.Buffer
	store := db.Store(t, ispmail.Config{Hasher: hasher, Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	for i := range pseudo {
		for _, password := range append(pseudo, ispmailtest.Password) {
			email := fmt.Sprintf("pseudo%d@example.org", i)
			require.Equal(t, ispmail.ErrBadCredentials, errorOf(store.Authenticate(t.Context(), email, password)))
			require.Equal(t, ispmail.ErrBadCredentials, store.ChangePassword(t.Context(), email, password, "a long enough secret"))
		}
	}
	assert.Equal(t, 2*len(pseudo)*(len(pseudo)+1), strings.Count(log.String(), "nobody's login"), "the value is not even looked at")
	require.ErrorIs(t, errorOf(store.Authenticate(t.Context(), "@example.org", "~")), ispmail.ErrInvalidAddress)
	users := dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{}))
	assert.Len(t, users, 5)
	for _, user := range users {
		assert.False(t, user.CanLogin(), user.Email)
	}
	assert.Equal(t, old, dbtest.Dump(t, db))
}
