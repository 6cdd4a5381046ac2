package main

import (
	"bufio"
	"bytes"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

// TestPassOn tells the owner of a changed password, and logs that nobody listens.
func TestPassOn(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	s := settings{Notice: filepath.Join(dir, "socket")}
	var seen bytes.Buffer
	passOn := s.passOn(slog.New(slog.NewTextHandler(&seen, nil)))
	change := ispmail.Change{Kind: ispmail.PasswordChanged, Email: "john@example.org", Domain: "example.org"}
	passOn(t.Context(), change)
	assert.Contains(t, seen.String(), `msg="the owner gets no mail about the change" user=john@example.org`)
	seen.Reset()

	listener, err := net.Listen("unix", s.Notice)
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	lines := make(chan string, 1)
	go func() {
		conn, err := listener.Accept()
		if !assert.NoError(t, err) {
			return
		}
		line, _ := bufio.NewReader(conn).ReadString('\n')
		lines <- line
		_, _ = conn.Write([]byte("OK\n"))
		_ = conn.Close()
	}()
	passOn(t.Context(), ispmail.Change{Kind: ispmail.StateChanged, Email: "john@example.org", Domain: "example.org"})
	passOn(t.Context(), change)
	assert.Regexp(t, `^\{"user":"john@example\.org","kind":"password","time":"[^"]+Z","channel":"admin"\}\n$`, <-lines)
	assert.Empty(t, seen.String())
}
