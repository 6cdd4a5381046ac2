package ispmail_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestLists has pages, searches and counts.
func TestLists(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'xn--mller-kva.example'), (3, 'empty.example')")
		for i := range 30 {
			db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (2, ?, '')", fmt.Sprintf("U%02d@xn--mller-kva.example", i))
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (2, ?, '100%@a_b.example')", fmt.Sprintf("a%02d@xn--mller-kva.example", i))
		}
		emails := func(q ispmail.Query) (all []string) {
			for _, user := range dbtest.Collect(t, store.Users(ctx, q)) {
				all = append(all, strings.ToLower(user.Email[:3]))
			}
			return all
		}
		q := ispmail.InDomain("müller.example")
		q.Limit = 12
		var pages []string
		for page := dbtest.Collect(t, store.Users(ctx, q)); len(page) > 0; page = dbtest.Collect(t, store.Users(ctx, q)) {
			require.LessOrEqual(t, len(page), 12)
			for _, user := range page {
				pages = append(pages, user.Email[:3])
			}
			q.After = page[len(page)-1].ID
		}
		assert.Len(t, pages, 30)
		assert.True(t, slices.IsSorted(pages))
		assert.Len(t, emails(ispmail.Query{}), 32)
		assert.Equal(t, []string{"u07"}, emails(ispmail.Query{Search: "u07@XN"}))
		assert.Len(t, emails(ispmail.Query{Search: "@Müller.example"}), 30)
		assert.Empty(t, emails(ispmail.Query{Search: "%"}), "a sign as another one")
		assert.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{Search: "100%@A_B"})), 30)
		assert.Empty(t, emails(ispmail.InDomain("empty.example")))
		for _, name := range []string{"", "a b"} {
			_, err := store.CountUsers(ctx, ispmail.InDomain(name))
			require.ErrorIs(t, err, ispmail.ErrInvalidAddress, "%q is never everybody", name)
		}
		require.ErrorIs(t, errorOf(store.CountUsers(ctx, ispmail.InDomain("missing.example"))), ispmail.ErrNotFound)
		require.Error(t, errorOf(store.CountUsers(ctx, ispmail.Query{Limit: -1})))

		for query, want := range map[ispmail.Query]int{{}: 32, {Search: "u0"}: 10, {Search: "u0", Limit: 3, After: 5}: 10} {
			n, err := store.CountUsers(ctx, query)
			require.NoError(t, err)
			assert.Equal(t, want, n)
		}
		n, err := store.CountDomains(ctx, ispmail.InDomain("example.org"))
		require.NoError(t, err)
		assert.Equal(t, 1, n)
		n, err = store.CountAliases(ctx, ispmail.InDomain("xn--mller-kva.example"))
		require.NoError(t, err)
		assert.Equal(t, 30, n)
		counts, err := store.DomainCounts(ctx)
		require.NoError(t, err)
		require.Len(t, counts, 3)
		assert.Equal(t, []int{2, 1, 30, 30, 0, 0}, []int{counts[0].Users, counts[0].Aliases, counts[1].Users, counts[1].Aliases, counts[2].Users, counts[2].Aliases})
	})
}

// TestSearchForeignText searches a column that cannot hold the text.
func TestSearchForeignText(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET latin1 COLLATE latin1_swedish_ci")
	}
	store := db.Store(t, ispmail.Config{})
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "日本.example")))
	require.NoError(t, errorOf(store.CreateUser(t.Context(), "john@日本.example", "a long enough secret")))
	for search, want := range map[string]int{"日本語": 0, "@日本.example": 1, "JOHN@": 2, "Grüße": 0} {
		assert.Len(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{Search: search})), want, search)
		n, err := store.CountUsers(t.Context(), ispmail.Query{Search: search})
		require.NoError(t, err)
		assert.Equal(t, want, n)
	}
}

// TestSearchNUL searches texts that are in no address, of which the zero byte ends a text of SQLite. Nobody is found, rather
// than everybody.
func TestSearchNUL(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		for _, search := range []string{"\x00", "jo\x00hn", "john\x00", "\x00john", "\xff", "'", "\\", "john\\", "?", "?0", "%", "_", `"`, "';--"} {
			n, err := store.CountUsers(t.Context(), ispmail.Query{Search: search})
			require.NoError(t, err, "%q", search)
			assert.Zero(t, n, "%q", search)
			assert.Empty(t, dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{Search: search})), "%q", search)
			assert.Empty(t, dbtest.Collect(t, store.Aliases(t.Context(), ispmail.Query{Search: search})), "%q", search)
		}
	})
}
