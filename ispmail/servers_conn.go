package ispmail

import (
	"context"
	"database/sql/driver"
	"errors"
	"time"
)

// A driverConn is what database/sql uses of a connection of the driver.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.NamedValueChecker
	driver.Pinger
	driver.QueryerContext
	driver.SessionResetter
	driver.Validator
}

// A conn is a connection that leaves its server when that fails.
type conn struct {
	driverConn
	server *server
	age    int64 // of the server when the connection was made
	plain  bool  // it does not know the variables of ownReads
	node   bool  // the server is a node of a cluster

	readOnly bool      // the server is so
	until    time.Time // of a server that is read-only: when the others are tried again, and the pool must not use it any more
}

// IsValid reports whether the pool may keep the connection.
func (c *conn) IsValid() bool {
	return c.age == c.server.age.Load() && (c.until.IsZero() || time.Now().Before(c.until)) && c.driverConn.IsValid()
}

// ResetSession returns driver.ErrBadConn if the pool must not use the connection again.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	return c.driverConn.ResetSession(ctx)
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	begin := time.Now()
	result, err := c.driverConn.ExecContext(ctx, query, args)
	return result, c.note(ctx, begin, err)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	begin := time.Now()
	rows, err := c.driverConn.QueryContext(ctx, query, args)
	return rows, c.note(ctx, begin, err)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	begin := time.Now()
	statement, err := c.driverConn.PrepareContext(ctx, query)
	return statement, c.note(ctx, begin, err)
}

func (c *conn) Ping(ctx context.Context) error {
	begin := time.Now()
	return c.note(ctx, begin, c.driverConn.Ping(ctx))
}

func (c *conn) BeginTx(ctx context.Context, options driver.TxOptions) (driver.Tx, error) {
	begin := time.Now()
	tx, err := c.driverConn.BeginTx(ctx, options)
	if err != nil {
		return nil, c.note(ctx, begin, err)
	}
	return connTx{tx, c}, nil
}

// A connTx is a transaction on a conn.
type connTx struct {
	driver.Tx
	conn *conn
}

// Commit leaves a server that does not answer within Config.Timeout, a moment before that is over: the look at the outcome
// must not wait for it too. A change of a server that runs outside the cluster, which was not known when it began, is undone.
func (tx connTx) Commit() error {
	if one := tx.conn.server; len(one.of.all) > 1 && one.of.onNode() && !tx.conn.node {
		return errors.Join(errNoMember, tx.Rollback())
	}
	if one := tx.conn.server; len(one.of.all) > 1 || one.of.onNode() {
		defer time.AfterFunc(one.of.timeout*9/10, one.leave).Stop()
	}
	return tx.conn.note(context.Background(), time.Now(), tx.Tx.Commit())
}

// note leaves the server if the error of a statement that began then says that the next one would do no better there, and
// returns the error.
func (c *conn) note(ctx context.Context, begin time.Time, err error) error {
	one := c.server
	switch {
	case errors.Is(err, driver.ErrSkip) || c.age != one.age.Load():
		return err
	case err == nil:
		one.answered()
		return nil
	}
	several := len(one.of.all) > 1
	switch code := errorCode(err); {
	case isContextError(err):
		// A statement that is too slow is no reason on a single server, where there is no other place to go.
		if (several || one.of.onNode()) && errors.Is(context.Cause(ctx), context.DeadlineExceeded) && one.isLate(begin) {
			one.leave()
		}
	case code == mariaNoQuorum, code == mariaShutdown, code == mariaCommitFailed, code == 0 && isBroken(err):
		one.leave()
	case several && c.until.IsZero() && errors.Is(mapError(err), ErrUnavailable) && (code == mariaReadOnly || code == mariaOption):
		one.leave()
	case code != 0:
		one.answered()
	}
	return err
}

// onNode reports whether the server is a node of a cluster.
func (s *servers) onNode() bool { return s.node.Load() }
