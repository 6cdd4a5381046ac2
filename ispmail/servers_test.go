package ispmail_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

func TestParseDSN(t *testing.T) {
	t.Parallel()
	for dsn, want := range map[string]string{
		"u:p@tcp(n1:3306)/mail":                        "tcp n1:3306",
		"u:p@/mail":                                    "tcp 127.0.0.1:3306",
		"u:p@tcp/mail":                                 "tcp 127.0.0.1:3306",
		"u@unix(/run/mysqld/mysqld.sock)/mail":         "unix /run/mysqld/mysqld.sock",
		"u:p@tcp(n1:3306,n2:3307)/mail":                "tcp n1:3306, tcp n2:3307",
		"u:p@tcp(n1, n2)/mail":                         "tcp n1:3306, tcp n2:3306",
		"u:p@tcp(n1),tcp(n2:3307)/mail":                "tcp n1:3306, tcp n2:3307",
		"u:p@tcp([::1]:3306,[2001:db8::1]:3307)/mail":  "tcp [::1]:3306, tcp [2001:db8::1]:3307",
		"u:p@unix(/a.sock),tcp(n2:3306)/mail?tls=true": "unix /a.sock, tcp n2:3306",
		"u:a,b@tcp(c)/d@tcp(n1:3306,n2:3306)/mail":     "tcp n1:3306, tcp n2:3306", // all of it is the password
	} {
		all, err := ispmail.ParseDSN(dsn)
		require.NoError(t, err, dsn)
		var got []string
		for _, c := range all {
			got = append(got, c.Net+" "+c.Addr)
			assert.Equal(t, "u", c.User)
			assert.Equal(t, "mail", c.DBName)
		}
		assert.Equal(t, want, strings.Join(got, ", "), dsn)
	}
	all, err := ispmail.ParseDSN("u@tcp(n1.example,n2.example:3307)/mail?tls=true")
	require.NoError(t, err)
	assert.Equal(t, "n1.example", all[0].TLS.ServerName, "each certificate names its own server")
	assert.Equal(t, "n2.example", all[1].TLS.ServerName)
	all, err = ispmail.Connections("u@unix(/a.sock),tcp(n2.example)/mail?tls=true")
	require.NoError(t, err)
	assert.Nil(t, all[0].TLS, "a socket needs none")
	assert.Equal(t, "n2.example", all[1].TLS.ServerName)
	for dsn, want := range map[string]string{
		"":                                  "the DSN is not of the form",
		"mail":                              "the DSN is not of the form",
		"u:canary@tcp(n1:3306)":             "the DSN is not of the form",
		"u:canary@tcp(n1:3306,n2:3306)/":    "the DSN is not of the form",
		"u:canary@tcp(n1:3306,n2:3306/mail": "the DSN is not of the form",
		"u:canary@tcp(n1,)/mail":            "one is not of the form tcp(host:port)",
		"u:canary@tcp(,)/mail":              "one is not of the form tcp(host:port)",
		"u:canary@tcp(n1,:3306)/mail":       "one is not of the form tcp(host:port)",
		"u:canary@tcp(n1,n2:port)/mail":     "one is not of the form tcp(host:port)",
		"u:canary@tcp(n1,n2:0)/mail":        "one is not of the form tcp(host:port)",
		"u:canary@tcp(n1,n2:99999)/mail":    "one is not of the form tcp(host:port)",
		"u:canary@tcp(n1 n2,n3)/mail":       "one is not of the form tcp(host:port)",
		"u:canary@n1,n2/mail":               "the DSN is not of the form",
		"u:canary@pipe(n1,n2)/mail":         "each is tcp(host:port) or unix(/path)",
		"u:canary@unix(,)/mail":             "one is not of the form unix(/path)",
		"u:canary@tcp(n1),n2/mail":          "the DSN is not of the form",
		"u:canary@tcp(n1),/mail":            "the DSN is not of the form",
		"u:canary@tcp(n1,n1:3306)/mail":     "the DSN names the server n1:3306 twice",
		"u:canary@tcp(n1,n2)/mail?tls=what": "the DSN is not of the form",
	} {
		_, err := ispmail.ParseDSN(dsn)
		require.ErrorContains(t, err, want, dsn)
		assert.NotContains(t, err.Error(), "canary")
		assert.NotContains(t, err.Error(), "\n")
	}
}

// twoServers returns a database, a proxy for each of two ways to it, and a Store that knows both in this order.
func twoServers(t *testing.T, config ispmail.Config) (*ispmailtest.Database, [2]*proxy, *ispmail.Store) {
	t.Helper()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	var proxies [2]*proxy
	var addresses []string
	var c *mysql.Config
	for i := range proxies {
		var dsn string
		var err error
		proxies[i], dsn = through(t, db.DSN)
		c, err = mysql.ParseDSN(dsn)
		require.NoError(t, err)
		addresses = append(addresses, c.Addr)
	}
	dsn := fmt.Sprintf("%s:%s@tcp(%s)/%s", c.User, c.Passwd, strings.Join(addresses, ","), c.DBName)
	return db, proxies, dbtest.Open(t, dsn, config)
}

// TestServers has two servers. The first one fails in each of the ways in which a node does.
func TestServers(t *testing.T) {
	t.Parallel()
	signal := func(code int, text string) func(*testing.T, *ispmail.Store, *proxy) {
		return func(t *testing.T, s *ispmail.Store, _ *proxy) {
			t.Helper()
			_, err := s.DB().ExecContext(t.Context(), fmt.Sprintf("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = '%s'", code, text))
			require.ErrorContains(t, err, fmt.Sprint(code))
		}
	}
	hangs := func(t *testing.T, p *proxy, statement string) {
		t.Helper()
		p.armed.Store(&cut{statement: statement, do: func() {
			p.away.Store(true)
			select {
			case <-t.Context().Done():
			case <-time.After(2 * time.Minute):
			}
		}})
	}
	for name, test := range map[string]struct {
		timeout time.Duration
		fail    func(*testing.T, *ispmail.Store, *proxy)
		stays   bool
	}{
		"not ready":     {fail: signal(1047, "WSREP has not yet prepared node for application use")},
		"commit failed": {fail: signal(1180, "Got error 6 during COMMIT")},
		"shuts down":    {fail: signal(1053, "Server shutdown in progress")},
		"read-only":     {fail: signal(1290, "The MariaDB server is running with the --read-only option so it cannot execute this statement")},
		"other option":  {fail: signal(1290, "The MariaDB server is running with the --secure-file-priv option"), stays: true},
		"deadlock":      {fail: signal(1213, "Deadlock found"), stays: true},
		"broken": {fail: func(t *testing.T, s *ispmail.Store, p *proxy) {
			t.Helper()
			p.armed.Store(&cut{statement: "SELECT", moment: before})
			_ = errorOf(s.User(t.Context(), "john@example.org"))
		}},
		"stopped": {timeout: 3 * time.Second, fail: func(t *testing.T, s *ispmail.Store, p *proxy) {
			t.Helper()
			hangs(t, p, "SELECT")
			require.ErrorIs(t, errorOf(s.User(t.Context(), "john@example.org")), ispmail.ErrUnavailable)
		}},
		"stopped at the commit": {timeout: 3 * time.Second, fail: func(t *testing.T, s *ispmail.Store, p *proxy) {
			t.Helper()
			hangs(t, p, "COMMIT")
			// The other one is the same server, on which the lost transaction still holds its lock.
			require.Error(t, s.SetQuota(t.Context(), "john@example.org", 5))
		}},
		"caller gone": {fail: func(t *testing.T, s *ispmail.Store, _ *proxy) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			defer time.AfterFunc(50*time.Millisecond, cancel).Stop()
			_, err := s.DB().ExecContext(ctx, "DO SLEEP(20)")
			require.ErrorIs(t, err, context.Canceled)
		}, stays: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, proxies, store := twoServers(t, ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: test.timeout})
			require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
			seen := proxies[1].clients.Load() // to see whether it is a node
			test.fail(t, store, proxies[0])
			proxies[0].away.Store(!test.stays) // what is on its way ends when the test does
			require.Eventually(t, func() bool { return errorOf(store.User(t.Context(), "john@example.org")) == nil }, time.Minute, 50*time.Millisecond)
			if test.stays {
				assert.Equal(t, seen, proxies[1].clients.Load())
			} else {
				assert.Greater(t, proxies[1].clients.Load(), seen)
			}
		})
	}
}

// TestServersInOrder opens a Store while the first server, or each, is away.
func TestServersInOrder(t *testing.T) {
	t.Parallel()
	db, proxies, _ := twoServers(t, ispmail.Config{})
	c, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	const nobody = "127.0.0.1:1"
	open := func(addresses ...string) (*ispmail.Store, error) {
		return ispmail.Open(t.Context(), fmt.Sprintf("%s:%s@tcp(%s)/%s", c.User, c.Passwd, strings.Join(addresses, ","), c.DBName), ispmail.Config{})
	}
	store, err := open(nobody, proxies[1].address)
	require.NoError(t, err)
	require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
	require.NoError(t, store.Close())
	proxies[1].away.Store(true)
	_, err = open(nobody, proxies[1].address)
	require.ErrorIs(t, err, ispmail.ErrUnavailable)
	require.ErrorContains(t, err, nobody, "the error names both")
	require.ErrorContains(t, err, proxies[1].address)
	assert.NotContains(t, err.Error(), c.Passwd)
	assert.NotContains(t, err.Error(), "\n")
}

// TestPoolLeaves has one server, behind whose address may be a proxy: after the first sign that a node is not ready, all
// connections to it are given up.
func TestPoolLeaves(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	proxy, dsn := through(t, db.DSN)
	store := dbtest.Open(t, dsn, ispmail.Config{})
	use := func() {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, _ *ispmail.Store) error { // two at a time
			return errorOf(store.User(t.Context(), "john@example.org"))
		}))
	}
	use()
	before := proxy.clients.Load()
	use()
	require.Equal(t, before, proxy.clients.Load(), "the pool keeps two")
	_, err := store.DB().ExecContext(t.Context(), "SIGNAL SQLSTATE '08S01' SET MYSQL_ERRNO = 1047, MESSAGE_TEXT = 'WSREP has not yet prepared node for application use'")
	require.Error(t, err)
	use()
	assert.Equal(t, before+2, proxy.clients.Load(), "both are new")
}

// TestNodeErrors has the errors of a node. Each is a sentence of its own, and none is an answer about a password or a row.
func TestNodeErrors(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	for code, texts := range map[int][2]string{ // on a single server, and on a node
		1047: {"this node of the cluster has lost the others, or is just joining them", "this node of the cluster has lost the others, or is just joining them"},
		1180: {"it could not commit", "it could not commit"},
		1205: {"others are in the way: ", "others are in the way, or the node waits for its cluster: "},
		1213: {"others are in the way: ", "others are in the way: "},
		1836: {"it is read-only", "it is read-only"},
		1969: {"others are in the way: ", "others are in the way, or the node waits for its cluster: "},
		3024: {"others are in the way: ", "others are in the way: "},
	} {
		for i, store := range []*ispmail.Store{db.Store(t, ispmail.Config{}).ActAsSingle(), db.Store(t, ispmail.Config{}).ActAsNode()} {
			err := store.Read(t.Context(), func(ctx context.Context, db bun.IDB) error {
				return errorOf(db.ExecContext(ctx, fmt.Sprintf("SIGNAL SQLSTATE 'HY000' SET MYSQL_ERRNO = %d, MESSAGE_TEXT = 'said so'", code)))
			})
			require.ErrorIs(t, err, ispmail.ErrUnavailable, code)
			assert.ErrorContains(t, err, texts[i])
		}
	}
}
