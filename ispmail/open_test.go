package ispmail_test

import (
	"log/slog"
	"net"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
	c.Params = map[string]string{"sql_mode": "''"}
	store, err := ispmail.Open(t.Context(), c.FormatDSN(), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer func() { require.NoError(t, store.Close()) }()
	_, err = store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	_, err = store.CreateDomain(t.Context(), "a-name-that-is-longer-than-fifty-characters.example.org")
	require.ErrorIs(t, err, ispmail.ErrTooLong)
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
		change(c)
		return c.FormatDSN()
	}
	// A port that nobody listens on.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	for name, dsn := range map[string]string{
		"empty":            "",
		"no database":      with(func(c *mysql.Config) { c.DBName = "" }),
		"unknown database": with(func(c *mysql.Config) { c.DBName = "nowhere" }),
		"wrong password":   with(func(c *mysql.Config) { c.Passwd = "canary" }),
		"nobody there":     with(func(c *mysql.Config) { c.Addr, c.Passwd = l.Addr().String(), "canary" }),
		"not a DSN":        "mailadmin:canary@127.0.0.1:3306",
		"half a DSN":       "mailadmin:canary@127.0.0.1:3306/mailserver",
		"odd network":      "mailadmin:canary/secret@tcp(127.0.0.1:3306",
		"odd setting":      "mailadmin:canary@tcp(127.0.0.1:3306)/mailserver?timeout=canary",
	} {
		_, err := ispmail.Open(t.Context(), dsn, ispmail.Config{})
		require.Error(t, err, name)
		assert.NotContains(t, err.Error(), "canary", name)
		assert.Contains(t, err.Error(), "ispmail: ", name)
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
