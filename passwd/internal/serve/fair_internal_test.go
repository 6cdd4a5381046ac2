package serve

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dialFrom connects to a server from an address of the loopback network.
func dialFrom(t *testing.T, client, server string) net.Conn {
	t.Helper()
	conn, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}).DialContext(t.Context(), "tcp", server)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// TestFairListener: a client gets so many connections and no more, others get theirs, and what is closed makes room.
func TestFairListener(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := newFairListener(inner, []netip.Prefix{netip.MustParsePrefix("127.0.0.9/32")}).(*fairListener)
	accepted := make(chan net.Conn, 1000)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- conn
		}
	}()
	server := inner.Addr().String()
	for range 3 * ConnectionsPerClient {
		dialFrom(t, "127.0.0.2", server)
	}
	var greedy []net.Conn
	for range ConnectionsPerClient {
		greedy = append(greedy, <-accepted)
	}
	dialFrom(t, "127.0.0.3", server) // which comes after them
	client, _ := clientOf(<-accepted)
	assert.Equal(t, "127.0.0.3", client.String(), "the greedy one got no more")
	for range 2 * ConnectionsPerClient {
		dialFrom(t, "127.0.0.9", server)
		client, _ := clientOf(<-accepted)
		assert.Equal(t, "127.0.0.9", client.String(), "a proxy has no bound")
	}
	require.NoError(t, greedy[0].Close())
	assert.ErrorIs(t, greedy[0].Close(), net.ErrClosed)
	for range 2 {
		dialFrom(t, "127.0.0.2", server)
	}
	client, _ = clientOf(<-accepted)
	assert.Equal(t, "127.0.0.2", client.String(), "one has made room for one")
	dialFrom(t, "127.0.0.4", server)
	client, _ = clientOf(<-accepted)
	assert.Equal(t, "127.0.0.4", client.String())
	require.NoError(t, inner.Close())
	assert.Empty(t, accepted)
	assert.Equal(t, ConnectionsPerClient, l.open[netip.MustParsePrefix("127.0.0.2/32")])
	assert.Len(t, l.open, 3, "the table holds who is connected")
}
