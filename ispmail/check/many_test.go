package check_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// crowd adds n users and n aliases without faults to example.org, with ids from 1001 on. One alias in ten leads to another
// alias, the others lead to users.
func crowd(t *testing.T, db *ispmailtest.Database, n int) {
	t.Helper()
	const batch = 1000
	for from := 0; from < n; from += batch {
		var users, aliases strings.Builder
		for i := from; i < from+batch; i++ {
			if i > from {
				users.WriteString(", ")
				aliases.WriteString(", ")
			}
			fmt.Fprintf(&users, "(%d, 1, '%s', '%s')", 1001+i, email(i), dbtest.Sound())
			to := email(i)
			if i%10 == 9 {
				to = fmt.Sprintf("alias%06d@example.org", i-1)
			}
			fmt.Fprintf(&aliases, "(%d, 1, 'alias%06d@example.org', '%s')", 1001+i, i, to)
		}
		db.Exec(t, "INSERT INTO virtual_users (id, domain_id, email, password) VALUES "+users.String())
		db.Exec(t, "INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES "+aliases.String())
	}
}

func email(i int) string { return fmt.Sprintf("user%06d@example.org", i) }

// TestRunMany finds all faults, and nothing else, among 100,000 users and as many aliases.
func TestRunMany(t *testing.T) { //nolint:paralleltest // the heap is that of the whole process
	n := 100_000
	if raced {
		n = 10_000
	}
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		plant(t, db)
		crowd(t, db, n)
		store := db.Store(t, ispmail.Config{})
		assert.Empty(t, dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})))

		last := n + 1000
		for _, statement := range []string{
			"UPDATE virtual_users SET password = '{PLAIN-MD5}24cbfb845af1f030e372b1cb9275e6dd' WHERE id = 1001",
			fmt.Sprintf("UPDATE virtual_users SET password = '' WHERE id = %d", last),
			"UPDATE virtual_users SET quota = -1 WHERE id = 5000",
			"UPDATE virtual_users SET domain_id = 2 WHERE id = 6000",
			"UPDATE virtual_users SET email = 'a b@example.org' WHERE id = 7004", // and its alias dangles
			fmt.Sprintf("INSERT INTO virtual_domains (id, name) VALUES (%d, 'müller.de')", last),
			fmt.Sprintf("INSERT INTO virtual_users (id, domain_id, email, password) VALUES (%d, 3, 'max@xn--mller-kva.de', 'SOUND')", last+1),
			fmt.Sprintf("INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (%d, 1, 'Alias000000@example.org', 'user000000@example.org')", last+1),
			fmt.Sprintf("UPDATE virtual_aliases SET destination = 'alias%06d@example.org' WHERE id = 1006", n-1), // which goes to the one before
			fmt.Sprintf("UPDATE virtual_aliases SET destination = 'alias000005@example.org' WHERE id = %d", last-1),
			"UPDATE virtual_aliases SET destination = 'x@elsewhere.example' WHERE id = 8001",
		} {
			db.Exec(t, strings.ReplaceAll(statement, "SOUND", dbtest.Sound()))
		}
		var got []string
		for _, f := range dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})) {
			got = append(got, string(f.Code)+" "+place(f))
			if f.Code == check.CodeAliasLoop {
				assert.Contains(t, f.Message, fmt.Sprintf("alias000005@example.org -> alias%06d@example.org -> alias%06d@example.org -> alias000005@example.org", n-1, n-2))
			}
		}
		assert.Equal(t, []string{
			fmt.Sprintf("duplicate-domain domains %d", last),
			"weak-scheme users 1001", "refused-by-dovecot-2.4 users 1001", "quota-overflow users 5000", "user-in-wrong-domain users 6000", "invalid-address users 7004",
			fmt.Sprintf("empty-password users %d", last), fmt.Sprintf("same-canonical-address users %d", last+1),
			"unusable-logins users 0", "dangling-alias aliases 7004", "external-destination aliases 8001",
			fmt.Sprintf("duplicate-alias aliases %d", last+1), "alias-loop aliases 1006",
		}, got)
	})
}

// TestRunHeap checks that Run needs less than 16 MB of heap for 100,000 users and as many aliases, of which one in ten has a
// fault. It measures after garbage collections between findings, on MariaDB, which keeps the rows in another process.
func TestRunHeap(t *testing.T) { //nolint:paralleltest // the heap is that of the whole process
	if raced {
		t.Skip("the race detector has a heap of its own")
	}
	db := ispmailtest.MariaDB(t)
	plant(t, db)
	crowd(t, db, 100_000)
	db.Exec(t, "UPDATE virtual_users SET quota = -1 WHERE id % 10 = 0")
	db.Exec(t, "UPDATE virtual_aliases SET destination = 'x@elsewhere.example' WHERE id % 10 = 0")
	// One loop leads through ten thousand aliases.
	db.Exec(t, "UPDATE virtual_aliases SET destination = CONCAT('alias', LPAD((id - 1001 + 10) % 100000, 6, '0'), '@example.org') WHERE id % 10 = 1")
	store := db.Store(t, ispmail.Config{})
	inUse := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before, peak, n := inUse(), uint64(0), 0
	for f, err := range check.Run(t.Context(), store, check.Config{}) {
		require.NoError(t, err)
		if n++; n%500 == 0 || f.Code == check.CodeAliasLoop {
			peak = max(peak, inUse())
		}
	}
	assert.Greater(t, n, 20_000)
	grown := float64(peak-before) / 1e6
	t.Logf("%d findings, grown by %.1f MB", n, grown)
	assert.Less(t, grown, 16.0)
}
