package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestOutage starts before the database, loses it and finds it again, by itself.
func TestOutage(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	dsn, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	link := newLink(t, dsn.Addr)
	dsn.Addr = link.address
	p := start(t, anyPort, dsnFile(t, dsn.FormatDSN()), "--metrics-listen=127.0.0.1:0")

	await(t, &p.stderr, "cannot open the database")
	for range 3 {
		status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Equal(t, "unavailable: The password was not changed. Try again later.\n", body)
	}
	assert.Equal(t, 1, strings.Count(p.stderr.String(), "cannot open the database"))
	assert.Equal(t, http.StatusServiceUnavailable, p.get(t, "/readyz"))
	assert.Equal(t, 1, strings.Count(p.stderr.String(), "the database is not available"))

	link.up(t)
	await(t, &p.stderr, "database opened")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)

	link.down(t)
	for range 3 {
		status, _ = p.change(t, "john@example.org", "a long enough secret", "another long secret")
		assert.Equal(t, http.StatusServiceUnavailable, status)
	}
	require.Eventually(t, func() bool { return p.get(t, "/readyz") == http.StatusServiceUnavailable }, time.Minute, 100*time.Millisecond)
	assert.Equal(t, http.StatusOK, p.get(t, "/healthz"))
	assert.Equal(t, 2, strings.Count(p.stderr.String(), "the database is not available"))
	link.up(t)
	status, body = p.change(t, "john@example.org", "a long enough secret", "another long secret")
	assert.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, 2, strings.Count(p.stderr.String(), "the database is back"))
	require.Eventually(t, func() bool { return p.get(t, "/readyz") == http.StatusOK }, time.Minute, 100*time.Millisecond)
	assert.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	assert.Contains(t, p.body, `ispmail_passwd_attempts_total{channel="api",reason="ok"} 2`)
	assert.Contains(t, p.body, `ispmail_passwd_attempts_total{channel="api",reason="unavailable"} 6`)
	if len(dsn.Passwd) > 8 { // a shorter one may be part of an innocent word
		assert.NotContains(t, p.stderr.String(), dsn.Passwd)
	}
	p.finish(t)
}

// TestFirstRequest comes before the database has been opened, as one does for which systemd starts the service: it waits
// for the first attempt, and for no second one.
func TestFirstRequest(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"opens": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := slog.New(slog.DiscardHandler)
			db := ispmailtest.SQLite(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			late, attempt := newLateStore(), make(chan struct{})
			changed := make(chan error)
			go func() {
				changed <- late.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret")
			}()
			go late.Open(t.Context(), log, func(context.Context) (*ispmail.Store, func() error, error) {
				<-attempt
				if fails {
					return nil, nil, errors.New("no database")
				}
				return store, func() error { return nil }, nil
			})
			select {
			case err := <-changed:
				t.Errorf("it did not wait, and got %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			close(attempt)
			if err := <-changed; fails {
				assert.ErrorIs(t, err, ispmail.ErrUnavailable)
			} else {
				assert.NoError(t, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, newLateStore().ChangePassword(ctx, "john@example.org", "", ""), ispmail.ErrUnavailable)
}

// TestStop ends the command while a change waits for a row: the change is finished first.
func TestStop(t *testing.T) {
	t.Parallel()
	db := mariaDB(t)
	db.Example(t)
	p := start(t, anyPort, dsnFile(t, db.DSN))
	await(t, &p.stderr, "database opened")

	var done sync.WaitGroup
	require.NoError(t, db.DB.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT id FROM virtual_users WHERE id = 1 FOR UPDATE")
		require.NoError(t, err)
		done.Go(func() {
			status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
			assert.Equal(t, http.StatusOK, status, body)
		})
		require.Eventually(t, func() bool {
			var waiting int
			err := db.DB.NewRaw("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%virtual_users%'").Scan(ctx, &waiting)
			return err == nil && waiting > 0
		}, time.Minute, 150*time.Millisecond, "the table is renewed only every 100 ms")
		p.stop()
		await(t, &p.stderr, "msg=stopping")
		return nil
	}))
	done.Wait()
	p.finish(t)
}

// A link is a TCP connection to a server that can be cut.
type link struct {
	address, server string
	mu              sync.Mutex
	listener        net.Listener
	conns           []net.Conn
}

// newLink returns a link that is down. Its address stays the same.
func newLink(t *testing.T, server string) *link {
	t.Helper()
	l := &link{address: "127.0.0.1:0", server: server}
	l.up(t)
	l.down(t)
	t.Cleanup(func() { l.down(t) })
	return l
}

func (l *link) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	require.NoError(t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address, l.listener = listener.Addr().String(), listener
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", l.server)
			if err != nil {
				_ = client.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, client, server)
			l.mu.Unlock()
			go func() { _, _ = io.Copy(server, client) }()
			go func() { _, _ = io.Copy(client, server) }()
		}
	}()
}

func (l *link) down(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return
	}
	require.NoError(t, l.listener.Close())
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.listener, l.conns = nil, nil
}
