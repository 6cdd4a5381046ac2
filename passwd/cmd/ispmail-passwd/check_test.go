package main

import (
	"context"
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
	code, _ = ask("--demo")
	assert.Equal(t, command.ExitOK, code)
}
