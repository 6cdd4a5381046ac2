package ispmail_test

import (
	"context"
	"database/sql"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestSpeedLists lists the users of one domain against all users, at three sizes, and reads pages of 50 at random places
// against the bare SQL.
func TestSpeedLists(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'example.net')")
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT 2, CONCAT('u', seq, '@example.net'), REPEAT('x', 80) FROM seq_1_to_1000")
	store := dbtest.Open(t, db.DSN, ispmail.Config{Timeout: time.Minute})
	const step = 100_000
	for n := step; n <= 4*step; n *= 2 {
		from := n/2 + 1
		if n == step {
			from = 1
		}
		db.Exec(t, fmt.Sprintf("INSERT INTO virtual_users (domain_id, email, password) SELECT 1, CONCAT('u', seq, '@example.org'), REPEAT('x', 80) FROM seq_%d_to_%d", from, n))
		db.Exec(t, "ANALYZE TABLE virtual_users")
		compare(t, fmt.Sprintf("%d users of a domain / all users", n), 1.5, 7,
			func(int) { drain(t, store.Users(t.Context(), ispmail.InDomain("example.org"))) },
			func(int) { drain(t, store.Users(t.Context(), ispmail.Query{})) })
	}
	pool, err := sql.Open("mysql", db.DSN+"?interpolateParams=true")
	require.NoError(t, err)
	defer func() { require.NoError(t, pool.Close()) }()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same places each time
	place := int64(0)
	compare(t, "a page of 50 of all / the bare SQL", 1.3, 2000,
		func(int) {
			place = random.Int64N(4 * step)
			drain(t, store.Users(t.Context(), ispmail.Query{After: place, Limit: 50}))
		},
		func(int) {
			page(t, pool, "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE id > ? ORDER BY id LIMIT 50", place)
		})
	domain := ispmail.InDomain("example.org")
	domain.Limit = 50
	compare(t, "a page of 50 of a domain / the bare SQL, with the look-up of the domain", 1.3, 2000,
		func(int) {
			place = random.Int64N(3 * step)
			domain.After = place
			drain(t, store.Users(t.Context(), domain))
		},
		func(int) {
			var id int64
			require.NoError(t, pool.QueryRowContext(t.Context(), "SELECT id FROM virtual_domains WHERE name = ?", "example.org").Scan(&id))
			page(t, pool, "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE domain_id >= ? AND domain_id < ? AND id > ? ORDER BY domain_id, id LIMIT 50", id, id+1, place)
		})
}

// TestSpeedExport exports ordinary tables, against the lists of the three tables, and then tables with two columns of another
// program.
func TestSpeedExport(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT 1, CONCAT('u', seq, '@example.org'), REPEAT('x', 80) FROM seq_1_to_100000")
	db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) SELECT 1, CONCAT('a', seq, '@example.org'), 'john@example.org' FROM seq_1_to_20000")
	store := dbtest.Open(t, db.DSN, ispmail.Config{Timeout: time.Minute})
	lists := func(int) {
		drain(t, store.Domains(t.Context(), ispmail.Query{}))
		drain(t, store.Users(t.Context(), ispmail.Query{}))
		drain(t, store.Aliases(t.Context(), ispmail.Query{}))
	}
	export := func(int) { drain(t, store.Export(t.Context())) }
	compare(t, "export of 120,000 rows / the lists", 1.25, 31, export, lists)
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN maildir VARCHAR(100) NOT NULL DEFAULT '/var/vmail', ADD COLUMN active TINYINT NOT NULL DEFAULT 1")
	compare(t, "export with two columns of another program / the lists", 2.5, 15, export, lists)
}

func drain[T any](t *testing.T, rows iter.Seq2[T, error]) {
	t.Helper()
	for _, err := range rows {
		require.NoError(t, err)
	}
}

func page(t *testing.T, pool *sql.DB, query string, args ...any) {
	t.Helper()
	rows, err := pool.QueryContext(context.WithoutCancel(t.Context()), query, args...)
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	var users []ispmail.User
	for rows.Next() {
		var user ispmail.User
		require.NoError(t, rows.Scan(&user.ID, &user.DomainID, &user.Email, &user.Password, &user.Quota))
		users = append(users, user)
	}
	require.NoError(t, rows.Err())
	require.Len(t, users, 50)
}
