package main

import (
	"fmt"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestCheckServers has a DSN with a server that works and hides that the other one does not.
func TestCheckServers(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	c, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	const nobody = "127.0.0.1:1"
	var stdout, stderr output
	code := run(t.Context(), []string{"--check", dsnFile(t, fmt.Sprintf("%s:%s@tcp(%s,%s),unix(/nowhere/canary.sock)/%s", c.User, c.Passwd, c.Addr, nobody, c.DBName))}, nil, &stdout, &stderr)
	assert.Equal(t, command.ExitOK, code, stderr.String())
	assert.Contains(t, stdout.String(), "ok    The server "+c.Addr+" can be used.\n")
	assert.Contains(t, stdout.String(), "warn  The server "+nobody+" cannot be used for changes: it does not answer: dial tcp "+nobody+": connect: connection refused.\n")
	assert.Contains(t, stdout.String(), "warn  The server /nowhere/canary.sock cannot be used for changes: ")
}
