// Package ispmailtest gives tests a database with the tables of the ISPmail guide, as net/http/httptest gives them a
// server: MariaDB starts a real server in a container, once for each test binary, and SQLite needs nothing at all.
// Every call makes a database of its own, so that tests can run in parallel, and removes it when the test ends.
//
// MariaDB needs a Docker engine. ISPMAIL_TEST_IMAGE names the image of the server, by default the official one.
// ISPMAIL_TEST_DSN names a server that runs already, with an account that may create databases
// and accounts, such as root:
//
//	ISPMAIL_TEST_DSN='root:secret@tcp(127.0.0.1:3306)/' go test ./...
//
// Where neither is to be had, the test fails. Under go test -short, tests that need a MariaDB are skipped.
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

// A Database is a database that lives as long as a test. It is safe for concurrent use.
type Database struct {
	// DB reaches everything in the database, to arrange what a test needs and to look at what came out.
	DB *bun.DB
	// DSN is the data source name for the program under test: of github.com/go-sql-driver/mysql for MariaDB, of
	// modernc.org/sqlite for SQLite.
	DSN string
}

// MariaDB returns an empty database with the tables of the guide on a MariaDB server.
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

// SQLite returns an empty database with the tables of the guide in memory.
func SQLite(tb testing.TB) *Database {
	tb.Helper()
	// The VFS memdb shares a database between the connections of a process by its name.
	dsn := "file:/" + rand.Text() + "?vfs=memdb&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)"
	db, err := sql.Open("sqlite", dsn)
	require.NoError(tb, err)
	db.SetMaxIdleConns(4) // the database ends with its last connection
	d := &Database{DB: bun.NewDB(db, sqlitedialect.New()), DSN: dsn}
	d.init(tb)
	return d
}

// Each runs a test on an empty database of every kind, as the subtests MariaDB and SQLite.
func Each(t *testing.T, test func(t *testing.T, db *Database)) {
	t.Helper()
	for name, open := range map[string]func(testing.TB) *Database{"MariaDB": MariaDB, "SQLite": SQLite} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

func (d *Database) init(tb testing.TB) {
	tb.Helper()
	tb.Cleanup(func() { require.NoError(tb, d.DB.Close()) })
	require.NoError(tb, d.Store(tb, ispmail.Config{}).CreateSchema(tb.Context()))
}

// Store returns a Store on the database. Its log goes nowhere unless config has a Logger, and Config.Timeout is a minute
// unless it is set: machines that run tests are busy.
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

// Password is the password of the users of Example.
const Password = "summersun"

// Example fills the database with the example data of the guide: the domain example.org, the user john@example.org
// with a {SHA256-CRYPT} password and the alias jack@example.org for him. As a user whom an older guide left behind,
// md5@example.org has a {PLAIN-MD5} password.
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

// Exec runs a statement that must succeed.
func (d *Database) Exec(tb testing.TB, query string, args ...any) {
	tb.Helper()
	_, err := d.DB.ExecContext(tb.Context(), query, args...)
	require.NoError(tb, err, query)
}

// Stored returns what the column password holds for an address, which must be spelt as in the row.
func (d *Database) Stored(tb testing.TB, email string) string {
	tb.Helper()
	var stored string
	err := d.DB.NewRaw("SELECT password FROM virtual_users WHERE email = ?", email).Scan(tb.Context(), &stored)
	require.NoError(tb, err, fmt.Sprintf("password of %s", email))
	return stored
}
