package admin_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

// TestSpeed compares lists and the search, with 100,000 users and as many aliases, with the bare statements behind them.
func TestSpeed(t *testing.T) {
	timing.Need(t)
	db := ispmailtest.MariaDB(t)
	s := &site{T: t, store: db.Store(t, ispmail.Config{Timeout: time.Minute}), file: t.TempDir() + "/administrators"}
	s.administrator("alice", nil)
	page, err := admin.New(admin.Config{
		Store: func() (*ispmail.Store, error) { return s.store, nil }, Administrators: admin.NewFile(s.file).Administrators, Floor: 1,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	s.page = page
	id := s.domain("example.org")
	const rows = 100_000
	for first := 0; first < rows; first += 5000 {
		var users []ispmail.User
		var aliases []ispmail.Alias
		for i := first; i < first+5000; i++ {
			users = append(users, ispmail.User{DomainID: id, Email: fmt.Sprintf("user%06d@example.org", i), Password: ispmail.NewSecret("{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7")})
			aliases = append(aliases, ispmail.Alias{DomainID: id, Source: fmt.Sprintf("alias%06d@example.org", i), Destination: fmt.Sprintf("user%06d@example.org", i)})
		}
		_, err := s.store.DB().NewInsert().Model(&users).Exec(t.Context())
		require.NoError(t, err)
		_, err = s.store.DB().NewInsert().Model(&aliases).Exec(t.Context())
		require.NoError(t, err)
	}
	v := s.as("alice")
	query := func(statements ...string) func() {
		return func() {
			for _, statement := range statements {
				rows, err := s.store.DB().QueryContext(t.Context(), statement)
				require.NoError(t, err)
				var users []map[string]any
				require.NoError(t, s.store.DB().(*bun.DB).ScanRows(t.Context(), rows, &users))
				require.NoError(t, rows.Close())
			}
		}
	}
	visit := func(target string) func() {
		return func() { require.Equal(t, http.StatusOK, v.get(target).Code) }
	}
	users, aliases := "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE ", "SELECT id, domain_id, source, destination FROM virtual_aliases WHERE "
	counts := []string{"SELECT COUNT(*) FROM virtual_users WHERE domain_id = 1", "SELECT COUNT(*) FROM virtual_aliases WHERE domain_id = 1"}
	const inside = "domain_id >= 1 AND domain_id < 2 AND id > 50000 ORDER BY domain_id, id LIMIT 51"
	for name, c := range map[string]struct {
		page, bare func()
		most       float64
	}{
		"users":    {visit("/domain/1?after=0.50000"), query(append(counts, users+inside)...), 3},
		"aliases":  {visit("/domain/1/aliases?after=0.50000"), query(append(counts, aliases+inside)...), 3},
		"overview": {visit("/"), query("SELECT d.id, d.name, u.n, a.n FROM virtual_domains d LEFT JOIN (SELECT domain_id, COUNT(*) n FROM virtual_users GROUP BY domain_id) u ON u.domain_id = d.id LEFT JOIN (SELECT domain_id, COUNT(*) n FROM virtual_aliases GROUP BY domain_id) a ON a.domain_id = d.id"), 3},
		"search": {visit("/search?q=9999"), query(
			users+"INSTR(LOWER(email), '9999') > 0 ORDER BY id LIMIT 51",
			aliases+"INSTR(LOWER(source), '9999') > 0 OR INSTR(LOWER(destination), '9999') > 0 ORDER BY id LIMIT 51"), 1.5},
	} {
		var ratios []float64
		for range 15 {
			start := time.Now()
			c.bare()
			bare := time.Since(start)
			start = time.Now()
			c.page()
			ratios = append(ratios, float64(time.Since(start))/float64(bare))
		}
		ratio := timing.Median(ratios)
		t.Logf("%s: %.2f x its bare statements, at most %.1f", name, ratio, c.most)
		assert.LessOrEqual(t, ratio, c.most, name)
	}
}
