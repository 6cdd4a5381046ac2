package ispmail_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/container"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// ownServer returns a database on a server of its own, through one connection, whose session keeps its variables.
func ownServer(t *testing.T, options ...string) (*ispmailtest.Database, *container.MariaDB) {
	t.Helper()
	if testing.Short() {
		t.Skip("a test that needs a MariaDB of its own, which -short leaves out")
	}
	if os.Getenv("ISPMAIL_TEST_DSN") != "" {
		t.Skip("the server that ISPMAIL_TEST_DSN names is not ours to change")
	}
	server, err := container.Start(t.Context(), options...)
	require.NoError(t, err)
	config := server.Config.Clone()
	config.DBName = "mysql"
	config.MultiStatements = true
	first, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	_, err = first.ExecContext(t.Context(), "CREATE DATABASE mailserver CHARACTER SET utf8mb4")
	require.NoError(t, err)
	require.NoError(t, first.Close())
	config.DBName, config.MultiStatements = "mailserver", false
	sqlDB, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	sqlDB.SetMaxOpenConns(1)
	db := &ispmailtest.Database{DB: bun.NewDB(sqlDB, mysqldialect.New()), DSN: config.FormatDSN()}
	t.Cleanup(func() { assert.NoError(t, db.DB.Close()) })
	require.NoError(t, db.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
	db.Example(t)
	return db, server
}

// TestSessionOfServer has servers whose sessions begin with other variables, by their configuration or by init_connect, which
// does not run for an account with the right SUPER. The connections of Open work as on any other server.
func TestSessionOfServer(t *testing.T) {
	t.Parallel()
	db, _ := ownServer(t)
	dsn := db.Account(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON * TO %s")
	stored := db.Stored(t, "md5@example.org")
	for name, test := range map[string]struct{ set, reset string }{
		"autocommit":           {"autocommit = 0", "autocommit = 1"},
		"autocommit by init":   {"init_connect = 'SET autocommit = 0; SELECT COUNT(*) FROM mailserver.virtual_users'", "init_connect = ''"},
		"sql_select_limit":     {"sql_select_limit = 1", "sql_select_limit = DEFAULT"},
		"no rows":              {"sql_select_limit = 0", "sql_select_limit = DEFAULT"},
		"isolation":            {"tx_isolation = 'READ-UNCOMMITTED'", "tx_isolation = DEFAULT"},
		"isolation by init":    {"init_connect = 'SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED'", "init_connect = ''"},
		"tx_read_only":         {"tx_read_only = 1", "tx_read_only = 0"},
		"chain":                {"completion_type = 'CHAIN'", "completion_type = NO_CHAIN"},
		"release":              {"completion_type = 'RELEASE'", "completion_type = NO_CHAIN"},
		"safe updates by init": {"init_connect = 'SET sql_safe_updates = 1'", "init_connect = ''"},
		"safe updates":         {"sql_safe_updates = 1", "sql_safe_updates = 0"},
		"joins":                {"max_join_size = 1", "max_join_size = DEFAULT"},
		"checks":               {"foreign_key_checks = 0, GLOBAL unique_checks = 0, GLOBAL check_constraint_checks = 0, GLOBAL sql_auto_is_null = 1", "foreign_key_checks = 1, GLOBAL unique_checks = 1, GLOBAL check_constraint_checks = 1, GLOBAL sql_auto_is_null = 0"},
		"history":              {"system_versioning_asof = '2001-01-01 00:00:00'", "system_versioning_asof = DEFAULT"},
		"lists":                {"in_predicate_conversion_threshold = 2", "in_predicate_conversion_threshold = DEFAULT"},
		"other modes":          {"sql_mode = 'ORACLE,EMPTY_STRING_IS_NULL,NO_BACKSLASH_ESCAPES'", "sql_mode = DEFAULT"},
	} {
		t.Run(name, func(t *testing.T) {
			db.Exec(t, "UPDATE virtual_users SET password = ? WHERE email = 'md5@example.org'", stored)
			db.Exec(t, "SET GLOBAL "+test.set)
			defer db.Exec(t, "SET GLOBAL "+test.reset)
			// Also what the DSN says does not count.
			store := dbtest.Open(t, dsn+"?autocommit=0&SQL_SELECT_LIMIT=1&tx_isolation=%27READ-UNCOMMITTED%27&@@session.completion_type=1", ispmail.Config{})
			liveOnSession(t, db, store)
		})
	}
}

func liveOnSession(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
	t.Helper()
	ctx := t.Context()
	require.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 2)
	require.NoError(t, errorOf(store.Authenticate(ctx, "md5@example.org", ispmailtest.Password)))
	assert.Contains(t, db.Stored(t, "md5@example.org"), "{SHA256-CRYPT}", "the rehash is committed")

	// A change by others counts at once, and only when it is committed.
	other, err := db.DB.BeginTx(ctx, nil)
	require.NoError(t, err)
	_, err = other.ExecContext(ctx, "UPDATE virtual_users SET password = '{PLAIN}another long secret' WHERE email = 'md5@example.org'")
	require.NoError(t, err)
	require.ErrorIs(t, errorOf(store.Authenticate(ctx, "md5@example.org", "another long secret")), ispmail.ErrBadCredentials)
	require.NoError(t, other.Commit())
	require.ErrorIs(t, errorOf(store.Authenticate(ctx, "md5@example.org", ispmailtest.Password)), ispmail.ErrBadCredentials)

	require.NoError(t, store.ChangePassword(ctx, "md5@example.org", "another long secret", `back\to ''`))
	require.NoError(t, errorOf(store.Authenticate(ctx, "md5@example.org", `back\to ''`)))
	require.NoError(t, errorOf(store.CreateDomain(ctx, "example.net")))
	require.NoError(t, errorOf(store.CreateUser(ctx, "jim@example.net", "a long enough secret")))
	require.NoError(t, errorOf(store.SetAliases(ctx, "team@example.net", "jim@example.net", "john@example.org", "md5@example.org")))
	require.NoError(t, store.SetStoredPassword(ctx, "jim@example.net", `{PLAIN}\''`))
	assert.Equal(t, `{PLAIN}\''`, db.Stored(t, "jim@example.net"))
	require.NoError(t, errorOf(store.RenameDomain(ctx, "example.net", "example.com")))
	require.Len(t, dbtest.Collect(t, store.Aliases(ctx, ispmail.Query{})), 4)
	require.Len(t, errorless(t)(store.Recipients(ctx, "team@example.com")), 3)
	require.NoError(t, errorOf(store.DeleteDomain(ctx, "example.com")))
	require.Len(t, dbtest.Collect(t, store.Users(ctx, ispmail.Query{})), 2)
}

// errorless returns a function that returns recipients, which must come without an error.
func errorless(t *testing.T) func([]ispmail.Recipient, error) []ispmail.Recipient {
	t.Helper()
	return func(all []ispmail.Recipient, err error) []ispmail.Recipient {
		require.NoError(t, err)
		return all
	}
}

// TestNewLooksAtSession has connections of the program's own, with variables that change what statements mean.
func TestNewLooksAtSession(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	for variable, test := range map[string]struct{ value, shown, want string }{
		"autocommit":                        {"0", "OFF", "ON"},
		"completion_type":                   {"1", "CHAIN", "NO_CHAIN"},
		"tx_isolation":                      {"'READ-UNCOMMITTED'", "READ-UNCOMMITTED", "REPEATABLE-READ"},
		"tx_read_only":                      {"1", "ON", "OFF"},
		"sql_select_limit":                  {"1000", "1000", "18446744073709551615"},
		"SQL_SELECT_LIMIT":                  {"0", "0", "18446744073709551615"},
		"sql_big_selects":                   {"0", "OFF", "ON"},
		"sql_safe_updates":                  {"1", "ON", "OFF"},
		"sql_auto_is_null":                  {"1", "ON", "OFF"},
		"foreign_key_checks":                {"0", "OFF", "ON"},
		"unique_checks":                     {"0", "OFF", "ON"},
		"check_constraint_checks":           {"0", "OFF", "ON"},
		"in_predicate_conversion_threshold": {"999", "999", "1000"},
		"system_versioning_asof":            {"'2001-01-01 00:00:00'", "2001-01-01 00:00:00", "DEFAULT"},
		"character_set_client":              {"gbk", "gbk", "utf8mb4"},
		"sql_mode":                          {"'NO_BACKSLASH_ESCAPES'", "NO_BACKSLASH_ESCAPES", "one without"},
		"SQL_mode":                          {"'STRICT_ALL_TABLES,EMPTY_STRING_IS_NULL'", "EMPTY_STRING_IS_NULL", "one without"},
		"Sql_Mode":                          {"'PAD_CHAR_TO_FULL_LENGTH'", "PAD_CHAR_TO_FULL_LENGTH", "one without"},
		"sql_MODE":                          {"'ORACLE'", "ORACLE", "one without"},
	} {
		t.Run(variable+test.shown, func(t *testing.T) {
			t.Parallel()
			_, err := ispmail.New(t.Context(), dbtest.Connect(t, db, map[string]string{variable: test.value}).DB, ispmail.Config{})
			require.Error(t, err)
			assert.Regexp(t, "(?i)the session variable "+variable+" = .*"+test.shown+".*, which changes what statements mean: set it to "+test.want, err.Error())
			assert.NotContains(t, err.Error(), "\n")
		})
	}
	for name, params := range map[string]map[string]string{
		"as they are": nil,
		"harmless":    {"tx_isolation": "'READ-COMMITTED'", "sql_mode": "'ANSI_QUOTES,PIPES_AS_CONCAT'", "in_predicate_conversion_threshold": "0", "time_zone": "'+03:00'"},
	} {
		store, err := ispmail.New(t.Context(), dbtest.Connect(t, db, params).DB, ispmail.Config{})
		require.NoError(t, err, name)
		require.NoError(t, store.RunInTx(t.Context(), func(context.Context, *ispmail.Store) error { return nil }), name)
	}
}
