package ispmail_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// These compare the store with the bare work that it cannot save, in pairs, in one process, on the same rows, and fail if
// the ratio of the medians is above the promised one. They measure time, so they run only when they are asked for:
//
//	ISPMAIL_BENCH=1 go test -count=1 -v -run '^TestSpeed' ./ispmail

const manyUsers = 100_000

// many returns a database with many users, all with the same password, and its store. Open connects it, as in a
// program.
func many(t *testing.T) (*ispmail.Store, *sql.DB) {
	t.Helper()
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	stored := db.Stored(t, "john@example.org")
	for from := 0; from < manyUsers; from += 1000 {
		users := make([]ispmail.User, 1000)
		for i := range users {
			users[i] = ispmail.User{DomainID: 1, Email: email(from + i), Password: ispmail.NewSecret(stored)}
		}
		_, err := db.DB.NewInsert().Model(&users).Exec(t.Context())
		require.NoError(t, err)
	}
	store, err := ispmail.Open(t.Context(), db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	// As quick as database/sql gets: without this, it would prepare each statement.
	config, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	config.InterpolateParams = true
	bare, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bare.Close()) })
	return store, bare
}

func email(i int) string { return fmt.Sprintf("user%06d@example.org", i) }

// compare runs two functions alternately, in either order, each time with the number of a random user. It fails if the ratio
// of their medians is above a limit.
func compare(t *testing.T, name string, limit float64, rounds int, ours, bare func(i int)) {
	t.Helper()
	for i := range min(20, rounds/3) { // connections, caches, the first look at the tables
		ours(i)
		bare(i)
	}
	var times [2][]time.Duration
	for range rounds {
		user := rand.N(manyUsers) //nolint:gosec // any user
		for turn := range 2 {
			side := (user + turn) % 2
			start := time.Now()
			[]func(int){ours, bare}[side](user)
			times[side] = append(times[side], time.Since(start))
		}
	}
	ratio(t, name, limit, times[0], times[1])
}

// ratio fails if the median of our times is above a limit of that of the bare work.
func ratio(t *testing.T, name string, limit float64, ours, bare []time.Duration) {
	t.Helper()
	slices.Sort(ours)
	slices.Sort(bare)
	a, b := ours[len(ours)/2], bare[len(bare)/2]
	got := float64(a) / float64(b)
	t.Logf("%s: %v / %v = %.3f, limit %.2f", name, a, b, got, limit)
	if got > limit {
		t.Errorf("%s: the ratio is %.3f, above %.2f", name, got, limit)
	}
}

// TestSpeedUser finds users by their address: at most 15 % slower than database/sql.
func TestSpeedUser(t *testing.T) {
	store, bare := many(t)
	compare(t, "find a user / database/sql", 1.15, 2000, func(i int) {
		if _, err := store.User(t.Context(), email(i)); err != nil {
			t.Fatal(err)
		}
	}, func(i int) {
		var user ispmail.User
		err := bare.QueryRowContext(t.Context(), "SELECT id, domain_id, email, password, quota FROM virtual_users WHERE email = ?", email(i)).
			Scan(&user.ID, &user.DomainID, &user.Email, &user.Password, &user.Quota)
		if err != nil {
			t.Fatal(err)
		}
	})
}

// TestSpeedChangePassword changes passwords: at most 1.3 times its two hashes and its statements, a SELECT and an UPDATE in
// a transaction.
func TestSpeedChangePassword(t *testing.T) {
	store, bare := many(t)
	hasher, err := hash.New(hash.Config{})
	require.NoError(t, err)
	compare(t, "change a password / its hashes and statements", 1.3, 2000, func(i int) {
		if err := store.ChangePassword(t.Context(), email(i), ispmailtest.Password, ispmailtest.Password); err != nil {
			t.Fatal(err)
		}
	}, func(i int) {
		if err := bareChange(t.Context(), bare, hasher, email(i)); err != nil {
			t.Fatal(err)
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

// TestSpeedUsers lists all users: the first one in less than 5 ms, and in no more than 6 MB above what the process had
// before.
func TestSpeedUsers(t *testing.T) {
	store, _ := many(t)
	var firsts []time.Duration
	var grown int64
	require.NoError(t, errorOf(store.User(t.Context(), email(0)))) // the first look at the table is not the list's
	for range 20 {
		runtime.GC()
		debug.FreeOSMemory()
		before := resident(t, "VmRSS")
		require.NoError(t, os.WriteFile("/proc/self/clear_refs", []byte("5"), 0)) // VmHWM starts anew, see proc(5)
		start, n := time.Now(), 0
		for _, err := range store.Users(t.Context(), ispmail.Query{}) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 1 {
				firsts = append(firsts, time.Since(start))
			}
		}
		require.Equal(t, manyUsers+2, n)
		grown = max(grown, resident(t, "VmHWM")-before)
	}
	slices.Sort(firsts)
	first := firsts[len(firsts)/2]
	t.Logf("first user after %v, grown by %.1f MB", first, float64(grown)/1e6)
	if first >= 5*time.Millisecond {
		t.Errorf("the first user came after %v", first)
	}
	if grown > 6e6 {
		t.Errorf("the process grew by %.1f MB", float64(grown)/1e6)
	}
}

// resident reads a line of /proc/self/status, in bytes.
func resident(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	_, value, found := strings.Cut(string(status), name+":")
	require.True(t, found)
	kB, err := strconv.ParseInt(strings.Fields(value)[0], 10, 64)
	require.NoError(t, err)
	return kB << 10
}

// crowdOf returns the records of many users in one domain.
func crowdOf(n int, user func(i int) ispmail.Record) iter.Seq2[ispmail.Record, error] {
	return func(yield func(ispmail.Record, error) bool) {
		if !yield(newDomain("example.org"), nil) {
			return
		}
		for i := range n {
			if !yield(user(i), nil) {
				return
			}
		}
	}
}

// TestSpeedImportStored imports users with stored passwords: at most 1.5 times what LOAD DATA LOCAL takes, which checks
// nothing but the keys, for as many rows.
func TestSpeedImportStored(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	db := ispmailtest.MariaDB(t)
	stored := dbtest.Sound()
	store, err := ispmail.Open(t.Context(), db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	// The file is in memory, as are the records.
	mysql.RegisterReaderHandler("users", func() io.Reader {
		var file bytes.Buffer
		for i := range manyUsers {
			fmt.Fprintf(&file, "1\t%s\t%s\t0\n", email(i), stored)
		}
		return &file
	})
	t.Cleanup(func() { mysql.DeregisterReaderHandler("users") })
	require.NoError(t, errorOf(db.DB.ExecContext(t.Context(), "SET GLOBAL local_infile = 1")))
	ours := func() time.Duration {
		start := time.Now()
		result, err := store.Import(t.Context(), crowdOf(manyUsers, func(i int) ispmail.Record { return newUser(email(i), stored) }), ispmail.ImportConfig{})
		require.NoError(t, err)
		require.Equal(t, manyUsers, result.Users)
		return time.Since(start)
	}
	bare := func() time.Duration {
		db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
		start := time.Now()
		db.Exec(t, "LOAD DATA LOCAL INFILE 'Reader::users' INTO TABLE virtual_users (domain_id, email, password, quota)")
		return time.Since(start)
	}
	var a, z []time.Duration
	for i := range 8 {
		for _, side := range []bool{i%2 == 0, i%2 != 0} {
			if side {
				a = append(a, ours())
			} else {
				z = append(z, bare())
			}
			for _, table := range []string{"virtual_users", "virtual_aliases", "virtual_domains"} {
				db.Exec(t, "SET FOREIGN_KEY_CHECKS = 0")
				db.Exec(t, "TRUNCATE TABLE "+table)
				db.Exec(t, "SET FOREIGN_KEY_CHECKS = 1")
			}
		}
	}
	ratio(t, fmt.Sprintf("import %d users / LOAD DATA LOCAL", manyUsers), 1.5, a, z)
}

// TestSpeedImportPlain imports users with plain passwords: at least 0.9 times as fast as all cores can hash.
func TestSpeedImportPlain(t *testing.T) {
	if os.Getenv("ISPMAIL_BENCH") == "" {
		t.Skip("set ISPMAIL_BENCH=1 to measure")
	}
	const n = 32_000 // or the beginning and the end, when not all cores have something to hash, weigh too much
	db := ispmailtest.MariaDB(t)
	store, err := ispmail.Open(t.Context(), db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	var rates []float64
	for range 3 {
		// The rate of one core, before and after, as the speed of a machine varies.
		single := func() time.Duration {
			start := time.Now()
			for range n / 16 {
				_, err := hash.Generate(ispmailtest.Password)
				require.NoError(t, err)
			}
			return time.Since(start)
		}
		one := single()
		start := time.Now()
		result, err := store.Import(t.Context(), crowdOf(n, func(i int) ispmail.Record { return newPlain(email(i), ispmailtest.Password) }), ispmail.ImportConfig{})
		took := time.Since(start)
		require.NoError(t, err)
		require.Equal(t, n, result.Users)
		one += single()
		db.Exec(t, "DELETE FROM virtual_domains")
		cores := float64(runtime.GOMAXPROCS(0))
		rates = append(rates, (float64(n)/took.Seconds())/(cores*float64(n/8)/one.Seconds()))
	}
	slices.Sort(rates)
	t.Logf("%.2f x cores x the rate of one core", rates[len(rates)/2])
	if rates[len(rates)/2] < 0.9 {
		t.Errorf("%.2f is below 0.9", rates[len(rates)/2])
	}
}
