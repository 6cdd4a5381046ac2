// Package ispmailtest gives a test a fresh database with the tables of the ISPmail guide, as [net/http/httptest] gives it a
// server.
//
// [SQLite] makes a database in memory and needs nothing else. [MariaDB] makes one on a real server, which runs in a container
// that the tests of a package share. Every call makes a database of its own and removes it when the test ends, so that tests
// can run in parallel.
//
// MariaDB needs Docker, and takes the image that the environment variable ISPMAIL_TEST_IMAGE names, by default the official
// one. Or ISPMAIL_TEST_DSN names a server that runs already, with an account that may create databases and accounts:
//
//	ISPMAIL_TEST_DSN='root:secret@tcp(127.0.0.1:3306)/' go test ./...
//
// Without a server, the test fails. With go test -short, it is skipped.
package ispmailtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Database is a database for one test, which ends with it. It is safe for concurrent use.
type Database struct {
	// DB is for statements of the test itself. It has all rights.
	DB *bun.DB
	// DSN is the data source name for a program under test that connects itself. It is one of github.com/go-sql-driver/mysql
	// for MariaDB, and one of modernc.org/sqlite for SQLite.
	DSN string
}

// MariaDB returns a database on a MariaDB server, with the tables of the guide and no rows.
func MariaDB(tb testing.TB) *Database {
	tb.Helper()
	if testing.Short() {
		tb.Skip("a test that needs a MariaDB, which -short leaves out")
	}
	server, err := mariaDB()
	require.NoError(tb, err, "a MariaDB is needed: run make test, start Docker, or set ISPMAIL_TEST_DSN to a server that runs")
	name := "ispmail_test_" + rand.Text()
	_, err = server.db.ExecContext(tb.Context(), "CREATE DATABASE "+name)
	require.NoError(tb, err)
	tb.Cleanup(func() {
		_, err := server.db.ExecContext(context.WithoutCancel(tb.Context()), "DROP DATABASE "+name)
		require.NoError(tb, err)
	})
	config := server.config.Clone()
	config.DBName = name
	db, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(tb, err)
	d := &Database{DB: bun.NewDB(db, mysqldialect.New()), DSN: config.FormatDSN()}
	d.init(tb)
	return d
}

// SQLite returns an SQLite database in memory, with the tables of the guide and no rows.
func SQLite(tb testing.TB) *Database {
	tb.Helper()
	// With the VFS memdb, the connections of a process that name the same file share a database.
	dsn := "file:/" + rand.Text() + "?vfs=memdb&" + ispmail.SQLiteOptions
	db, err := sql.Open("sqlite", dsn)
	require.NoError(tb, err)
	db.SetMaxIdleConns(4) // the database ends with its last connection
	d := &Database{DB: bun.NewDB(db, sqlitedialect.New()), DSN: dsn}
	d.init(tb)
	return d
}

// Each runs a test twice, as the subtests MariaDB and SQLite, each on an empty database of that kind.
func Each(t *testing.T, test func(t *testing.T, db *Database)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) *Database{"MariaDB": MariaDB, "SQLite": SQLite} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// init creates the tables.
func (d *Database) init(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() { require.NoError(tb, d.DB.Close()) })
	require.NoError(tb, d.Store(tb, ispmail.Config{}).CreateSchema(tb.Context()))
}

// Store returns an [ispmail.Store] on the database. Unless config sets them, the Logger discards everything, and the Timeout
// is a minute, because machines that run tests are busy.
func (d *Database) Store(tb testing.TB, config ispmail.Config) *ispmail.Store {
	tb.Helper()
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	config.Timeout = cmp.Or(config.Timeout, time.Minute)
	store, err := ispmail.New(tb.Context(), d.DB, config)
	require.NoError(tb, err)
	return store
}

// Password is the password of the users of [Database.Example].
const Password = "summersun"

// Example adds the example rows of the guide: the domain example.org, the user john@example.org with a {SHA256-CRYPT}
// password, and an alias from jack@example.org to him. It also adds the user md5@example.org with a {PLAIN-MD5} password, the
// scheme of older releases of the guide.
func (d *Database) Example(tb testing.TB) {
	tb.Helper()
	for _, statement := range []string{
		`INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')`,
		`INSERT INTO virtual_users (id, domain_id, email, password) VALUES
			(1, 1, 'john@example.org', '{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7'),
			(2, 1, 'md5@example.org', '{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd')`,
		`INSERT INTO virtual_aliases (id, domain_id, source, destination) VALUES (1, 1, 'jack@example.org', 'john@example.org')`,
	} {
		d.Exec(tb, statement)
	}
}

// Exec runs a statement. If the statement fails, the test ends.
func (d *Database) Exec(tb testing.TB, query string, args ...any) {
	tb.Helper()
	_, err := d.DB.ExecContext(tb.Context(), query, args...)
	require.NoError(tb, err, query)
}

// Stored returns the stored password of a user. The address must be spelt as in the row.
func (d *Database) Stored(tb testing.TB, email string) string {
	tb.Helper()
	var stored string
	err := d.DB.NewRaw("SELECT password FROM virtual_users WHERE email = ?", email).Scan(tb.Context(), &stored)
	require.NoError(tb, err, fmt.Sprintf("password of %s", email))
	return stored
}
