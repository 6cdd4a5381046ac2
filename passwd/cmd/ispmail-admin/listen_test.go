package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestWarnings: the log says at the start which settings are seldom meant. It cannot run in parallel: the environment is that of the
// process.
func TestWarnings(t *testing.T) {
	t.Setenv("ISPMAIL_ADMIN_LISTEN", "127.0.0.1:1")
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--listen=127.0.0.1:0"}, "ISPMAIL_ADMIN_LISTEN has no effect: the argument --listen says something else"},
		{[]string{"--listen=127.0.0.1:0", "--socket-mode=0600"}, "--socket-mode has no effect"},
		{[]string{"--listen=unix:" + dir + "/page", "--socket-mode=0666"}, "--listen: everybody on the machine can use the socket " + dir + "/page"},
	} {
		ctx, stop := context.WithCancel(t.Context())
		stop() // it ends as soon as it listens
		var out bytes.Buffer
		require.Equal(t, command.ExitOK, run(ctx, append([]string{"--demo"}, c.args...), nil, io.Discard, &out), out.String())
		assert.Contains(t, out.String(), `level=WARN msg="a setting is seldom meant" warning="`+c.want)
	}
}

// TestInUse tries the demo where another one runs: a sentence names the port, and the setting that takes another.
func TestInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	address := l.Addr().String()
	var out bytes.Buffer
	assert.Equal(t, command.ExitFailed, run(t.Context(), []string{"--demo", "--listen", address}, nil, &out, &out))
	assert.Equal(t, "ispmail-admin: the page cannot listen on "+address+": another process listens there: stop it, or name another port with "+
		"--listen or ISPMAIL_ADMIN_LISTEN (port 0 is any that is free)\n", out.String())
}
