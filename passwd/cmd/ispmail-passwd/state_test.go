package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestState runs with the account of the service on tables with columns that switch rows off.
func TestState(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN active TINYINT DEFAULT 1")
	account := dsnFile(t, db.Account(t, "GRANT SELECT (id, domain_id, email, password, active), UPDATE (password) ON virtual_users TO %s"))
	blind := dsnFile(t, db.Account(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s"))
	ask := func(args ...string) (int, string) {
		var stdout, stderr output
		code := run(t.Context(), append([]string{"--check"}, args...), nil, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	code, said := ask(account)
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, said, "warn  The column virtual_users.active seems to switch rows off, and is not heeded: if Dovecot looks at it, name it, as in --state-column 'virtual_users.active'.")
	db.Exec(t, "UPDATE virtual_users SET active = 0 WHERE id = 1")
	code, said = ask(account, "--state-column=active")
	assert.Equal(t, command.ExitOK, code, said)
	assert.Contains(t, said, "ok    Who is switched off cannot change the password: virtual_users.active.")
	assert.Contains(t, said, "ok    1 of 2 users are switched off.")
	assert.NotContains(t, said, "seems to switch")
	code, said = ask(blind)
	assert.Equal(t, command.ExitOK, code)
	assert.NotContains(t, said, "seems to switch", "it cannot see the column")
	code, said = ask(blind, "--state-column=active")
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "FAIL  The database cannot be opened: ispmail: access denied: the column of state active cannot be seen: if virtual_users has it, the account needs GRANT SELECT (active) ON ")
	code, said = ask(dsnFile(t, db.DSN), "--state-column=activ")
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "has a column activ")

	p := start(t, anyPort, account, "--state-column=active", "--floor=0s")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusForbidden, status)
	_, wrong := p.change(t, "john@example.org", "not the password", "a long enough secret")
	assert.Equal(t, wrong, body)
	db.Exec(t, "UPDATE virtual_users SET active = 1")
	status, body = p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	assert.NotContains(t, p.stderr.String(), "level=WARN")
	p.finish(t)

	// A wrong setting is an error in the log, not only a database that does not answer yet.
	p = start(t, anyPort, blind, "--state-column=active")
	assert.Contains(t, await(t, &p.stderr, `(level=ERROR .*)`), "needs GRANT SELECT (active)")
	status, _ = p.change(t, "john@example.org", "a long enough secret", "another long secret")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	p.finish(t)
	p = start(t, anyPort, account)
	await(t, &p.stderr, "level=WARN .*The column virtual_users.active seems to switch rows off")
	p.finish(t)
}

// TestNarrowAtStart says at the start that no new password fits the column, as --check does.
func TestNarrowAtStart(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(106) NOT NULL") // Linode's
	file := dsnFile(t, db.DSN)
	for scheme, fits := range map[string]bool{"SHA256-CRYPT": true, "BLF-CRYPT": true, "SHA512-CRYPT": false, "ARGON2ID": false} {
		var stdout, stderr output
		code := run(t.Context(), []string{"--check", file, "--scheme", scheme}, nil, &stdout, &stderr)
		assert.Equal(t, fits, code == command.ExitOK, "%s: %s", scheme, &stdout)
		assert.Equal(t, !fits, strings.Contains(stdout.String(), "FAIL  The column password holds 106 characters, and a {"+scheme+"} value takes "), stdout.String())
	}
	p := start(t, anyPort, file, "--scheme=SHA512-CRYPT")
	await(t, &p.stderr, "level=ERROR msg=\"no new password can be stored\" cause=\"The column password holds 106 characters, and a {SHA512-CRYPT} value takes ")
	p.finish(t)
	config, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	if len(config.Passwd) > 8 {
		assert.NotContains(t, p.stderr.String(), config.Passwd)
	}
}
