// Package dbtest holds what the database tests of several packages share.
package dbtest

import (
	"cmp"
	"database/sql"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// Each is [ispmailtest.Each] with parallel subtests, the rows of [ispmailtest.Database.Example], and a Store.
func Each(t *testing.T, test func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store)) {
	t.Helper()
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		db.Example(t)
		test(t, db, db.Store(t, ispmail.Config{}))
	})
}

// Sound returns a stored password without faults.
var Sound = sync.OnceValue(func() string {
	stored, err := hash.Generate("a long enough secret")
	if err != nil {
		panic(err)
	}
	return stored
})

// Collect returns the items of a sequence, which must not yield an error.
func Collect[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		require.NoError(t, err)
		all = append(all, row)
	}
	return all
}

// Sequence yields items and then err, unless it is nil. It is the opposite of [Collect].
func Sequence[T any](err error, items ...T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, item := range items {
			if !yield(item, nil) {
				return
			}
		}
		if err != nil {
			var none T
			yield(none, err)
		}
	}
}

// Open opens a Store and closes it when the test ends. Unless config sets them, the Logger discards everything, and the
// Timeout is a minute.
func Open(t *testing.T, dsn string, config ispmail.Config) *ispmail.Store {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.Timeout = cmp.Or(config.Timeout, time.Minute) // the machine may be busy
	store, err := ispmail.Open(t.Context(), dsn, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// Lax returns a Store on connections without a strict sql_mode, on which MariaDB cuts a value that is too long.
func Lax(t *testing.T, db *ispmailtest.Database, config ispmail.Config) *ispmail.Store {
	t.Helper()
	return Connect(t, db, map[string]string{"sql_mode": "''"}).Store(t, config)
}

// Connect returns the database through new connections with further session variables.
func Connect(t *testing.T, db *ispmailtest.Database, params map[string]string) *ispmailtest.Database {
	t.Helper()
	c, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	if c.Params == nil {
		c.Params = map[string]string{}
	}
	maps.Copy(c.Params, params)
	sqlDB, err := sql.Open("mysql", c.FormatDSN())
	require.NoError(t, err)
	other := &ispmailtest.Database{DB: bun.NewDB(sqlDB, mysqldialect.New()), DSN: c.FormatDSN()}
	t.Cleanup(func() { require.NoError(t, other.DB.Close()) })
	return other
}

// Dump returns all rows of the database as text, to compare them.
func Dump(t *testing.T, db *ispmailtest.Database) string {
	t.Helper()
	var all strings.Builder
	for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
		dumpTable(t, db, table, &all)
	}
	return all.String()
}

func dumpTable(t *testing.T, db *ispmailtest.Database, table string, to *strings.Builder) {
	t.Helper()
	rows, err := db.DB.QueryContext(t.Context(), "SELECT * FROM "+table+" ORDER BY id")
	require.NoError(t, err)
	defer func() { require.NoError(t, rows.Close()) }()
	columns, err := rows.Columns()
	require.NoError(t, err)
	values, pointers := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range values {
		pointers[i] = &values[i]
	}
	for rows.Next() {
		require.NoError(t, rows.Scan(pointers...))
		fmt.Fprintln(to, table, values)
	}
	require.NoError(t, rows.Err())
}
