package serve

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// A network is a listener whose clients have any address.
type network struct{ conns chan net.Conn }

func newNetwork() *network { return &network{make(chan net.Conn, 1000)} }

func (n *network) Accept() (net.Conn, error) {
	conn, ok := <-n.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}

func (n *network) Close() error   { close(n.conns); return nil }
func (n *network) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4zero, Port: 80} }

// dial connects from an address, and returns the end of the client.
func (n *network) dial(client string) net.Conn {
	here, there := net.Pipe()
	n.conns <- distant{there, &net.TCPAddr{IP: net.ParseIP(client), Port: 1234}}
	return here
}

type distant struct {
	net.Conn
	client net.Addr
}

func (d distant) RemoteAddr() net.Addr { return d.client }

// TestFairListener: a client gets so many connections and no more, others get theirs, and what is closed makes room. A proxy that is
// trusted and this machine have no bound.
func TestFairListener(t *testing.T) {
	t.Parallel()
	inner := newNetwork()
	refused := map[string]int{}
	l := newFairListener(inner, []netip.Prefix{netip.MustParsePrefix("192.0.2.9/32")}, func(client netip.Addr) { refused[client.String()]++ }).(*fairListener)
	accept := func() (net.Conn, string) {
		conn, err := l.Accept()
		require.NoError(t, err)
		client, _ := clientOf(conn)
		return conn, client.String()
	}
	for range 3 * ConnectionsPerClient {
		inner.dial("192.0.2.2")
	}
	var greedy []net.Conn
	for range ConnectionsPerClient {
		conn, _ := accept()
		greedy = append(greedy, conn)
	}
	inner.dial("192.0.2.3") // which comes after them
	_, client := accept()
	assert.Equal(t, "192.0.2.3", client, "the greedy one got no more")
	for _, many := range []string{"192.0.2.9", "127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"} {
		for range 2 * ConnectionsPerClient {
			inner.dial(many)
			_, client := accept()
			assert.Equal(t, netip.MustParseAddr(many).Unmap().String(), client)
		}
	}
	require.NoError(t, greedy[0].Close())
	_ = greedy[0].Close() // counts once
	for range 2 {
		inner.dial("192.0.2.2")
	}
	_, client = accept()
	assert.Equal(t, "192.0.2.2", client, "one has made room for one")
	for i := range ConnectionsPerClient + 1 {
		inner.dial(netip.MustParseAddr("2001:db8::").Next().String())
		if i < ConnectionsPerClient {
			accept()
		}
	}
	inner.dial("192.0.2.4")
	_, client = accept()
	assert.Equal(t, "192.0.2.4", client)
	require.NoError(t, inner.Close())
	_, err := l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	assert.Equal(t, map[string]int{"192.0.2.2": 2*ConnectionsPerClient + 1, "2001:db8::1": 1}, refused)
	assert.Equal(t, ConnectionsPerClient, l.open[netip.MustParsePrefix("192.0.2.2/32")])
	assert.Len(t, l.open, 4, "the table holds who is connected")
}

// TestCrowd: connections that are closed at once are counted, and have two lines in ten seconds.
func TestCrowd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		inner, refused := newNetwork(), 0
		ctx, stop := context.WithCancel(t.Context())
		page := Endpoint{Name: "page", Listener: inner, Shown: AddressOf, Refused: func() { refused++ }, Serve: func(ctx context.Context, l net.Listener) error {
			context.AfterFunc(ctx, func() { _ = inner.Close() })
			for {
				if _, err := l.Accept(); err != nil {
					return nil
				}
			}
		}}
		done := make(chan error, 1)
		go func() { done <- Serve(ctx, slog.New(slog.NewTextHandler(&log, nil)), []Endpoint{page}, nil) }()
		for range ConnectionsPerClient + 10 {
			inner.dial("192.0.2.2")
		}
		time.Sleep(summary.Window + time.Second)
		synctest.Wait()
		assert.Equal(t, 10, refused)
		for _, want := range []string{
			"msg=\"a connection was closed, because its client has too many others\" listener=page client=192.0.2.2\n",
			"msg=\"more connections were closed, because their clients have too many others\" listener=page count=9\n",
		} {
			assert.Equal(t, 1, strings.Count(log.String(), want), log.String())
		}
		stop()
		require.NoError(t, <-done)
	})
}
