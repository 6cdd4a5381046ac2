package ispmailtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/ispmail/go-ispmail/ispmail"
)

// officialImage is the server of Debian 12, as its makers package it.
const officialImage = "mariadb:10.11.14"

// entrypoint starts the server and ends it a minute after its last client has gone: a test binary that was killed
// leaves nothing behind, even where testcontainers' own reaper is not to be had. A client is a connection to port 3306
// (0CEA) in the state ESTABLISHED (01), see proc_net_tcp of the Linux kernel.
const entrypoint = `
docker-entrypoint.sh mariadbd & server=$!
idle=0
while [ $idle -lt 12 ] && kill -0 $server 2>/dev/null; do
	sleep 5
	if grep -q ':0CEA [0-9A-F]*:[0-9A-F]* 01 ' /proc/net/tcp /proc/net/tcp6; then idle=0; else idle=$((idle + 1)); fi
done
kill $server 2>/dev/null
wait $server`

var mariaDBPort = network.MustParsePort("3306/tcp")

// A server is a MariaDB on which databases can be created.
type server struct {
	config *mysql.Config
	db     *sql.DB
}

// mariaDB returns the server of this test binary.
var mariaDB = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	config, err := serverConfig(ctx)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return nil, err
	}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	if !strings.Contains(version, "MariaDB") {
		return nil, fmt.Errorf("the test server is %s, not MariaDB", version)
	}
	return &server{config: config, db: db}, nil
})

// serverConfig returns how to connect to the server that ISPMAIL_TEST_DSN names, or else to one in a new container.
func serverConfig(ctx context.Context) (*mysql.Config, error) {
	if dsn := os.Getenv("ISPMAIL_TEST_DSN"); dsn != "" {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("ISPMAIL_TEST_DSN: %w", err)
		}
		config.DBName = ""
		return config, nil
	}
	image := os.Getenv("ISPMAIL_TEST_IMAGE")
	if image == "" {
		image = officialImage
	}
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = "root", rand.Text(), "tcp"
	ctr, err := testcontainers.Run(
		ctx, image,
		testcontainers.WithExposedPorts(mariaDBPort.String()),
		testcontainers.WithEnv(map[string]string{"MARIADB_ROOT_PASSWORD": config.Passwd}),
		testcontainers.WithEntrypoint("sh", "-c", entrypoint),
		testcontainers.WithTmpfs(map[string]string{"/var/lib/mysql": "rw"}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.PortBindings = network.PortMap{mariaDBPort: {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}}
		}),
		// The log line that the mariadb module waits for is only in the official image.
		testcontainers.WithWaitStrategy(wait.ForSQL(mariaDBPort.String(), "mysql", func(host string, port network.Port) string {
			config.Addr = net.JoinHostPort(host, port.Port())
			return config.FormatDSN()
		})),
	)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", image, err)
	}
	host, err := ctr.Host(ctx)
	if err != nil {
		return nil, err
	}
	port, err := ctr.MappedPort(ctx, mariaDBPort.String())
	if err != nil {
		return nil, err
	}
	config.Addr = net.JoinHostPort(host, port.Port())
	return config, nil
}

// Account creates a MariaDB account that has the rights of the grants and no others, and returns its DSN. In the grants,
// "%s" stands for the account and "ON *" for all tables of the database. The account ends with the test.
func (d *Database) Account(tb testing.TB, grants ...string) (dsn string) {
	tb.Helper()
	config, err := mysql.ParseDSN(d.DSN)
	require.NoError(tb, err)
	config.User, config.Passwd = "t"+rand.Text()[:15], rand.Text()
	account := "'" + config.User + "'@'%'"
	d.Exec(tb, "CREATE USER "+account+" IDENTIFIED BY '"+config.Passwd+"'")
	tb.Cleanup(func() {
		_, err := d.DB.ExecContext(context.WithoutCancel(tb.Context()), "DROP USER "+account)
		require.NoError(tb, err)
	})
	for _, grant := range grants {
		d.Exec(tb, fmt.Sprintf(grant, account))
	}
	return config.FormatDSN()
}

// As returns a Store of an Account with these grants. Its log goes nowhere.
func (d *Database) As(tb testing.TB, grants ...string) *ispmail.Store {
	tb.Helper()
	store, err := ispmail.Open(tb.Context(), d.Account(tb, grants...), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}
