package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestIncrements has four programs that read a row and change it by what they read.
func TestIncrements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		for range times(1, 1000) {
			increments(t, store, 4)
		}
	})
}

// increments has programs that raise a quota to 100 by one each time, after they have taken a snapshot.
func increments(t *testing.T, store *ispmail.Store, programs int) {
	t.Helper()
	require.NoError(t, store.SetQuota(t.Context(), "john@example.org", 0))
	together(programs, func(int) {
		for range 100 / programs {
			assert.NoError(t, patiently(t, store, func(ctx context.Context, tx *ispmail.Store) error {
				if _, err := tx.CountUsers(ctx, ispmail.Query{}); err != nil { // takes the snapshot
					return err
				}
				user, err := tx.User(ctx, "john@example.org")
				if err != nil {
					return err
				}
				return tx.SetQuota(ctx, "john@example.org", *user.Quota+1)
			}))
		}
	})
	user, err := store.User(t.Context(), "john@example.org")
	require.NoError(t, err)
	require.Equal(t, int64(100), *user.Quota)
}

// TestReplacements has six programs that replace the 20 destinations of one source, one by one and all at once.
func TestReplacements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		if db.DB.Dialect().Name() == dialect.MySQL { // with the settings of Open, see ownSnapshots
			store = dbtest.Open(t, dbtest.Connect(t, db, waits).DSN, ispmail.Config{Timeout: 5 * time.Minute})
		}
		for round := range times(1, 1000) {
			together(6, func(program int) {
				destinations := make([]string, 20)
				for i := range destinations {
					destinations[i] = fmt.Sprintf("n%d.%d@elsewhere.example", program, i)
				}
				for i := range times(10, 1) { // 60 in all
					assert.NoError(t, patiently(t, store, func(ctx context.Context, tx *ispmail.Store) error {
						if _, err := tx.CountAliases(ctx, ispmail.Query{}); err != nil { // takes the snapshot
							return err
						}
						if (program+i)%2 == 0 {
							return errorOf(tx.SetAliases(ctx, "team@example.org", destinations...))
						}
						aliases, err := tx.AliasesOf(ctx, "team@example.org")
						if err != nil {
							return err
						}
						for _, alias := range aliases {
							if _, err := tx.DeleteAlias(ctx, alias.Source, alias.Destination); err != nil {
								return err
							}
						}
						for _, destination := range destinations {
							if _, _, err := tx.CreateAlias(ctx, "team@example.org", destination); err != nil {
								return err
							}
						}
						return nil
					}), "round %d", round)
				}
			})
			aliases := aliasesOf(t, store, "team@example.org")
			require.Len(t, aliases, 20)
			program, _, _ := strings.Cut(aliases[0].Destination, ".")
			for _, alias := range aliases {
				require.True(t, strings.HasPrefix(alias.Destination, program+"."), "%v", aliases)
			}
		}
	})
}

// patiently runs a transaction. SQLite has no queue for those who wait: on a busy machine some wait for more than the 5 s they are
// given, and try again.
func patiently(t *testing.T, store *ispmail.Store, fn func(ctx context.Context, tx *ispmail.Store) error) error {
	t.Helper()
	err := store.RunInTx(t.Context(), fn)
	for tries := 0; store.DB().Dialect().Name() == dialect.SQLite && errors.Is(err, ispmail.ErrUnavailable) && tries < 20; tries++ {
		err = store.RunInTx(t.Context(), fn)
	}
	return err
}

// together runs a function n times at once.
func together(n int, fn func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { fn(i) })
	}
	all.Wait()
}

// TestOtherDomainsGoOn adds an alias while a transaction holds the aliases of a source in another domain. The Store has
// worked in both before: until then it does not know their ids.
func TestOtherDomainsGoOn(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.net")))
	for _, source := range []string{"known@example.org", "known@example.net"} {
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), source, "john@example.org")))
	}
	destination := "john@example.org"
	if isNode(t, db) {
		destination = "john@elsewhere.example" // a node locks the domains of destinations too
	}
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		_, err := tx.AliasesOf(ctx, "jack@example.org")
		require.NoError(t, err)
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), "jack@example.net", destination)), "which would wait for innodb_lock_wait_timeout")
		return err
	}))
}

// TestAliasesOfStray reads an alias whose domain_id is another domain's, and what was added after the snapshot.
func TestAliasesOfStray(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	other, err := store.CreateDomain(t.Context(), "example.net")
	require.NoError(t, err)
	db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (?, 'Jack@example.org', 'a@elsewhere.example')", other.ID)
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.CountAliases(ctx, ispmail.Query{})))
		require.NoError(t, errorOf(store.CreateAlias(t.Context(), "jack@example.org", "b@elsewhere.example")))
		aliases, err := tx.AliasesOf(ctx, "jack@example.org")
		assert.Equal(t, []string{"jack@example.org > john@example.org", "Jack@example.org > a@elsewhere.example", "jack@example.org > b@elsewhere.example"}, arrows(aliases))
		return err
	}))
}

var errNo = errors.New("no")

// TestNested rolls back an inner function that fails, and keeps the work of the others.
func TestNested(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		for round := range times(1, 1000) {
			names := []string{fmt.Sprintf("a%d.example", round), fmt.Sprintf("b%d.example", round), fmt.Sprintf("c%d.example", round), fmt.Sprintf("d%d.example", round)}
			err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				require.NoError(t, errorOf(tx.CreateDomain(ctx, names[0])))
				require.ErrorIs(t, tx.RunInTx(ctx, func(ctx context.Context, inner *ispmail.Store) error {
					require.NoError(t, errorOf(inner.CreateDomain(ctx, names[1])))
					require.NoError(t, inner.RunInTx(ctx, func(ctx context.Context, innermost *ispmail.Store) error {
						return errorOf(innermost.CreateDomain(ctx, names[2]))
					}))
					require.ErrorIs(t, errorOf(inner.CreateDomain(ctx, names[0])), ispmail.ErrExists)
					return errNo
				}), errNo)
				return tx.RunInTx(ctx, func(ctx context.Context, inner *ispmail.Store) error {
					return errorOf(inner.CreateDomain(ctx, names[3]))
				})
			})
			require.NoError(t, err)
			for i, name := range names {
				_, err := store.Domain(t.Context(), name)
				require.Equal(t, i == 1 || i == 2, errors.Is(err, ispmail.ErrNotFound), "%s: %v", name, err)
			}
		}
	})
}

// outbox makes a table of the program's own.
func outbox(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	db.Exec(t, "CREATE TABLE outbox (id INTEGER PRIMARY KEY, text VARCHAR(100) NOT NULL)")
}

type note struct {
	bun.BaseModel `bun:"table:outbox"`

	ID   int64 `bun:"id,pk"`
	Text string
}

// TestOwnTables commits and rolls back a row of the program's own with ours.
func TestOwnTables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		outbox(t, db)
		for round := range times(2, 1000) {
			email := fmt.Sprintf("u%d@example.org", round)
			err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				require.NoError(t, errorOf(tx.CreateAlias(ctx, email, "john@example.org")))
				_, err := tx.DB().NewInsert().Model(&note{ID: int64(round), Text: email}).Exec(ctx)
				require.NoError(t, err)
				_, err = tx.DB().ExecContext(ctx, "INSERT INTO outbox (id, text) VALUES (?, 'twice')", round)
				require.Error(t, err, "a row that is there is no reason to undo everything")
				if round%2 == 1 {
					return errNo
				}
				return nil
			})
			kept := round%2 == 0
			require.Equal(t, kept, err == nil, "%v", err)
			n, err := store.DB().NewSelect().Model((*note)(nil)).Where("id = ?", round).Count(t.Context())
			require.NoError(t, err)
			require.Equal(t, kept, n == 1)
			require.Equal(t, kept, len(aliasesOf(t, store, email)) == 1)
		}
	})
}
