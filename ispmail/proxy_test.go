package ispmail_test

import (
	"encoding/binary"
	"io"
	"net"
	"strings"
	"sync"
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

// A proxy stands before a server and cuts connections at a packet of the protocol,
// https://mariadb.com/docs/server/reference/clientserver-protocol/0-packet.
type proxy struct {
	target   *mysql.Config
	listener net.Listener
	armed    atomic.Pointer[cut]
	away     atomic.Bool
	clients  atomic.Int32                        // that have come so far
	rewrite  atomic.Pointer[func([]byte) []byte] // of packets of clients, to as many bytes
	done     sync.WaitGroup
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
	p.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p.done.Go(func() {
		for {
			client, err := p.listener.Accept()
			if err != nil {
				return
			}
			p.done.Go(func() { p.serve(client) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, p.listener.Close())
		p.done.Wait()
	})
	config.Net, config.Addr = "tcp", p.listener.Addr().String()
	return p, config.FormatDSN()
}

func (p *proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	p.clients.Add(1)
	if p.away.Load() {
		return
	}
	server, err := net.Dial(p.target.Net, p.target.Addr)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var swallow atomic.Bool
	p.done.Go(func() {
		defer func() { _, _ = client.Close(), server.Close() }()
		answer := make([]byte, 64<<10)
		for {
			n, err := server.Read(answer)
			if err != nil || swallow.Load() {
				return
			}
			if _, err := client.Write(answer[:n]); err != nil {
				return
			}
		}
	})
	for {
		packet, err := readPacket(client)
		if err != nil {
			return
		}
		if c := p.armed.Load(); c != nil && isStatement(packet, c.statement) && p.armed.CompareAndSwap(c, nil) {
			p.away.Store(c.away)
			switch {
			case c.do != nil:
				c.do()
			case c.moment == before:
				return
			case c.moment == during:
				swallow.Store(true)
				_, _ = server.Write(packet)
				return
			case c.moment == after:
				swallow.Store(true)
			}
		}
		if rewrite := p.rewrite.Load(); rewrite != nil {
			packet = (*rewrite)(packet)
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

func readPacket(r io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header) & 0xffffff // the fourth byte is a sequence number
	packet := append(header, make([]byte, length)...)
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// isStatement tells whether a packet begins a COM_QUERY (3) with this text.
func isStatement(packet []byte, statement string) bool {
	return len(packet) > 5 && packet[3] == 0 && packet[4] == 3 && strings.HasPrefix(string(packet[5:]), statement)
}
