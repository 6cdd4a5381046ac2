package cluster_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/check"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

// TestOldTables has tables of the engine MyISAM, whose rows are on one node, and makes them anew as the page on clusters says.
func TestOldTables(t *testing.T) {
	c := start(t)
	n1, n2 := c.Nodes[0], c.Nodes[1]
	n1.Exec(t, "CREATE DATABASE mail")
	store := dbtest.Open(t, n1.DSN("mail"), ispmail.Config{})
	require.NoError(t, store.CreateSchema(t.Context()))
	for _, table := range []string{"virtual_users", "virtual_aliases"} {
		n1.Exec(t, "ALTER TABLE mail."+table+" DROP FOREIGN KEY "+table+"_ibfk_1")
	}
	for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
		n1.Exec(t, "ALTER TABLE mail."+table+" ENGINE=MyISAM")
	}
	n1.Exec(t, "INSERT INTO mail.virtual_domains (id, name) VALUES (1, 'example.org')",
		"INSERT INTO mail.virtual_users (id, domain_id, email, password) VALUES (1, 1, 'john@example.org', '"+dbtest.Sound()+"')")
	count := func() (n int) {
		c.Agree(t)
		require.NoError(t, n2.DB.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mail.virtual_users").Scan(&n))
		return n
	}
	require.Zero(t, count())
	checksum := func(node *cluster.Node) (number string) {
		var table string
		require.NoError(t, node.DB.QueryRowContext(t.Context(), "CHECKSUM TABLE mail.virtual_users").Scan(&table, &number))
		return number
	}
	assert.NotEqual(t, checksum(n1), checksum(n2))

	store = dbtest.Open(t, n1.DSN("mail"), ispmail.Config{})
	const advice = "export them there, make the tables anew with ENGINE=InnoDB, and restore"
	_, _, err := store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")
	require.ErrorIs(t, err, ispmail.ErrSchema)
	require.ErrorContains(t, err, advice)
	told := 0
	for _, finding := range dbtest.Collect(t, check.Run(t.Context(), store, check.Config{})) {
		if finding.Code == check.CodeNonTransactionalTable {
			assert.Contains(t, finding.Message, advice)
			told++
		}
	}
	assert.Equal(t, 3, told)

	var file bytes.Buffer
	require.NoError(t, records.Write(&file, store.Export(t.Context())))
	n1.Exec(t, "DROP TABLE mail.virtual_aliases, mail.virtual_users, mail.virtual_domains")
	store = dbtest.Open(t, n1.DSN("mail"), ispmail.Config{})
	require.NoError(t, store.CreateSchema(t.Context()))
	require.NoError(t, store.Restore(t.Context(), records.Read(strings.NewReader(file.String()))))
	assert.Equal(t, 1, count())
	assert.Equal(t, checksum(n1), checksum(n2))
	_, _, err = store.CreateAlias(t.Context(), "jack@example.org", "john@example.org")
	require.NoError(t, err)
	c.Await(t)
}
