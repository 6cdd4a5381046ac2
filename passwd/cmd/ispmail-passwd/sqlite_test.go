package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// exampleFile makes a file with the rows of the guide, in a directory of its own that everybody may enter.
func exampleFile(t *testing.T) (path string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) //nolint:gosec // nothing is secret
	path = filepath.Join(dir, "mail.db")
	db, err := sqlitefile.Open(path, sqlitefile.Create)
	require.NoError(t, err)
	d := &ispmailtest.Database{DB: db}
	require.NoError(t, d.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
	d.Example(t)
	require.NoError(t, db.Close())
	return path
}

// asNobody returns the command as a process that is not root, whom no mode of a file stops.
func asNobody(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	executable, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), executable, args...) //nolint:gosec // our own program, which ends in a clean-up
	cmd.Env = append(os.Environ(), "ISPMAIL_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0")
	if os.Geteuid() == 0 {
		cmd.Env = append(cmd.Env, "ISPMAIL_TEST_UID=65534")
	}
	return cmd
}

// serving returns a process that serves, once its database is open.
func serving(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{client: once}
	cmd.Stderr = &p.stderr
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		assert.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, cmd.Wait(), p.stderr.String())
	})
	p.url = await(t, &p.stderr, `api=(http://127\.0\.0\.1:\d+)`) + "/api/password"
	await(t, &p.stderr, "database opened")
	return p
}

// becomes waits for an answer of /readyz.
func (p *process) becomes(t *testing.T, status int, body string) {
	t.Helper()
	require.Eventually(t, func() bool { return p.get(t, "/readyz") == status && p.body == body+"\n" }, time.Minute, 100*time.Millisecond, "%d %s", status, body)
}

// TestReadOnlyFile has what the service may not write. It says which file that is, at --check and while it runs, and all works
// again as soon as it may.
func TestReadOnlyFile(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		file, dir os.FileMode
		want      string
	}{
		"file":      {0o444, 0o777, "database unavailable: it is read-only: %s: "},
		"directory": {0o666, 0o555, "database unavailable: its directory is read-only, and SQLite needs a journal beside the file: %s: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := exampleFile(t)
			allow := func(file, dir os.FileMode) {
				require.NoError(t, os.Chmod(path, file))
				require.NoError(t, os.Chmod(filepath.Dir(path), dir))
			}
			check := func() (code int, said string) {
				output, err := asNobody(t, "--check", "--dsn=sqlite:"+path).CombinedOutput()
				if exit, ok := err.(*exec.ExitError); ok { //nolint:errorlint // as os/exec returns it
					return exit.ExitCode(), string(output)
				}
				require.NoError(t, err)
				return 0, string(output)
			}
			allow(tt.file, tt.dir)
			t.Cleanup(func() { allow(0o666, 0o777) })
			want := fmt.Sprintf(tt.want, path)
			code, said := check()
			assert.Equal(t, command.ExitFailed, code, said)
			assert.Contains(t, said, "FAIL  Passwords cannot be written: "+want)
			assert.NotContains(t, said, "account", "SQLite has none")

			p := serving(t, asNobody(t, anyPort, "--dsn=sqlite:"+path, "--metrics-listen=127.0.0.1:0"))
			status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
			assert.Equal(t, http.StatusServiceUnavailable, status)
			assert.Equal(t, "unavailable: The password was not changed. Try again later.\n", body)
			await(t, &p.stderr, regexp.QuoteMeta(want))
			p.becomes(t, http.StatusServiceUnavailable, "passwords cannot be written")

			allow(0o666, 0o777)
			code, said = check()
			assert.Equal(t, command.ExitOK, code, said)
			assert.Contains(t, said, "warn  The database: everybody on the machine can read "+path)
			if name == "directory" { // a connection that could only read stays so for a minute
				p.becomes(t, http.StatusOK, "ok")
				status, body = p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
				assert.Equal(t, http.StatusOK, status, body)
			}
		})
	}
}

// TestFullDisk fills the disk of the file, a small one. The change is refused, the old password counts, and all works again as
// soon as there is room.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	path := exampleFile(t)
	executable, err := os.Executable()
	require.NoError(t, err)
	try := exec.CommandContext(t.Context(), "unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", filepath.Dir(path)) //nolint:gosec // a directory of the test
	if err := try.Run(); err != nil {
		t.Skipf("a disk of its own needs unshare(1) and namespaces of users: %v", err)
	}
	// The process sees a disk of 256 KiB where its directory was.
	script := `cp "$1" "$1.tmp" && exec 3<"$1.tmp" && rm "$1.tmp" && mount -t tmpfs -o size=256k tmpfs "${1%/*}" && cat <&3 >"$1" && shift && exec "$0" "$@"`
	args := []string{"-rm", "sh", "-c", script, executable, path, anyPort, "--dsn=sqlite:" + path, "--metrics-listen=127.0.0.1:0"}
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), "unshare", args...) //nolint:gosec // our own program
	cmd.Env = append(os.Environ(), "ISPMAIL_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0")
	p := serving(t, cmd)
	p.becomes(t, http.StatusOK, "ok")

	filler := fmt.Sprintf("/proc/%d/root%s.filler", cmd.Process.Pid, path)
	require.ErrorIs(t, os.WriteFile(filler, bytes.Repeat([]byte("x"), 1<<20), 0o600), syscall.ENOSPC)
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusServiceUnavailable, status)
	assert.Equal(t, "unavailable: The password was not changed. Try again later.\n", body)
	await(t, &p.stderr, regexp.QuoteMeta("the disk is full: "+path))
	p.becomes(t, http.StatusServiceUnavailable, "passwords cannot be written")

	require.NoError(t, os.Remove(filler))
	p.becomes(t, http.StatusOK, "ok")
	status, _ = p.change(t, "john@example.org", "a long enough secret", "another long enough secret")
	assert.Equal(t, http.StatusForbidden, status, "the old password counts")
	status, body = p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
}

// TestWALFile is warned of.
func TestWALFile(t *testing.T) {
	t.Parallel()
	path := exampleFile(t)
	db, err := sqlitefile.Open(path, sqlitefile.Write)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), "PRAGMA journal_mode=WAL")
	require.NoError(t, err)
	require.NoError(t, db.Close())
	var stdout, stderr output
	assert.Equal(t, command.ExitOK, run(t.Context(), []string{"--check", "--dsn=sqlite:" + path}, nil, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "warn  "+path+" is in WAL mode")
}
