package redislimits_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

// listen serves each connection to a socket by a function, and returns the address of the socket.
func listen(t *testing.T, serve func(conn net.Conn)) (url string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	path := filepath.Join(dir, "sock")
	l, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = l.Close()
		_ = os.RemoveAll(dir)
	})
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			}()
		}
	}()
	return "unix://" + path
}

// TestSilent: of the attempts that come while nothing answers, the first ones wait, and the others do not ask.
func TestSilent(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	url := listen(t, func(conn net.Conn) {
		asked.Add(1)
		_, _ = io.Copy(io.Discard, conn)
	})
	l := open(t, url, key, 50*time.Millisecond, &logBuffer{})
	s := newInstance(t, &passwords{}, l)
	answers := guess(300, func(i int) int { return attempt(s, "", fmt.Sprintf("u%d@example.org", i), "right") })
	assert.Equal(t, map[int]int{http.StatusOK: 300}, answers)
	assert.Less(t, asked.Load(), int32(100))
	assert.GreaterOrEqual(t, l.Alone(), int64(300), "an attempt that finds the service busy comes again")
}

// TestLostAnswer: an attempt whose answer gets lost is charged once, and not again and again.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var cut atomic.Bool // the next answer to a charge
	url := listen(t, func(conn net.Conn) {
		redis, err := net.Dial("unix", server.Socket)
		if err != nil {
			return
		}
		defer func() { _ = redis.Close() }()
		question, answer := make([]byte, 4096), make([]byte, 4096)
		for {
			n, err := conn.Read(question)
			if err != nil {
				return
			}
			_, _ = redis.Write(question[:n])
			charge := bytes.Contains(question[:n], []byte("evalsha")) && !bytes.Contains(question[:n], []byte("}:key"))
			n, err = redis.Read(answer)
			if err != nil || charge && cut.CompareAndSwap(true, false) {
				return
			}
			_, _ = conn.Write(answer[:n])
		}
	})
	l := open(t, url, key, patience, &logBuffer{})
	require.Nil(t, l.Problem())
	john := bucket("john")
	take(t, l, john)
	l.Give(t.Context(), []passwd.Bucket{john})
	cut.Store(true)
	_, _, err := l.Take(t.Context(), []passwd.Bucket{john})
	require.Error(t, err)
	other := several(t, server, 1)[0]
	for i := range 5 {
		ok, _, _ := take(t, other, john)
		assert.Equal(t, i < 4, ok, i)
	}
}
