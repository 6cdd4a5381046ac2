package cluster_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// TestAlone opens a Store whose first server runs outside the cluster of the others, with the rows that it had.
func TestAlone(t *testing.T) {
	c := start(t)
	n1, n2 := c.Nodes[0], c.Nodes[1]
	n1.Exec(t, "CREATE DATABASE alone")
	open := func() *ispmail.Store {
		store, err := ispmail.Open(t.Context(), c.DSN("alone"), ispmail.Config{})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, store.Close()) })
		return store
	}
	before := open()
	require.NoError(t, before.CreateSchema(t.Context()))
	_, err := before.CreateDomain(t.Context(), "a.example")
	require.NoError(t, err)
	n1.Shutdown(t)
	n1.RestartAlone(t)
	_, err = open().CreateDomain(t.Context(), "b.example")
	require.NoError(t, err)
	_, err = before.CreateDomain(t.Context(), "c.example")
	require.NoError(t, err)
	for node, want := range map[*cluster.Node]int{n1: 1, n2: 3} {
		var domains int
		require.NoError(t, node.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM alone.virtual_domains").Scan(&domains))
		assert.Equal(t, want, domains, node.Name)
	}
}
