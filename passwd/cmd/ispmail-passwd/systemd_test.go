package main

import (
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestMain is the command itself where a test needs a process of its own. Else it fails if the tests leave a goroutine behind that
// is none of the database server for tests.
func TestMain(m *testing.M) {
	if os.Getenv("ISPMAIL_TEST_COMMAND") != "" {
		if uid, err := strconv.Atoi(os.Getenv("ISPMAIL_TEST_UID")); err == nil && syscall.Setuid(uid) != nil {
			os.Exit(1)
		}
		main()
	}
	limitsTimeout = time.Minute // on a machine that has other things to do
	goleak.VerifyTestMain(
		m,
		goleak.IgnoreAnyFunction("database/sql.(*DB).connectionOpener"),
		goleak.IgnoreAnyFunction("github.com/go-sql-driver/mysql.(*mysqlConn).startWatcher.func1"),
		goleak.IgnoreAnyFunction("github.com/testcontainers/testcontainers-go.(*Reaper).connect.func1"),
		// Clients only: the service is none.
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"),
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
		goleak.IgnoreAnyFunction("os/signal.loop"),
	)
}

// inheriting returns a process of ispmail-passwd, with files that it inherits as systemd passes them.
func inheriting(t *testing.T, names string, files []*os.File, args ...string) (*exec.Cmd, *output) {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, executable}, args...)...) //nolint:gosec // this test
	cmd.Env = append(os.Environ(), "ISPMAIL_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0", "LISTEN_FDNAMES="+names, "LISTEN_FDS="+strconv.Itoa(len(files)))
	cmd.ExtraFiles = files
	stderr := &output{}
	cmd.Stderr = stderr
	return cmd, stderr
}

// TestSystemd gets its sockets from systemd and tells it when it is ready.
func TestSystemd(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	notify, err := net.ListenPacket("unixgram", filepath.Join(dir, "notify"))
	require.NoError(t, err)
	defer func() { require.NoError(t, notify.Close()) }()
	var files []*os.File
	for range 2 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		file, err := l.(*net.TCPListener).File()
		require.NoError(t, err)
		require.NoError(t, l.Close())
		files = append(files, file)
	}
	cmd, stderr := inheriting(t, "api:page", files, "--demo", "--api-listen=systemd:api", "--listen=systemd:page")
	cmd.Env = append(cmd.Env, "NOTIFY_SOCKET="+filepath.Join(dir, "notify"))
	require.NoError(t, cmd.Start())
	assert.Equal(t, "STATUS=Opening the database.", receive(t, notify))
	assert.ElementsMatch(t, []string{"READY=1", "STATUS=Passwords can be changed."}, []string{receive(t, notify), receive(t, notify)})
	p := &process{client: http.DefaultClient, url: await(t, stderr, `api=(http://127\.0\.0\.1:\d+)`) + "/api/password"}
	await(t, stderr, `page=http://127\.0\.0\.1:\d+`)
	await(t, stderr, "database opened")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	assert.Equal(t, "STOPPING=1", receive(t, notify))
	require.NoError(t, cmd.Wait())
}

func receive(t *testing.T, conn net.PacketConn) string {
	t.Helper()
	message := make([]byte, 100)
	n, _, err := conn.ReadFrom(message)
	require.NoError(t, err)
	return string(message[:n])
}

// TestSystemdRefuses has sockets of systemd that are not what the settings say.
func TestSystemdRefuses(t *testing.T) {
	t.Parallel()
	public, err := net.Listen("tcp", "0.0.0.0:0") //nolint:gosec // nobody is ever let in
	require.NoError(t, err)
	defer func() { require.NoError(t, public.Close()) }()
	file, err := public.(*net.TCPListener).File()
	require.NoError(t, err)
	datagram, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, datagram.Close()) }()
	datagrams, err := datagram.(*net.UDPConn).File()
	require.NoError(t, err)
	for _, c := range []struct {
		names string
		files []*os.File
		want  string
	}{
		{"api", nil, "systemd passed 0 sockets with FileDescriptorName=api"},
		{"api:api", []*os.File{file, file}, "systemd passed 2 sockets"},
		{"api", []*os.File{datagrams}, "systemd passed 0 sockets"},
		{"api", []*os.File{file}, "is not a loopback address: it needs --secret-file"},
		{"poppassd", []*os.File{file}, "is neither a loopback address nor a socket"},
	} {
		name, _, _ := strings.Cut(c.names, ":")
		cmd, stderr := inheriting(t, c.names, c.files, "--demo", anyPort, "--listen=127.0.0.1:0", "--"+name+"-listen=systemd:"+name)
		require.Error(t, cmd.Run(), c.want)
		assert.Equal(t, command.ExitUsage, cmd.ProcessState.ExitCode(), c.want)
		assert.Contains(t, stderr.String(), c.want)
	}
}
