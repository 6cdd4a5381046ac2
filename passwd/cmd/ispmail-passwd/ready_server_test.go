package main

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestReadyServer does to a server of its own what keeps a change from working, although the server lives: /readyz says so, soon,
// and that it is over. It asks a change each time, so that the two cannot disagree.
func TestReadyServer(t *testing.T) {
	t.Parallel()
	// A cluster of one node, which can lose its quorum: a ping still succeeds then.
	db := newKillable(t, 10*time.Minute, "--wsrep-on=ON", "--wsrep-provider=/usr/lib/galera/libgalera_smm.so", "--wsrep-cluster-address=gcomm://",
		"--binlog-format=ROW", "--wsrep-sync-wait=1", "--wsrep-provider-options=gmcast.listen_addr=tcp://127.0.0.1:4567;pc.announce_timeout=PT0.5S;pc.wait_prim_timeout=PT2S")
	account := db.Account(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s")
	p := start(t, anyPort, dsnFile(t, account), "--metrics-listen=127.0.0.1:0")
	await(t, &p.stderr, "database opened")
	current, other := ispmailtest.Password, "a long enough secret"
	becomes := func(t *testing.T, ready, change int, explained string) {
		t.Helper()
		require.Eventually(t, func() bool {
			return p.get(t, "/readyz") == ready && (explained == "" || p.body == explained)
		}, time.Minute, 100*time.Millisecond, "%d %s", ready, explained)
		status, body := p.change(t, "john@example.org", current, other)
		require.Equal(t, change, status, body)
		if status == http.StatusOK {
			current, other = other, current+" which is long enough"
		}
	}
	// exec runs statements on one connection of root.
	exec := func(ctx context.Context, statements ...string) error {
		conn, err := db.DB.Conn(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		for _, statement := range statements {
			if _, err := conn.ExecContext(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	}
	becomes(t, http.StatusOK, http.StatusOK, "ok\n")
	for _, c := range []struct {
		name      string
		begin     func(context.Context) error
		end       func(context.Context) error
		explained string
	}{
		{
			"read-only",
			func(ctx context.Context) error { return exec(ctx, "SET GLOBAL read_only = 1") },
			func(ctx context.Context) error { return exec(ctx, "SET GLOBAL read_only = 0") },
			"passwords cannot be written\n",
		},
		{
			"stopped",
			func(ctx context.Context) error { return db.signal(ctx, "STOP") },
			func(ctx context.Context) error { return db.signal(ctx, "CONT") },
			"the database does not answer\n",
		},
		{
			"no quorum",
			func(ctx context.Context) error {
				return exec(ctx, "SET GLOBAL wsrep_cluster_address = 'gcomm://127.0.0.1:1'")
			},
			func(ctx context.Context) error { return exec(ctx, "SET GLOBAL wsrep_cluster_address = 'gcomm://'") },
			"the database does not answer\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, c.begin(t.Context()))
			becomes(t, http.StatusServiceUnavailable, http.StatusServiceUnavailable, c.explained)
			require.NoError(t, c.end(t.Context()))
			becomes(t, http.StatusOK, http.StatusOK, "ok\n")
		})
	}
	t.Run("locked", func(t *testing.T) {
		locked, release := make(chan struct{}), make(chan struct{})
		var done sync.WaitGroup
		done.Go(func() {
			conn, err := db.DB.Conn(t.Context())
			if assert.NoError(t, err) {
				_, err = conn.ExecContext(t.Context(), "LOCK TABLES virtual_users WRITE")
				assert.NoError(t, err)
			}
			close(locked)
			<-release
			_, err = conn.ExecContext(t.Context(), "UNLOCK TABLES")
			assert.NoError(t, err)
			assert.NoError(t, conn.Close())
		})
		<-locked
		becomes(t, http.StatusServiceUnavailable, http.StatusServiceUnavailable, "")
		close(release)
		done.Wait()
		becomes(t, http.StatusOK, http.StatusOK, "ok\n")
	})
	p.finish(t)
}
