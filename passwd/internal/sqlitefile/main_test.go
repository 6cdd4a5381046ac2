package sqlitefile_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

const (
	roleVariable = "ISPMAIL_TEST_ROLE"
	fileVariable = "ISPMAIL_TEST_FILE"
	fromVariable = "ISPMAIL_TEST_FROM" // the number of a password, see find
	email        = "john@example.org"
)

// roles are what a process of its own does with a file, until its standard input ends.
var roles = map[string]func(ctx context.Context, store *ispmail.Store, path string) error{}

// TestMain is one of the roles where a test needs a process of its own.
func TestMain(m *testing.M) {
	role := roles[os.Getenv(roleVariable)]
	if role == nil {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func play(role func(context.Context, *ispmail.Store, string) error) error {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	path := os.Getenv(fileVariable)
	store, closer, err := sqlitefile.OpenStore(ctx, path, sqlitefile.Write, quick())
	if err != nil {
		return err
	}
	defer func() { _ = closer() }()
	return role(ctx, store, path)
}

// quick has the cheapest hashes, so that the commits are what takes time.
func quick() ispmail.Config {
	hasher, err := hash.New(hash.Config{Scheme: "BLF-CRYPT", Cost: 4})
	if err != nil {
		panic(err)
	}
	return ispmail.Config{Hasher: hasher, Logger: slog.New(slog.DiscardHandler), Timeout: time.Minute}
}

// A process plays a role.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
	lines *bufio.Scanner // of its standard output
}

func start(t *testing.T, role, path string, env ...string) *process {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), executable) //nolint:gosec // our own program
	// Under the race detector, a process would sleep a second at its end.
	cmd.Env = append(append(os.Environ(), roleVariable+"="+role, fileVariable+"="+path, "GORACE=atexit_sleep_ms=0"), env...)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return &process{cmd: cmd, stdin: stdin, lines: bufio.NewScanner(stdout)}
}

// newFile makes a file with the tables, a domain and a user with the first of the numbered passwords.
func newFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "mail.db")
	store, closer, err := sqlitefile.OpenStore(t.Context(), path, sqlitefile.Create, quick())
	require.NoError(t, err)
	require.NoError(t, store.CreateSchema(t.Context()))
	_, err = store.CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
	_, _, err = store.CreateUser(t.Context(), email, numbered(0))
	require.NoError(t, err)
	require.NoError(t, closer())
	return path
}

func numbered(n int) string { return fmt.Sprintf("secret with the number %d", n) }

// pragma returns the value of a PRAGMA, of a file that is opened for it.
func pragma(t *testing.T, path, name string) (value string) {
	t.Helper()
	db, err := sqlitefile.Open(path, sqlitefile.Write)
	require.NoError(t, err)
	require.NoError(t, db.QueryRowContext(t.Context(), "PRAGMA "+name).Scan(&value))
	require.NoError(t, db.Close())
	return value
}
