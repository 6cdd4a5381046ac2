package mailserver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// linodeDovecot makes Dovecot read the database of Linode's guide, as that guide does: with the scheme of the values in
// default_pass_scheme, and without quotas.
var linodeDovecot = map[string][2]string{ // file and sed script
	"2.3": {"/etc/dovecot/dovecot-sql.conf.ext", `s/dbname=mailserver/dbname=linode/; s/CONCAT([^)]*) AS quota_rule, //; $ a default_pass_scheme = SHA512-CRYPT`},
	"2.4": {"/etc/dovecot/conf.d/99-ispmail-sql.conf", `s/CONCAT([^)]*) AS quota_storage_size, //; s/^passdb_default_password_scheme = .*/passdb_default_password_scheme = SHA512-CRYPT/`},
}

// TestLinode is a server after Linode's guide: its tables, rows with what ENCRYPT makes, and Dovecot's default_pass_scheme.
// The steps are those of TABLES.md. It has the server for itself, because Dovecot and ispmail-passwd get another database.
func TestLinode(t *testing.T) {
	s := theServer(t)
	schema, err := os.ReadFile(filepath.FromSlash("../../ispmail/internal/dbtest/schema/linode.sql"))
	require.NoError(t, err)
	dovecot := linodeDovecot[s.dovecot(t)]
	require.NotEmpty(t, dovecot[0])
	s.undo(t, `systemctl restart dovecot ispmail-passwd
		mariadb --execute 'DROP DATABASE linode'`)
	for _, file := range []string{dovecot[0], "/etc/default/ispmail-passwd", "/etc/dovecot/dovecot-sql.conf.ext"} {
		s.keep(t, file)
	}
	s.do(t, `mariadb --execute "CREATE DATABASE linode"
		printf '%s' "$1" | mariadb linode
		mariadb linode --execute "INSERT INTO virtual_domains (id, name) VALUES (1, 'linode.example');
			INSERT INTO virtual_users (domain_id, password, email) VALUES
				(1, ENCRYPT('$2', CONCAT('\$6\$', SUBSTRING(SHA(RAND()), -16))), 'email1@linode.example'),
				(1, ENCRYPT('$2', CONCAT('\$6\$', SUBSTRING(SHA(RAND()), -16))), 'email2@linode.example');
			GRANT SELECT ON linode.* TO 'mailuser'@'127.0.0.1';
			GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON linode.virtual_users TO 'ispmail-passwd'@'localhost'"`,
		string(schema), password)
	s.do(t, `sed --in-place "$2" "$1"
		sed --in-place 's/dbname=mailserver/dbname=linode/; s/dbname = mailserver/dbname = linode/' /etc/dovecot/dovecot-sql.conf.ext
		systemctl restart dovecot`, dovecot[0], dovecot[1])
	if s.dovecot(t) == "2.3" { // 2.4.0 to 2.4.2 take what has no {SCHEME} for clear text
		s.assertLogin(t, "email1@linode.example", password)
	}

	// Without the setting, the check says what is wrong, and no change works.
	s.do(t, `sed --in-place 's|/mailserver|/linode|' /etc/default/ispmail-passwd
		systemctl restart ispmail-passwd`)
	text, err := s.run(t.Context(), "ispmail-passwd-check")
	require.Error(t, err)
	assert.Contains(t, text+err.Error(), "2 of 2 users cannot change their passwords here: 2 without a {SCHEME}.")
	assert.Contains(t, s.change(t, "email1@linode.example", password, replacement), "bad-credentials")

	s.do(t, `echo ISPMAIL_PASSWD_DEFAULT_PASS_SCHEME=SHA512-CRYPT >>/etc/default/ispmail-passwd
		systemctl restart ispmail-passwd`)
	text = s.do(t, "ispmail-passwd-check")
	assert.NotContains(t, text, "FAIL")
	assert.Contains(t, text, "2 of 2 users have a stored password without a {SCHEME}")
	assert.Contains(t, s.change(t, "email1@linode.example", "wrong", replacement), "bad-credentials")
	assert.Equal(t, "OK", s.change(t, "email1@linode.example", password, replacement))
	stored := s.do(t, `mariadb --skip-column-names linode --execute "SELECT password FROM virtual_users WHERE email = 'email1@linode.example'"`)
	assert.True(t, strings.HasPrefix(stored, "{SHA256-CRYPT}$5$"), "with its prefix")
	s.assertLogin(t, "email1@linode.example", replacement)
	s.awaitNoLogin(t, "email1@linode.example", password)

	// A scheme that the column cannot hold is said at the start and by the check.
	s.do(t, `echo ISPMAIL_PASSWD_SCHEME=SHA512-CRYPT >>/etc/default/ispmail-passwd
		systemctl restart ispmail-passwd`)
	text, err = s.run(t.Context(), "ispmail-passwd-check")
	require.Error(t, err)
	assert.Contains(t, text+err.Error(), "The column password holds 106 characters, and a {SHA512-CRYPT} value takes ")
	assert.Contains(t, s.change(t, "email2@linode.example", password, replacement), "unavailable")

	// The administrators' command, on the same tables.
	ctl := func(arguments string) string {
		return s.do(t, `ispmailctl --dsn 'root@unix(/run/mysqld/mysqld.sock)/linode' --default-pass-scheme SHA512-CRYPT `+arguments)
	}
	assert.Contains(t, ctl("user list"), "email2@linode.example")
	s.do(t, `mariadb linode --execute "ALTER TABLE virtual_users MODIFY password VARCHAR(150) NOT NULL"`)
	assert.Contains(t, ctl("user list"), "email2@linode.example")
	assert.Equal(t, "OK", s.change(t, "email1@linode.example", replacement, password), "{SHA512-CRYPT} fits now")
	s.assertLogin(t, "email1@linode.example", password)
}
