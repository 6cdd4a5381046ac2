package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/go-sql-driver/mysql"
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
// The pool has at most 8 connections. Each has a strict sql_mode, so that MariaDB refuses a value instead of cutting
// it, autocommit, and the usual values of all other session variables that change what statements mean, whatever the
// server has. The server ends a statement or a wait for a table lock after 3 s and a wait for a row lock after 2 s. The
// driver waits 2 s for a connection and 8 s for the network. The DSN can change these times, but not what statements
// mean.
//
// It returns [ErrUnavailable] if the server does not answer, [ErrDenied] if it refuses the account, [ErrSchema] if
// there is no such database, and an error without a name for a malformed DSN or a
// file of authorities that cannot be read. No error holds the password.
func Open(ctx context.Context, dsn string, config Config) (*Store, error) {
	c, err := connection(dsn)
	if err != nil {
		return nil, err
	}
	c.Logger = driverLog{config.Logger}
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errors.New("ispmail: the DSN has settings that do not fit together")
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(3 * time.Minute) // well under any wait_timeout
	db.SetConnMaxIdleTime(time.Minute)
	// bun.NewDB asks for the version too, but only logs a failure, and would then run without the features of that
	// version.
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
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

// connection parses a DSN and adds the settings that make a connection safe.
func connection(dsn string) (*mysql.Config, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil || c.DBName == "" {
		// err may quote parts of the DSN, and with them the password.
		return nil, errors.New("ispmail: the DSN is not of the form user:password@tcp(host:port)/database or user:password@unix(/path)/database; behind the database, a slash is %2F")
	}
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fmt.Errorf("ispmail: %w", err)
	}
	c.Timeout = cmp.Or(c.Timeout, 2*time.Second)
	c.ReadTimeout = cmp.Or(c.ReadTimeout, 8*time.Second)
	c.WriteTimeout = cmp.Or(c.WriteTimeout, 8*time.Second)
	c.ClientFoundRows = true
	c.MultiStatements = false
	if err := trustAuthority(c); err != nil {
		return nil, err
	}
	c.Params = sessionParams(c.Params)
	return c, nil
}
