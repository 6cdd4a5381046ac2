package ispmail

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// ErrDSN means that a DSN has none of the forms of [Open], or no database.
var ErrDSN = errors.New("ispmail: the DSN is not of the form user:password@tcp(host:port)/database or user:password@unix(/path)/database, " +
	"or with several servers of a cluster user:password@tcp(host:port),tcp(host:port)/database; behind the database, a slash is %2F")

// ParseDSN returns the servers that a DSN of [Open] names, in their order, for programs that want to know where it leads. The
// settings are those of the DSN, without what Open adds; a socket among servers on TCP has no TLS. It returns [ErrDSN], or an
// error without a name for a list of servers with one that cannot be right. No error holds any of the DSN but an address.
func ParseDSN(dsn string) ([]*mysql.Config, error) {
	before, addresses, after := cutAddresses(dsn)
	if !strings.Contains(addresses, ",") {
		c, err := mysql.ParseDSN(dsn)
		if err != nil || c.DBName == "" {
			return nil, ErrDSN // err may quote parts of the DSN, and with them the password
		}
		return []*mysql.Config{c}, nil
	}
	if !severalAddresses.MatchString(addresses) {
		return nil, ErrDSN
	}
	var all []*mysql.Config
	for _, found := range oneNetwork.FindAllStringSubmatch(addresses, -1) {
		for address := range strings.SplitSeq(found[2], ",") {
			address = strings.TrimSpace(address)
			c, err := mysql.ParseDSN(before + found[1] + "(" + address + ")" + after)
			if err != nil || c.DBName == "" {
				return nil, ErrDSN
			}
			if err := checkAddress(c, address); err != nil {
				return nil, err
			}
			if slices.ContainsFunc(all, func(other *mysql.Config) bool { return other.Net == c.Net && other.Addr == c.Addr }) {
				return nil, fmt.Errorf("ispmail: the DSN names the server %s twice", c.Addr)
			}
			all = append(all, c)
		}
	}
	socketsWithoutTLS(all)
	return all, nil
}

// "tcp(a,b),unix(c)" names three servers.
var (
	oneNetwork       = regexp.MustCompile(`(\w+)\(([^()]*)\)`)
	severalAddresses = regexp.MustCompile(`^` + oneNetwork.String() + `(,` + oneNetwork.String() + `)*$`)
)

// cutAddresses cuts a DSN around what stands between the account and the database, as the driver does.
func cutAddresses(dsn string) (before, addresses, after string) {
	slash := strings.LastIndexByte(dsn, '/')
	if slash < 0 {
		return dsn, "", ""
	}
	at := strings.LastIndexByte(dsn[:slash], '@') + 1
	return dsn[:at], dsn[at:slash], dsn[slash:]
}

// checkAddress returns an error if one of several servers has no address that can be right.
func checkAddress(c *mysql.Config, given string) error {
	switch c.Net {
	case "unix":
		if !strings.HasPrefix(given, "/") {
			return errors.New("ispmail: in the DSN with several servers, one is not of the form unix(/path)")
		}
		return nil
	case "tcp":
		host, port, err := net.SplitHostPort(c.Addr)
		if n, notNumber := strconv.ParseUint(port, 10, 16); given == "" || err != nil || host == "" || notNumber != nil || n == 0 || strings.ContainsAny(host, "@/ ") {
			return errors.New("ispmail: in the DSN with several servers, one is not of the form tcp(host:port); an IPv6 address stands in brackets")
		}
		return nil
	default:
		return errors.New("ispmail: in the DSN with several servers, each is tcp(host:port) or unix(/path)")
	}
}

// connections parses a DSN and adds the settings that make connections safe. own are those of the session.
func connections(dsn, own string) ([]*mysql.Config, error) {
	all, err := ParseDSN(dsn)
	if err != nil {
		return nil, err
	}
	for _, c := range all {
		if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
			return nil, fmt.Errorf("ispmail: %w", err)
		}
		c.Timeout = cmp.Or(c.Timeout, 2*time.Second)
		c.ReadTimeout = cmp.Or(c.ReadTimeout, 8*time.Second)
		c.WriteTimeout = cmp.Or(c.WriteTimeout, 8*time.Second)
		c.ClientFoundRows = true
		c.MultiStatements = false
		if err := trustAuthority(c); err != nil {
			return nil, err
		}
		c.Params = sessionParams(c.Params, own)
	}
	return all, nil
}
