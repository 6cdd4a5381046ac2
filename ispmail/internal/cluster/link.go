package cluster

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
)

// A Link passes connections on to a server, and can lose the answer to a commit.
type Link struct {
	server   atomic.Pointer[Server] // of new connections
	next     atomic.Pointer[Server] // of new connections after the lost answer; nil if none is to be lost
	listener net.Listener
	done     sync.WaitGroup
}

// Link returns a link to the server, which ends with the test.
func (s *Server) Link(t *testing.T) *Link {
	t.Helper()
	l := &Link{}
	l.server.Store(s)
	var err error
	l.listener, err = net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l.done.Go(func() {
		for {
			client, err := l.listener.Accept()
			if err != nil {
				return
			}
			l.done.Go(func() { l.serve(client) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.listener.Close())
		l.done.Wait()
	})
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
	c.Addr = l.listener.Addr().String()
	return c
}

// DSN is the data source name of [Link.Config].
func (l *Link) DSN(database string) string { return l.Config(database).FormatDSN() }

func (l *Link) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", net.JoinHostPort(l.server.Load().Address, "3306"))
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	var lose atomic.Pointer[Server]
	l.done.Go(func() {
		defer func() { _, _ = client.Close(), server.Close() }()
		answer := make([]byte, 64<<10)
		for {
			n, err := server.Read(answer)
			if err != nil {
				return
			}
			if next := lose.Load(); next != nil {
				l.To(next)
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
		if strings.HasPrefix(statement(packet), "COMMIT") {
			lose.Store(l.next.Swap(nil))
		}
		if _, err := server.Write(packet); err != nil {
			return
		}
	}
}

// readPacket reads a packet of the protocol, https://mariadb.com/docs/server/reference/clientserver-protocol/0-packet.
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

// statement returns the text of a COM_QUERY (3), "" for other packets.
func statement(packet []byte) string {
	if len(packet) < 6 || packet[3] != 0 || packet[4] != 3 {
		return ""
	}
	return string(packet[5:])
}
