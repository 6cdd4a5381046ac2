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

	asked      atomic.Int64  // when the others were last asked whether they are nodes, in nanoseconds
	firstRound chan struct{} // it is closed when that was done once
	life       context.Context
	end        context.CancelFunc
}

// A server is one of the servers of a DSN.
type server struct {
	of       *servers
	name     string
	synced   driver.Connector // with ownReads
	plain    driver.Connector
	patience time.Duration // of an attempt to connect, if there are several servers

	unsynced atomic.Bool  // it was built without Galera, so that it takes only plain
	age      atomic.Int64 // it goes up with each reason to leave: connections of another age are not used again
	left     atomic.Int64 // when it was left or found to be read-only, in nanoseconds

	// If there are several servers:
	met      atomic.Int64           // when it was last tried, in nanoseconds
	readOnly atomic.Bool            // it was so when it was tried last
	problem  atomic.Pointer[string] // why it was passed over then

	late   atomic.Int32 // how many contexts, one after the other, have ended before it answered
	lateAt atomic.Int64 // when the last one has, in nanoseconds
}

// restTime is for how long a server that was left comes after the others.
const restTime = 15 * time.Second

func emptyServers(timeout time.Duration, log *slog.Logger) *servers {
	s := &servers{timeout: timeout, log: log, firstRound: make(chan struct{})}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

func newServers(dsn string, config Config) (*servers, error) {
	s := emptyServers(config.Timeout, cmp.Or(config.Logger, slog.Default()))
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

// Close ends what goes on when the pool is closed.
func (s *servers) Close() error {
	s.end()
	return nil
}

// Connect connects to the first server that can be used. If the others do not answer, it takes one that is read-only, with
// which passwords can at least be verified.
func (s *servers) Connect(ctx context.Context) (driver.Conn, error) {
	if len(s.all) == 1 {
		c, err := s.all[0].connect(ctx)
		if err != nil {
			return nil, err
		}
		// An address may lead to another server than before, without a connection that broke.
		begin := time.Now()
		if err := s.look(ctx, c); err != nil {
			return nil, errors.Join(c.note(ctx, begin, err), c.Close())
		}
		return c, nil
	}
	reader, failed := (*conn)(nil), ctx.Err()
	for _, server := range s.inOrder() {
		if ctx.Err() != nil {
			break
		}
		if reader != nil && isRecent(&server.left) { // it was tried a moment ago
			continue
		}
		c, err := server.try(ctx)
		switch {
		case err != nil && failed == nil:
			failed = fmt.Errorf("%s: %w", server.name, err)
		case err != nil:
			failed = fmt.Errorf("%w; %s: %w", failed, server.name, err)
		case !c.readOnly:
			s.leaveReaders()
			if reader != nil {
				_ = reader.Close()
			}
			return c, nil
		case reader == nil:
			reader = c
		default:
			_ = c.Close()
		}
	}
	if reader == nil {
		return nil, failed
	}
	reader.server.rest()
	reader.until = time.Now().Add(restTime)
	return reader, nil
}

// leaveReaders gives up the connections to servers that are read-only: there is another one.
func (s *servers) leaveReaders() {
	for _, one := range s.all {
		if one.readOnly.Load() {
			one.age.Add(1)
		}
	}
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
// about the server, and one whose time is over says little.
func (one *server) try(caller context.Context) (c *conn, err error) {
	begin := time.Now()
	c, err = one.meet(caller)
	if err == nil && one.of.hasNode(caller) && !c.node {
		err = errors.Join(errNoMember, c.Close())
	}
	switch {
	case err != nil && caller.Err() != nil:
		if !errors.Is(context.Cause(caller), context.Canceled) && one.isLate(begin) {
			one.leave()
			one.tell(caller, err.Error())
		}
		return nil, err
	case err != nil:
		one.leave()
		one.tell(caller, err.Error())
		return nil, err
	case c.readOnly:
		if !one.readOnly.Swap(true) {
			c.age = one.age.Add(1) // those that were made before are not for changes any more
		}
		one.rest()
		one.tell(caller, "it is read-only")
	default:
		one.readOnly.Store(false)
		one.tell(caller, "")
	}
	return c, nil
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
func (one *server) meet(ctx context.Context) (c *conn, err error) {
	one.met.Store(time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(ctx, one.patience)
	defer cancel()
	if c, err = one.connect(ctx); err == nil {
		if err = one.of.look(ctx, c); err != nil {
			err = errors.Join(err, c.Close())
		}
	}
	if errorCode(err) == mariaNoQuorum {
		one.of.foundNode(one)
	}
	if err != nil {
		return nil, err
	}
	one.answered()
	return c, nil
}

// hasNode reports whether one of several servers is a node of a cluster. While none is known, the others are asked now and then:
// the one that comes first may be a node that runs alone. Who connects first waits for that, but not for long.
func (s *servers) hasNode(ctx context.Context) bool {
	if s.node.Load() {
		return true
	}
	if last := s.asked.Load(); !isRecent(&s.asked) && s.asked.CompareAndSwap(last, time.Now().UnixNano()) {
		go func() {
			s.ask()
			if last == 0 {
				close(s.firstRound)
			}
		}()
	}
	select {
	case <-s.firstRound:
	case <-time.After(s.timeout / 4):
	case <-ctx.Done():
	}
	return s.node.Load()
}

// ask looks at the servers that nobody has tried for a while, for no longer than an attempt to connect takes.
func (s *servers) ask() {
	var all sync.WaitGroup
	for _, one := range s.all {
		if isRecent(&one.met) {
			continue
		}
		all.Go(func() {
			if c, err := one.meet(s.life); err == nil {
				_ = c.Close()
			}
		})
	}
	all.Wait()
}

// foundNode notes that a server is a node of a cluster. The others may have been taken for single servers.
func (s *servers) foundNode(node *server) {
	if !s.node.CompareAndSwap(false, true) {
		return
	}
	for _, one := range s.all {
		if one != node {
			one.age.Add(1)
		}
	}
}

// connect makes a connection. A server without Galera does not know the variables of ownReads.
func (one *server) connect(ctx context.Context) (*conn, error) {
	age := one.age.Load()
	connector, plain := one.synced, one.unsynced.Load()
	if plain {
		connector = one.plain
	}
	inner, err := connector.Connect(ctx)
	if errorCode(err) == mariaUnknownVariable && !plain {
		if inner, err = one.plain.Connect(ctx); err == nil {
			plain = true
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
	return &conn{driverConn: full, server: one, age: age, plain: plain}, nil
}

// errNoMember is the error of a server that runs alone while others are nodes of a cluster. It takes changes that the cluster
// never gets, and that are gone when it joins the others again. A replica of the cluster may be late, and would be wrong about
// passwords.
var errNoMember = errors.New("it is not in the cluster of the other servers")

// look asks a server whether it is read-only, and whether it is a node of a cluster. A node that is not ready refuses to say.
func (s *servers) look(ctx context.Context, c *conn) error {
	query := "SELECT @@GLOBAL.read_only, @@SESSION.wsrep_on"
	if c.plain {
		query = "SELECT @@GLOBAL.read_only, 0"
	}
	rows, err := c.driverConn.QueryContext(ctx, query, nil)
	if err != nil {
		return err
	}
	values := make([]driver.Value, 2)
	err = rows.Next(values)
	c.readOnly, c.node = isSet(values[0]), isSet(values[1]) // before Close, which may overwrite them
	if err := errors.Join(err, rows.Close()); err != nil {
		return err
	}
	switch {
	case len(s.all) == 1:
		s.node.Store(c.node)
	case c.node:
		s.foundNode(c.server)
	}
	return nil
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
	one.answered()
	one.rest()
}

// rest makes the server come after the others for a while.
func (one *server) rest() {
	one.unsynced.Store(false)
	one.left.Store(time.Now().UnixNano())
}

// answered notes that the server is there.
func (one *server) answered() {
	if one.late.Load() != 0 {
		one.late.Store(0)
	}
}

// isLate reports whether the server is to be left because a context has ended before it answered what began then. That says little
// if the context was short, or the statement waited for a lock. So it takes three, one after the other, without an answer between
// them, or one that lasts longer than any statement should.
func (one *server) isLate(begin time.Time) bool {
	const times, statement = 3, 3500 * time.Millisecond // max_statement_time is 3 s
	if last := one.lateAt.Load(); begin.UnixNano() >= last && one.lateAt.CompareAndSwap(last, time.Now().UnixNano()) {
		one.late.Add(1)
	}
	return one.late.Load() >= times || time.Since(begin) >= min(statement, one.of.timeout*9/10)
}
