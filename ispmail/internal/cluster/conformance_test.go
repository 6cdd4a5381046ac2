package cluster_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConformance runs the database tests of the library on a node of a cluster. They make a thousand databases, and nobody
// cuts the power: so the nodes need not wait for their disks.
func TestConformance(t *testing.T) {
	c := start(t, "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0")
	config := c.Nodes[0].Config("")
	config.Params = map[string]string{"wsrep_sync_wait": "1"} // as New asks of connections that are not those of Open
	command := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-v", "-p=1", "-timeout=30m", "./ispmail", "./ispmail/check", "./ispmail/movein", "./ispmail/ispmailtest")
	command.Dir, _ = filepath.Abs("../../..")
	command.Env = append(os.Environ(), "ISPMAIL_TEST_DSN="+config.FormatDSN())
	command.Stdout, command.Stderr = t.Output(), t.Output()
	require.NoError(t, command.Run())
}
