// Package mailserver_test uses the mail server of this directory as people, mail programs and administrators do.
package mailserver_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/exec"
	"github.com/testcontainers/testcontainers-go/wait"

	"github.com/ispmail/go-ispmail/ispmail"
)

// Ports in the container. Those of MariaDB and of nginx are opened by the tests.
const (
	smtpPort       = "25/tcp"
	imapPort       = "143/tcp"
	webPort        = "443/tcp"
	submissionPort = "587/tcp"
	mariadbPort    = "3307/tcp"
	nginxPort      = "444/tcp"
)

// A server is the mail server. Tests that stop a part of it do not run in parallel, and start it again: the ones that do
// come after them.
type server struct {
	container testcontainers.Container
	store     *ispmail.Store // as mailadmin, through the socket of MariaDB
}

var (
	// shared starts a server when it is called first, for the rest of the tests.
	shared = sync.OnceValues(func() (s *server, err error) {
		s, err = startServer()
		if err == nil {
			stop = s.stop
		}
		return s, err
	})
	stop = func() {} // what was started
)

// theServer returns the server that tests share.
func theServer(t *testing.T) *server {
	t.Helper()
	return started(t, shared)
}

// newServer returns a server that the test has for itself. Each test that removes the package needs one: with fuse-overlayfs, the
// files of the image come back when they have been removed, installed and removed again. Such a test is not parallel: Chromium takes a container that comes
// or goes for a change of the network.
func newServer(t *testing.T) *server {
	t.Helper()
	s := started(t, startServer)
	t.Cleanup(s.stop)
	return s
}

func started(t *testing.T, start func() (*server, error)) *server {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a mail server needs Docker")
	}
	s, err := start()
	if errors.Is(err, errNoDocker) {
		t.Skip(err)
	}
	require.NoError(t, err)
	return s
}

func TestMain(m *testing.M) {
	code := m.Run()
	stop()
	os.Exit(code)
}

var errNoDocker = errors.New("ISPMAIL_TEST_MAILSERVER_IMAGE says that there is no Docker engine for a mail server")

// startServer starts the image that ISPMAIL_TEST_MAILSERVER_IMAGE names, as examples/mailserver/run does. It ends by itself,
// in case that the tests are killed.
func startServer() (s *server, err error) {
	image := os.Getenv("ISPMAIL_TEST_MAILSERVER_IMAGE")
	switch image {
	case "":
		return nil, errors.New("ISPMAIL_TEST_MAILSERVER_IMAGE must name an image of examples/mailserver: run make test, or eval \"$(.ci/test-env)\" before go test")
	case "none":
		return nil, errNoDocker
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	ports := []string{smtpPort, imapPort, webPort, submissionPort, mariadbPort, nginxPort}
	ctr, err := testcontainers.Run(
		ctx, image,
		testcontainers.WithEntrypoint("sh", "-c", "(sleep 7200; kill -s RTMIN+4 1) & exec /usr/local/sbin/init"),
		testcontainers.WithExposedPorts(ports...),
		testcontainers.WithConfigModifier(func(c *container.Config) { c.Hostname = "mail.example.org" }),
		testcontainers.WithTmpfs(map[string]string{"/run": "exec", "/run/lock": "", "/tmp": ""}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.CapAdd = []string{"SYS_ADMIN", "NET_ADMIN"}
			host.SecurityOpt = []string{"seccomp=unconfined", "apparmor=unconfined"}
			host.CgroupnsMode = container.CgroupnsModePrivate
			host.PortBindings = network.PortMap{}
			for _, port := range ports {
				host.PortBindings[network.MustParsePort(port)] = []network.PortBinding{{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
			}
		}),
		// Not one unit may have failed.
		testcontainers.WithWaitStrategyAndDeadline(5*time.Minute,
			wait.ForExec([]string{"sh", "-c", "systemctl is-system-running || { systemctl --failed; exit 1; }"}).WithStartupTimeout(5*time.Minute).WithPollInterval(time.Second)),
	)
	defer func() {
		if err != nil {
			_ = testcontainers.TerminateContainer(ctr)
		}
	}()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", image, err)
	}
	s = &server{container: ctr}
	// Dovecot makes whoever comes from the address of a failed login wait, up to 15 s, and all tests come from one. The library comes to
	// MariaDB as administrators do: through the socket.
	_, err = s.run(ctx, `printf '%s\n' 'service anvil {' 'unix_listener anvil-auth-penalty {' 'mode = 0' '}' '}' >/etc/dovecot/conf.d/99-penalty.conf
		systemctl stop dovecot
		rm -f /run/dovecot/anvil-auth-penalty
		systemctl start dovecot
		systemd-run --quiet --unit=test-mariadb --socket-property=ListenStream=0.0.0.0:3307 \
		/usr/lib/systemd/systemd-socket-proxyd /run/mysqld/mysqld.sock`)
	if err != nil {
		return nil, err
	}
	s.store, err = s.open(ctx, ispmail.Config{Timeout: time.Minute})
	return s, err
}

func (s *server) stop() {
	_ = s.store.Close()
	_ = testcontainers.TerminateContainer(s.container)
}

// open opens the database with another configuration.
func (s *server) open(ctx context.Context, config ispmail.Config) (*ispmail.Store, error) {
	address, err := s.address(ctx, mariadbPort)
	if err != nil {
		return nil, err
	}
	return ispmail.Open(ctx, "mailadmin:ChangeMe-mailadmin@tcp("+address+")/mailserver", config)
}

// address returns where a port of the container is to be found.
func (s *server) address(ctx context.Context, port string) (string, error) {
	host, err := s.container.Host(ctx)
	if err != nil {
		return "", err
	}
	mapped, err := s.container.MappedPort(ctx, port)
	if err != nil {
		return "", err
	}
	return net.JoinHostPort(host, mapped.Port()), nil
}

func (s *server) at(t *testing.T, port string) string {
	t.Helper()
	address, err := s.address(t.Context(), port)
	require.NoError(t, err)
	return address
}

// run runs a script as root and returns what it says. It fails if the script does.
func (s *server) run(ctx context.Context, script string, args ...string) (string, error) {
	code, output, err := s.container.Exec(ctx, append([]string{"bash", "-ec", script, "bash"}, args...), exec.Multiplexed())
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(output)
	if err == nil && code != 0 {
		err = fmt.Errorf("%s ended with %d: %s", script, code, text)
	}
	return string(text), err
}

func (s *server) do(t *testing.T, script string, args ...string) string {
	t.Helper()
	text, err := s.run(t.Context(), script, args...)
	require.NoError(t, err)
	return text
}

// awaitLog returns what a script finds in the journal, as soon as that contains a text: a line takes a moment to get there.
func (s *server) awaitLog(t *testing.T, text, script string, args ...string) (log string) {
	t.Helper()
	require.Eventually(t, func() bool {
		var err error
		log, err = s.run(t.Context(), script, args...)
		return err == nil && strings.Contains(log, text)
	}, time.Minute, 300*time.Millisecond, text)
	return log
}

// undo runs a script when the test ends.
func (s *server) undo(t *testing.T, script string) {
	t.Helper()
	t.Cleanup(func() {
		_, err := s.run(context.WithoutCancel(t.Context()), script)
		require.NoError(t, err)
	})
}

// keep puts a file back as it is now when the test ends, before what was to be undone already.
func (s *server) keep(t *testing.T, path string) {
	t.Helper()
	s.do(t, `cp --archive --parents "$1" /root`, path)
	s.undo(t, "cp --archive /root"+path+" "+path)
}

// stored returns what stands in the row of a user.
func (s *server) stored(t *testing.T, email string) string {
	t.Helper()
	user, err := s.store.User(t.Context(), email)
	require.NoError(t, err)
	return user.Password.Reveal()
}

// setStored puts a value into the row of a user, as an administrator does by hand.
func (s *server) setStored(t *testing.T, email, stored string) {
	t.Helper()
	s.do(t, `mariadb mailserver --execute "UPDATE virtual_users SET password = '$2' WHERE email = '$1'"
		doveadm auth cache flush "$1"`, email, stored)
}

const (
	password    = "a password that is long enough"
	replacement = "another one that is long enough"
	legacy      = "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd" // of summersun, printed in the guide
	summersun   = "summersun"                                   // of the example accounts
)

var userNumber atomic.Int64

// newUser makes a mailbox with the password above.
func (s *server) newUser(t *testing.T) string {
	t.Helper()
	email := fmt.Sprintf("%s-%d@example.org", strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())), userNumber.Add(1))
	_, _, err := s.store.CreateUser(t.Context(), email, password)
	require.NoError(t, err)
	return email
}

// insecure is for the certificate that Debian makes.
var insecure = &tls.Config{InsecureSkipVerify: true} //nolint:gosec // it is self-signed

// client asks the web server, and follows no redirect.
var client = &http.Client{
	Transport:     &http.Transport{TLSClientConfig: insecure},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       time.Minute,
}

// change changes a password through the API, from where Roundcube asks for it, and returns the answer.
func (s *server) change(t *testing.T, email, current, replacement string) string {
	t.Helper()
	return s.do(t, `runuser -u www-data -- curl --silent --unix-socket /run/ispmail-passwd/api.sock --data-urlencode "user=$1" \
		--data-urlencode "curpass=$2" --data-urlencode "newpass=$3" http://localhost/api/password`, email, current, replacement)
}

// TestVersions says what the tests talk to.
func TestVersions(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	for _, program := range []string{"mariadb --version", "postconf mail_version", "dovecot --version", "dpkg-query --show roundcube phpmyadmin systemd ispmail-passwd"} {
		t.Log(strings.TrimSpace(s.do(t, program)))
	}
}
