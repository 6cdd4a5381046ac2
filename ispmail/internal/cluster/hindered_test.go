package cluster_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// hinderedFor is longer than Config.Timeout.
const hinderedFor = 7 * time.Second

// TestHindered has a node that is there and does not do what it should, 5 times in each way.
func TestHindered(t *testing.T) {
	c := start(t)
	proxy := c.Proxy(t, cluster.OneWriter)
	n1, n2, n3 := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	n1.Exec(t, "CREATE DATABASE hindrance", "CREATE TABLE hindrance.many (id INT PRIMARY KEY AUTO_INCREMENT, text CHAR(100) DEFAULT 'x')")
	for _, test := range []struct {
		name   string
		hinder func(*testing.T) (end func())
	}{
		{"gives another node everything", func(t *testing.T) func() {
			release := n1.Donate(t, n3)
			n1.Is(t, cluster.Donor)
			return func() { n1.Is(t, cluster.Donor); release() }
		}},
		{"is desynced, and late", func(t *testing.T) func() {
			n1.Desync(t, true)
			n1.Is(t, cluster.Donor)
			endLoad := writeMuch(t, n2)
			return func() { endLoad(); n1.Desync(t, false) }
		}},
		{"holds up the others, because it is late", func(t *testing.T) func() {
			n1.Flow(t, 1)
			before := n1.Paused(t)
			endLoad := writeMuch(t, n2)
			return func() {
				endLoad()
				n1.Flow(t, 16)
				paused := n1.Paused(t) - before
				t.Logf("commits were held up for %v", paused)
				assert.Positive(t, paused)
			}
		}},
		{"applies nothing", func(t *testing.T) func() { return n1.Delay(t) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			endure(t, c, proxy, "node of the client "+test.name, times(5), hinderedFor, func(int) func() { return test.hinder(t) })
		})
	}
}

// writeMuch commits large transactions on a node until the returned function is called. The other nodes have to apply them.
func writeMuch(t *testing.T, n *cluster.Node) (end func()) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		written := 0
		for {
			select {
			case <-stop:
				done <- written
				return
			default:
			}
			if _, err := n.DB.ExecContext(t.Context(), "INSERT INTO hindrance.many (text) SELECT seq FROM hindrance.seq_1_to_100000"); err == nil {
				written++
			}
		}
	}()
	return func() {
		close(stop)
		require.Positive(t, <-done, "nothing was written")
		n.Exec(t, "TRUNCATE TABLE hindrance.many")
	}
}
