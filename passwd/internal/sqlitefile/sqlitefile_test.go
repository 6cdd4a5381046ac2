package sqlitefile_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// TestSettings are what the documentation says: they decide whether an acknowledged change outlasts a loss of power.
func TestSettings(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	for name, want := range map[string]string{"journal_mode": "delete", "synchronous": "3", "foreign_keys": "1", "busy_timeout": "5000"} {
		assert.Equal(t, want, pragma(t, path, name), name)
	}
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, fs.FileMode(0o600), info.Mode(), "it holds the hashes of all passwords")

	// What another program has chosen stays, and is as durable.
	require.Equal(t, "wal", pragma(t, path, "journal_mode = WAL"))
	assert.Equal(t, "wal", pragma(t, path, "journal_mode"))
	assert.Equal(t, "3", pragma(t, path, "synchronous"))
	store, closer, err := sqlitefile.OpenStore(t.Context(), path, sqlitefile.Write, quick())
	require.NoError(t, err)
	require.NoError(t, store.ChangePassword(t.Context(), email, numbered(0), numbered(1)))
	require.NoError(t, closer())
}

// TestOpenFails names the file, and makes none.
func TestOpenFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("this is a text, and no database at all, however long it may be"), 0o600))
	missing := filepath.Join(dir, "no such folder", "mail.db")
	for _, test := range []struct {
		path string
		mode sqlitefile.Mode
		kind error
		want string
	}{
		{filepath.Join(dir, "missing"), sqlitefile.Write, fs.ErrNotExist, "no such file"},
		{missing, sqlitefile.Create, fs.ErrNotExist, "no such file"},
		{dir, sqlitefile.Write, ispmail.ErrUnavailable, "its file, or the journal beside it, cannot be opened"},
		{text, sqlitefile.Write, ispmail.ErrSchema, "its file is none of SQLite"},
	} {
		_, _, err := sqlitefile.OpenStore(t.Context(), test.path, test.mode, quick())
		require.ErrorIs(t, err, test.kind)
		assert.ErrorContains(t, err, test.want)
		assert.ErrorContains(t, err, test.path)
	}
	assert.NoFileExists(t, filepath.Join(dir, "missing"))
	odd := filepath.Join(dir, "a?b#c%20 d.db")
	_, closer, err := sqlitefile.OpenStore(t.Context(), odd, sqlitefile.Create, quick())
	require.NoError(t, err)
	require.NoError(t, closer())
	assert.FileExists(t, odd)
}

func TestMemory(t *testing.T) {
	t.Parallel()
	for range 2 { // each is new, although the other one is open
		db, err := sqlitefile.Memory()
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, db.Close()) })
		store, err := ispmail.New(t.Context(), db, quick())
		require.NoError(t, err)
		require.NoError(t, store.CreateSchema(t.Context()))
		_, err = store.CreateDomain(t.Context(), "example.org")
		require.NoError(t, err)
	}
}
