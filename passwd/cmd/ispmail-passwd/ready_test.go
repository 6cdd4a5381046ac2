package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestReadiness asks the database once a second at the most, and logs a change of the answer.
func TestReadiness(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		probes, answer := 0, error(nil)
		r := &readiness{log: slog.New(slog.NewTextHandler(&log, nil)), probe: func(ctx context.Context) error {
			probes++
			require.NoError(t, ctx.Err(), "the client of a probe may go")
			return answer
		}}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		ask := func() error { return r.ready(gone) }
		for range 10 {
			require.NoError(t, ask())
		}
		assert.Equal(t, 1, probes)
		answer = errors.New("no")
		require.NoError(t, ask())
		for range 3 {
			time.Sleep(readyFor)
			require.ErrorIs(t, ask(), answer)
		}
		answer = nil
		time.Sleep(readyFor)
		require.NoError(t, ask())
		assert.Equal(t, 5, probes)
		assert.Equal(t, 1, strings.Count(log.String(), "not ready"))
		assert.Equal(t, 1, strings.Count(log.String(), "ready again"))
	})
}

// TestReady says no where a change would not work, although all can be read, and changes nothing.
func TestReady(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	dsn, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	account := "'ready'@'%'"
	db.Exec(t, "CREATE OR REPLACE USER "+account+" IDENTIFIED BY 'canary'")
	t.Cleanup(func() { _, _ = db.DB.ExecContext(context.WithoutCancel(t.Context()), "DROP USER "+account) })
	grant := func(rights string) { db.Exec(t, "GRANT "+rights+" ON "+dsn.DBName+".virtual_users TO "+account) }
	grant("SELECT (id, domain_id, email, password), UPDATE (password)")
	dsn.User, dsn.Passwd = "ready", "canary"
	p := start(t, anyPort, dsnFile(t, dsn.FormatDSN()), "--metrics-listen=127.0.0.1:0")
	await(t, &p.stderr, "database opened")
	becomes := func(status int, body string) {
		t.Helper()
		require.Eventually(t, func() bool { return p.get(t, "/readyz") == status }, 20*time.Second, 100*time.Millisecond)
		assert.Equal(t, body+"\n", p.body)
	}
	db.Exec(t, "DELETE FROM virtual_users WHERE email = 'john@example.org'") // whose value is long
	before := db.Stored(t, "md5@example.org")
	becomes(http.StatusOK, "ok")
	db.Exec(t, "REVOKE UPDATE (password) ON "+dsn.DBName+".virtual_users FROM "+account)
	becomes(http.StatusServiceUnavailable, "passwords cannot be written")
	grant("UPDATE (password)")
	becomes(http.StatusOK, "ok")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(70) NOT NULL")
	becomes(http.StatusServiceUnavailable, "the column password is too narrow for the scheme")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(150) NOT NULL")
	becomes(http.StatusOK, "ok")
	db.Exec(t, "REVOKE SELECT (id, domain_id, email, password) ON "+dsn.DBName+".virtual_users FROM "+account)
	becomes(http.StatusServiceUnavailable, "the table virtual_users cannot be read")
	assert.Equal(t, before, db.Stored(t, "md5@example.org"))
	assert.NotContains(t, p.body, "canary")
	p.finish(t)
}
