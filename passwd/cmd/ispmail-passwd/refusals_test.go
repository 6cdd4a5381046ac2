package main

import (
	"bufio"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// TestRefusals: a flood of refused requests is two lines in ten seconds, and hides no change and no wrong password.
func TestRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		r := newRefusals(slog.New(slog.NewTextHandler(&log, nil)))
		own := map[string]int{}
		see := func(channel passwd.Channel, reason string) {
			if r.deserves(passwd.Event{Channel: channel, Reason: reason}) {
				own[fmt.Sprint(channel, " ", reason)]++
			}
		}
		for range 1000 {
			for _, reason := range []string{"ok", "bad-credentials", "outcome-unknown", "cross-origin", "limited"} {
				see(passwd.Page, reason)
			}
			see(passwd.API, "limited")
			time.Sleep(summary.Window / 1000)
		}
		time.Sleep(time.Millisecond)
		synctest.Wait()
		assert.Equal(t, map[string]int{
			"page ok": 1000, "page bad-credentials": 1000, "page outcome-unknown": 1000, "page cross-origin": 1, "page limited": 1, "api limited": 1,
		}, own)
		assert.Equal(t, 3, strings.Count(log.String(), `msg="more requests were refused"`))
		for _, want := range []string{"reason=cross-origin channel=page count=999\n", "reason=limited channel=page count=999\n", "reason=limited channel=api count=999\n"} {
			assert.Contains(t, log.String(), want)
		}
		see(passwd.Page, "limited")
		see(passwd.Page, "limited")
		r.Flush()
		assert.Contains(t, log.String(), "reason=limited channel=page count=1\n")
		time.Sleep(2 * summary.Window)
		synctest.Wait()
		assert.Equal(t, 4, strings.Count(log.String(), "\n"))
	})
}

// TestLogReader has a reader of the log that stops reading, and one that goes: changes are answered all the same.
func TestLogReader(t *testing.T) {
	t.Parallel()
	for name, hinder := range map[string]func(reader, writer *os.File){
		"gone": func(reader, _ *os.File) { require.NoError(t, reader.Close()) },
		"stalled": func(_, writer *os.File) {
			fd := int(writer.Fd())
			require.NoError(t, syscall.SetNonblock(fd, true))
			for _, size := range []int{4096, 1} {
				for _, err := syscall.Write(fd, make([]byte, size)); err == nil; _, err = syscall.Write(fd, make([]byte, size)) {
				}
			}
			require.NoError(t, syscall.SetNonblock(fd, false)) // it is the same pipe for the process
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reader, writer, err := os.Pipe()
			require.NoError(t, err)
			t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
			list := write(t, listOf("a secret of others"))
			cmd, _ := inheriting(t, "", nil, "--demo", "--api-listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--breached="+list)
			cmd.Stderr = writer
			require.NoError(t, cmd.Start())
			lines, url, opened := bufio.NewScanner(reader), "", false
			for (url == "" || !opened) && lines.Scan() { // in any order
				opened = opened || strings.Contains(lines.Text(), "database opened")
				if _, address, found := strings.Cut(lines.Text(), "api="); found {
					url = address + "/api/password"
				}
			}
			hinder(reader, writer)
			require.NoError(t, os.Truncate(list, 10)) // which the log has at the first change
			p := &process{client: once, url: url}
			current := ispmailtest.Password
			for i := range 3 {
				next := fmt.Sprintf("a long enough secret %d", i)
				status, body := p.change(t, "john@example.org", current, next)
				require.Equal(t, http.StatusOK, status, body)
				current = next
			}
			status, _ := p.change(t, "john@example.org", "a wrong guess of it", current)
			assert.Equal(t, http.StatusForbidden, status)
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
			require.NoError(t, cmd.Wait(), "it ends as ever")
		})
	}
}
