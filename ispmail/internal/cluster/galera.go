package cluster

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
			// This plugin, which is on by default in MariaDB 11.8.9, has a variable for most options, refuses wsrep_provider_options,
			// and has none for gmcast.isolate.
			"--loose-plugin-wsrep-provider=OFF",
		}, options...)...)
		c.Nodes = append(c.Nodes, &Node{Server: server, cluster: c})
	}
	c.Nodes[0].up(t, func() []string { return []string{"--wsrep-new-cluster"} })
	c.Nodes[0].addAccount(t)
	c.Nodes[0].Exec(t, "CREATE USER haproxy@'%'") // as the page on clusters says
	for _, node := range c.Nodes[1:] {
		node.up(t, func() []string { return nil })
	}
	c.Await(t)
	version, err := c.Nodes[0].ask(t.Context(), "SELECT VERSION()")
	require.NoError(t, err)
	t.Logf("three nodes of %s", version)
	return c
}

// starts is how often a node is started that does not come up: a port may be in use, or who gives it everything too slow. An hour
// of tests is not to end there.
const starts = 3

// up starts a node and waits until it is synced. If it does not get there, it starts anew with nothing.
func (n *Node) up(t *testing.T, options func() []string) {
	t.Helper()
	for start := 1; ; start++ {
		n.launch(t, options()...)
		err := n.comesTo(t.Context(), localState, synced)
		if err == nil {
			return
		}
		n.Kill(t)
		require.Less(t, start, starts, "%v", err)
		t.Logf("start %d failed, and another one follows: %v", start, err)
		n.cluster.goOn(t)
		n.Forget(t)
	}
}

// A State is what a node does in its cluster.
type State string

const (
	Donor  State = "2" // it gives another node everything, or is desynced
	Synced State = "4"
)

// Is fails the test if the node is in another state.
func (n *Node) Is(t *testing.T, want State) {
	t.Helper()
	got, err := n.ask(t.Context(), localState)
	require.NoError(t, err)
	require.Equal(t, want, State(got), "the state of %s", n.Name)
}

const (
	localState  = "SHOW GLOBAL STATUS LIKE 'wsrep_local_state'"
	synced      = string(Synced)
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

// goOn waits until the running nodes have noticed that another one was killed. One that is left of two would then take nothing,
// because it cannot know whether the other one goes on.
func (c *Cluster) goOn(t *testing.T) {
	t.Helper()
	var running []*Node
	for _, node := range c.Nodes {
		if node.command != nil && !node.hasEnded() {
			running = append(running, node)
		}
	}
	for _, node := range running {
		require.Eventually(t, func() bool {
			status, _ := node.ask(t.Context(), "SHOW GLOBAL STATUS LIKE 'wsrep_cluster_status'")
			if status == "non-Primary" {
				_ = node.provider(t, "pc.bootstrap", "1")
			}
			size, _ := node.ask(t.Context(), clusterSize)
			return status == "Primary" && size == strconv.Itoa(len(running))
		}, startTimeout, 100*time.Millisecond, "%s goes on", node.Name)
	}
}

// launch starts the process, with a free port to get everything at.
func (n *Node) launch(t *testing.T, options ...string) {
	t.Helper()
	n.start(t, append(options, "--wsrep-sst-receive-address="+n.Address+strings.TrimPrefix(FreeAddress(t), "127.0.0.1"))...)
}

// Mend gets back whatever nodes a test has left stopped, cut off, desynced or ended, so that the next one begins with three.
func (c *Cluster) Mend(t *testing.T) {
	t.Helper()
	for _, node := range c.Nodes {
		if !node.hasEnded() {
			node.Continue(t)
			// What they do not help is seen next.
			_ = node.provider(t, "gmcast.isolate", "0")
			_, _ = node.DB.ExecContext(t.Context(), "SET GLOBAL wsrep_desync = OFF")
		}
		if err := node.comesTo(t.Context(), localState, synced); err != nil {
			t.Log(err)
			node.Kill(t)
			node.Restart(t)
		}
	}
	c.Await(t)
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
		end := time.Now().Add(startTimeout)
		for err := node.catchUp(t.Context()); err != nil; err = node.catchUp(t.Context()) {
			require.True(t, time.Now().Before(end), "%s: %v", node.Name, err)
			time.Sleep(50 * time.Millisecond) // it has much to apply, and gives up the wait for a while
		}
	}
}

func (n *Node) catchUp(ctx context.Context) error {
	connection, err := n.DB.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	if _, err := connection.ExecContext(ctx, "SET SESSION wsrep_sync_wait = 1"); err != nil {
		return err
	}
	var one int
	return connection.QueryRowContext(ctx, "SELECT 1 FROM mysql.global_priv LIMIT 1").Scan(&one)
}

var recovered = regexp.MustCompile(`Recovered position: *(\S+)`)

// Restart starts a node again that has ended. It catches up with what its peers still hold (IST) if it can, as after
// galera_recovery of Debian's unit, else it gets everything (SST).
func (n *Node) Restart(t *testing.T) {
	t.Helper()
	n.up(t, func() []string { return n.position(t) })
}

// RestartAlone starts a node again that has ended, outside the cluster: it takes changes that the others never get.
func (n *Node) RestartAlone(t *testing.T) {
	t.Helper()
	n.start(t, "--wsrep-on=OFF")
	n.await(t, "SELECT @@GLOBAL.wsrep_on", "0")
}

// position returns the option that tells a node where it was when it ended.
func (n *Node) position(t *testing.T) []string {
	t.Helper()
	output := n.network.run(t, n.network.binary, append(n.options, "--wsrep-recover", "--log-error="+n.dir+".recovery")...)
	if log, err := os.ReadFile(n.dir + ".recovery"); err == nil {
		output += string(log)
	}
	all := recovered.FindAllStringSubmatch(output, -1)
	if all == nil {
		return nil
	}
	return []string{"--wsrep-start-position=" + all[len(all)-1][1]}
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
	require.NoError(t, n.provider(t, "gmcast.isolate", "1"))
}

// Join ends what Isolate has done.
func (n *Node) Join(t *testing.T) {
	t.Helper()
	require.NoError(t, n.provider(t, "gmcast.isolate", "0"))
}

// provider sets an option of Galera.
func (n *Node) provider(t *testing.T, option, value string) error {
	t.Helper()
	_, err := n.DB.ExecContext(t.Context(), fmt.Sprintf("SET GLOBAL wsrep_provider_options = '%s=%s'", option, value))
	return err
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

// Flow makes the node hold up the others as soon as so many transactions wait here to be applied. Galera does with 16.
func (n *Node) Flow(t *testing.T, transactions int) {
	t.Helper()
	require.NoError(t, n.provider(t, "gcs.fc_limit", strconv.Itoa(transactions)))
}

// Paused returns for how long the others, or the node itself, have held up its commits so far.
func (n *Node) Paused(t *testing.T) time.Duration {
	t.Helper()
	text, err := n.ask(t.Context(), "SHOW GLOBAL STATUS LIKE 'wsrep_flow_control_paused_ns'")
	require.NoError(t, err)
	nanoseconds, err := strconv.ParseInt(text, 10, 64)
	require.NoError(t, err)
	return time.Duration(nanoseconds)
}

// Donate makes a node lose everything, and this one give it everything (SST). What copies the files is halted until the returned
// function is called, which waits until both are synced: meanwhile this node is the donor, with its tables locked.
func (n *Node) Donate(t *testing.T, to *Node) (release func()) {
	t.Helper()
	to.Shutdown(t)
	var halted []int
	for start := 1; len(halted) == 0; start++ {
		require.LessOrEqual(t, start, starts, "%s copies no files: %s", n.Name, n.log())
		to.Kill(t)
		to.Forget(t)
		to.launch(t, "--wsrep-sst-donor="+n.Name)
		for end := time.Now().Add(startTimeout); len(halted) == 0 && !to.hasEnded() && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
			halted = n.children(t, "rsync")
		}
		for _, pid := range halted {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
		}
	}
	return func() {
		for _, pid := range halted {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
		if err := to.comesTo(t.Context(), localState, synced); err != nil {
			t.Log(err)
			to.Kill(t)
			to.Restart(t)
		}
		n.await(t, localState, synced)
	}
}

// children returns the processes with a name that the server has started.
func (s *Server) children(t *testing.T, name string) (pids []int) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, file := range all {
		stat, err := os.ReadFile(file) //nolint:gosec // of the kernel
		if err != nil {
			continue // it has ended
		}
		var pid, parent, group int
		var command, state string
		// https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
		if _, err := fmt.Sscanf(string(stat), "%d %s %s %d %d", &pid, &command, &state, &parent, &group); err == nil &&
			command == "("+name+")" && group == s.command.Process.Pid {
			pids = append(pids, pid)
		}
	}
	return pids
}
