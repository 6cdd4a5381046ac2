package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// TestDemo does what the demo says.
func TestDemo(t *testing.T) {
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0")
	fields := await(t, &p.stdout, `curl -d user=john@example.org -d curpass=summersun -d newpass='([^']+)' http://127\.0\.0\.1:\d+/api/password\n`)
	assert.True(t, strings.HasPrefix(p.stdout.String(), "Listening on http://127.0.0.1:"), "the address comes first")
	page, err := p.client.Get(await(t, &p.stdout, `(http://\S+) \(the page\)`))
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "OK", body)
	status, _ = p.change(t, "john@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusForbidden, status)
	status, _ = p.change(t, "md5@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusOK, status)
	p.finish(t)
}

func TestSQLiteAndUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	file, socket := filepath.Join(dir, "mail server?.db"), filepath.Join(dir, "socket")
	require.NoError(t, os.WriteFile(socket, nil, 0o600))
	args := []string{"--dsn=sqlite:" + file, "--api-listen=unix:" + socket, "--scheme=blf-crypt"}
	var stdout, stderr output
	assert.Equal(t, command.ExitFailed, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "not a socket")
	require.NoError(t, os.Remove(socket))
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	assert.Equal(t, command.ExitFailed, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "another process listens there")
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed leaves it
	require.NoError(t, l.Close())

	p := start(t, args...)
	await(t, &p.stderr, "cannot open the database")
	_, err = os.Stat(file)
	require.ErrorIs(t, err, os.ErrNotExist, "a wrong path makes no database")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	store, closer, err := database.SQLite(file, ispmail.Config{})(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.CreateSchema(t.Context()))
	_, err = store.CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
	_, _, err = store.CreateUser(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)

	await(t, &p.stderr, "database opened")
	info, err := os.Stat(socket)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	user, err := store.Authenticate(t.Context(), "john@example.org", "a long enough secret")
	require.NoError(t, err)
	assert.Contains(t, user.Password.Reveal(), "{BLF-CRYPT}$2y$10$")
	require.NoError(t, closer())
	p.finish(t)
	_, err = os.Stat(socket)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestSecret asks for it on the API, and logs as JSON.
func TestSecret(t *testing.T) {
	t.Parallel()
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0", "--secret-file="+write(t, "the new secret of roundcube\n\nthe old secret of roundcube\n"))
	await(t, &p.stderr, "database opened")
	status, _ := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusUnauthorized, status)
	p.url = strings.Replace(p.url, "http://", "http://roundcube:the%20old%20secret%20of%20roundcube@", 1)
	status, _ = p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, p.stderr.String(), "secret of")
	p.finish(t)
}

func TestJSONLog(t *testing.T) {
	t.Parallel()
	p := &process{code: make(chan int, 1), client: http.DefaultClient}
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	go func() {
		p.code <- run(ctx, []string{anyPort, "--demo", "--listen=127.0.0.1:0", "--log-format=json"}, nil, &p.stdout, &p.stderr)
	}()
	p.url = await(t, &p.stderr, `"api":"([^"]+)"`) + "/api/password"
	await(t, &p.stderr, "database opened")
	_, _ = p.change(t, "John@example.org", "wintermoon", "a long enough secret")
	await(t, &p.stderr, "password not changed")
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	var event map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &event))
	assert.Equal(t, "password not changed", event["msg"])
	assert.Equal(t, "john@example.org", event["user"])
	assert.Equal(t, "bad-credentials", event["reason"])
	p.finish(t)
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := serve.NewServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	assert.Equal(t, 5*time.Second, server.ReadHeaderTimeout)
	assert.Equal(t, 10*time.Second, server.ReadTimeout)
	assert.Equal(t, 5*time.Second, server.IdleTimeout)
	assert.Equal(t, 8<<10, server.MaxHeaderBytes)
	assert.True(t, server.DisableGeneralOptionsHandler)
	assert.GreaterOrEqual(t, server.WriteTimeout, 28*time.Second, "what an attempt may take")
	assert.Greater(t, serve.StopTimeout, server.WriteTimeout)
}

// TestInUse has each address in use, as a second try of the demo finds it: a sentence names it, and the setting that takes another.
func TestInUse(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	path := filepath.Join(dir, "socket")
	port := listen(t, "tcp", "127.0.0.1:0").Addr().String()
	listen(t, "unix", path)
	for name, flag := range map[string]string{"api": "api-listen", "page": "listen", "poppassd": "poppassd-listen", "metrics": "metrics-listen"} {
		setting := "--" + flag + " or ISPMAIL_PASSWD_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		for address, advice := range map[string]string{
			port:           "another process listens there: stop it, or name another port with " + setting + " (port 0 is any that is free)",
			"unix:" + path: "another process listens there: stop it, or name another socket with " + setting,
			"unix:" + filepath.Join(dir, "missing", "socket"):      "its directory is not there",
			"unix:" + filepath.Join(dir, strings.Repeat("x", 108)): "the path of a socket has 107 bytes at the most, and this one has " + strconv.Itoa(len(dir)+109),
		} {
			var stdout, stderr output
			args := []string{"--demo", anyPort, "--listen=127.0.0.1:0", "--" + flag + "=" + address}
			assert.Equal(t, command.ExitFailed, run(t.Context(), args, nil, &stdout, &stderr))
			assert.Equal(t, "ispmail-passwd: the "+name+" cannot listen on "+address+": "+advice+"\n", stderr.String())
			assert.Empty(t, stdout.String())
		}
	}
}

func listen(t *testing.T, kind, address string) net.Listener {
	t.Helper()
	l, err := net.Listen(kind, address)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}
