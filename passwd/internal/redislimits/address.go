package redislimits

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// An Address says where Redis is, and who asks. Make one with [ParseAddress].
type Address struct{ options *redis.Options }

var errForm = errors.New("it is not of the form redis://user:password@host:port/0, rediss:// for TLS, or unix:///run/redis/redis-server.sock?db=0; " +
	"in a password, write characters other than letters and digits as %XX")

// ParseAddress reads an address. User, password, port and the number of the database may be left out. No error holds any of it.
func ParseAddress(text string) (*Address, error) {
	u, err := url.Parse(text)
	if err != nil || u.Fragment != "" || u.Opaque != "" {
		return nil, errForm
	}
	query := u.Query()
	if u.Scheme == "unix" {
		query.Del("db")
		if u.Host != "" || !path.IsAbs(u.Path) {
			return nil, errForm
		}
	} else if port, err := strconv.Atoi(u.Port()); u.Hostname() == "" || u.Port() != "" && (err != nil || port < 1 || port > 65535) {
		return nil, errForm
	}
	options, err := redis.ParseURL(text)
	switch {
	case err != nil || len(query) > 0 || options.DB < 0:
		return nil, errForm
	case options.Username != "" && options.Password == "":
		return nil, errors.New("it has a user without a password")
	}
	return &Address{options}, nil
}

// HasPassword reports whether there is a password in the address.
func (a *Address) HasPassword() bool { return a.options.Password != "" }

// String returns the address without user and password.
func (a *Address) String() string { return a.options.Addr }

// Warning says who else could read or change the limits, "" if nobody.
func (a *Address) Warning() string {
	if a.options.Network != "tcp" {
		return ""
	}
	host, _, _ := net.SplitHostPort(a.options.Addr)
	ip, err := netip.ParseAddr(host)
	local := host == "localhost" || err == nil && ip.IsLoopback()
	switch {
	case !a.HasPassword():
		return fmt.Sprintf("the limits are at %s without a password: whoever reaches it can take them away", a)
	case !local && a.options.TLSConfig == nil:
		return fmt.Sprintf("the limits are at %s without TLS: the password of Redis goes through the network in clear; use rediss://", a)
	}
	return ""
}
