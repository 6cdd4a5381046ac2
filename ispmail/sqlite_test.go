package ispmail_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// openFile opens a file of SQLite with some parameters.
func openFile(t *testing.T, path, parameters string) *ispmailtest.Database {
	t.Helper()
	dsn := "file:" + path + "?" + parameters
	db, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	return &ispmailtest.Database{DB: bun.NewDB(db, sqlitedialect.New()), DSN: dsn}
}

// TestSQLiteSettings refuses connections on which the data would get wrong, and warns of others.
func TestSQLiteSettings(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mail.db")
	for _, tt := range []struct{ parameters, refused, warned string }{
		{ispmail.SQLiteOptions, "", ""},
		{ispmail.SQLiteOptions + "&_pragma=journal_mode(TRUNCATE)", "", ""},
		{ispmail.SQLiteOptions + "&_pragma=journal_mode(MEMORY)", "", "may damage the file"},
		{ispmail.SQLiteOptions + "&_pragma=journal_mode(OFF)", "journal_mode=OFF", ""},
		{"_pragma=busy_timeout(1)", "foreign keys", ""},
		{"_pragma=foreign_keys(1)", "", "does not wait for other connections"},
		{"_pragma=foreign_keys(1)&_pragma=busy_timeout(1)", "", ""}, // FULL is the default
		{"_pragma=foreign_keys(1)&_pragma=busy_timeout(1)&_pragma=synchronous(NORMAL)", "", "may lose changes"},
		{"_pragma=foreign_keys(1)&_pragma=busy_timeout(1)&_pragma=synchronous(OFF)", "", "may lose changes"},
		{"mode=memory&_pragma=foreign_keys(1)&_pragma=busy_timeout(1)&_pragma=synchronous(OFF)", "", ""},
		{ispmail.SQLiteOptions + "&_pragma=journal_mode(WAL)", "", ""}, // the last one, because it stays
	} {
		var log bytes.Buffer
		_, err := ispmail.New(t.Context(), openFile(t, path, tt.parameters).DB, ispmail.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if tt.refused != "" {
			require.ErrorContains(t, err, tt.refused, tt.parameters)
			continue
		}
		require.NoError(t, err, tt.parameters)
		if tt.warned == "" {
			assert.Empty(t, log.String(), tt.parameters)
			continue
		}
		assert.Contains(t, log.String(), "level=WARN", tt.parameters)
		assert.Contains(t, log.String(), tt.warned, tt.parameters)
		assert.Contains(t, log.String(), "file="+path, tt.parameters)
	}
}

// TestSQLiteFile says what is wrong with a file, and which it is. Nothing is changed then, and all works again afterwards.
func TestSQLiteFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "mail.db")
	db := openFile(t, path, ispmail.SQLiteOptions)
	store := db.Store(t, ispmail.Config{})
	require.NoError(t, store.CreateSchema(t.Context()))
	db.Example(t)

	check := func(store *ispmail.Store, want string) {
		t.Helper()
		before := db.Stored(t, "john@example.org")
		errs := map[string]error{
			"CreateUser":  errorOf(store.CreateUser(t.Context(), "new@example.org", strings.Repeat("long secret ", 6))),
			"SetPassword": store.SetPassword(t.Context(), "john@example.org", "a long enough secret"),
			"RunInTx":     store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error { return tx.Lock(ctx, "john@example.org") }),
		}
		for name, err := range errs {
			require.ErrorIs(t, err, ispmail.ErrUnavailable, name)
			assert.ErrorContains(t, err, "ispmail: database unavailable: "+want+": "+path+": ", name)
		}
		assert.Equal(t, before, db.Stored(t, "john@example.org"))
		require.ErrorIs(t, errorOf(store.User(t.Context(), "new@example.org")), ispmail.ErrNotFound)
	}
	readOnly := openFile(t, path, "mode=ro&"+ispmail.SQLiteOptions).Store(t, ispmail.Config{})
	check(readOnly, "it is read-only")
	require.NoError(t, errorOf(readOnly.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)))
	exported := 0
	for _, err := range readOnly.Export(t.Context()) {
		require.NoError(t, err)
		exported++
	}
	assert.Equal(t, 4, exported)

	holder, err := db.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	check(openFile(t, path, strings.Replace(ispmail.SQLiteOptions, "5000", "1", 1)).Store(t, ispmail.Config{}), "others are in the way")
	require.NoError(t, holder.Rollback())

	var pages int
	require.NoError(t, db.DB.NewRaw("PRAGMA page_count").Scan(t.Context(), &pages))
	full := openFile(t, path, ispmail.SQLiteOptions+fmt.Sprintf("&_pragma=max_page_count(%d)", pages)).Store(t, ispmail.Config{})
	added := 0
	for ; err == nil; added++ {
		require.Less(t, added, 1000)
		_, _, err = full.CreateUser(t.Context(), fmt.Sprintf("user%d@example.org", added), "a long enough secret")
	}
	require.ErrorIs(t, err, ispmail.ErrUnavailable)
	assert.ErrorContains(t, err, "the disk is full: "+path)
	n, err := store.CountUsers(t.Context(), ispmail.Query{})
	require.NoError(t, err)
	assert.Equal(t, 2+added-1, n)
	require.NoError(t, store.SetPassword(t.Context(), "john@example.org", "a long enough secret"))
}
