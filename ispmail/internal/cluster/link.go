package cluster

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// A Link passes connections on to a server, and can lose the answer to a commit.
type Link struct {
	server  atomic.Pointer[Server] // of new connections
	next    atomic.Pointer[Server] // of new connections after the lost answer; nil if none is to be lost
	address string
}

// Link returns a link to the server, which ends with the test.
func (s *Server) Link(t *testing.T) *Link {
	t.Helper()
	l := &Link{}
	l.server.Store(s)
	l.address = dbtest.Listen(t, l.serve)
	return l
}

// To makes new connections lead to a server.
func (l *Link) To(s *Server) { l.server.Store(s) }

// LoseCommit loses the answer to the next COMMIT, with its connection. From then on, connections lead to another server.
func (l *Link) LoseCommit(next *Server) { l.next.Store(next) }

// Lost reports whether the answer has been lost.
func (l *Link) Lost() bool { return l.next.Load() == nil }

// Config connects to a database as [Server.Config], through the link.
func (l *Link) Config(database string) *mysql.Config {
	c := l.server.Load().Config(database)
	c.Addr = l.address
	return c
}

// DSN is the data source name of [Link.Config].
func (l *Link) DSN(database string) string { return l.Config(database).FormatDSN() }

func (l *Link) serve(client net.Conn) {
	server, err := net.Dial("tcp", net.JoinHostPort(l.server.Load().Address, "3306"))
	if err != nil {
		return
	}
	var lose atomic.Pointer[Server]
	dbtest.Relay(client, server, func(packet []byte) []byte {
		if strings.HasPrefix(dbtest.Statement(packet), "COMMIT") {
			lose.Store(l.next.Swap(nil))
		}
		return packet
	}, func() bool {
		next := lose.Load()
		if next != nil {
			l.To(next)
		}
		return next == nil
	})
}
