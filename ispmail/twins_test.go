package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// timeStamps fills the columns of the schema "console" that have no default.
func timeStamps(context.Context, any) map[string]any {
	return map[string]any{"created_at": bun.Safe("NOW()"), "updated_at": bun.Safe("NOW()")}
}

// TestTwins has two programs that add the same rows to tables without unique keys, with and without a snapshot. Each row is
// there once.
func TestTwins(t *testing.T) {
	t.Parallel()
	for schema, config := range map[string]ispmail.Config{"wheezy": {}, "stretch": {}, "console": {Columns: timeStamps}} {
		t.Run(schema, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			dbtest.Load(t, db, schema)
			hasher, err := hash.New(hash.Config{Rounds: 1000})
			require.NoError(t, err)
			config.Hasher = hasher
			stores := []*ispmail.Store{dbtest.Open(t, db.DSN, config), dbtest.Open(t, db.DSN, config)}
			for round := range times(4, 100) {
				var mu sync.Mutex
				added := map[string]int{}
				add := func(what string, err error) {
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						added[what]++
					} else if !errors.Is(err, ispmail.ErrExists) {
						assert.NoError(t, err, what)
					}
				}
				domain := fmt.Sprintf("d%d.example", round)
				together(4, func(i int) {
					s := stores[i%2]
					add("domain", errorOf(s.CreateDomain(t.Context(), domain)))
					add("alias", s.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
						if i > 1 {
							if _, err := tx.CountAliases(ctx, ispmail.Query{}); err != nil {
								return err
							}
						}
						return errorOf(tx.CreateAlias(ctx, "a@"+domain, "x@elsewhere.example"))
					}))
					if schema == "wheezy" { // where no modern hash fits
						return
					}
					add("user", s.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
						if i > 1 {
							if _, err := tx.Recipients(ctx, "a@"+domain); err != nil {
								return err
							}
						}
						return errorOf(tx.CreateUser(ctx, "u@"+domain, "a long enough secret"))
					}))
				})
				want := map[string]int{"domain": 1, "alias": 1, "user": 1}
				if schema == "wheezy" {
					delete(want, "user")
				}
				require.Equal(t, want, added, "round %d", round)
			}
		})
	}
}

// TestTwinOfOtherProgram creates a user that another program, which heeds no locks, has added since the snapshot.
func TestTwinOfOtherProgram(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "console")
	store := dbtest.Open(t, db.DSN, ispmail.Config{Columns: timeStamps})
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
	require.NoError(t, errorOf(store.CreateAlias(t.Context(), "known@example.org", "a@elsewhere.example")))
	err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		require.NoError(t, errorOf(tx.AliasesOf(ctx, "x@example.org"))) // takes the snapshot
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password, created_at, updated_at) VALUES (1, 'john@example.org', '{PLAIN}x', NOW(), NOW())")
		return errorOf(tx.CreateUser(ctx, "john@example.org", "a long enough secret"))
	})
	require.ErrorIs(t, err, ispmail.ErrExists)
	require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")), "there is one")
}

// TestDomainGotOtherID has a program that knows ids of domains, and another one that gives these names to other rows.
func TestDomainGotOtherID(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "stretch")
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
	require.NoError(t, errorOf(store.CreateAlias(t.Context(), "known@example.org", "a@elsewhere.example")))
	db.Exec(t, "UPDATE virtual_domains SET name = 'example.com' WHERE id = 1")
	require.ErrorIs(t, errorOf(store.CreateAlias(t.Context(), "x@example.org", "a@elsewhere.example")), ispmail.ErrNoDomain)
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (9, 'example.org')")
	for name, id := range map[string]int64{"example.org": 9, "example.com": 1} {
		alias, _, err := store.CreateAlias(t.Context(), "x@"+name, "a@elsewhere.example")
		require.NoError(t, err)
		assert.Equal(t, id, alias.DomainID, name)
	}
}
