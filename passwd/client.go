package passwd

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// clientOf returns the address of the person behind a request. A proxy that is trusted says it in X-Forwarded-For: its
// entry is the last one, the entries before it are as trustworthy as their own senders. A request that comes over a unix
// socket comes from a proxy that may use the socket.
func clientOf(r *http.Request, trusted []netip.Prefix) netip.Addr {
	client := netip.IPv6Unspecified() // of a unix socket whose proxy tells nothing
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err == nil {
		client = peer.Addr().Unmap().WithZone("")
		if !isTrusted(client, trusted) {
			return client
		}
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		address, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break // whoever wrote this, the hop before it is the last one known
		}
		client = address.Unmap().WithZone("")
		if !isTrusted(client, trusted) {
			break
		}
	}
	return client
}

func isTrusted(address netip.Addr, trusted []netip.Prefix) bool {
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}

// network returns what is counted as one client: an IPv4 address, or the /64 that a site gets for IPv6.
func network(address netip.Addr) string {
	if address.Is4() {
		return address.String()
	}
	prefix, _ := address.Prefix(64) // an IPv6 address has one
	return prefix.String()
}
