package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestPasswordLine cuts the end of the line from a password, and nothing else.
func TestPasswordLine(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		for i, end := range []string{"", "\n", "\r\n", "\nmore\n"} {
			email := fmt.Sprintf("user%d@example.org", i)
			s.ok(" a long enough secret "+end, "user", "add", email)
			s.ok(" a long enough secret ", "password", "check", email)
			_, errs, _ := s.do("a long enough secret", "password", "check", email)
			assert.Contains(t, errs, "wrong address or password")
		}
		// The current password may be any bytes, if another program has stored it.
		s.ok(`{"type":"user","email":"jim@example.org","password":"{PLAIN-MD5}214f03d0fc0d3bc500e71ccd2c48811b"}`, "import", "file", "-")
		s.ok("gr\xfcn\t", "password", "check", "jim@example.org")
	})
}

// TestReadOnly has files that only others may write. What reads works, and what writes says which file it is.
func TestReadOnly(t *testing.T) {
	t.Parallel()
	bin, env := built(t)
	dir := t.TempDir()
	require.NoError(t, os.Chmod(filepath.Dir(dir), 0o755)) //nolint:gosec // nothing is secret
	path := filepath.Join(dir, "mail.db")
	s := session{t: t, args: []string{"--on-change", "none", "--dsn", "sqlite:" + path}}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	info, err := os.Stat(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode())
	executable, err := filepath.EvalSymlinks(filepath.Join(bin, "ispmailctl"))
	require.NoError(t, err)
	if os.Geteuid() == 0 { // whom no mode stops
		env = append(env, "ISPMAIL_TEST_UID=65534")
	}
	do := func(args ...string) (out, errs string, code int) {
		cmd := exec.CommandContext(t.Context(), executable, append(s.args, args...)...) //nolint:gosec // our own program
		var stdout, stderr bytes.Buffer
		cmd.Env, cmd.Stdout, cmd.Stderr = env, &stdout, &stderr
		_ = cmd.Run() // the code says it
		return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
	}
	for _, tt := range []struct {
		file, dir os.FileMode
		want      string
	}{
		{0o444, 0o777, "ispmailctl: database unavailable: it is read-only: " + path},
		{0o666, 0o555, "ispmailctl: database unavailable: its directory is read-only, and SQLite needs a journal beside the file: " + path},
	} {
		require.NoError(t, os.Chmod(path, tt.file))
		require.NoError(t, os.Chmod(dir, tt.dir))
		out, errs, code := do("export")
		assert.Equal(t, command.ExitOK, code, errs)
		assert.Contains(t, out, "example.org")
		out, errs, code = do("domain", "add", "example.net")
		assert.Equal(t, exitDatabase, code)
		assert.Contains(t, errs, tt.want)
		assert.Equal(t, 1, strings.Count(errs, "\n"), errs)
		assert.Empty(t, out)
		require.NoError(t, os.Chmod(dir, 0o700)) //nolint:gosec // for the clean-up
		require.NoError(t, os.Chmod(path, 0o600))
	}
	if os.Geteuid() != 0 {
		return // the file is that of the process
	}
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // as above
	_, errs, code := do("domain", "list")
	assert.Equal(t, exitDatabase, code)
	assert.Contains(t, errs, path+": database unavailable: its file, or the journal beside it, cannot be opened")
	assert.Contains(t, s.ok("", "domain", "list"), "example.org")
}
