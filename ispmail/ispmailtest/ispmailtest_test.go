package ispmailtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestMariaDB also logs which server the tests run on.
func TestMariaDB(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	var version string
	require.NoError(t, db.DB.NewRaw("SELECT VERSION()").Scan(t.Context(), &version))
	t.Log("VERSION()", version)
	require.Contains(t, version, "MariaDB")
	check(t, db, ispmailtest.MariaDB(t))
}

func TestSQLite(t *testing.T) {
	t.Parallel()
	check(t, ispmailtest.SQLite(t), ispmailtest.SQLite(t))
}

// check fails if two databases share rows.
func check(t *testing.T, db, other *ispmailtest.Database) {
	t.Helper()
	db.Example(t)
	_, err := db.Store(t, ispmail.Config{}).Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)
	_, err = other.Store(t, ispmail.Config{}).User(t.Context(), "john@example.org")
	require.ErrorIs(t, err, ispmail.ErrNotFound)
}
