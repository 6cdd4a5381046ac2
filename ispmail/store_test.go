package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func errorOf(results ...any) error {
	err, _ := results[len(results)-1].(error)
	return err
}

func TestDomains(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		made, err := store.CreateDomain(ctx, "Müller.de")
		require.NoError(t, err)
		assert.NotZero(t, made.ID)
		assert.Equal(t, "xn--mller-kva.de", made.Name)
		for _, name := range []string{"müller.de", "xn--mller-kva.de", "XN--Mller-kva.DE"} {
			got, err := store.Domain(ctx, name)
			require.NoError(t, err)
			assert.Equal(t, made, got)
			_, err = store.CreateDomain(ctx, name)
			assert.ErrorIs(t, err, ispmail.ErrExists)
		}
		_, err = store.Domain(ctx, "muller.de")
		require.ErrorIs(t, err, ispmail.ErrNotFound)
		_, err = store.CreateDomain(ctx, "exa mple.org")
		require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		_, err = store.CreateDomain(ctx, strings.Repeat("a", 50)+".org")
		require.ErrorIs(t, err, ispmail.ErrTooLong)

		assert.Len(t, dbtest.Collect(t, store.Domains(ctx, ispmail.Query{})), 2)
		require.NoError(t, errorOf(store.DeleteDomain(ctx, "Example.org")))
		assert.Equal(t, []ispmail.Domain{made}, dbtest.Collect(t, store.Domains(ctx, ispmail.Query{})))
		assert.Empty(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})))
		assert.Empty(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})))
		require.ErrorIs(t, errorOf(store.DeleteDomain(ctx, "example.org")), ispmail.ErrNotFound)
	})
}

// TestUnicodeDomain has a domain name that a person typed into the table.
func TestUnicodeDomain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (7, 'müller.de')")
		db.Exec(t, `INSERT INTO virtual_users (domain_id, email, password)
			SELECT 7, 'john@müller.de', password FROM virtual_users WHERE id = 1`)
		user, err := store.Authenticate(t.Context(), "John@xn--mller-kva.de", ispmailtest.Password)
		require.NoError(t, err)
		assert.Equal(t, "john@müller.de", user.Email)
		_, _, err = store.CreateUser(t.Context(), "jane@müller.de", ispmailtest.Password)
		require.NoError(t, err)
	})
}

func TestUsers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		made, _, err := store.CreateUser(ctx, "Jane@Example.org", "a long enough secret")
		require.NoError(t, err)
		assert.NotZero(t, made.ID)
		assert.EqualValues(t, 1, made.DomainID)
		assert.Equal(t, "jane@example.org", made.Email)
		assert.True(t, strings.HasPrefix(made.Password.Reveal(), "{SHA256-CRYPT}$5$"))
		got, err := store.User(ctx, "JANE@example.org")
		require.NoError(t, err)
		assert.Equal(t, made, got)
		_, err = store.Authenticate(ctx, "jane@example.org", "a long enough secret")
		require.NoError(t, err)

		for email, want := range map[string]error{
			"jane@example.org":  ispmail.ErrExists,
			"jane@example.net":  ispmail.ErrNoDomain,
			"jane example.org":  ispmail.ErrInvalidAddress,
			"jane @example.org": ispmail.ErrInvalidAddress,
			strings.Repeat("a", 64) + "@" + strings.Repeat("a", 45) + ".org": ispmail.ErrTooLong,
		} {
			if errors.Is(want, ispmail.ErrTooLong) {
				_, err := store.CreateDomain(ctx, email[65:])
				require.NoError(t, err)
			}
			_, _, err := store.CreateUser(ctx, email, "a long enough secret")
			assert.ErrorIs(t, err, want, email)
		}
		_, _, err = store.CreateUser(ctx, "jim@example.org", "")
		require.Error(t, err)

		assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 3)
		assert.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.InDomain("example.org"))), 3)
		for _, err := range store.Users(ctx, ispmail.InDomain("example.net")) {
			require.ErrorIs(t, err, ispmail.ErrNotFound)
		}
		require.NoError(t, errorOf(store.DeleteUser(ctx, "Jane@example.org")))
		require.ErrorIs(t, errorOf(store.DeleteUser(ctx, "jane@example.org")), ispmail.ErrNotFound)
	})
}

func TestAliases(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		made, _, err := store.CreateAlias(ctx, "Jack@Example.org", "somebody@elsewhere.example")
		require.NoError(t, err)
		assert.NotZero(t, made.ID)
		catchAll, _, err := store.CreateAlias(ctx, "@Example.org", "john@example.org")
		require.NoError(t, err)
		assert.Equal(t, "@example.org", catchAll.Source)

		_, _, err = store.CreateAlias(ctx, "jack@example.org", "John@Example.org")
		require.ErrorIs(t, err, ispmail.ErrExists)
		_, _, err = store.CreateAlias(ctx, "jack@example.net", "john@example.org")
		require.ErrorIs(t, err, ispmail.ErrNoDomain)
		_, _, err = store.CreateAlias(ctx, "jack", "john@example.org")
		require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		_, _, err = store.CreateAlias(ctx, "jack@example.org", "/var/mail/john")
		require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@"+strings.Repeat("a.", 50)+"org")
		require.ErrorIs(t, err, ispmail.ErrTooLong)

		assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})), 3)
		assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.InDomain("example.org"))), 3)
		assert.Len(t, aliasesOf(t, store, "JACK@example.org"), 2)
		assert.Equal(t, []ispmail.Alias{catchAll}, aliasesOf(t, store, "@example.org"))
		assert.Empty(t, aliasesOf(t, store, "nobody@example.org"))
		for _, err := range store.Aliases(ctx, ispmail.InDomain("a@b@c")) {
			require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		}

		require.NoError(t, errorOf(store.DeleteAlias(ctx, "Jack@example.org", "John@example.org")))
		assert.Equal(t, []ispmail.Alias{made}, aliasesOf(t, store, "jack@example.org"))
		require.ErrorIs(t, errorOf(store.DeleteAlias(ctx, "jack@example.org", "john@example.org")), ispmail.ErrNotFound)
	})
}

// TestListPages has more rows than a page and ids with holes.
func TestListPages(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		aliases := make([]ispmail.Alias, 4000)
		for i := range aliases {
			aliases[i] = ispmail.Alias{DomainID: 1, Source: fmt.Sprintf("a%d@example.org", i), Destination: "john@example.org"}
		}
		_, err := db.DB.NewInsert().Model(&aliases).Exec(t.Context())
		require.NoError(t, err)
		db.Exec(t, "DELETE FROM virtual_aliases WHERE id % 3 = 0")
		var want, got []int64
		require.NoError(t, db.DB.NewRaw("SELECT id FROM virtual_aliases ORDER BY id").Scan(t.Context(), &want))
		for _, alias := range dbtest.Collect(t, store.Aliases(t.Context(), ispmail.Query{})) {
			got = append(got, alias.ID)
		}
		require.Greater(t, len(got), 2000)
		require.Equal(t, want, got)
		for alias, err := range store.Aliases(t.Context(), ispmail.Query{}) {
			require.NoError(t, err)
			assert.EqualValues(t, 1, alias.ID)
			break
		}
	})
}

func TestRunInTx(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		create := func(ctx context.Context, tx *ispmail.Store) error {
			if _, err := tx.CreateDomain(ctx, "example.net"); err != nil {
				return err
			}
			if _, _, err := tx.CreateUser(ctx, "jane@example.net", "a long enough secret"); err != nil {
				return err
			}
			if err := tx.ChangePassword(ctx, "jane@example.net", "a long enough secret", "another long secret"); err != nil {
				return err
			}
			_, err := tx.Authenticate(ctx, "md5@example.org", ispmailtest.Password)
			return err
		}
		stop := errors.New("stop")
		err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			if err := create(ctx, tx); err != nil {
				return err
			}
			return stop
		})
		require.Equal(t, stop, err)
		_, err = store.Domain(t.Context(), "example.net")
		require.ErrorIs(t, err, ispmail.ErrNotFound)

		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			return tx.RunInTx(ctx, create)
		}))
		_, err = store.Authenticate(t.Context(), "jane@example.net", "another long secret")
		require.NoError(t, err)
		assert.Equal(t, legacy, db.Stored(t, "md5@example.org"), "no rehash in somebody's transaction")
	})
}

// TestDeadlock lets two transactions lock two rows in opposite order. MariaDB undoes one of them, which must be tried
// again.
func TestDeadlock(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := db.Store(t, ispmail.Config{})
	users := []string{"john@example.org", "md5@example.org"}
	var both, done sync.WaitGroup
	both.Add(2)
	runs := make([]int, 2)
	for i := range users {
		done.Go(func() {
			assert.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				runs[i]++
				if err := tx.SetPassword(ctx, users[i], fmt.Sprint("secret of ", i)); err != nil {
					return err
				}
				if runs[i] == 1 {
					both.Done()
					both.Wait()
				}
				if err := tx.SetPassword(ctx, users[1-i], fmt.Sprint("secret of ", i)); err != nil {
					return errors.New("something went wrong") // whatever is said of it
				}
				return nil
			}))
		})
	}
	done.Wait()
	assert.Equal(t, 3, runs[0]+runs[1], "one ran again")
	for i := range users { // the one that ran again came last
		_, err := store.Authenticate(t.Context(), users[i], fmt.Sprint("secret of ", map[bool]int{true: 0, false: 1}[runs[0] == 2]))
		assert.NoError(t, err)
	}
}

// TestStatements counts what a method asks of the database once it knows the tables.
func TestStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		ctx := t.Context()
		watched, ran := dbtest.Watch(db)
		store := watched.Store(t, ispmail.Config{})
		require.NoError(t, errorOf(store.User(ctx, "john@example.org")))
		list := "SELECT"
		if db.DB.Dialect().Name() == dialect.MySQL && isNode(t, db) {
			list = "SET" // STATEMENT wsrep_sync_wait = 0 FOR SELECT
		}
		for _, test := range []struct {
			name string
			run  func() error
			want []string
		}{
			{"find", func() error { return errorOf(store.User(ctx, "john@example.org")) }, []string{"SELECT"}},
			{"authenticate", func() error {
				return errorOf(store.Authenticate(ctx, "john@example.org", ispmailtest.Password))
			}, []string{"SELECT"}},
			{"rehash", func() error {
				return errorOf(store.Authenticate(ctx, "md5@example.org", ispmailtest.Password))
			}, []string{"SELECT", "UPDATE"}},
			{"change", func() error {
				return store.ChangePassword(ctx, "john@example.org", ispmailtest.Password, "a long enough secret")
			}, []string{"SELECT", "BEGIN", "UPDATE", "COMMIT"}},
			{"list", func() error { dbtest.Collect(t, store.Users(ctx, ispmail.Query{})); return nil }, []string{list}},
		} {
			ran()
			require.NoError(t, test.run())
			var verbs []string
			for _, statement := range ran() {
				verb, _, _ := strings.Cut(statement, " ")
				verbs = append(verbs, verb)
			}
			assert.Equal(t, test.want, verbs, test.name)
		}
	})
}

// aliasesOf returns the aliases of a source, which must not fail.
func aliasesOf(t *testing.T, store *ispmail.Store, source string) []ispmail.Alias {
	t.Helper()
	rows, err := store.AliasesOf(t.Context(), source)
	require.NoError(t, err)
	return rows
}
