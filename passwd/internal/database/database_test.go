package database_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// TestAdvise names the file with an account of the package, and says nothing about accounts and errors of others.
func TestAdvise(t *testing.T) {
	t.Parallel()
	denied := fmt.Errorf("%w: canary", ispmail.ErrDenied)
	for dsn, file := range map[string]string{
		"ispmail-passwd@unix(/run/mysqld/mysqld.sock)/mailserver":        "grants.sql",
		"ispmail-admin@unix(/run/mysqld/mysqld.sock)/mailserver":         "grants-admin.sql",
		"ispmail-passwd:secret@unix(/run/mysqld/mysqld.sock)/mailserver": "",
		"ispmail-passwd@tcp(127.0.0.1:3306)/mailserver":                  "",
		"mailadmin@unix(/run/mysqld/mysqld.sock)/mailserver":             "",
		"ispmail-passwd@unix(/run/mysqld/mysqld.sock)/mailsrv":           "",
	} {
		err := database.Advise(dsn, denied)
		assert.ErrorIs(t, err, ispmail.ErrDenied)
		want := denied.Error()
		if file != "" {
			want += ". To make the account or set it right, as root: mariadb </usr/share/doc/ispmail/examples/" + file
		}
		assert.EqualError(t, err, want, dsn)
		assert.Equal(t, ispmail.ErrUnavailable, database.Advise(dsn, ispmail.ErrUnavailable))
		assert.NoError(t, database.Advise(dsn, nil))
		assert.Equal(t, err, database.Advise(dsn, err), "once is enough")
		missing := fmt.Errorf("%w: the account needs GRANT SELECT (active) ON mailserver.virtual_users", ispmail.ErrDenied)
		assert.Equal(t, missing, database.Advise(dsn, missing), "the file has no such right")
	}
}
