package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// full runs what takes minutes as long and in as many forms as is promised.
var full = flag.Bool("full", false, "run the test of memory in all its forms")

// containerImage returns the image of the database tests, for a container that a test has for itself.
func containerImage(t *testing.T) string {
	t.Helper()
	switch {
	case testing.Short():
		t.Skip("-short: a container needs Docker")
	case os.Getenv("ISPMAIL_TEST_DSN") != "":
		t.Skip("with ISPMAIL_TEST_DSN, there may be no Docker")
	}
	return cmp.Or(os.Getenv("ISPMAIL_TEST_IMAGE"), "mariadb:10.11.14")
}

// A killable is a MariaDB server that a test may kill: it starts again, and has lost nothing.
type killable struct {
	*ispmailtest.Database
	container testcontainers.Container
}

// newKillable starts a server in a container, with the tables of the guide in a database. The container ends with the test, or
// after a time if the test was killed itself. The options are those of mariadbd.
func newKillable(t *testing.T, longest time.Duration, options ...string) *killable {
	t.Helper()
	image := containerImage(t)
	port := network.MustParsePort("3306/tcp")
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = "root", rand.Text(), "tcp"
	ctr, err := testcontainers.Run(
		t.Context(), image,
		testcontainers.WithExposedPorts(port.String()),
		testcontainers.WithEnv(map[string]string{"MARIADB_ROOT_PASSWORD": config.Passwd}),
		testcontainers.WithEntrypoint("timeout", fmt.Sprint(int(longest.Seconds())), "sh", "-c", `while :; do docker-entrypoint.sh mariadbd "$@"; sleep 0.1; done`, "sh"),
		// Not the setting of the image, with which a server that is killed loses what it has committed.
		testcontainers.WithCmd(append([]string{"--innodb-flush-log-at-trx-commit=1"}, options...)...),
		testcontainers.WithTmpfs(map[string]string{"/var/lib/mysql": "rw"}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.PortBindings = network.PortMap{port: {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}}
		}),
		testcontainers.WithWaitStrategyAndDeadline(5*time.Minute, wait.ForSQL(port.String(), "mysql", func(host string, port network.Port) string {
			config.Addr = net.JoinHostPort(host, port.Port())
			return config.FormatDSN()
		}).WithStartupTimeout(5*time.Minute)),
	)
	t.Cleanup(func() { _ = testcontainers.TerminateContainer(ctr) })
	require.NoError(t, err)
	open := func() *bun.DB {
		db, err := sql.Open("mysql", config.FormatDSN())
		require.NoError(t, err)
		return bun.NewDB(db, mysqldialect.New())
	}
	first := open()
	require.Eventually(t, func() bool { // a node of a cluster answers before it takes statements: 1047
		_, err = first.ExecContext(t.Context(), "CREATE DATABASE mailserver CHARACTER SET utf8mb4")
		return err == nil
	}, 3*time.Minute, 100*time.Millisecond, "%v", err)
	require.NoError(t, first.Close())
	config.DBName = "mailserver"
	k := &killable{&ispmailtest.Database{DB: open(), DSN: config.FormatDSN()}, ctr}
	t.Cleanup(func() { require.NoError(t, k.DB.Close()) })
	require.NoError(t, k.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
	k.Example(t)
	return k
}

// signal sends a signal to the server, if it runs: KILL, as the kernel does when there is no memory, STOP or CONT.
func (k *killable) signal(ctx context.Context, name string) error {
	_, err := runIn(ctx, k.container, "kill -"+name+" $(pidof mariadbd) 2>/dev/null || :")
	return err
}

// runIn runs a script in a container and returns what it says.
func runIn(ctx context.Context, ctr testcontainers.Container, script string) (string, error) {
	_, output, err := ctr.Exec(ctx, []string{"sh", "-c", script}, exec.Multiplexed())
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(output)
	return string(text), err
}
