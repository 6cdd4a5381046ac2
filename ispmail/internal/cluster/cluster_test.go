package cluster_test

import (
	"context"
	"database/sql"
	"flag"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// run is set by make cluster-test.
var run = flag.Bool("cluster", false, "run the tests that need a cluster of MariaDB servers on this machine")

// need skips a test that is not asked for. The time that the test takes is among what is printed in the end.
func need(t *testing.T) {
	t.Helper()
	if !*run {
		t.Skip("make cluster-test runs this: it takes several MariaDB servers on this machine, and minutes")
	}
	start := time.Now()
	t.Cleanup(func() {
		report(t, "%s | %v | failed: %t", t.Name(), time.Since(start).Round(time.Second), t.Failed())
	})
}

// start returns a cluster for a test that is asked for, with further options of mariadbd.
func start(t *testing.T, options ...string) *cluster.Cluster {
	t.Helper()
	need(t)
	return cluster.Start(t, options...)
}

// TestHarness does to a cluster what the other tests rely on.
func TestHarness(t *testing.T) {
	c := start(t)
	n1, n2, n3 := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	n1.Exec(t, "CREATE DATABASE harness", "CREATE TABLE harness.rows (n INT PRIMARY KEY)")
	insert := func(db *sql.DB, n int) error {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // a commit waits while the nodes agree who is left
		defer cancel()
		_, err := db.ExecContext(ctx, "INSERT INTO harness.rows VALUES (?)", n)
		return err
	}
	count := func(node *cluster.Node) (n int) {
		require.NoError(t, node.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM harness.rows").Scan(&n))
		return n
	}
	proxied, err := sql.Open("mysql", c.Proxy(t, cluster.OneWriter).DSN(""))
	require.NoError(t, err)
	defer func() { _ = proxied.Close() }()
	reaches := func(name string) {
		require.Eventually(t, func() bool {
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			var got string
			return proxied.QueryRowContext(ctx, "SELECT @@wsrep_node_name").Scan(&got) == nil && got == name
		}, time.Minute, 50*time.Millisecond, "HAProxy passes connections on to "+name)
	}
	reaches("db1")
	require.NoError(t, insert(proxied, 1))

	n1.Kill(t)
	reaches("db2")
	require.NoError(t, insert(proxied, 2))
	n1.Restart(t)
	c.Await(t)
	require.Equal(t, 2, count(n1), "it has caught up")

	n2.Stop(t)
	proxied.SetMaxIdleConns(0)
	reaches("db1")
	n2.Continue(t)
	c.Await(t)

	n1.Isolate(t)
	require.Error(t, insert(n1.DB, 3), "a node that is alone takes no statement")
	reaches("db2")
	n1.Join(t)
	c.Await(t)
	c.Agree(t)

	n3.Shutdown(t)
	n3.Forget(t)
	require.NoError(t, insert(proxied, 4))
	n3.Restart(t)
	c.Await(t)
	c.Agree(t)
	require.Equal(t, count(n1), count(n3), "it got everything anew")

	n3.Desync(t, true)
	require.NoError(t, insert(n3.DB, 5))
	n3.Desync(t, false)

	release := n2.Delay(t)
	require.NoError(t, insert(n1.DB, 6))
	require.Equal(t, count(n1)-1, count(n2), "it is behind")
	release()
	c.Agree(t)
	require.Equal(t, count(n1), count(n2))
}
