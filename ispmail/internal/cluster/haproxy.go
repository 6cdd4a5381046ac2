package cluster

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"
)

// A Proxy is HAProxy in front of a cluster.
type Proxy struct {
	// Address is its IP address. It serves port 3306 there.
	Address string
	network *network
}

// Balance says how [Cluster.Proxy] chooses nodes.
type Balance int

const (
	// OneWriter is the configuration in examples/deployment: the first node takes everything.
	OneWriter Balance = iota
	// RoundRobin is the same without its backup: each connection goes to the next node.
	RoundRobin
)

// Proxy starts HAProxy with the configuration in examples/deployment and waits until it passes connections on.
func (c *Cluster) Proxy(t *testing.T, balance Balance) *Proxy {
	t.Helper()
	binary, err := exec.LookPath("haproxy")
	require.NoError(t, err, "make cluster-test installs it")
	p := &Proxy{Address: fmt.Sprint(c.network.prefix, 21+balance), network: c.network}
	file := c.network.configuration(t, "haproxy.cfg")
	content, err := os.ReadFile(file) //nolint:gosec // made here
	require.NoError(t, err)
	own := strings.ReplaceAll(string(content), "127.0.0.1:3306", p.Address+":3306")
	if balance == RoundRobin {
		own = strings.ReplaceAll(own, ":3306 backup", ":3306")
	}
	file = filepath.Join(c.network.dir, fmt.Sprint("haproxy", balance, ".cfg"))
	require.NoError(t, os.WriteFile(file, []byte(own), 0o600)) //nolint:gosec // a directory of the test
	command := exec.Command(binary, "-db", "-f", file)         //nolint:gosec // a command of the tests
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	command.Stderr = t.Output()
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	db := open(t, p.Config(""))
	require.Eventually(t, func() bool {
		var one int
		return db.QueryRowContext(t.Context(), "SELECT 1").Scan(&one) == nil
	}, time.Minute, 50*time.Millisecond)
	return p
}

// Config connects to a database of the cluster as an account with all rights.
func (p *Proxy) Config(database string) *mysql.Config { return p.network.config(p.Address, database) }

// DSN is the data source name of [Proxy.Config].
func (p *Proxy) DSN(database string) string { return p.Config(database).FormatDSN() }
