package ispmail

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Swap is the compare-and-swap of ChangePassword.
func (s *Store) Swap(ctx context.Context, user User, stored string) (bool, error) {
	return s.swapInTx(ctx, user, stored)
}

// Connections returns the driver's settings for each server of a DSN, as Open uses them.
func Connections(dsn string) ([]*mysql.Config, error) { return connections(dsn, ownSession+ownReads) }

// ActAsNode makes the Store treat its database as a node of a cluster.
func (s *Store) ActAsNode() *Store {
	s.node.Store(true)
	return s
}

// ActAsSingle makes the Store treat its database as a single server.
func (s *Store) ActAsSingle() *Store {
	s.node.Store(false)
	return s
}

// CheckNode looks at the session variables of a node of a cluster, in the form of SHOW VARIABLES.
var CheckNode = checkNode

// Servers returns what Open makes of several servers, with connectors of a test, and whether it takes them for nodes.
func Servers(timeout time.Duration, log *slog.Logger, all ...driver.Connector) (connector driver.Connector, onNode func() bool) {
	s := emptyServers(timeout, log)
	for i, c := range all {
		s.all = append(s.all, &server{of: s, name: fmt.Sprint("n", i+1), synced: synced{c}, plain: c, patience: timeout})
	}
	return s, s.onNode
}

// synced makes connections on which a node waits. Others do not know how to.
type synced struct{ driver.Connector }

// Connect connects as the fake server of the tests does for such connections, if it is one.
func (s synced) Connect(ctx context.Context) (driver.Conn, error) {
	if server, ok := s.Connector.(interface {
		ConnectSynced(ctx context.Context) (driver.Conn, error)
	}); ok {
		return server.ConnectSynced(ctx)
	}
	return s.Connector.Connect(ctx)
}

// MapError turns an error of the driver into one of this package.
var MapError = mapError

// SetTimeout shortens the timeout of a Store that had time to open.
func (s *Store) SetTimeout(timeout time.Duration) *Store {
	s.timeout = timeout
	return s
}
