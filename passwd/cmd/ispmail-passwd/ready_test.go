package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
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

// TestWatch asks without being asked, from the first attempt to open the database on, and says what it finds.
func TestWatch(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // synctest.Wait orders what was before it, and not what comes after it
		probes, found, answer := 0, []error{}, errors.New("no")
		tell := func(err error) {
			mu.Lock()
			defer mu.Unlock()
			found = append(found, err)
		}
		r := &readiness{log: slog.New(slog.DiscardHandler), found: tell, probe: func(context.Context) error {
			mu.Lock()
			defer mu.Unlock()
			if probes++; probes <= 3 {
				return nil
			}
			return answer
		}}
		seen := func() (int, []error) {
			mu.Lock()
			defer mu.Unlock()
			return probes, slices.Clone(found)
		}
		ctx, cancel := context.WithCancel(t.Context())
		opened, ended := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(ended)
			r.watch(ctx, opened)
		}()
		pause := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pause(10 * watchInterval)
		n, _ := seen()
		assert.Zero(t, n)
		close(opened)
		pause(2*watchInterval + time.Second)
		n, _ = seen()
		assert.Equal(t, 3, n)
		pause(watchInterval)
		_, told := seen()
		assert.Equal(t, []error{nil, nil, nil, answer}, told)
		cancel()
		<-ended
	})
}

// TestReason has a reason for each error, and never what a database says about itself.
func TestReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err, want error
	}{
		{database.ErrNotOpen, errNoAnswer},
		{fmt.Errorf("canary: %w", ispmail.ErrDenied), errRefused},
		{fmt.Errorf("canary: %w", ispmail.ErrSchema), errCannotRead},
		{fmt.Errorf("%w: %w", errCannotRead, ispmail.ErrDenied), errCannotRead},
		{fmt.Errorf("%w: %w", errCannotRead, ispmail.ErrUnavailable), errNoAnswer},
		{fmt.Errorf("%w: %w", errCannotWrite, ispmail.ErrDenied), errCannotWrite},
		{fmt.Errorf("%w: canary", errTooNarrow), errTooNarrow},
		{fmt.Errorf("%w: %w", errFailed, ispmail.ErrOutcomeUnknown), errFailed},
		{errors.New("canary"), errNoAnswer},
	} {
		assert.Equal(t, c.want.Error(), reasonOf(c.err), "%v", c.err)
		assert.Contains(t, reasons, c.want)
	}
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
		require.Eventually(t, func() bool { return p.get(t, "/readyz") == status && p.body == body+"\n" }, time.Minute, 100*time.Millisecond, "%d %s", status, body)
		ready := status == http.StatusOK
		require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
		assert.Contains(t, p.body, "\nispmail_passwd_ready "+map[bool]string{true: "1", false: "0"}[ready]+"\n")
		assert.Equal(t, !ready, strings.Contains(p.body, "\nispmail_passwd_not_ready{reason=\""+body+"\"} 1\n"))
		assert.Len(t, regexp.MustCompile(`not_ready\{.*\} 1`).FindAllString(p.body, -1), map[bool]int{true: 0, false: 1}[ready])
		assert.Equal(t, len(reasons), strings.Count(p.body, "\nispmail_passwd_not_ready{"))
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

// TestLatest takes a disk that is full, or two changes without a known outcome, for the fate of the next change, until one works or
// a minute is over.
func TestLatest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		full := fmt.Errorf("ispmail: database: %w", &mysql.MySQLError{Number: 1114})
		unknown := fmt.Errorf("%w: canary", ispmail.ErrOutcomeUnknown)
		for _, c := range []struct {
			changes []error
			want    error
		}{
			{nil, nil},
			{[]error{full}, full},
			{[]error{full, nil}, nil},
			{[]error{full, ispmail.ErrBadCredentials}, full},
			{[]error{unknown}, nil},
			{[]error{unknown, nil, unknown}, nil},
			{[]error{unknown, ispmail.ErrBadCredentials, unknown}, unknown},
			{[]error{ispmail.ErrUnavailable, &mysql.MySQLError{Number: 1045}, errors.New("no")}, nil},
		} {
			l := &latest{}
			for _, err := range c.changes {
				l.note(err)
			}
			if c.want == nil {
				assert.NoError(t, l.failure(), "%v", c.changes)
				continue
			}
			require.ErrorIs(t, l.failure(), c.want, "%v", c.changes)
			require.ErrorIs(t, l.failure(), errFailed)
			time.Sleep(failedFor + 1)
			assert.NoError(t, l.failure(), "%v", c.changes)
		}
	})
}
