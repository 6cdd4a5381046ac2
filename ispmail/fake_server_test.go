package ispmail_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A fakeServer answers as a MariaDB does that is in one of the states of a node, or in none.
type fakeServer struct {
	node, readOnly atomic.Bool
	unsynced       atomic.Bool  // it was built without Galera
	silent         atomic.Bool  // it answers nothing
	lost           atomic.Bool  // it is a node that has lost the others
	changes        atomic.Int32 // that were made
	commits        atomic.Int32
	connections    atomic.Int32 // that were made so far
	synced         atomic.Int32 // on how many of these a node waits
}

func (f *fakeServer) Driver() driver.Driver { return mysql.MySQLDriver{} }

func (f *fakeServer) Connect(ctx context.Context) (driver.Conn, error) {
	if err := f.answer(ctx); err != nil {
		return nil, err
	}
	f.connections.Add(1)
	return &fakeConn{f}, nil
}

// ConnectSynced makes a connection on which a node waits.
func (f *fakeServer) ConnectSynced(ctx context.Context) (driver.Conn, error) {
	if f.unsynced.Load() {
		return nil, &mysql.MySQLError{Number: 1193, Message: "Unknown system variable 'wsrep_sync_wait'"}
	}
	f.synced.Add(1)
	return f.Connect(ctx)
}

// answer waits for the end of the context if the server is silent.
func (f *fakeServer) answer(ctx context.Context) error {
	if f.silent.Load() {
		<-ctx.Done()
	}
	return ctx.Err()
}

var errNotFaked = errors.New("the server of the test does not do that")

// A fakeConn is a connection to a fakeServer.
type fakeConn struct{ server *fakeServer }

func (c *fakeConn) Prepare(string) (driver.Stmt, error) { return nil, errNotFaked }

func (c *fakeConn) PrepareContext(context.Context, string) (driver.Stmt, error) {
	return nil, errNotFaked
}

func (c *fakeConn) Begin() (driver.Tx, error)                { return nil, errNotFaked }
func (c *fakeConn) Close() error                             { return nil }
func (c *fakeConn) CheckNamedValue(*driver.NamedValue) error { return nil }
func (c *fakeConn) ResetSession(context.Context) error       { return nil }
func (c *fakeConn) IsValid() bool                            { return true }
func (c *fakeConn) Ping(ctx context.Context) error           { return c.server.answer(ctx) }

func (c *fakeConn) BeginTx(ctx context.Context, _ driver.TxOptions) (driver.Tx, error) {
	return fakeTx{c.server}, c.server.answer(ctx)
}

// A fakeTx is a transaction on a fakeServer.
type fakeTx struct{ server *fakeServer }

func (tx fakeTx) Commit() error {
	tx.server.commits.Add(1)
	return nil
}

func (tx fakeTx) Rollback() error { return nil }

// ExecContext runs a change.
func (c *fakeConn) ExecContext(ctx context.Context, _ string, _ []driver.NamedValue) (driver.Result, error) {
	if c.server.readOnly.Load() {
		return nil, &mysql.MySQLError{Number: 1290, Message: "The MariaDB server is running with the --read-only option"}
	}
	c.server.changes.Add(1)
	return driver.RowsAffected(1), c.server.answer(ctx)
}

// QueryContext asks for the variables.
func (c *fakeConn) QueryContext(ctx context.Context, query string, _ []driver.NamedValue) (driver.Rows, error) {
	if c.server.lost.Load() {
		return nil, &mysql.MySQLError{Number: 1047, Message: "WSREP has not yet prepared node for application use"}
	}
	node := c.server.node.Load() && strings.Contains(query, "wsrep_on")
	return &fakeRows{[]driver.Value{c.server.readOnly.Load(), node}}, c.server.answer(ctx)
}

// fakeRows are one row of switches: that for read_only is a word, as in MariaDB 12.
type fakeRows struct{ row []driver.Value }

func (r *fakeRows) Columns() []string { return make([]string, len(r.row)) }
func (r *fakeRows) Close() error      { return nil }

func (r *fakeRows) Next(to []driver.Value) error {
	if r.row == nil {
		return io.EOF
	}
	for i, on := range r.row {
		words := map[driver.Value]string{false: "0", true: "1"}
		if i == 0 {
			words = map[driver.Value]string{false: "OFF", true: "NO_LOCK_NO_ADMIN"}
		}
		to[i] = []byte(words[on])
	}
	r.row = nil
	return nil
}

// fakePool returns a pool over servers.
func fakePool(t *testing.T, timeout time.Duration, all ...*fakeServer) (pool *sql.DB, onNode func() bool) {
	t.Helper()
	return fakePoolWithLog(t, io.Discard, timeout, all...)
}

func fakePoolWithLog(t *testing.T, log io.Writer, timeout time.Duration, all ...*fakeServer) (pool *sql.DB, onNode func() bool) {
	t.Helper()
	var connectors []driver.Connector
	for _, f := range all {
		connectors = append(connectors, f)
	}
	connector, onNode := ispmail.Servers(timeout, slog.New(slog.NewTextHandler(log, nil)), connectors...)
	pool = sql.OpenDB(connector)
	t.Cleanup(func() { require.NoError(t, pool.Close()) })
	return pool, onNode
}

// renew closes the connections of a pool that are idle.
func renew(pool *sql.DB) {
	pool.SetMaxIdleConns(0)
	pool.SetMaxIdleConns(2)
}

// TestServerAlone has a node that leaves its cluster and runs alone, as one with wsrep_on = OFF. No other is given up for it.
func TestServerAlone(t *testing.T) {
	t.Parallel()
	n1, n2 := new(fakeServer), new(fakeServer)
	n1.node.Store(true)
	n2.node.Store(true)
	pool, onNode := fakePool(t, time.Minute, n1, n2)
	require.NoError(t, pool.PingContext(t.Context()))
	require.True(t, onNode())
	require.EqualValues(t, 1, n1.connections.Load())

	n1.node.Store(false)
	renew(pool)
	require.NoError(t, pool.PingContext(t.Context()))
	assert.EqualValues(t, 1, n2.connections.Load(), "it serves now")
	assert.True(t, onNode())

	n2.node.Store(false)
	renew(pool)
	err := ispmail.MapError(pool.PingContext(t.Context()))
	require.ErrorIs(t, err, ispmail.ErrUnavailable)
	require.ErrorContains(t, err, "n1: it is not in the cluster of the other servers")
	assert.True(t, onNode())
}

// TestServerAloneFirst starts while the first node runs alone, as one with wsrep_on = OFF: the others are asked.
func TestServerAloneFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2, n3 := new(fakeServer), new(fakeServer), new(fakeServer)
		n2.silent.Store(true)
		n3.node.Store(true)
		var log strings.Builder
		pool, onNode := fakePoolWithLog(t, &log, 2*time.Second, n1, n2, n3)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.True(t, onNode())
		assert.EqualValues(t, 2, n3.connections.Load(), "one to see it, and one to use")
		assert.Contains(t, log.String(), `"ispmail: a server of the DSN is passed over" server=n1 cause="it is not in the cluster of the other servers"`)
	})
}

// TestServerAloneLater starts while a node that runs alone is the only one that answers. It is left once another one does, which
// may have been no node at first.
func TestServerAloneLater(t *testing.T) {
	t.Parallel()
	for name, state := range map[string]func(n2 *fakeServer, before bool){
		"does not answer at first": func(n2 *fakeServer, before bool) { n2.node.Store(true); n2.silent.Store(before) },
		"runs alone at first too":  func(n2 *fakeServer, before bool) { n2.node.Store(!before) },
		"has lost the others":      func(n2 *fakeServer, before bool) { n2.silent.Store(before); n2.lost.Store(true) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n1, n2 := new(fakeServer), new(fakeServer)
				state(n2, true)
				pool, onNode := fakePool(t, 2*time.Second, n1, n2)
				begin := time.Now()
				require.NoError(t, pool.PingContext(t.Context()))
				assert.LessOrEqual(t, time.Since(begin), time.Second/2)
				time.Sleep(2 * time.Second)
				begin = time.Now()
				held, err := pool.Conn(t.Context()) // that of before
				require.NoError(t, err)
				other, err := pool.Conn(t.Context())
				require.NoError(t, err)
				require.NoError(t, other.Close())
				assert.Zero(t, time.Since(begin), "they wait once")
				assert.False(t, onNode())
				assert.EqualValues(t, 2, n1.connections.Load())
				tx, err := held.BeginTx(t.Context(), nil)
				require.NoError(t, err)

				state(n2, false)
				time.Sleep(15 * time.Second)
				renew(pool)
				_ = pool.PingContext(t.Context()) // it asks meanwhile
				synctest.Wait()
				assert.True(t, onNode())
				require.ErrorContains(t, tx.Commit(), "it is not in the cluster of the other servers")
				assert.Zero(t, n1.commits.Load())
				require.NoError(t, held.Close())
				_, err = pool.ExecContext(t.Context(), "UPDATE")
				assert.Zero(t, n1.changes.Load())
				if n2.lost.Load() {
					require.ErrorIs(t, ispmail.MapError(err), ispmail.ErrUnavailable)
				} else {
					require.NoError(t, err)
					assert.EqualValues(t, 1, n2.changes.Load())
				}
			})
		})
	}
}

// TestServersOfNoCluster has servers that are no nodes. The second one is asked now and then, and nobody waits for it.
func TestServersOfNoCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		pool, _ := fakePool(t, time.Minute, n1, n2)
		for range 3 {
			renew(pool)
			require.NoError(t, pool.PingContext(t.Context()))
		}
		assert.EqualValues(t, 3, n1.connections.Load())
		assert.EqualValues(t, 1, n2.connections.Load())
		n2.silent.Store(true)
		begin := time.Now()
		for range 3 {
			time.Sleep(15 * time.Second)
			renew(pool)
			require.NoError(t, pool.PingContext(t.Context()))
		}
		assert.Equal(t, 45*time.Second, time.Since(begin))
	})
}

// TestServerLast has a server that works behind two that do not answer: they are not waited for twice.
func TestServerLast(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2, n3 := new(fakeServer), new(fakeServer), new(fakeServer)
		n1.silent.Store(true)
		n2.silent.Store(true)
		pool, _ := fakePool(t, 2*time.Second, n1, n2, n3)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.NoError(t, pool.PingContext(ctx))
	})
}

// TestServersReadOnly has none but read-only servers. A connection to one lasts until others are tried again, whatever is tried on
// it.
func TestServersReadOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		n1.node.Store(true)
		n2.node.Store(true)
		n1.readOnly.Store(true)
		n2.silent.Store(true)
		pool, _ := fakePool(t, 2*time.Second, n1, n2)
		begin := time.Now()
		for range 10 {
			require.NoError(t, pool.PingContext(t.Context()))
			_, err := pool.ExecContext(t.Context(), "UPDATE")
			require.ErrorContains(t, err, "--read-only")
		}
		assert.EqualValues(t, 1, n1.connections.Load())
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.Equal(t, 2*time.Second, time.Since(begin), "n2 is waited for once")
		time.Sleep(15 * time.Second)
		n2.silent.Store(false)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.EqualValues(t, 1, n2.connections.Load())
	})
}

// TestServerBecomesReadOnly has a server that must not take changes any more. Once a new connection shows that, those that were made
// before are not used.
func TestServerBecomesReadOnly(t *testing.T) {
	t.Parallel()
	n1, n2 := new(fakeServer), new(fakeServer)
	n1.node.Store(true)
	n2.node.Store(true)
	pool, _ := fakePool(t, time.Minute, n1, n2)
	before, err := pool.Conn(t.Context())
	require.NoError(t, err)
	n1.readOnly.Store(true)
	require.NoError(t, pool.PingContext(t.Context()))
	require.NoError(t, before.Close())
	renewed := n2.connections.Load()
	for range 3 {
		_, err := pool.ExecContext(t.Context(), "UPDATE")
		require.NoError(t, err)
	}
	assert.Equal(t, renewed, n2.connections.Load())
}

// TestShortContexts has callers who wait for less long than the server takes. It is left if it answers none of three, one after the
// other, or for longer than any statement takes on a server that works.
func TestShortContexts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		n1.node.Store(true)
		n2.node.Store(true)
		pool, _ := fakePool(t, 5*time.Second, n1, n2)
		ping := func(patience time.Duration, silent bool) error {
			n1.silent.Store(silent)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			return pool.PingContext(ctx)
		}
		require.NoError(t, ping(time.Second, false))
		for _, silent := range []bool{true, true, false, true, true, false} {
			err := ping(50*time.Millisecond, silent)
			require.Equal(t, silent, errors.Is(err, context.DeadlineExceeded), err)
		}
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { assert.Error(t, ping(50*time.Millisecond, true)) })
		}
		all.Wait()
		require.NoError(t, ping(50*time.Millisecond, false), "at the same time they count once")
		require.Zero(t, n2.connections.Load())
		for range 3 {
			require.ErrorIs(t, ping(50*time.Millisecond, true), context.DeadlineExceeded)
		}
		require.NoError(t, ping(50*time.Millisecond, true))
		assert.EqualValues(t, 1, n2.connections.Load())

		time.Sleep(15 * time.Second)
		n1.silent.Store(false)
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context())) // to n1
		require.ErrorIs(t, ping(4*time.Second, true), context.DeadlineExceeded)
		require.NoError(t, ping(50*time.Millisecond, true))
		assert.EqualValues(t, 2, n2.connections.Load())
	})
}

// TestShortContextsConnect has callers who wait for less long than it takes to connect. It says nothing about the servers that
// come next.
func TestShortContextsConnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		n1.silent.Store(true)
		var log strings.Builder
		pool, _ := fakePoolWithLog(t, &log, 5*time.Second, n1, n2)
		for i := range 4 {
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			err := pool.PingContext(ctx)
			cancel()
			require.Equal(t, i < 3, errors.Is(err, context.DeadlineExceeded), err)
		}
		assert.EqualValues(t, 1, n2.connections.Load())
		assert.NotContains(t, log.String(), "server=n2")
	})
}

// TestServerBecomesNode has a server that becomes a node while the pool has no connection, so that none breaks, and back.
func TestServerBecomesNode(t *testing.T) {
	t.Parallel()
	server := new(fakeServer)
	pool, onNode := fakePool(t, time.Minute, server)
	for _, node := range []bool{false, true, false} {
		server.node.Store(node)
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.Equal(t, node, onNode())
	}
}

// TestServersWithoutGalera has a server that was built without Galera for a while. The connections to others, and to itself
// once it has been left, are those on which a node waits.
func TestServersWithoutGalera(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		n1.unsynced.Store(true)
		pool, onNode := fakePool(t, time.Minute, n1, n2)
		require.NoError(t, pool.PingContext(t.Context()))
		require.EqualValues(t, 1, n1.connections.Load())
		require.Zero(t, n1.synced.Load())
		require.False(t, onNode())
		require.EqualValues(t, 1, n2.synced.Load(), "to see whether it is a node")

		n1.readOnly.Store(true)
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.EqualValues(t, 2, n2.synced.Load())

		n1.unsynced.Store(false)
		n1.readOnly.Store(false)
		n2.readOnly.Store(true)
		time.Sleep(15 * time.Second)
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.EqualValues(t, 1, n1.synced.Load())
	})
}

// TestServerPassedOver tells once why a server is not used, and once that it is again. A caller who gives up tells nothing.
func TestServerPassedOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n1, n2 := new(fakeServer), new(fakeServer)
		n1.node.Store(true)
		n2.node.Store(true)
		var log strings.Builder
		pool, _ := fakePoolWithLog(t, &log, time.Minute, n1, n2)
		gone, cancel := context.WithCancel(t.Context())
		n1.silent.Store(true)
		time.AfterFunc(10*time.Millisecond, cancel)
		require.ErrorIs(t, pool.PingContext(gone), context.Canceled)
		n1.silent.Store(false)
		require.NoError(t, pool.PingContext(t.Context()))
		assert.EqualValues(t, 1, n1.connections.Load())
		assert.Zero(t, n2.connections.Load(), "nothing is wrong with the first")
		assert.Empty(t, log.String())

		n1.readOnly.Store(true)
		n2.readOnly.Store(true)
		for range 3 {
			renew(pool)
			require.NoError(t, pool.PingContext(t.Context()))
		}
		n2.readOnly.Store(false)
		time.Sleep(15 * time.Second)
		renew(pool)
		require.NoError(t, pool.PingContext(t.Context()))
		for _, want := range []string{
			`"ispmail: a server of the DSN is passed over" server=n1 cause="it is read-only"`,
			`"ispmail: a server of the DSN is passed over" server=n2 cause="it is read-only"`,
			`"ispmail: a server of the DSN is used again" server=n2`,
		} {
			assert.Equal(t, 1, strings.Count(log.String(), want), "%s\n%s", want, log.String())
		}
		assert.Equal(t, 3, strings.Count(log.String(), "\n"))
	})
}
