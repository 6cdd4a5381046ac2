package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"
)

// Open connects to MariaDB and returns a [Store], which [Store.Close] closes. The DSN is that of
// github.com/go-sql-driver/mysql:
//
//	user:password@tcp(127.0.0.1:3306)/mailserver
//	user:password@unix(/run/mysqld/mysqld.sock)/mailserver
//
// The guide's mailadmin@localhost uses the socket, its mailuser@127.0.0.1 TCP. A server that resolves names
// (skip_name_resolve is OFF) takes TCP from 127.0.0.1 for localhost too.
//
// "?tls=true" at the end of the DSN encrypts the connection and verifies the certificate of the server by the authorities
// of the operating system, "?tls-ca=%2Fpath%2Fca.pem" by those in a file of PEM certificates. The certificate must name
// the host of the DSN.
//
// With several servers, such as the nodes of a Galera cluster, there is no need of a proxy:
//
//	user:password@tcp(n1:3306),tcp(n2:3306),unix(/run/mysqld/mysqld.sock)/mailserver
//	user:password@tcp(n1:3306,n2:3306)/mailserver
//
// They are tried in this order for each new connection. A server comes after the others for 15 s if it does not answer within 2 s,
// is not ready, or breaks a connection; if it does not answer a statement within 3.5 s, or within 90 % of [Config.Timeout] if that
// is less; and if the contexts of three statements in a row end before it answers. A server that is read-only is used, for 15 s at
// a time, if there is no other; name no replica, which may be late.
//
// Once one of them has said that it is a node of a cluster, one that is none is not used, and a transaction there is undone. Until
// then a new connection asks the others, once in 15 s. Only the first one waits for their answers, a quarter of Config.Timeout at
// most. When the first server is back, the connections return to it within 3 minutes. Certificates must name the host of each; a
// socket among them is used without TLS.
//
// The pool has at most 8 connections. Each has a strict sql_mode, so that MariaDB refuses a value instead of cutting
// it, autocommit, and the usual values of all other session variables that change what statements mean, whatever the
// server has, among them wsrep_sync_wait=1 for nodes of a cluster. The server ends a statement or a wait for a table lock after 3 s and a wait for a row lock after 2 s. The
// driver waits 2 s for a connection and 8 s for the network. The DSN can change these times, but not what statements
// mean.
//
// It returns [ErrUnavailable] if the server does not answer, [ErrDenied] if it refuses the account, [ErrSchema] if
// there is no such database, and an error without a name for a malformed DSN, see [ParseDSN], or a
// file of authorities that cannot be read. No error holds the password.
func Open(ctx context.Context, dsn string, config Config) (*Store, error) {
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	servers, err := newServers(dsn, config)
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(servers)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(3 * time.Minute) // well under any wait_timeout
	db.SetConnMaxIdleTime(time.Minute)
	// bun.NewDB asks for the version too, but only logs a failure, and would then run without the features of that
	// version.
	asking, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	var version string
	if err := db.QueryRowContext(asking, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, errors.Join(mapError(err), db.Close())
	}
	store, err := New(ctx, bun.NewDB(db, mysqldialect.New()), config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store.owned = true
	store.node = &servers.node // it follows what becomes of the servers
	return store, nil
}

// A driverLog redirects what the driver would write to standard error to the log, level Debug. It tells how connections
// end. The methods return the errors that follow from it.
type driverLog struct{ log *slog.Logger }

func (d driverLog) Print(v ...any) {
	log := d.log
	if log == nil {
		log = slog.Default()
	}
	log.Debug("ispmail: mysql driver", slog.String("message", fmt.Sprint(v...)))
}
