package ispmail_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestOnChange hears of each change once, after it is committed.
func TestOnChange(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		var heard []string
		var store *ispmail.Store
		store = db.Store(t, ispmail.Config{OnChange: func(ctx context.Context, c ispmail.Change) {
			_, err := store.CountUsers(ctx, ispmail.Query{}) // it may ask
			assert.NoError(t, err)
			heard = append(heard, strings.TrimSpace(fmt.Sprint(c.Kind, " ", c.Email, " ", c.To)))
			assert.False(t, c.Unknown)
		}})
		take := func() []string {
			defer func() { heard = nil }()
			return heard
		}
		ctx := t.Context()
		require.NoError(t, errorOf(store.CreateUser(ctx, "jane@example.org", "a long enough secret")))
		assert.Equal(t, []string{"new jane@example.org"}, take())
		require.NoError(t, store.ChangePassword(ctx, "jane@example.org", "a long enough secret", "another long secret"))
		assert.Equal(t, []string{"password jane@example.org"}, take())
		require.NoError(t, store.SetPassword(ctx, "jane@example.org", "a long enough secret"))
		assert.Equal(t, []string{"password jane@example.org"}, take())
		require.NoError(t, store.SetStoredPassword(ctx, "jane@example.org", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"))
		assert.Equal(t, []string{"password jane@example.org"}, take())
		require.NoError(t, errorOf(store.Authenticate(ctx, "jane@example.org", "summersun")))
		assert.Empty(t, take(), "a rehash changes no password")
		require.NoError(t, store.Lock(ctx, "jane@example.org"))
		require.NoError(t, store.Unlock(ctx, "jane@example.org"))
		assert.Equal(t, []string{"state jane@example.org", "state jane@example.org"}, take())
		require.NoError(t, errorOf(store.RenameUser(ctx, "jane@example.org", "jill@example.org")))
		assert.Equal(t, []string{"address jane@example.org jill@example.org"}, take())
		require.NoError(t, errorOf(store.DeleteUser(ctx, "jill@example.org")))
		assert.Equal(t, []string{"gone jill@example.org"}, take())
		require.NoError(t, store.SetQuota(ctx, "john@example.org", 1))
		require.NoError(t, errorOf(store.CreateAlias(ctx, "x@example.org", "john@example.org")))
		assert.Empty(t, take())

		tries := 0
		err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			tries++
			require.NoError(t, tx.SetPassword(ctx, "john@example.org", "a long enough secret"))
			require.NoError(t, tx.SetPassword(ctx, "john@example.org", "another long secret"))
			require.ErrorIs(t, tx.RunInTx(ctx, func(ctx context.Context, inner *ispmail.Store) error {
				require.NoError(t, inner.Lock(ctx, "md5@example.org"))
				return errNo
			}), errNo)
			require.Empty(t, heard)
			return nil
		})
		require.NoError(t, err)
		assert.Equal(t, []string{"password john@example.org"}, take(), "not what was undone")
		require.ErrorIs(t, store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			require.NoError(t, tx.SetPassword(ctx, "john@example.org", "a long enough secret"))
			return errNo
		}), errNo)
		assert.Empty(t, take())

		result, _ := imported(t, store, ispmail.ImportConfig{}, newUser("a@example.org", dbtest.Sound()), newUser("b@example.org", dbtest.Sound()))
		require.Equal(t, 2, result.Users)
		assert.Equal(t, []string{"many"}, take())
		require.NoError(t, errorOf(store.RenameDomain(ctx, "example.org", "example.com")))
		assert.Equal(t, []string{"domain  example.com"}, take())
		require.NoError(t, errorOf(store.DeleteDomain(ctx, "example.com")))
		assert.Equal(t, []string{"domain"}, take())
	})
}

// told returns a Store and a function that returns what it told of changes since the last call.
func told(t *testing.T, db *ispmailtest.Database) (*ispmail.Store, func() []string) {
	t.Helper()
	var heard []string
	store := db.Store(t, ispmail.Config{OnChange: func(_ context.Context, c ispmail.Change) {
		heard = append(heard, fmt.Sprint(c.Kind, " ", c.Email, " ", c.Domain))
	}})
	return store, func() []string {
		defer func() { heard = nil }()
		return heard
	}
}

// TestLastChangeIsTold has a user who comes and goes in one transaction. Who hears of it must end with the true state.
func TestLastChangeIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			require.NoError(t, errorOf(tx.DeleteUser(ctx, "john@example.org")))
			require.NoError(t, errorOf(tx.CreateUser(ctx, "john@example.org", "a long enough secret")))
			return errorOf(tx.DeleteUser(ctx, "john@example.org"))
		}))
		assert.Equal(t, []string{"new john@example.org example.org", "gone john@example.org example.org"}, take())
	})
}

// TestChangeNamesCanonicalDomain tells the domain in lower case, however its row is spelt.
func TestChangeNamesCanonicalDomain(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		db.Exec(t, "UPDATE virtual_domains SET name = 'Example.org'")
		require.NoError(t, errorOf(store.CreateUser(t.Context(), "jim@example.org", "a long enough secret")))
		require.NoError(t, store.Lock(t.Context(), "jim@example.org"))
		require.NoError(t, errorOf(store.DeleteUser(t.Context(), "jim@example.org")))
		assert.Equal(t, []string{"new jim@example.org example.org", "state jim@example.org example.org", "gone jim@example.org example.org"}, take())
	})
}

// TestStrayDeleteIsTold deletes a domain with a user whose address is in another one.
func TestStrayDeleteIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store, take := told(t, db)
		domain, err := store.CreateDomain(t.Context(), "example.net")
		require.NoError(t, err)
		db.Exec(t, "UPDATE virtual_users SET domain_id = ? WHERE id = 1", domain.ID)
		require.NoError(t, errorOf(store.DeleteDomain(t.Context(), "example.net")))
		require.ErrorIs(t, errorOf(store.User(t.Context(), "john@example.org")), ispmail.ErrNotFound)
		assert.Equal(t, []string{"gone john@example.org example.org", "domain  example.net"}, take())
	})
}

// TestRestoreIsTold tells of a Restore if it adds users, and only then.
func TestRestoreIsTold(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		store, take := told(t, db)
		domain := ispmail.Record{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}}
		require.NoError(t, store.Restore(t.Context(), dbtest.Sequence(nil, domain)))
		assert.Empty(t, take())
		db.Exec(t, "DELETE FROM virtual_domains")
		user := ispmail.Record{User: &ispmail.User{ID: 1, DomainID: 1, Email: "john@example.org", Password: ispmail.NewSecret(dbtest.Sound())}}
		require.NoError(t, store.Restore(t.Context(), dbtest.Sequence(nil, domain, user)))
		assert.Equal(t, []string{"many  "}, take())
	})
}
