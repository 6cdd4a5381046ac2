package ispmail_test

import (
	"database/sql"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/feature"
	"github.com/uptrace/bun/schema"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func TestOpen(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	// A server on which a value that is too long would be cut with a warning.
	c, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	c.Params = map[string]string{"sql_mode": "''", "innodb_lock_wait_timeout": "7"}
	store, err := ispmail.Open(t.Context(), c.FormatDSN(), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	_, err = store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	var settings string
	require.NoError(t, store.DB().NewRaw(`SELECT CONCAT_WS(' ', @@sql_mode, @@max_statement_time, @@lock_wait_timeout,
		@@innodb_lock_wait_timeout, @@character_set_connection)`).Scan(t.Context(), &settings))
	assert.Equal(t, "STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION 3.000000 3 7 utf8mb4", settings)
	require.NoError(t, store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, `\ " ' back to Grüße`))
	_, err = db.Store(t, ispmail.Config{}).Authenticate(t.Context(), "john@example.org", `\ " ' back to Grüße`)
	require.NoError(t, err)
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	good, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	with := func(change func(*mysql.Config)) string {
		c := good.Clone()
		c.Passwd = "canary"
		change(c)
		return c.FormatDSN()
	}
	limited, err := mysql.ParseDSN(db.Account(t))
	require.NoError(t, err)
	// Nobody listens there. A port that was closed a moment ago may belong to another test by now.
	const nobody = "127.0.0.1:1"
	for name, test := range map[string]struct {
		dsn  string
		want error // nil = none that a program could do something about
		text string
	}{
		"empty":       {dsn: "", text: "user:password@tcp(host:port)/database"},
		"no database": {dsn: with(func(c *mysql.Config) { c.DBName = "" }), text: "user:password@tcp(host:port)/database"},
		"not a DSN":   {dsn: "mailadmin:canary@127.0.0.1:3306", text: "user:password@tcp(host:port)/database"},
		"half a DSN":  {dsn: "mailadmin:canary@127.0.0.1:3306/mailserver", text: "user:password@tcp(host:port)/database"},
		"odd network": {dsn: "mailadmin:canary/secret@tcp(127.0.0.1:3306", text: "user:password@tcp(host:port)/database"},
		"odd setting": {dsn: "mailadmin:canary@tcp(127.0.0.1:3306)/mailserver?timeout=canary", text: "user:password@tcp(host:port)/database"},
		"unknown database": {
			dsn:  with(func(c *mysql.Config) { c.Passwd, c.DBName = good.Passwd, "nowhere" }),
			want: ispmail.ErrSchema, text: "there is no such database: Error 1049 (42000): Unknown database 'nowhere'",
		},
		"database of others": {
			dsn:  with(func(c *mysql.Config) { c.User, c.Passwd = limited.User, limited.Passwd }),
			want: ispmail.ErrDenied, text: "the account lacks a grant: Error 1044",
		},
		"wrong password": {
			dsn:  with(func(*mysql.Config) {}),
			want: ispmail.ErrDenied, text: "a connection without TLS is not accepted: Error 1045",
		},
		"unknown account": {
			dsn:  with(func(c *mysql.Config) { c.User = "mailadmin" }),
			want: ispmail.ErrDenied, text: "over TCP, mailadmin@localhost works only if the server resolves names",
		},
		"nobody there": {
			dsn:  with(func(c *mysql.Config) { c.Addr = nobody }),
			want: ispmail.ErrUnavailable, text: "it does not answer: dial tcp " + nobody,
		},
		"no socket": {
			dsn:  with(func(c *mysql.Config) { c.Net, c.Addr = "unix", "/nowhere/mysqld.sock" }),
			want: ispmail.ErrUnavailable, text: "dial unix /nowhere/mysqld.sock",
		},
		"unknown variable": {dsn: with(func(c *mysql.Config) {
			c.Passwd, c.Params = good.Passwd, map[string]string{"no_such_variable": "1"}
		}), text: "no_such_variable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := ispmail.Open(t.Context(), test.dsn, ispmail.Config{})
			require.Error(t, err)
			for _, kind := range []error{ispmail.ErrSchema, ispmail.ErrDenied, ispmail.ErrUnavailable} {
				assert.Equal(t, errors.Is(test.want, kind), errors.Is(err, kind), "%v: %v", kind, err)
			}
			assert.ErrorContains(t, err, test.text)
			assert.True(t, strings.HasPrefix(err.Error(), "ispmail: "), err)
			assert.NotContains(t, err.Error(), "canary")
			assert.NotContains(t, err.Error(), good.Passwd)
			assert.NotContains(t, err.Error(), "\n", "one sentence")
		})
	}
}

func TestNewFails(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	_, err := ispmail.New(t.Context(), db.DB, ispmail.Config{Timeout: -1})
	require.ErrorContains(t, err, "Config.Timeout")
	_, err = ispmail.New(t.Context(), bun.NewDB(db.DB.DB, odd{}), ispmail.Config{})
	require.ErrorContains(t, err, "use MariaDB or SQLite")
}

// odd is the dialect of a database that is not supported.
type odd struct{ schema.Dialect }

func (odd) Init(*sql.DB)              {}
func (odd) Name() dialect.Name        { return dialect.Oracle }
func (odd) Features() feature.Feature { return 0 }
func (odd) Tables() *schema.Tables    { return nil }
func (odd) IdentQuote() byte          { return '"' }

func TestMissingTables(t *testing.T) {
	t.Parallel()
	for name, db := range map[string]*ispmailtest.Database{"MariaDB": ispmailtest.MariaDB(t), "SQLite": ispmailtest.SQLite(t)} {
		db.Exec(t, "DROP TABLE virtual_aliases")
		store := db.Store(t, ispmail.Config{})
		ctx := t.Context()
		_, err := store.CreateDomain(ctx, "example.org")
		require.NoError(t, err, "%s: a table that is not needed is not missed", name)
		_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@example.org")
		require.ErrorIs(t, err, ispmail.ErrSchema)
		require.ErrorContains(t, err, "virtual_aliases")
		require.NoError(t, store.CreateSchema(ctx))
		_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@example.org")
		require.NoError(t, err)
	}
}

// TestDatabaseAway has a store whose server does not answer any more.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store, err := ispmail.Open(t.Context(), db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, store.Close())
	_, err = store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.Error(t, err)
	require.NotErrorIs(t, err, ispmail.ErrBadCredentials, "a database that does not answer refuses nobody")
	require.NotErrorIs(t, err, ispmail.ErrNotFound)
}
