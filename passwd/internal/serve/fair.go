package serve

import (
	"net"
	"net/netip"
	"slices"
	"sync"
)

// ConnectionsPerClient is the greatest number of open connections of one client to an endpoint. A browser opens six. Further ones
// are closed at once: one client cannot take all the connections of an endpoint.
const ConnectionsPerClient = 64

// A fairListener bounds the connections of each client: of an IPv4 address or an IPv6 /64. Unix sockets and trusted proxies, behind
// which are many, have no bound but that of the endpoint. Nor has the loopback network: a webmail or a web server on this machine is
// one client there, which any user of the machine could close out, and who is on the machine has 16 million addresses anyway.
type fairListener struct {
	net.Listener
	trusted []netip.Prefix
	refused func(client netip.Addr) // is told of each connection that is closed

	mu   sync.Mutex
	open map[netip.Prefix]int
}

func newFairListener(l net.Listener, trusted []netip.Prefix, refused func(client netip.Addr)) net.Listener {
	return &fairListener{Listener: l, trusted: trusted, refused: refused, open: map[netip.Prefix]int{}}
}

// Accept returns the next connection of a client that has not too many.
func (l *fairListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		client, isTCP := clientOf(conn)
		if !isTCP || client.IsLoopback() || slices.ContainsFunc(l.trusted, func(p netip.Prefix) bool { return p.Contains(client) }) {
			return conn, nil
		}
		bits := 32
		if client.Is6() {
			bits = 64
		}
		network, _ := client.Prefix(bits) // it has as many
		if l.enter(network) {
			return &fairConn{Conn: conn, leave: sync.OnceFunc(func() { l.leave(network) })}, nil
		}
		_ = conn.Close() // the client has enough others
		l.refused(client)
	}
}

func clientOf(conn net.Conn) (client netip.Addr, isTCP bool) {
	address, isTCP := conn.RemoteAddr().(*net.TCPAddr)
	if !isTCP {
		return client, false
	}
	return address.AddrPort().Addr().Unmap().WithZone(""), true
}

func (l *fairListener) enter(network netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network] >= ConnectionsPerClient {
		return false
	}
	l.open[network]++
	return true
}

func (l *fairListener) leave(network netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[network]--; l.open[network] == 0 {
		delete(l.open, network)
	}
}

// A fairConn counts until it is closed.
type fairConn struct {
	net.Conn
	leave func()
}

func (c *fairConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
