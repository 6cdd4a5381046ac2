package passwd_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

const secret = "the secret of roundcube"

// overSocket makes a request look as net/http serves it on a unix socket.
func overSocket(r *http.Request) {
	r.RemoteAddr = "@"
	*r = *r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{}))
}

func withSecret(r *http.Request) { r.SetBasicAuth("roundcube", secret) }

// TestPerson: a program that is to be trusted names the person, and no other does.
func TestPerson(t *testing.T) {
	t.Parallel()
	overTCP := func(*http.Request) {}
	for name, c := range map[string]struct {
		secrets   []string
		trusted   string // a proxy
		how       func(*http.Request)
		forwarded []string
		want      string // "invalid IP" if nobody is named
	}{
		"secret":                    {[]string{secret}, "", withSecret, []string{"198.51.100.7"}, "198.51.100.7"},
		"secret, nobody":            {[]string{secret}, "", withSecret, nil, "invalid IP"},
		"secret, blank":             {[]string{secret}, "", withSecret, []string{""}, "invalid IP"},
		"secret, no address":        {[]string{secret}, "", withSecret, []string{"unknown"}, "invalid IP"},
		"secret, IPv6":              {[]string{secret}, "", withSecret, []string{"[2001:db8::1]:44"}, "2001:db8::1"},
		"secret, first is a claim":  {[]string{secret}, "", withSecret, []string{"203.0.113.9, 198.51.100.7"}, "198.51.100.7"},
		"secret, behind a proxy":    {[]string{secret}, "192.0.2.1/32", withSecret, []string{"198.51.100.7, 192.0.2.1"}, "198.51.100.7"},
		"secret is wrong":           {[]string{secret}, "", func(r *http.Request) { r.SetBasicAuth("", "another secret of nobody") }, []string{"198.51.100.7"}, "invalid IP"},
		"socket":                    {nil, "", overSocket, []string{"198.51.100.7"}, "198.51.100.7"},
		"socket, nobody":            {nil, "", overSocket, nil, "invalid IP"},
		"socket, no address":        {nil, "", overSocket, []string{"198.51.100.7, nonsense"}, "invalid IP"},
		"socket without the secret": {[]string{secret}, "", overSocket, []string{"198.51.100.7"}, "invalid IP"},
		"loopback":                  {nil, "", overTCP, []string{"198.51.100.7"}, "invalid IP"},
		"proxy of the page":         {nil, "192.0.2.1/32", overTCP, []string{"198.51.100.7"}, "invalid IP"},
	} {
		var events []passwd.Event
		config := passwd.Config{Changer: onlyRight, Secrets: c.secrets, OnEvent: func(_ context.Context, e passwd.Event) { events = append(events, e) }}
		if c.trusted != "" {
			config.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(c.trusted)}
		}
		service := newService(t, config)
		for _, body := range []string{good, ""} { // also where the form is wrong
			call(service, func(r *http.Request) {
				r.Header["X-Forwarded-For"] = c.forwarded
				c.how(r)
			}, body)
		}
		require.Len(t, events, 2, name)
		for _, e := range events {
			assert.Equal(t, c.want, e.Client.String(), name)
		}
	}
}

// TestPersonLimit: a person has the attempts of a client of the page, and a budget for each channel.
func TestPersonLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: onlyRight, Secrets: []string{secret}})
		attempt := func(person, user, current string) int {
			return call(service, func(r *http.Request) {
				withSecret(r)
				if person != "" {
					r.Header.Set("X-Forwarded-For", person)
				}
			}, form("user", user, "curpass", current, "newpass", replacement)).Code
		}
		user := func(i int) string { return fmt.Sprintf("u%d@example.org", i) }
		for range 30 {
			require.Equal(t, http.StatusOK, attempt("192.0.2.1", "john@example.org", "right"), "right ones do not count")
		}
		for i := range 20 {
			require.Equal(t, http.StatusForbidden, attempt("192.0.2.1", user(i), "wrong"))
		}
		assert.Equal(t, http.StatusTooManyRequests, attempt("192.0.2.1", "john@example.org", "right"))
		assert.Equal(t, http.StatusOK, attempt("192.0.2.2", "john@example.org", "right"), "others are not touched")
		assert.Equal(t, http.StatusOK, attempt("", "john@example.org", "right"), "nor programs that name nobody")
		assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "john@example.org", "right", replacement), "nor the page")
		time.Sleep(30 * time.Second)
		assert.Equal(t, http.StatusForbidden, attempt("192.0.2.1", user(20), "wrong"))
		assert.Equal(t, http.StatusTooManyRequests, attempt("192.0.2.1", user(21), "wrong"))
		// A person who has to wait takes nothing from an account.
		assert.Equal(t, http.StatusForbidden, attempt("192.0.2.3", user(21), "wrong"))
		// Nobody gets more guesses at an account by naming ever new people.
		through := 0
		for i := range 50 {
			if attempt(fmt.Sprintf("198.51.100.%d", i), "jane@example.org", "wrong") == http.StatusForbidden {
				through++
			}
		}
		assert.Equal(t, 5, through)
	})
}
