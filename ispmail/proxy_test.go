package ispmail_test

import (
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// A moment is when a connection is cut, seen from the packet of a statement.
type moment string

const (
	before moment = "before" // the server never gets it
	during moment = "during" // the server gets it and may notice at any time that nobody listens any more
	after  moment = "after"  // the server has answered it; the client does not hear that
)

// A cut waits for a statement.
type cut struct {
	statement string
	moment    moment
	away      bool   // from then on nobody gets through to the server
	do        func() // instead of cutting, before the packet is passed on
}

// A proxy stands before a server and cuts connections at a packet.
type proxy struct {
	target  *mysql.Config
	address string
	armed   atomic.Pointer[cut]
	away    atomic.Bool
	clients atomic.Int32                        // that have come so far
	rewrite atomic.Pointer[func([]byte) []byte] // of packets of clients, to as many bytes
}

// proxied returns a MariaDB database with the example rows, a proxy before its server, and a Store that connects through it.
func proxied(t *testing.T) (*ispmailtest.Database, *proxy, *ispmail.Store) {
	t.Helper()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	proxy, dsn := through(t, db.DSN)
	return db, proxy, dbtest.Open(t, dsn, ispmail.Config{})
}

// through returns the DSN by which a server is reached through a proxy of its own, which ends with the test.
func through(t *testing.T, dsn string) (*proxy, string) {
	t.Helper()
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	p := &proxy{target: config.Clone()}
	p.address = dbtest.Listen(t, p.serve)
	config.Net, config.Addr = "tcp", p.address
	return p, config.FormatDSN()
}

func (p *proxy) serve(client net.Conn) {
	p.clients.Add(1)
	if p.away.Load() {
		return
	}
	server, err := net.Dial(p.target.Net, p.target.Addr)
	if err != nil {
		return
	}
	var swallow atomic.Bool
	dbtest.Relay(client, server, func(packet []byte) []byte {
		if c := p.armed.Load(); c != nil && isStatement(packet, c.statement) && p.armed.CompareAndSwap(c, nil) {
			p.away.Store(c.away)
			switch {
			case c.do != nil:
				c.do()
			case c.moment == before:
				return nil
			case c.moment == during:
				swallow.Store(true)
				_, _ = server.Write(packet)
				return nil
			case c.moment == after:
				swallow.Store(true)
			}
		}
		if rewrite := p.rewrite.Load(); rewrite != nil {
			packet = (*rewrite)(packet)
		}
		return packet
	}, func() bool { return !swallow.Load() })
}

// isStatement tells whether a packet begins a query with this text.
func isStatement(packet []byte, statement string) bool {
	text := dbtest.Statement(packet)
	return text != "" && strings.HasPrefix(text, statement)
}
