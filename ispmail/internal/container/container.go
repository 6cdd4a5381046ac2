// Package container starts MariaDB servers in containers for tests.
package container

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"
)

// official is the image of the MariaDB project with the version of Debian 12.
const official = "mariadb:10.11.14"

// entrypoint runs the server and restarts it when it was killed. It ends a minute after the last client has gone, and 5 minutes
// after the start if there was none, so that a test binary that was killed leaves no container behind, even without the reaper of
// testcontainers.
//
// It counts as clients the connections to port 3306 (0CEA) in the state ESTABLISHED (01) in /proc/net/tcp, see
// https://docs.kernel.org/networking/proc_net_tcp.html.
const entrypoint = `
while :; do docker-entrypoint.sh mariadbd "$@"; sleep 0.1; done &
idle=-48
while [ $idle -lt 12 ]; do
	sleep 5
	if grep -q ':0CEA [0-9A-F]*:[0-9A-F]* 01 ' /proc/net/tcp /proc/net/tcp6; then idle=0; else idle=$((idle + 1)); fi
done`

// startup is how long a server may take to start, on a machine that is busy. It is shorter than the entrypoint waits for a client.
const startup = 4 * time.Minute

var port = network.MustParsePort("3306/tcp")

// A MariaDB is a server in a container of its own.
type MariaDB struct {
	// Config connects as root.
	Config    *mysql.Config
	container testcontainers.Container
}

// Start starts a server with options for mariadbd. The image is the one that ISPMAIL_TEST_IMAGE names, by default the official
// one.
func Start(ctx context.Context, options ...string) (*MariaDB, error) {
	image := cmp.Or(os.Getenv("ISPMAIL_TEST_IMAGE"), official)
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = "root", rand.Text(), "tcp"
	ctr, err := testcontainers.Run(
		ctx, image,
		testcontainers.WithExposedPorts(port.String()),
		testcontainers.WithEnv(map[string]string{"MARIADB_ROOT_PASSWORD": config.Passwd}),
		testcontainers.WithEntrypoint("sh", "-c", entrypoint, "sh"),
		testcontainers.WithCmd(options...),
		testcontainers.WithTmpfs(map[string]string{"/var/lib/mysql": "rw"}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.PortBindings = network.PortMap{port: {{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}}
		}),
		// The mariadb module would wait for a log line that only the official image writes.
		testcontainers.WithWaitStrategyAndDeadline(startup, wait.ForSQL(port.String(), "mysql", func(host string, port network.Port) string {
			config.Addr = net.JoinHostPort(host, port.Port())
			return config.FormatDSN()
		}).WithStartupTimeout(startup)),
	)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", image, err)
	}
	host, err := ctr.Host(ctx)
	if err != nil {
		return nil, err
	}
	mapped, err := ctr.MappedPort(ctx, port.String())
	if err != nil {
		return nil, err
	}
	config.Addr = net.JoinHostPort(host, mapped.Port())
	return &MariaDB{Config: config, container: ctr}, nil
}

// Signal sends a signal to the server: KILL, STOP or CONT. A server that was killed starts again.
func (m *MariaDB) Signal(ctx context.Context, signal string) error {
	code, output, err := m.container.Exec(ctx, []string{"sh", "-c", "kill -" + signal + " $(pidof mariadbd)"}, exec.Multiplexed())
	if err != nil {
		return err
	}
	if code != 0 {
		text, _ := io.ReadAll(output)
		return fmt.Errorf("kill -%s: %s", signal, text)
	}
	return nil
}

// Write writes a file in the container, which everybody there may read.
func (m *MariaDB) Write(ctx context.Context, path string, content []byte) error {
	return m.container.CopyToContainer(ctx, content, path, 0o644)
}
