package main

import (
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestCheckSockets tries what the service would do with its sockets, and leaves nothing behind.
func TestCheckSockets(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, taken.Close()) }()
	hook, err := net.Listen("unix", filepath.Join(dir, "hook"))
	require.NoError(t, err)
	defer func() { require.NoError(t, hook.Close()) }()
	told := make(chan string, 10)
	go func() {
		for {
			conn, err := hook.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(conn, "OK\n")
			line, _ := io.ReadAll(conn)
			told <- string(line)
			_ = conn.Close()
		}
	}()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	before, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, command.ExitOK, "ok    --api-listen: the service can listen on 127.0.0.1:0.\n"},
		{nil, command.ExitOK, `ok    The title of the page is "Mail".` + "\n"},
		{[]string{"--site-name=Mail of example.org"}, command.ExitOK, `ok    The title of the page is "Mail of example.org".` + "\n"},
		{[]string{"--metrics-listen=" + taken.Addr().String()}, command.ExitOK, "is in use, by the service if it runs."},
		{[]string{"--metrics-listen=192.0.2.1:9100"}, command.ExitFailed, "FAIL  --metrics-listen: nothing can listen on 192.0.2.1:9100: this machine has no such address."},
		{[]string{"--listen=unix:" + filepath.Join(dir, "page")}, command.ExitOK, "ok    --listen: the service can listen on unix:"},
		{[]string{"--listen=unix:" + filepath.Join(dir, "hook")}, command.ExitOK, "is in use"},
		{[]string{"--listen=unix:" + filepath.Join(dir, "file")}, command.ExitFailed, "the file is there and not a socket."},
		{[]string{"--listen=unix:" + filepath.Join(dir, "missing", "page")}, command.ExitFailed, "its directory is not there."},
		{[]string{"--poppassd-listen=127.0.0.1:0"}, command.ExitOK, "ok    --poppassd-listen: the service can listen on 127.0.0.1:0."},
		{[]string{"--poppassd-listen=unix:" + filepath.Join(dir, "file")}, command.ExitFailed, "FAIL  --poppassd-listen: nothing can listen on"},
		{[]string{"--metrics-listen=systemd:metrics"}, command.ExitOK, "warn  --metrics-listen: systemd passed no sockets"},
		{[]string{"--on-change=unix:" + filepath.Join(dir, "hook")}, command.ExitOK, "hears of changes, and answers."},
		{[]string{"--notice=unix:" + filepath.Join(dir, "hook")}, command.ExitOK, "ok    --notice: the program at unix:"},
		{[]string{"--notice=unix:" + filepath.Join(dir, "missing")}, command.ExitFailed, "FAIL  --notice: owners get no mail about changes, because nobody hears of them at unix:"},
		{[]string{"--on-change=unix:" + filepath.Join(dir, "missing")}, command.ExitFailed, "FAIL  --on-change: nobody hears of changes at unix:"},
	} {
		var stdout, stderr output
		args := append([]string{"--demo", "--check", anyPort, "--listen=127.0.0.1:0"}, c.args...)
		assert.Equal(t, c.code, run(t.Context(), args, nil, &stdout, &stderr), "%v: %s", args, &stdout)
		assert.Contains(t, stdout.String(), c.want, "%v", args)
		assert.Empty(t, stderr.String())
	}
	assert.Contains(t, <-told, `{"user":"nobody@check.invalid","kind":"password",`)
	assert.Contains(t, <-told, `{"user":"nobody@check.invalid","kind":"state",`, "which has no mail")
	after, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Equal(t, names(before), names(after))
}

func names(entries []os.DirEntry) (names []string) {
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// TestCheckInherited has sockets as systemd passes them.
func TestCheckInherited(t *testing.T) {
	t.Parallel()
	file := func(address string) *os.File {
		listener, err := net.Listen("tcp", address)
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, listener.Close()) })
		file, err := listener.(*net.TCPListener).File()
		require.NoError(t, err)
		return file
	}
	path := filepath.Join(t.TempDir(), "api")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, listener.Close()) })
	require.NoError(t, os.Chmod(path, 0o666)) //nolint:gosec // the point
	open, err := listener.(*net.UnixListener).File()
	require.NoError(t, err)
	local, public := file("127.0.0.1:0"), file("0.0.0.0:0")
	for _, c := range []struct {
		files []*os.File
		names string
		args  []string
		want  string
		fails bool
	}{
		{[]*os.File{local, local}, "api:page", nil, "ok    --listen: the socket page of systemd is there, on 127.0.0.1:", false},
		{[]*os.File{local, local}, "api:page", []string{"--metrics-listen=systemd:metrics"}, "FAIL  --metrics-listen: systemd passed 0 sockets with FileDescriptorName=metrics", true},
		{[]*os.File{public, local}, "api:page", nil, "is not a loopback address: it needs --secret-file", true},
		{[]*os.File{local, public}, "api:page", nil, "warn  The page is not on a loopback address", false},
		{[]*os.File{open, local}, "api:page", nil, "warn  --api-listen: everybody on the machine can use the socket " + path + ": set SocketMode= of its unit to 0660.", false},
	} {
		cmd, stderr := inheriting(t, c.names, c.files, append([]string{"--check", "--dsn=sqlite:/missing.db", "--api-listen=systemd:api", "--listen=systemd:page"}, c.args...)...)
		stdout := &output{}
		cmd.Stdout = stdout
		require.Error(t, cmd.Run()) // there is no database
		assert.Contains(t, stdout.String(), c.want)
		assert.Equal(t, c.fails, strings.Count(stdout.String(), "FAIL") > 1, stdout)
		assert.Empty(t, stderr.String())
	}
}

// TestOverridden: a setting of the environment that an argument of the unit makes useless is in --check and in the log. It cannot
// run in parallel, as below.
func TestOverridden(t *testing.T) {
	t.Setenv("ISPMAIL_PASSWD_LISTEN", "127.0.0.1:8081")
	s, err := parse(t, "--dsn=sqlite:/missing.db", "--listen=systemd:page")
	require.NoError(t, err)
	assert.Equal(t, []string{"ISPMAIL_PASSWD_LISTEN has no effect: the argument --listen says something else (ExecStart= of the unit?)"}, s.warnings())
	s, err = parse(t, "--dsn=sqlite:/missing.db", "--listen=127.0.0.1:8081", "--trusted-proxy=127.0.0.1")
	require.NoError(t, err)
	assert.Empty(t, s.warnings())
}

// TestCommentHint cannot run in parallel: the environment is that of the process.
func TestCommentHint(t *testing.T) {
	t.Setenv("ISPMAIL_PASSWD_DSN", "sqlite:/missing.db")
	t.Setenv("ISPMAIL_PASSWD_SCHEME", "blf-crypt # canary")
	var stdout, stderr output
	assert.Equal(t, command.ExitUsage, run(t.Context(), []string{"--check"}, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "what follows a # in ISPMAIL_PASSWD_SCHEME is part of its value: a comment needs a line of its own")
	t.Setenv("ISPMAIL_PASSWD_SCHEME", "blf-crypt")
	_, err := parse(t)
	require.NoError(t, err)
}
