package main

import (
	"bytes"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

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
