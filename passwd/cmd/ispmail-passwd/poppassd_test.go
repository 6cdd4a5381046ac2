package main

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestPoppassd changes a password over a socket and over TCP, while an idle client keeps nobody from stopping the service.
func TestPoppassd(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	for network, address := range map[string]string{"unix": "unix:" + filepath.Join(dir, "poppassd"), "tcp": "127.0.0.1:0"} {
		t.Run(network, func(t *testing.T) {
			t.Parallel()
			p := start(t, "--demo", anyPort, "--listen=127.0.0.1:0", "--poppassd-listen="+address)
			await(t, &p.stderr, "database opened")
			conn, err := net.Dial(network, await(t, &p.stderr, `poppassd=(?:unix:)?(\S+)`))
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			_, err = io.WriteString(conn, "user John@example.org\npass "+ispmailtest.Password+"\nnewpass a long enough secret\n")
			require.NoError(t, err)
			lines := bufio.NewReader(conn)
			for _, want := range []string{"200 ispmail-passwd", "200 Now pass.", "200 Now newpass.", "200 The password was changed."} {
				line, err := lines.ReadString('\n')
				require.NoError(t, err)
				assert.Equal(t, want+"\r\n", line)
			}
			await(t, &p.stderr, `"password changed" channel=poppassd user=john@example.org status=200 reason=ok`)
			p.finish(t)
			_, err = lines.ReadString('\n')
			require.ErrorIs(t, err, io.EOF)
		})
	}
}
