package check_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestStateAgree compares a database in which random users and aliases are switched off with one in which they are not there:
// mail goes the same ways, the findings are the same, and so is what a deletion leaves.
func TestStateAgree(t *testing.T) {
	t.Parallel()
	all := routetest.Random(min(max(*constellations/3, 25), 100), routetest.Seed)
	off, gone := ispmailtest.SQLite(t), ispmailtest.SQLite(t)
	random := rand.New(rand.NewPCG(1, 1)) //nolint:gosec // the same each time
	for _, db := range []*ispmailtest.Database{off, gone} {
		routetest.Arrange(t, db, all)
		db.Exec(t, "UPDATE virtual_users SET password = ?", dbtest.Sound())
	}
	for _, table := range []string{"virtual_users", "virtual_aliases"} {
		off.Exec(t, "ALTER TABLE "+table+" ADD COLUMN deleted_at DATETIME")
		var ids []int64
		require.NoError(t, off.DB.NewSelect().Column("id").Table(table).Order("id").Scan(t.Context(), &ids))
		for _, id := range ids {
			if random.IntN(4) == 0 {
				off.Exec(t, "UPDATE "+table+" SET deleted_at = '2024-02-29' WHERE id = ?", id)
				gone.Exec(t, "DELETE FROM "+table+" WHERE id = ?", id)
			}
		}
	}
	stores := [2]*ispmail.Store{off.Store(t, ispmail.Config{State: []string{"!deleted_at"}}), gone.Store(t, ispmail.Config{})}
	compare := func() {
		t.Helper()
		require.Equal(t, findings(t, stores[1]), findings(t, stores[0]))
		var addresses []string
		for _, alias := range dbtest.Collect(t, stores[0].Aliases(t.Context(), ispmail.Query{})) {
			addresses = append(addresses, alias.Source)
		}
		for _, user := range dbtest.Collect(t, stores[0].Users(t.Context(), ispmail.Query{})) {
			addresses = append(addresses, user.Email)
		}
		require.NotEmpty(t, addresses)
		for _, address := range addresses {
			if address[0] == '@' {
				continue
			}
			steps, err := stores[0].Trace(t.Context(), address)
			want, wantErr := stores[1].Trace(t.Context(), address)
			require.Equal(t, want, steps, address)
			require.Equal(t, wantErr, err, address)
		}
	}
	compare()
	reported := 0
	for i, user := range dbtest.Collect(t, stores[1].Users(t.Context(), ispmail.Query{})) {
		if i%3 == 0 {
			dangling, err := stores[0].DeleteUser(t.Context(), user.Email)
			require.NoError(t, err)
			want, err := stores[1].DeleteUser(t.Context(), user.Email)
			require.NoError(t, err)
			require.Equal(t, want, dangling, user.Email)
			reported += len(dangling)
		}
	}
	assert.Positive(t, reported)
	compare()
}

// findings returns all findings.
func findings(t *testing.T, store *ispmail.Store) []check.Finding {
	t.Helper()
	return dbtest.Collect(t, check.Run(t.Context(), store, check.Config{}))
}
