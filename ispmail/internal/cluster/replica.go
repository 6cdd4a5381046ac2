package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A Replication is when a primary answers a commit.
type Replication string

const (
	Asynchronous Replication = "asynchronous" // at once
	AfterSync    Replication = "AFTER_SYNC"   // when a replica has it; nobody sees it before
	AfterCommit  Replication = "AFTER_COMMIT" // when a replica has it; others see it before
)

// Replicas are a primary and a replica, which is read-only.
type Replicas struct{ Primary, Replica *Server }

// StartReplicas starts a primary and its replica. Semi-synchronous, the primary waits a minute for its replica; after that it would go
// on without.
func StartReplicas(t *testing.T, how Replication) *Replicas {
	t.Helper()
	n := newNetwork(t)
	r := &Replicas{}
	for number, server := range []**Server{&r.Primary, &r.Replica} {
		*server = n.server(t, 1+number, "--no-defaults", fmt.Sprint("--server-id=", 1+number), "--log-bin=binlog", "--sync-binlog=1")
		(*server).start(t)
		(*server).await(t, "SELECT 1", "1")
	}
	r.Replica.Exec(t,
		fmt.Sprintf("CHANGE MASTER TO MASTER_HOST='%s', MASTER_USER='tests', MASTER_PASSWORD='%s', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1", r.Primary.Address, n.password),
		"SET GLOBAL read_only = ON", "START SLAVE")
	r.Primary.addAccount(t) // with which the replica logs in, too
	r.Await(t)
	if how != Asynchronous {
		r.Primary.Exec(t, "SET GLOBAL rpl_semi_sync_master_wait_point = "+string(how), "SET GLOBAL rpl_semi_sync_master_timeout = 60000", "SET GLOBAL rpl_semi_sync_master_enabled = ON")
		r.Replica.Exec(t, "SET GLOBAL rpl_semi_sync_slave_enabled = ON", "STOP SLAVE IO_THREAD", "START SLAVE IO_THREAD")
		r.Primary.await(t, "SHOW GLOBAL STATUS LIKE 'Rpl_semi_sync_master_clients'", "1")
	}
	return r
}

// Await waits until the replica has applied everything.
func (r *Replicas) Await(t *testing.T) {
	t.Helper()
	var position string
	require.Eventually(t, func() (ok bool) {
		var err error
		position, err = r.Primary.ask(t.Context(), "SELECT @@gtid_binlog_pos")
		return err == nil
	}, startTimeout, 50*time.Millisecond)
	r.Replica.await(t, "SELECT @@gtid_slave_pos", position)
}

// Disconnect makes the replica receive nothing, or receive again.
func (r *Replicas) Disconnect(t *testing.T, off bool) {
	t.Helper()
	r.Replica.Exec(t, map[bool]string{true: "STOP SLAVE IO_THREAD", false: "START SLAVE IO_THREAD"}[off])
}

// Delay makes the replica apply everything some seconds late.
func (r *Replicas) Delay(t *testing.T, seconds int) {
	t.Helper()
	r.Replica.Exec(t, "STOP SLAVE", fmt.Sprint("CHANGE MASTER TO MASTER_DELAY=", seconds), "START SLAVE")
}

// Failover kills the primary and makes the replica the primary, once it has applied what it has received.
func (r *Replicas) Failover(t *testing.T) {
	t.Helper()
	r.Primary.Kill(t)
	r.Replica.Exec(t, "STOP SLAVE IO_THREAD")
	require.Eventually(t, func() bool {
		received, err := r.Replica.ask(t.Context(), "SELECT @@gtid_slave_pos <> '' AND NOT EXISTS (SELECT 1 FROM information_schema.processlist WHERE command = 'Slave_SQL' AND state NOT LIKE 'Slave has read all relay log%')")
		return err == nil && received == "1"
	}, startTimeout, 50*time.Millisecond)
	r.Replica.Exec(t, "STOP SLAVE", "SET GLOBAL read_only = OFF")
}
