package web_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

func TestClientOf(t *testing.T) {
	t.Parallel()
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1234", nil, "192.0.2.1"},
		{"192.0.2.1:1234", []string{"198.51.100.7"}, "192.0.2.1"}, // forged: the peer is no proxy
		{"127.0.0.1:1234", nil, "127.0.0.1"},
		{"127.0.0.1:1234", []string{"198.51.100.7"}, "198.51.100.7"},
		{"127.0.0.1:1234", []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"}, // the first is the client's own word
		{"127.0.0.1:1234", []string{"203.0.113.9", "198.51.100.7"}, "198.51.100.7"},
		{"127.0.0.1:1234", []string{"203.0.113.9, 198.51.100.7, 127.0.0.2"}, "198.51.100.7"},
		{"127.0.0.1:1234", []string{"198.51.100.7:5555"}, "198.51.100.7"},
		{"127.0.0.1:1234", []string{"[2001:db8:2::1]:44"}, "2001:db8:2::1"},
		{"127.0.0.1:1234", []string{"[2001:db8:2::1]"}, "2001:db8:2::1"},
		{"127.0.0.1:1234", []string{"203.0.113.9, [2001:db8:2::1%eth0], [::ffff:127.0.0.2]"}, "2001:db8:2::1"},
		{"127.0.0.1:1234", []string{"203.0.113.9, [198.51.100.7]"}, "127.0.0.1"}, // no address in any notation
		{"127.0.0.1:1234", []string{"203.0.113.9, [2001:db8:2::1"}, "127.0.0.1"},
		{"127.0.0.1:1234", []string{"203.0.113.9, []"}, "127.0.0.1"},
		{"203.0.113.5", []string{"198.51.100.7"}, "203.0.113.5"}, // as some middleware leaves it
		{"nonsense", []string{"198.51.100.7"}, "::"},
		{"127.0.0.1:1234", []string{"198.51.100.7, nonsense, 127.0.0.2"}, "127.0.0.2"},
		{"127.0.0.1:1234", []string{"198.51.100.7, "}, "127.0.0.1"},
		{"127.0.0.1:1234", []string{"127.0.0.3, 127.0.0.2"}, "127.0.0.3"},
		{"127.0.0.1:1234", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"[::ffff:127.0.0.1]:1234", []string{"198.51.100.7"}, "198.51.100.7"},
		{"[2001:db8:1::5]:1234", []string{"2001:db8:2::1"}, "2001:db8:2::1"},
		{"[fe80::1%eth0]:1234", nil, "fe80::1"},
		{"@", []string{"198.51.100.7"}, "198.51.100.7"}, // a unix socket
		{"@", nil, "::"},
		{"", nil, "::"},
	} {
		r := httptest.NewRequest("POST", "/", nil)
		r.RemoteAddr = c.peer
		if c.peer == "@" {
			r = r.WithContext(context.WithValue(t.Context(), http.LocalAddrContextKey, &net.UnixAddr{}))
		}
		r.Header["X-Forwarded-For"] = c.forwarded
		assert.Equal(t, c.want, web.ClientOf(r, trusted).String(), "%+v", c)
	}
}
