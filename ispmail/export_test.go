package ispmail

import (
	"context"

	"github.com/go-sql-driver/mysql"
)

// Swap is the compare-and-swap of ChangePassword.
func (s *Store) Swap(ctx context.Context, user User, stored string) (bool, error) {
	return s.swapInTx(ctx, user, stored)
}

// Connection returns the driver's settings for a DSN of one server, as Open uses them.
func Connection(dsn string) (*mysql.Config, error) {
	all, err := connections(dsn, ownSession+ownReads)
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

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
