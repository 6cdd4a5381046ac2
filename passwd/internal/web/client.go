package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientOf returns the address of the person behind a request. If the peer is a trusted proxy, that is in X-Forwarded-For:
// the last entry is from the peer, and an entry before it counts as long as the one after it is a trusted proxy too. A peer
// on a unix socket is a trusted proxy.
func ClientOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client, ok := parseHop(r.RemoteAddr)
	if ok && !isTrusted(client, trusted) {
		return client
	}
	if !ok {
		client = netip.IPv6Unspecified() // of a socket whose proxy tells nothing
		if !IsSocket(r) {
			return client
		}
	}
	return forwardedFor(r, trusted, client)
}

// PersonOf returns the address of the person for whom a program asks the API, which counts as a proxy then. It is invalid if the
// program names nobody.
func PersonOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	return forwardedFor(r, trusted, netip.Addr{})
}

// forwardedFor reads X-Forwarded-For of a trusted peer from its end: it returns the first address there that is no trusted proxy,
// or else the farthest one that is known, which at first is that of the peer.
func forwardedFor(r *http.Request, trusted []netip.Prefix, peer netip.Addr) netip.Addr {
	client := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, ok := parseHop(strings.TrimSpace(hop))
		if !ok {
			break // whoever wrote this, the hop before it is the last one known
		}
		client = address
		if !isTrusted(client, trusted) {
			break
		}
	}
	return client
}

// parseHop reads an address with or without a port, and an IPv6 address with or without brackets.
func parseHop(s string) (netip.Addr, bool) {
	bare := s
	if inner, ok := strings.CutPrefix(s, "["); ok && strings.HasSuffix(inner, "]") {
		bare = strings.TrimSuffix(inner, "]")
		if !strings.Contains(bare, ":") {
			return netip.Addr{}, false
		}
	}
	address, err := netip.ParseAddr(bare)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(s)
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), err == nil
}

// IsSocket reports whether a request came over a unix socket.
func IsSocket(r *http.Request) bool {
	_, ok := r.Context().Value(http.LocalAddrContextKey).(*net.UnixAddr)
	return ok
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}
