package cluster

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Cluster is a Galera cluster of three nodes.
type Cluster struct {
	Nodes   []*Node
	network *network
}

// A Node is a server of a cluster.
type Node struct {
	*Server
	cluster *Cluster
}

// Start starts three nodes with the configuration in examples/deployment and waits until they are one cluster. The options are
// those of mariadbd.
func Start(t *testing.T, options ...string) *Cluster {
	t.Helper()
	c := &Cluster{network: newNetwork(t)}
	file := c.network.configuration(t, "galera.cnf")
	for number := 1; number <= 3; number++ {
		address := fmt.Sprint(c.network.prefix, 10+number)
		server := c.network.server(t, number, append([]string{
			"--defaults-file=" + file,
			fmt.Sprint("--wsrep-node-name=db", number),
			"--wsrep-node-address=" + address,
			// A node has a machine of its own elsewhere, and takes all addresses.
			fmt.Sprintf("--wsrep-provider-options=gmcast.listen_addr=tcp://%s:4567;ist.recv_addr=%s:4568;gcache.size=32M", address, address),
			"--wsrep-sst-receive-address=" + address + strings.TrimPrefix(FreeAddress(t), "127.0.0.1"),
		}, options...)...)
		c.Nodes = append(c.Nodes, &Node{Server: server, cluster: c})
	}
	c.Nodes[0].start(t, "--wsrep-new-cluster")
	c.Nodes[0].await(t, localState, synced)
	c.Nodes[0].addAccount(t)
	c.Nodes[0].Exec(t, "CREATE USER haproxy@'%'") // as the page on clusters says
	for _, node := range c.Nodes[1:] {
		node.start(t)
		node.await(t, localState, synced)
	}
	c.Await(t)
	return c
}

const (
	localState  = "SHOW GLOBAL STATUS LIKE 'wsrep_local_state'"
	synced      = "4"
	clusterSize = "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_size'"
)

// configuration copies a file of examples/deployment/cluster, with the addresses of this network in it.
func (n *network) configuration(t *testing.T, name string) (path string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(root(t), "examples", "deployment", "cluster", name)) //nolint:gosec // a file of this repository
	require.NoError(t, err)
	path = filepath.Join(n.dir, name)
	own := strings.ReplaceAll(string(content), "192.0.2.", n.prefix)
	require.NoError(t, os.WriteFile(path, []byte(own), 0o644)) //nolint:gosec // other accounts read it
	return path
}

// root returns the top of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		require.NotEqual(t, "/", dir, "there is no go.mod")
		dir = filepath.Dir(dir)
	}
}

// FreeAddress returns an address on this machine where nobody listens.
func FreeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// Await waits until all three nodes are synced and form one cluster.
func (c *Cluster) Await(t *testing.T) {
	t.Helper()
	for _, node := range c.Nodes {
		node.await(t, clusterSize, "3")
		node.await(t, localState, synced)
	}
}

// DSN is a data source name with all nodes, in their order, for a database.
func (c *Cluster) DSN(database string) string {
	var all []string
	for _, node := range c.Nodes {
		all = append(all, "tcp("+node.Config(database).Addr+")")
	}
	return strings.Replace(c.Nodes[0].DSN(database), all[0], strings.Join(all, ","), 1)
}

// Agree waits until all nodes have applied what any of them has committed.
func (c *Cluster) Agree(t *testing.T) {
	t.Helper()
	for _, node := range c.Nodes {
		connection, err := node.DB.Conn(t.Context())
		require.NoError(t, err)
		_, err = connection.ExecContext(t.Context(), "SET SESSION wsrep_sync_wait = 1")
		require.NoError(t, err)
		var n int
		require.NoError(t, connection.QueryRowContext(t.Context(), "SELECT COUNT(*) FROM mysql.global_priv").Scan(&n))
		require.NoError(t, connection.Close())
	}
}

var recovered = regexp.MustCompile(`Recovered position: *(\S+)`)

// Restart starts a node again that has ended. It catches up with what its peers still hold (IST) if it can, as after
// galera_recovery of Debian's unit, else it gets everything (SST).
func (n *Node) Restart(t *testing.T) {
	t.Helper()
	var options []string
	output := n.network.run(t, n.network.binary, append(n.options, "--wsrep-recover", "--log-error="+n.dir+".recovery")...)
	if log, err := os.ReadFile(n.dir + ".recovery"); err == nil {
		output += string(log)
	}
	if all := recovered.FindAllStringSubmatch(output, -1); all != nil {
		options = append(options, "--wsrep-start-position="+all[len(all)-1][1])
	}
	n.start(t, options...)
	n.await(t, localState, synced)
}

// Forget makes a node that has ended get everything anew at its next start (SST).
func (n *Node) Forget(t *testing.T) {
	t.Helper()
	require.NoError(t, os.RemoveAll(n.dir))
	n.network.run(t, "cp", "-a", n.network.template, n.dir)
}

// Isolate cuts a node off from the others. Clients still reach it.
func (n *Node) Isolate(t *testing.T) {
	t.Helper()
	n.Exec(t, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=1'")
}

// Join ends what Isolate has done.
func (n *Node) Join(t *testing.T) {
	t.Helper()
	n.Exec(t, "SET GLOBAL wsrep_provider_options = 'gmcast.isolate=0'")
}

// Desync takes a node out of flow control, as a backup does, or back. It lags behind then, and still takes statements.
func (n *Node) Desync(t *testing.T, on bool) {
	t.Helper()
	n.Exec(t, fmt.Sprintf("SET GLOBAL wsrep_desync = %t", on))
}

// Delay makes the node apply nothing until the returned function is called: it is synced, and behind.
func (n *Node) Delay(t *testing.T) (release func()) {
	t.Helper()
	connection, err := n.DB.Conn(t.Context())
	require.NoError(t, err)
	_, err = connection.ExecContext(t.Context(), "FLUSH TABLES WITH READ LOCK")
	require.NoError(t, err)
	return func() {
		_, err := connection.ExecContext(t.Context(), "UNLOCK TABLES")
		require.NoError(t, err)
		require.NoError(t, connection.Close())
	}
}
