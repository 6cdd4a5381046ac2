package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// TestRehash renews a legacy row with the right password, and nothing else.
func TestRehash(t *testing.T) {
	t.Parallel()
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		db := mariaDB(t)
		testRehash(t, db, db.DSN)
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		file := write(t, "")
		db, err := sqlitefile.Open(file, sqlitefile.Write)
		require.NoError(t, err)
		d := &ispmailtest.Database{DB: db}
		require.NoError(t, d.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
		testRehash(t, d, "sqlite:"+file)
		require.NoError(t, db.Close())
	})
}

func testRehash(t *testing.T, db *ispmailtest.Database, dsn string) {
	db.Example(t)
	store := db.Store(t, ispmail.Config{})
	stored := func(email string) string {
		user, err := store.User(t.Context(), email)
		require.NoError(t, err)
		return user.Password.Reveal()
	}
	legacy, current := stored("md5@example.org"), stored("john@example.org")
	require.Contains(t, legacy, "{PLAIN-MD5}")
	file := dsnFile(t, dsn)
	for _, c := range []struct {
		stdin  string
		code   int
		output string
	}{
		{"md5@example.org\nwrong\n", command.ExitFailed, "wrong"},
		{"nobody@example.org\n" + ispmailtest.Password + "\n", command.ExitFailed, "not found"},
		{"md5\n" + ispmailtest.Password + "\n", command.ExitFailed, "address"},
		{"", command.ExitFailed, "a line each"},
		{"md5@example.org\n", command.ExitFailed, "a line each"},
		{"md5@example.org\n" + ispmailtest.Password + "\nmore\n", command.ExitFailed, "a line each"},
		{"md5@example.org\n" + strings.Repeat("x", longestLogin), command.ExitFailed, "a line each"},
		{"john@example.org\n" + ispmailtest.Password, command.ExitOK, ""},
	} {
		var stdout, stderr output
		assert.Equal(t, c.code, run(t.Context(), []string{"rehash", file}, strings.NewReader(c.stdin), &stdout, &stderr), "%q", c.stdin)
		assert.Contains(t, stdout.String()+stderr.String(), c.output, "%q", c.stdin)
		assert.NotContains(t, stdout.String()+stderr.String(), ispmailtest.Password)
		assert.Equal(t, legacy, stored("md5@example.org"), "%q", c.stdin)
	}
	assert.Equal(t, current, stored("john@example.org"))

	var stdout, stderr output
	login := "MD5@example.org\n" + ispmailtest.Password + "\x00" // as pam_exec sends it
	assert.Equal(t, command.ExitOK, run(t.Context(), []string{"rehash", file}, strings.NewReader(login), &stdout, &stderr), &stderr)
	assert.Equal(t, "The stored password of md5@example.org is {SHA256-CRYPT} now.\n", stdout.String())
	assert.Contains(t, stored("md5@example.org"), "{SHA256-CRYPT}$5$")
	_, err := store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
	require.NoError(t, err)

	// A password that was stored elsewhere may be any bytes.
	db.Exec(t, "UPDATE virtual_users SET password = ? WHERE email = 'md5@example.org'", "{PLAIN}summer\tsun\n")
	login = "md5@example.org\nsummer\tsun\n\x00"
	assert.Equal(t, command.ExitOK, run(t.Context(), []string{"rehash", file}, strings.NewReader(login), &stdout, &stderr), &stderr)
	_, err = store.Authenticate(t.Context(), "md5@example.org", "summer\tsun\n")
	require.NoError(t, err)
	assert.Contains(t, stored("md5@example.org"), "{SHA256-CRYPT}$5$")

	// --upgrade brings all users up to the scheme, and nobody down.
	login = "john@example.org\n" + ispmailtest.Password
	for _, step := range []struct {
		args []string
		want string
	}{
		{[]string{"--scheme=BLF-CRYPT"}, "{SHA256-CRYPT}"},
		{[]string{"--scheme=SHA512-CRYPT", "--upgrade"}, "{SHA256-CRYPT}"},
		{[]string{"--scheme=BLF-CRYPT", "--upgrade"}, "{BLF-CRYPT}"},
		{[]string{"--scheme=SHA256-CRYPT", "--upgrade"}, "{BLF-CRYPT}"},
	} {
		stdout, stderr = output{}, output{}
		assert.Equal(t, command.ExitOK, run(t.Context(), append([]string{"rehash", file}, step.args...), strings.NewReader(login), &stdout, &stderr), &stderr)
		assert.True(t, strings.HasPrefix(stored("john@example.org"), step.want), "%v: %s", step.args, &stdout)
	}

	stdout, stderr = output{}, output{}
	assert.Equal(t, command.ExitFailed, run(t.Context(), []string{"rehash", "--dsn=nobody@tcp(127.0.0.1:1)/mailserver"}, strings.NewReader(login), &stdout, &stderr))
	assert.Contains(t, stderr.String(), "the database cannot be opened")
}
