package ispmail_test

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// The benchmarks compare the store with the bare work that it cannot save, in pairs, in one process, on the same rows.
// They fail if the ratio of the medians is above the promised one: make bench.

const manyUsers = 100_000

// many returns a database with many users, all with the same password, and its store. Open connects it, as in a
// program.
func many(b *testing.B) (*ispmail.Store, *sql.DB) {
	b.Helper()
	db := ispmailtest.MariaDB(b)
	db.Example(b)
	stored := db.Stored(b, "john@example.org")
	for from := 0; from < manyUsers; from += 1000 {
		users := make([]ispmail.User, 1000)
		for i := range users {
			users[i] = ispmail.User{DomainID: 1, Email: email(from + i), Password: stored}
		}
		_, err := db.DB.NewInsert().Model(&users).Exec(b.Context())
		require.NoError(b, err)
	}
	store, err := ispmail.Open(b.Context(), db.DSN, ispmail.Config{Logger: silent})
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, store.Close()) })
	// As quick as database/sql gets: without this, it would prepare each statement.
	config, err := mysql.ParseDSN(db.DSN)
	require.NoError(b, err)
	config.InterpolateParams = true
	bare, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, bare.Close()) })
	return store, bare
}

func email(i int) string { return fmt.Sprintf("user%06d@example.org", i) }

// pairs runs two functions in turn, in either order, and holds the ratio of their medians against a limit.
func pairs(b *testing.B, limit float64, ours, bare func(i int)) {
	b.Helper()
	for i := range 20 { // connections, caches, the first look at the tables
		ours(i)
		bare(i)
	}
	measure := func(f func(int), i int) time.Duration {
		start := time.Now()
		f(i)
		return time.Since(start)
	}
	var a, z []time.Duration
	for b.Loop() {
		i := rand.N(manyUsers) //nolint:gosec // any user
		if i%2 == 0 {
			a, z = append(a, measure(ours, i)), append(z, measure(bare, i))
		} else {
			z, a = append(z, measure(bare, i)), append(a, measure(ours, i))
		}
	}
	slices.Sort(a)
	slices.Sort(z)
	ratio := float64(a[len(a)/2]) / float64(z[len(z)/2])
	b.ReportMetric(float64(a[len(a)/2].Nanoseconds())/1000, "µs/ours")
	b.ReportMetric(float64(z[len(z)/2].Nanoseconds())/1000, "µs/bare")
	b.ReportMetric(ratio, "ratio")
	if len(a) >= 100 && ratio > limit {
		b.Errorf("the ratio is %.3f, above %.2f", ratio, limit)
	}
}

// BenchmarkUser finds users by their address: at most 15 % slower than database/sql.
func BenchmarkUser(b *testing.B) {
	store, bare := many(b)
	pairs(b, 1.15, func(i int) {
		if _, err := store.User(b.Context(), email(i)); err != nil {
			b.Fatal(err)
		}
	}, func(i int) {
		var user ispmail.User
		err := bare.QueryRowContext(b.Context(), "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE email = ?", email(i)).
			Scan(&user.ID, &user.DomainID, &user.Email, &user.Password, &user.Quota)
		if err != nil {
			b.Fatal(err)
		}
	})
}

// BenchmarkChangePassword changes passwords: at most 1.3 times its two hashes and its statements, a SELECT and an UPDATE in
// a transaction.
func BenchmarkChangePassword(b *testing.B) {
	store, bare := many(b)
	hasher, err := hash.New(hash.Config{})
	require.NoError(b, err)
	pairs(b, 1.3, func(i int) {
		if err := store.ChangePassword(b.Context(), email(i), ispmailtest.Password, ispmailtest.Password); err != nil {
			b.Fatal(err)
		}
	}, func(i int) {
		if err := bareChange(b.Context(), bare, hasher, email(i)); err != nil {
			b.Fatal(err)
		}
	})
}

func bareChange(ctx context.Context, db *sql.DB, hasher *hash.Hasher, email string) error {
	var id int64
	var old string
	if err := db.QueryRowContext(ctx, "SELECT id, password FROM virtual_users WHERE email = ?", email).Scan(&id, &old); err != nil {
		return err
	}
	if err := hasher.Verify(old, ispmailtest.Password); err != nil {
		return err
	}
	stored, err := hasher.Generate(ispmailtest.Password)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "UPDATE virtual_users SET password = ? WHERE id = ? AND password = ?", stored, id, old); err != nil {
		return err
	}
	return tx.Commit()
}

// BenchmarkUsers lists all users: the first one in less than 5 ms, and in no more than 6 MB above what the process had
// before.
func BenchmarkUsers(b *testing.B) {
	store, _ := many(b)
	var firsts []time.Duration
	var grown int64
	var warm sync.Once
	for b.Loop() {
		warm.Do(func() { // the connection and the first look at the tables are not the list's
			if _, err := store.User(b.Context(), email(0)); err != nil {
				b.Fatal(err)
			}
		})
		runtime.GC()
		debug.FreeOSMemory()
		before := resident(b, "VmRSS")
		require.NoError(b, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // VmHWM starts anew, see proc(5)
		start, n := time.Now(), 0
		for _, err := range store.Users(b.Context(), "") {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n == 1 {
				firsts = append(firsts, time.Since(start))
			}
		}
		require.Equal(b, manyUsers+2, n)
		grown = max(grown, resident(b, "VmHWM")-before)
	}
	slices.Sort(firsts)
	first := firsts[len(firsts)/2]
	b.ReportMetric(float64(first.Microseconds())/1000, "ms/first")
	b.ReportMetric(float64(grown)/1e6, "MB/grown")
	if first >= 5*time.Millisecond {
		b.Errorf("the first user came after %v", first)
	}
	if grown > 6e6 {
		b.Errorf("the process grew by %.1f MB", float64(grown)/1e6)
	}
}

// resident reads a line of /proc/self/status, in bytes.
func resident(b *testing.B, name string) int64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(b, err)
	_, value, found := strings.Cut(string(status), name+":")
	require.True(b, found)
	kB, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
	require.NoError(b, err)
	return kB << 10
}
