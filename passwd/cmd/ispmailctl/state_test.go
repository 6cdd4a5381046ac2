package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// exec runs a statement as another program would.
func (s session) exec(statement string) {
	s.t.Helper()
	path, ok := sqlitefile.Path(s.dsn)
	db, err := sqlitefile.Open(path, sqlitefile.Write)
	if !ok {
		db, err = openForeign(s.t.Context(), s.dsn)
	}
	require.NoError(s.t, err)
	_, err = db.ExecContext(s.t.Context(), statement)
	require.NoError(s.t, err, statement)
	require.NoError(s.t, db.Close())
}

// TestState shows what a column of another program switches off, and heeds it.
func TestState(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org", "example.net")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		s.ok("a long enough secret", "user", "add", "jane@example.org")
		s.ok("", "alias", "add", "info@example.org", "john@example.org", "jane@example.org")
		for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
			s.exec("ALTER TABLE " + table + " ADD COLUMN disabled TINYINT DEFAULT 0")
		}
		s.exec("UPDATE virtual_domains SET disabled = 1 WHERE name = 'example.net'")
		s.exec("UPDATE virtual_users SET disabled = 1 WHERE email = 'john@example.org'")
		s.exec("UPDATE virtual_aliases SET disabled = 1 WHERE destination = 'jane@example.org'")

		out, _, code := s.do("", "check")
		assert.Equal(t, exitFindings, code)
		assert.Contains(t, out, "warning: unnamed-state-column, virtual_users: the column disabled seems to switch rows off, and is not heeded here: ")
		assert.Contains(t, out, "--state-column '!virtual_users.disabled'")
		assert.Equal(t, "DOMAIN       USERS  ALIASES\nexample.org  2      2\nexample.net  0      0\n", s.ok("", "domain", "list"))
		s.ok("a long enough secret", "password", "check", "john@example.org")
		assert.Contains(t, s.ok("", "show", "john@example.org"), "warning: unnamed-state-column, virtual_users: ")

		s.args = append(s.args, "--state-column", "!disabled")
		assert.Equal(t, "DOMAIN       USERS  ALIASES  STATE\nexample.org  2      2        on\nexample.net  0      0        off\n", s.ok("", "domain", "list"))
		assert.Contains(t, s.ok("", "user", "list"), "john@example.org  no limit  SHA256-CRYPT  off\n")
		assert.Contains(t, s.ok("", "user", "list", "--json"), `"off":true,"scheme":"SHA256-CRYPT"`)
		assert.Contains(t, s.ok("", "alias", "list"), "info@example.org  jane@example.org  off\n")
		assert.Contains(t, s.ok("", "alias", "list", "info@example.org"), "info@example.org  john@example.org  on\n")
		_, errs, code := s.do("a long enough secret", "password", "check", "john@example.org")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, errs, "wrong address or password")
		_, errs, _ = s.do("a long enough secret", "user", "add", "john@example.org")
		assert.Contains(t, errs, "already exists: user john@example.org, which is switched off (!virtual_domains.disabled, !virtual_users.disabled)")
		_, errs, _ = s.do("", "domain", "add", "example.net")
		assert.Contains(t, errs, "already exists: domain example.net, which is switched off (virtual_domains.disabled)")
		out, errs, code = s.do("", "show", "john@example.org")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, out, "Nobody gets its mail, because the user is switched off by ")
		assert.Equal(t, "ispmailctl: not found: nobody gets mail for john@example.org\n", errs, "nobody is told to delete the row")
		assert.Contains(t, s.ok("", "show", "x@example.net"), "example.net is switched off, so that its mail is not taken here: !virtual_domains.disabled")
		_, errs, _ = s.do("", "recipients", "info@example.org")
		assert.Contains(t, errs, "nobody gets mail for info@example.org")
		out, _, _ = s.do("", "check")
		assert.Contains(t, out, "error: dangling-alias, virtual_aliases 1: ")
		assert.NotContains(t, out, "unnamed-state-column")
		assert.Contains(t, s.ok("another long secret", "password", "set", "john@example.org"), "john@example.org is switched off (")
		assert.Contains(t, s.ok("", "user", "lock", "john@example.org", "--json"), `"locked":true`)
		assert.Contains(t, s.ok("", "user", "list"), "SHA256-CRYPT  off, locked\n")
		assert.Contains(t, s.ok("", "user", "unlock", "john@example.org"), "is switched off (")
		assert.Contains(t, s.ok("a long enough secret", "user", "add", "jim@example.net"), "jim@example.net is switched off (", "its domain is")
		require.Contains(t, s.ok("", "user", "delete", "john@example.org", "--yes"), "Deleted the user john@example.org.")
	})
}
