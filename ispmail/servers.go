package ispmail

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-sql-driver/mysql"
)

// servers connects to the servers of a DSN. The first is the one to use; each of the others takes the place of those before it
// while they do not answer, are no ready members of their cluster, or are read-only. For a pool with one server it still does
// this: a connection that breaks takes all of its age with it, because behind the address may be a proxy.
type servers struct {
	all     []*server
	timeout time.Duration // Config.Timeout
	log     *slog.Logger
	node    atomic.Bool // they are nodes of a cluster; that of the Store
}

// A server is one of the servers of a DSN.
type server struct {
	of       *servers
	name     string
	synced   driver.Connector // with ownReads
	plain    driver.Connector
	unsynced atomic.Bool            // it was built without Galera, so that it takes only plain
	age      atomic.Int64           // it goes up with each reason to leave: connections of another age are not used again
	left     atomic.Int64           // when it was left or found to be read-only, in nanoseconds
	late     atomic.Int32           // how many contexts in a row ended before it answered
	seen     atomic.Bool            // it has said whether it is a node
	sought   atomic.Int64           // when that was last tried for another server, in nanoseconds
	patience time.Duration          // of an attempt to connect, if there are several servers
	problem  atomic.Pointer[string] // why it was passed over when it was tried last, if there are several servers
}

// restTime is for how long a server that was left comes after the others.
const restTime = 15 * time.Second

// lateTimes is how many contexts in a row end before a server answers until it is left. One context may be short.
const lateTimes = 3

func newServers(dsn string, config Config) (*servers, error) {
	s := &servers{timeout: config.Timeout, log: cmp.Or(config.Logger, slog.Default())}
	for _, own := range []string{ownSession + ownReads, ownSession} {
		all, err := connections(dsn, own)
		if err != nil {
			return nil, err
		}
		for i, c := range all {
			c.Logger = driverLog{config.Logger}
			connector, err := mysql.NewConnector(c)
			if err != nil {
				return nil, errors.New("ispmail: the DSN has settings that do not fit together")
			}
			if len(s.all) < len(all) {
				s.all = append(s.all, &server{of: s, name: c.Addr, synced: connector, patience: c.Timeout})
			} else {
				s.all[i].plain = connector
			}
		}
	}
	return s, nil
}

// Driver returns the driver of MariaDB.
func (s *servers) Driver() driver.Driver { return mysql.MySQLDriver{} }

// Connect connects to the first server that can be used. If the others do not answer, it takes one that is read-only, with
// which passwords can at least be verified.
func (s *servers) Connect(ctx context.Context) (driver.Conn, error) {
	if len(s.all) == 1 {
		c, err := s.all[0].connect(ctx)
		if err != nil {
			return nil, err
		}
		// An address may lead to another server than before, without a connection that broke.
		if _, err := s.look(ctx, c); err != nil {
			return nil, errors.Join(err, c.Close())
		}
		return c, nil
	}
	var reader *conn
	var failed error
	for _, server := range s.inOrder() {
		c, readOnly, err := server.try(ctx)
		switch {
		case err != nil && failed == nil:
			failed = fmt.Errorf("%s: %w", server.name, err)
		case err != nil:
			failed = fmt.Errorf("%w; %s: %w", failed, server.name, err)
		case readOnly && reader == nil:
			reader = c
		case readOnly:
			_ = c.Close()
		default:
			if reader != nil {
				_ = reader.Close()
			}
			return c, nil
		}
	}
	if reader == nil {
		return nil, failed
	}
	return reader, nil
}

// inOrder returns the servers in the order in which to try them.
func (s *servers) inOrder() []*server {
	rests := func(one *server) int {
		if isRecent(&one.left) {
			return 1
		}
		return 0
	}
	all := slices.Clone(s.all)
	slices.SortStableFunc(all, func(a, b *server) int { return rests(a) - rests(b) })
	return all
}

// isRecent reports whether a time in nanoseconds is less than restTime ago.
func isRecent(at *atomic.Int64) bool {
	nanoseconds := at.Load()
	return nanoseconds != 0 && time.Since(time.Unix(0, nanoseconds)) < restTime
}

// try connects to one of several servers, if that is quick, and looks whether it can be used. A caller who gives up says nothing
// about the server, and one whose time is over says little. A connection to a server that is read-only lasts until others are
// to be tried again.
func (one *server) try(caller context.Context) (c *conn, readOnly bool, err error) {
	if c, readOnly, err = one.meet(caller); err == nil && one.of.hasNode(caller) && !c.node {
		err = errors.Join(errNoMember, c.Close())
	}
	switch {
	case err != nil && caller.Err() != nil:
		if !errors.Is(context.Cause(caller), context.Canceled) && one.late.Add(1) >= lateTimes {
			one.leave()
			one.tell(caller, err.Error())
		}
		return nil, false, err
	case err != nil:
		one.leave()
		one.tell(caller, err.Error())
		return nil, false, err
	case readOnly:
		one.rest()
		c.until = time.Now().Add(restTime)
		one.tell(caller, "it is read-only")
	default:
		one.tell(caller, "")
	}
	return c, readOnly, err
}

// tell logs why a server is passed over, once for each reason, and that it is used again. A server that never works would
// else be found out when the others fail.
func (one *server) tell(ctx context.Context, problem string) {
	last := one.problem.Swap(&problem)
	switch {
	case problem == "" && last != nil && *last != "":
		one.of.log.InfoContext(ctx, "ispmail: a server of the DSN is used again", slog.String("server", one.name))
	case problem != "" && (last == nil || *last != problem):
		one.of.log.WarnContext(ctx, "ispmail: a server of the DSN is passed over", slog.String("server", one.name), slog.String("cause", problem))
	}
}

// meet connects to one of several servers, if that is quick, and looks what it is.
func (one *server) meet(ctx context.Context) (c *conn, readOnly bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, one.patience)
	defer cancel()
	if c, err = one.connect(ctx); err != nil {
		return nil, false, err
	}
	if readOnly, err = one.of.look(ctx, c); err != nil {
		return nil, false, errors.Join(err, c.Close())
	}
	return c, readOnly, nil
}

// hasNode reports whether one of several servers is a node of a cluster. While none is known, it looks at those that were not
// seen yet: the one that comes first may be a node that runs alone. This does not go on for longer than an attempt to connect.
func (s *servers) hasNode(ctx context.Context) bool {
	if s.node.Load() {
		return true
	}
	var all sync.WaitGroup
	for _, one := range s.all {
		if one.seen.Load() || isRecent(&one.sought) {
			continue
		}
		one.sought.Store(time.Now().UnixNano())
		all.Go(func() {
			if c, _, err := one.meet(context.WithoutCancel(ctx)); err == nil {
				_ = c.Close()
			}
		})
	}
	all.Wait()
	return s.node.Load()
}

// connect makes a connection. A server without Galera does not know the variables of ownReads.
func (one *server) connect(ctx context.Context) (*conn, error) {
	age := one.age.Load()
	connector := one.synced
	if one.unsynced.Load() {
		connector = one.plain
	}
	inner, err := connector.Connect(ctx)
	if errorCode(err) == mariaUnknownVariable && connector == one.synced {
		if inner, err = one.plain.Connect(ctx); err == nil {
			one.unsynced.Store(true)
		}
	}
	if err != nil {
		one.unsynced.Store(false) // another may come in its place
		return nil, err
	}
	full, ok := inner.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("ispmail: the driver of MariaDB lacks a method"), inner.Close())
	}
	return &conn{driverConn: full, server: one, age: age}, nil
}

// errNoMember is the error of a server that runs alone while others are nodes of a cluster. It takes changes that the cluster
// never gets, and that are gone when it joins the others again. A replica of the cluster may be late, and would be wrong about
// passwords.
var errNoMember = errors.New("it is not in the cluster of the other servers")

// look asks a server whether it is read-only, and whether it is a node of a cluster. A node that is not ready refuses to say.
func (s *servers) look(ctx context.Context, c *conn) (readOnly bool, err error) {
	query := "SELECT @@GLOBAL.read_only, @@SESSION.wsrep_on"
	if c.server.unsynced.Load() {
		query = "SELECT @@GLOBAL.read_only, 0"
	}
	rows, err := c.QueryContext(ctx, query, nil)
	if err != nil {
		return false, err
	}
	values := make([]driver.Value, 2)
	if err := errors.Join(rows.Next(values), rows.Close()); err != nil {
		return false, err
	}
	c.node = isSet(values[1])
	c.server.seen.Store(true)
	switch {
	case len(s.all) == 1:
		s.node.Store(c.node)
	case c.node && s.node.CompareAndSwap(false, true):
		for _, other := range s.all { // they were taken for single servers
			if other != c.server {
				other.age.Add(1)
			}
		}
	}
	return isSet(values[0]), nil
}

// isSet reads a variable that is on or off. That for read_only has had further values than on since MariaDB 12.
func isSet(value driver.Value) bool {
	text := fmt.Sprint(value)
	if bytes, ok := value.([]byte); ok {
		text = string(bytes)
	}
	return text != "0" && text != "OFF"
}

// leave gives the server up: its connections are not used again, and it comes after the others for a while.
func (one *server) leave() {
	one.age.Add(1)
	one.late.Store(0)
	one.rest()
}

// rest makes the server come after the others for a while.
func (one *server) rest() {
	one.unsynced.Store(false)
	one.left.Store(time.Now().UnixNano())
}
