// Package cluster starts several MariaDB servers for tests, as processes on this machine: three nodes of a Galera cluster, or a
// primary and its replica, and HAProxy in front of them. They can be killed, stopped, cut off and started again.
//
// It takes Debian's packages mariadb-server, galera-4, rsync and haproxy, which make cluster-test installs. ISPMAIL_CLUSTER_ROOT names
// a directory with another system, whose MariaDB is to be tested. Each call of [Start] or
// [StartReplicas] has addresses of its own in 127.0.0.0/8, so that several can run at the same time. All ends with the test, and
// with the test process.
package cluster

import (
	"bytes"
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A Server is a MariaDB server. Its methods are for one goroutine.
type Server struct {
	// Name is db1, db2 or db3.
	Name string
	// Address is its IP address. It serves port 3306 there.
	Address string
	// DB connects as root by the server's socket. A statement that hangs ends after a minute.
	DB *sql.DB

	network *network
	dir     string
	options []string
	command *exec.Cmd
	ended   chan struct{} // closed when command has ended
}

// A network is what servers of one test share: where they are, and a password.
type network struct {
	root     string // of the system that has MariaDB, "" for this one
	dir      string // of all data
	prefix   string // of all addresses, such as "127.12.34."
	password string // of the account tests
	binary   string
	template string // a fresh data directory
	account  *syscall.Credential
}

const startTimeout = 2 * time.Minute

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{password: rand.Text()}
	random := make([]byte, 2)
	_, _ = rand.Read(random)
	n.prefix = fmt.Sprintf("127.%d.%d.", 1+random[0]/2, random[1])
	var err error
	n.binary, err = exec.LookPath("mariadbd")
	require.NoError(t, err, "make cluster-test installs it")
	temp := ""
	if n.root = os.Getenv("ISPMAIL_CLUSTER_ROOT"); n.root != "" {
		temp = filepath.Join(n.root, "tmp")
		sameNames(t, n.root)
	}
	n.dir, err = os.MkdirTemp(temp, "cluster") //nolint:usetesting // a path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(n.dir)) })
	require.NoError(t, os.Chmod(n.dir, 0o711)) //nolint:gosec // the account of MariaDB must get in
	if os.Geteuid() == 0 {
		account, err := user.Lookup("mysql")
		require.NoError(t, err)
		n.account = &syscall.Credential{Uid: number(t, account.Uid), Gid: number(t, account.Gid)}
	}
	n.template = filepath.Join(n.dir, "template")
	n.run(t, "mariadb-install-db", "--no-defaults", "--datadir="+n.template, "--tmpdir="+n.dir, "--auth-root-authentication-method=normal", "--skip-test-db")
	return n
}

// sameNames lets files below a root have their names in the system with that root, too.
func sameNames(t *testing.T, root string) {
	t.Helper()
	require.True(t, filepath.IsAbs(root), root)
	inside := filepath.Join(root, root)
	if _, err := os.Lstat(inside); err != nil {
		require.NoError(t, os.MkdirAll(filepath.Dir(inside), 0o755)) //nolint:gosec // as directories are
		require.NoError(t, os.Symlink("/", inside))
	}
}

// process is how the processes of MariaDB run.
func (n *network) process() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: n.account, Chroot: n.root, Pdeathsig: syscall.SIGKILL}
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	require.NoError(t, err)
	return uint32(n)
}

// run runs a command as the account of MariaDB, which owns n.dir.
func (n *network) run(t *testing.T, name string, args ...string) string {
	t.Helper()
	if n.account != nil {
		require.NoError(t, os.Chown(n.dir, int(n.account.Uid), int(n.account.Gid)))
	}
	command := exec.CommandContext(t.Context(), name, args...) //nolint:gosec // a command of the tests
	command.SysProcAttr = n.process()
	command.Dir = n.dir
	output, err := command.CombinedOutput()
	require.NoError(t, err, "%s: %s", name, output)
	return string(output)
}

// server makes a server that has not been started yet.
func (n *network) server(t *testing.T, number int, options ...string) *Server {
	t.Helper()
	s := &Server{Name: fmt.Sprint("db", number), Address: fmt.Sprint(n.prefix, 10+number), network: n}
	s.dir = filepath.Join(n.dir, s.Name)
	n.run(t, "cp", "-a", n.template, s.dir)
	n.run(t, "mkdir", s.dir+".tmp")
	s.options = append(options,
		"--datadir="+s.dir,
		"--tmpdir="+s.dir+".tmp", // a server that starts removes the temporary tables there, whoever has made them
		"--socket="+s.dir+"/socket",
		"--pid-file="+s.dir+"/pid",
		"--bind-address="+s.Address,
		"--port=3306", "--skip-name-resolve",
		"--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci", // as Debian has it
		// A small machine runs all of them.
		"--innodb-buffer-pool-size=64M", "--innodb-log-file-size=48M", "--performance-schema=OFF", "--max-connections=500",
	)
	config := mysql.NewConfig()
	config.User, config.Net, config.Addr = "root", "unix", s.dir+"/socket"
	config.Timeout, config.ReadTimeout, config.WriteTimeout = 5*time.Second, time.Minute, time.Minute
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	s.DB = sql.OpenDB(connector)
	s.DB.SetMaxIdleConns(0) // none that a restart has broken
	t.Cleanup(func() {
		assert.NoError(t, s.DB.Close())
		s.Kill(t)
		if t.Failed() {
			t.Logf("log of %s:\n%s", s.Name, s.log())
		}
	})
	return s
}

// log returns the end of the error log.
func (s *Server) log() []byte {
	log, _ := os.ReadFile(s.dir + ".log")
	return log[max(0, len(log)-6000):]
}

// start starts the process, with further options for this time.
func (s *Server) start(t *testing.T, options ...string) {
	t.Helper()
	log, err := os.OpenFile(s.dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(t, err)
	defer func() { _ = log.Close() }()
	s.command = exec.Command(s.network.binary, append(s.options, options...)...) //nolint:gosec // a command of the tests
	s.command.Stdout, s.command.Stderr = log, log
	s.command.Dir = s.network.dir
	s.command.SysProcAttr = s.network.process()
	s.command.SysProcAttr.Setpgid = true
	require.NoError(t, s.command.Start())
	ended := make(chan struct{})
	s.ended = ended
	go func(command *exec.Cmd) {
		_ = command.Wait() // it is killed, as a rule
		close(ended)
	}(s.command)
}

// await waits until a query returns the text that is wanted.
func (s *Server) await(t *testing.T, query, want string) {
	t.Helper()
	require.NoError(t, s.comesTo(t.Context(), query, want))
}

// comesTo waits until a query returns the text that is wanted, and returns an error with the end of the log if it does not.
func (s *Server) comesTo(ctx context.Context, query, want string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	for {
		got, err := s.ask(ctx, query)
		if err == nil && got == want {
			return nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-s.ended:
			return fmt.Errorf("%s has ended: %s", s.Name, s.log())
		case <-ctx.Done():
			return fmt.Errorf("%s: %s is %q, want %q: %w\n%s", s.Name, query, got, want, err, s.log())
		}
	}
}

// ask returns the last column of a row as text.
func (s *Server) ask(ctx context.Context, query string) (text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // it may be stopped
	defer cancel()
	rows, err := s.DB.QueryContext(ctx, query)
	if err != nil {
		return "", err
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		return "", err
	}
	values := make([]any, len(columns))
	for i := range values {
		values[i] = new(sql.RawBytes)
	}
	values[len(values)-1] = &text
	for rows.Next() {
		if err := rows.Scan(values...); err != nil {
			return "", err
		}
	}
	return text, rows.Err()
}

// Exec runs statements as root.
func (s *Server) Exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		_, err := s.DB.ExecContext(t.Context(), statement)
		require.NoError(t, err, "%s: %s", s.Name, statement)
	}
}

// addAccount makes the account of [Server.Config]. Those of root that exist already have no password.
func (s *Server) addAccount(t *testing.T) {
	t.Helper()
	s.Exec(t, fmt.Sprintf("CREATE USER tests@'%%' IDENTIFIED BY '%s'", s.network.password), "GRANT ALL ON *.* TO tests@'%' WITH GRANT OPTION")
}

// Config connects to a database of the server by TCP, as an account with all rights.
func (s *Server) Config(database string) *mysql.Config { return s.network.config(s.Address, database) }

// DSN is the data source name of [Server.Config].
func (s *Server) DSN(database string) string { return s.Config(database).FormatDSN() }

func (n *network) config(address, database string) *mysql.Config {
	c := mysql.NewConfig()
	c.User, c.Passwd, c.DBName = "tests", n.password, database
	c.Net, c.Addr = "tcp", net.JoinHostPort(address, "3306")
	return c
}

// Signal sends a signal to the process.
func (s *Server) Signal(t *testing.T, signal syscall.Signal) {
	t.Helper()
	require.NoError(t, syscall.Kill(s.command.Process.Pid, signal))
}

// Stop halts the process: its connections stay, and nobody answers.
func (s *Server) Stop(t *testing.T) { t.Helper(); s.Signal(t, syscall.SIGSTOP) }

// Continue lets a stopped process go on.
func (s *Server) Continue(t *testing.T) { t.Helper(); s.Signal(t, syscall.SIGCONT) }

// Kill ends the process as a failure of power would, and all that it has started. It may have ended before.
func (s *Server) Kill(t *testing.T) {
	t.Helper()
	if s.command == nil {
		return
	}
	if s.hasEnded() { // its number may be another's by now
		return
	}
	_ = syscall.Kill(-s.command.Process.Pid, syscall.SIGKILL) // its group, which it leads
	<-s.ended
}

func (s *Server) hasEnded() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// Shutdown ends the process in good order.
func (s *Server) Shutdown(t *testing.T) {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(startTimeout):
		require.Fail(t, "the server did not end", "%s: %s", s.Name, bytes.TrimSpace(s.log()))
	}
}

// open connects to a server until the test ends.
func open(t *testing.T, config *mysql.Config) *sql.DB {
	t.Helper()
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	db := sql.OpenDB(connector)
	t.Cleanup(func() { _ = db.Close() }) // its connections may be broken
	return db
}
