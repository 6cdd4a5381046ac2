package main

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	ask := func(args ...string) (int, string) {
		var stdout, stderr output
		code := run(t.Context(), append([]string{"--check"}, args...), nil, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	code, said := ask(dsnFile(t, db.DSN))
	assert.Equal(t, command.ExitOK, code, said)
	assert.Equal(t, 8, strings.Count(said, "ok    "), said)

	db.Exec(t, "UPDATE virtual_users SET password = '{CRYPT}$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W'")
	code, said = ask(dsnFile(t, db.DSN))
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, said, "warn  2 of 2 users have a stronger scheme than {SHA256-CRYPT}, which every change writes, BLF-CRYPT for the most part: consider another --scheme.")
	code, said = ask(dsnFile(t, db.DSN), "--scheme=BLF-CRYPT")
	assert.Equal(t, command.ExitOK, code)
	assert.NotContains(t, said, "stronger scheme")

	db.Exec(t, "UPDATE virtual_users SET password = '{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd'")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(70) NOT NULL")
	code, said = ask(dsnFile(t, db.DSN))
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "FAIL  The column password holds 70 characters, and a {SHA256-CRYPT} value takes 77")

	dsn, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	account := "'check'@'%'"
	db.Exec(t, "CREATE OR REPLACE USER "+account+" IDENTIFIED BY 'canary'")
	t.Cleanup(func() { _, _ = db.DB.ExecContext(context.WithoutCancel(t.Context()), "DROP USER "+account) })
	db.Exec(t, "GRANT SELECT (id, domain_id, email, password) ON "+dsn.DBName+".virtual_users TO "+account)
	dsn.User, dsn.Passwd = "check", "canary"
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "FAIL  Passwords cannot be written (the account needs UPDATE on the column password)")
	db.Exec(t, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM "+account)
	db.Exec(t, "GRANT SELECT (id, name) ON "+dsn.DBName+".virtual_domains TO "+account)
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "FAIL  The table virtual_users cannot be read")
	dsn.Passwd = "canary2"
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "FAIL  The database cannot be opened")
	assert.NotContains(t, said, "canary")
	db.Exec(t, "ALTER USER "+account+" IDENTIFIED BY 'canary' WITH MAX_USER_CONNECTIONS 1")
	dsn.Passwd = "canary"
	busy, err := sql.Open("mysql", dsn.FormatDSN())
	require.NoError(t, err)
	defer func() { require.NoError(t, busy.Close()) }()
	require.NoError(t, busy.PingContext(t.Context()))
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "the account has reached a limit of the server")
	assert.NotContains(t, said, "needs", "no right is missing")
	code, _ = ask("--demo")
	assert.Equal(t, command.ExitOK, code)
}

// TestCheckTextIDs has a table whose ids are UUIDs, which the service needs no numbers for.
func TestCheckTextIDs(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	stored := db.Stored(t, "john@example.org")
	db.Exec(t, "DROP TABLE virtual_users")
	db.Exec(t, "CREATE TABLE virtual_users (id CHAR(36) NOT NULL PRIMARY KEY, domain_id CHAR(36), email VARCHAR(100), password VARCHAR(150))")
	db.Exec(t, "INSERT INTO virtual_users VALUES ('3e9a0f5c-0d1e-11ef-8b1c-0242ac110002', 'x', 'john@example.org', ?)", stored)
	var stdout, stderr output
	code := run(t.Context(), []string{"--check", dsnFile(t, db.DSN)}, nil, &stdout, &stderr)
	assert.Equal(t, command.ExitOK, code, stdout.String()+stderr.String())
	assert.Contains(t, stdout.String(), "All stored passwords of 1 users can be changed")

	db.Exec(t, "INSERT INTO virtual_users VALUES ('4e9a0f5c-0d1e-11ef-8b1c-0242ac110002', 'x', 'no address', ?)", stored)
	stdout = output{}
	code = run(t.Context(), []string{"--check", dsnFile(t, db.DSN)}, nil, &stdout, &stderr)
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, stdout.String(), `The row with the email "no address" cannot change the password here`)
}
