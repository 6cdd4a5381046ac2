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

// TestCheckRows names the rows whose owners cannot change their passwords, and why, and shows no value.
func TestCheckRows(t *testing.T) {
	t.Parallel()
	file := write(t, "")
	db, err := sqlitefile.Open(file, sqlitefile.Write)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	d := &ispmailtest.Database{DB: db}
	require.NoError(t, d.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
	d.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	const sha256 = "$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"
	rows := []struct{ email, stored, fails, warns string }{
		{"good@example.org", "{SHA256-CRYPT}" + sha256, "", ""},
		{"gost@example.org", "{CRYPT}$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", "gost-yescrypt is not supported, which Dovecot may verify.", ""},
		{"sun@example.org", "{CRYPT}$md5,rounds=5000$GUBv0xjJ$$mSwgIswdjlTY0YxV7HBVm0", "sunmd5 is not supported, which Dovecot may verify.", ""},
		{"bsd@example.org", "{CRYPT}_J9..rasmBYk8r9AiWNc", "bsdicrypt is not supported, which Dovecot may verify.", ""},
		{"big@example.org", "{CRYPT}qiyh4XPJGsOZ2MEAyLkfWqeQ", "bigcrypt is not supported, which Dovecot may verify.", ""},
		{"odd@example.org", "{ROT13}fhzzrefha", "the scheme of the stored password is not known.", ""},
		{"bare@example.org", sha256, "the stored password has no {SCHEME} before it.", "It is read as SHA256-CRYPT, as --default-pass-scheme says."},
		{"memory@example.org", "{ARGON2ID}$argon2id$v=19$m=131073,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "a verification of ARGON2ID takes 129 MiB, and may take 128.", ""},
		{"rounds@example.org", "{SHA256-CRYPT}$5$rounds=99999999$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7", "asks for too much work.", ""},
		{"cut@example.org", "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7Ig", "not what its scheme prescribes", ""},
		{"no address", "{SHA256-CRYPT}" + sha256, "The row with the id 11 cannot change the password here: its email is no address.", ""},
		{"locked@example.org", "{CRYPT}!{CRYPT}$gy$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC", "", ""},
		{"marked@example.org", "*", "", ""},
		{"@example.org", "{PLAIN}x", "", ""},
	}
	for _, row := range rows {
		_, err := db.ExecContext(t.Context(), "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", row.email, row.stored)
		require.NoError(t, err)
	}
	ask := func(args ...string) (code int, said string) {
		var stdout, stderr output
		code = run(t.Context(), append([]string{"--check", dsnFile(t, "sqlite:"+file)}, args...), nil, &stdout, &stderr)
		said = stdout.String() + stderr.String()
		for _, secret := range []string{"M/GWzmtj", "F5Jx5f", "GUBv0", "J9..", "qiyh4", "fhzz", "c29tZX"} {
			assert.NotContains(t, said, secret)
		}
		return code, said
	}
	code, said := ask()
	assert.Equal(t, command.ExitFailed, code)
	fails := 0
	for _, row := range rows {
		if row.fails == "" {
			assert.NotContains(t, said, "FAIL  "+row.email+" ")
			continue
		}
		fails++
		name, _, noAddress := strings.Cut(row.email, " ")
		if !noAddress {
			assert.Contains(t, said, "FAIL  "+name+" cannot change the password here: ")
		}
		assert.Contains(t, said, row.fails)
	}
	assert.Contains(t, said, "FAIL  10 of 12 users cannot change their passwords here: 1 without a {SCHEME}, 5 unsupported, 2 too costly, 1 malformed, 1 no address.")
	assert.Equal(t, fails+1, strings.Count(said, "FAIL  "), said)
	assert.Contains(t, said, "ok    1 of 12 users are locked.")

	d.Exec(t, "DELETE FROM virtual_users WHERE email NOT IN ('good@example.org', 'bare@example.org')")
	code, said = ask()
	assert.Equal(t, command.ExitFailed, code)
	assert.Contains(t, said, "1 of 2 users cannot change their passwords here: 1 without a {SCHEME}. ")
	code, said = ask("--default-pass-scheme=CRYPT")
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, said, "warn  bare@example.org: the stored password has no {SCHEME}. "+rows[6].warns)
	assert.Contains(t, said, "warn  1 of 2 users have a stored password without a {SCHEME}")
	assert.Contains(t, said, "ok    All stored passwords of 2 users can be changed.")
}
