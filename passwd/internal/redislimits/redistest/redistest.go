// Package redistest starts a Redis or Valkey for a test.
package redistest

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
)

// A Server is a process that keeps nothing on disk, and ends with its test.
type Server struct {
	Socket  string // its path
	Port    int    // on 127.0.0.1, 0 if it only has the socket
	Client  *redis.Client
	command *exec.Cmd
}

// Start starts a server. The test fails if there is none to start; with -short it is skipped.
func Start(t *testing.T) *Server {
	t.Helper()
	return start(t, 0)
}

// StartTCP starts a server that has a port too.
func StartTCP(t *testing.T) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return start(t, l.Addr().(*net.TCPAddr).Port)
}

func start(t *testing.T, port int) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: this needs a redis-server or valkey-server")
	}
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	s := &Server{Socket: filepath.Join(dir, "sock"), Port: port}
	s.Client = redis.NewClient(&redis.Options{Network: "unix", Addr: s.Socket, Protocol: 2, DisableIdentity: true})
	t.Cleanup(func() {
		s.Kill(t)
		_ = s.Client.Close()
		_ = os.RemoveAll(dir)
	})
	s.Again(t)
	return s
}

// URL is the address of the socket.
func (s *Server) URL() string { return "unix://" + s.Socket }

// Again starts the server once more, with nothing in it.
func (s *Server) Again(t *testing.T) {
	t.Helper()
	binary, err := exec.LookPath("redis-server")
	if err != nil {
		binary, err = exec.LookPath("valkey-server")
	}
	require.NoError(t, err, "this test needs a Redis or Valkey (on Debian: apt-get install redis-server)")
	s.command = exec.Command(binary, //nolint:gosec,noctx // this test; Kill ends it
		"--unixsocket", s.Socket, "--bind", "127.0.0.1", "--port", strconv.Itoa(s.Port),
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--dir", filepath.Dir(s.Socket))
	require.NoError(t, s.command.Start())
	require.Eventually(t, func() bool { return s.Client.Ping(t.Context()).Err() == nil }, time.Minute, 10*time.Millisecond)
}

// Kill kills the server, as the kernel does when there is no memory left.
func (s *Server) Kill(t *testing.T) {
	t.Helper()
	if s.command != nil {
		_ = s.command.Process.Kill()
		_ = s.command.Wait() // it says that it was killed
		s.command = nil
	}
}

// Freeze stops the server from answering, until the returned function is called.
func (s *Server) Freeze(t *testing.T) (thaw func()) {
	t.Helper()
	require.NoError(t, s.command.Process.Signal(syscall.SIGSTOP))
	return func() { require.NoError(t, s.command.Process.Signal(syscall.SIGCONT)) }
}
