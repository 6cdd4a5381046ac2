// Package dbtest holds what the database tests of several packages share.
package dbtest

import (
	"cmp"
	"database/sql"
	"fmt"
	"iter"
	"log/slog"
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

// Each runs a test in parallel on every kind of database, with the example data of the guide.
func Each(t *testing.T, test func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store)) {
	t.Helper()
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		t.Parallel()
		db.Example(t)
		test(t, db, db.Store(t, ispmail.Config{}))
	})
}

// Sound is a stored password of which there is nothing to say.
var Sound = sync.OnceValue(func() string {
	stored, err := hash.Generate("a long enough secret")
	if err != nil {
		panic(err)
	}
	return stored
})

// Collect returns all rows of a list, which must not fail.
func Collect[T any](t *testing.T, rows iter.Seq2[T, error]) []T {
	t.Helper()
	var all []T
	for row, err := range rows {
		require.NoError(t, err)
		all = append(all, row)
	}
	return all
}

// Open opens a Store that ends with the test. Its log goes nowhere unless config has a Logger.
func Open(t *testing.T, dsn string, config ispmail.Config) *ispmail.Store {
	t.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.Timeout = cmp.Or(config.Timeout, time.Minute) // on a busy machine too
	store, err := ispmail.Open(t.Context(), dsn, config)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, store.Close()) })
	return store
}

// Lax returns a Store on connections that are not strict: MariaDB cuts there what is too long.
func Lax(t *testing.T, db *ispmailtest.Database, config ispmail.Config) *ispmail.Store {
	t.Helper()
	return Connect(t, db, map[string]string{"sql_mode": "''"}).Store(t, config)
}

// Connect returns the database through connections with other settings.
func Connect(t *testing.T, db *ispmailtest.Database, params map[string]string) *ispmailtest.Database {
	t.Helper()
	c, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	c.Params = params
	sqlDB, err := sql.Open("mysql", c.FormatDSN())
	require.NoError(t, err)
	other := &ispmailtest.Database{DB: bun.NewDB(sqlDB, mysqldialect.New()), DSN: c.FormatDSN()}
	t.Cleanup(func() { require.NoError(t, other.DB.Close()) })
	return other
}

// Dump returns every row of the database.
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
