package notify_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

var (
	password = ispmail.Change{Kind: ispmail.PasswordChanged, Email: "john@example.org", Domain: "example.org"}
	address  = ispmail.Change{Kind: ispmail.AddressChanged, Email: "o'neil@example.org", Domain: "example.org", To: "jack@example.net"}
	renamed  = ispmail.Change{Kind: ispmail.DomainChanged, Domain: "example.org", To: "example.net"}
	deleted  = ispmail.Change{Kind: ispmail.DomainChanged, Domain: "example.org"}
	created  = ispmail.Change{Kind: ispmail.UserCreated, Email: "john@example.org", Domain: "example.org"}
	odd      = ispmail.Change{Kind: ispmail.UserDeleted, Email: "kim@example.org\n@example.net"}
	quoted   = ispmail.Change{Kind: ispmail.UserDeleted, Email: `"kim",\"kick":true@example.org`}
	null     = ispmail.Change{Kind: ispmail.AddressChanged, To: "nell@example.org"}
	many     = ispmail.Change{Kind: ispmail.ManyCreated}
)

// listen returns the path of a socket that answers each line, and what it has read.
func listen(t *testing.T, answer string) (path string, lines chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	path, lines = filepath.Join(dir, "socket"), make(chan string, 10)
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			lines <- line
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}
	}()
	return path, lines
}

// TestTell sends a line for each name, although the caller has gone.
func TestTell(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		change ispmail.Change
		lines  []string
		flush  string
		letsIn bool
	}{
		{password, []string{"john@example.org"}, "doveadm auth cache flush -- john@example.org", true},
		{address, []string{"o'neil@example.org", "jack@example.net"}, `doveadm auth cache flush -- 'o'\''neil@example.org' jack@example.net`, true},
		{renamed, []string{"@example.org", "@example.net"}, "doveadm auth cache flush", true},
		{deleted, []string{"@example.org"}, "doveadm auth cache flush", true},
		{created, []string{"john@example.org"}, "doveadm auth cache flush -- john@example.org", false},
		{odd, []string{"*"}, "doveadm auth cache flush", true},
		{quoted, []string{"*"}, "doveadm auth cache flush", true},
		{null, []string{"*", "nell@example.org"}, "doveadm auth cache flush", true},
		{many, []string{"*"}, "doveadm auth cache flush", false},
	} {
		path, lines := listen(t, "OK\nand more")
		heard := func() (l notify.Line) {
			line := <-lines
			require.NoError(t, json.Unmarshal([]byte(line), &l))
			assert.True(t, strings.HasPrefix(line, `{"user":"`+l.User+`",`), "a shell can take it out: %s", line)
			assert.Equal(t, l.Kick, strings.Contains(line, `","kick":true,`), line)
			assert.WithinDuration(t, time.Now(), l.Time, time.Hour)
			l.Time = time.Time{}
			return l
		}
		require.NoError(t, notify.Tell(gone, path, c.change, notify.Origin{Channel: "page", Client: netip.MustParseAddr("192.0.2.1")}))
		for _, want := range c.lines {
			assert.Equal(t, notify.Line{User: want, Kind: string(c.change.Kind), Channel: "page", Client: "192.0.2.1"}, heard())
		}
		require.NoError(t, notify.TellToEnd(gone, notify.Timeout, path, c.change))
		for i, want := range c.lines {
			assert.Equal(t, notify.Line{User: want, Kick: i == 0 && c.letsIn && want != "*", Kind: string(c.change.Kind), Channel: "admin"}, heard())
		}
		assert.Empty(t, lines)
		assert.Equal(t, c.flush, notify.Flush(c.change))
		assert.Equal(t, c.letsIn, notify.LetsIn(c.change))
	}
}

// TestTellFails has a program that is not there, says no, or says nothing.
func TestTellFails(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, notify.Tell(t.Context(), filepath.Join(t.TempDir(), "missing"), password, notify.Origin{}), os.ErrNotExist)
	for _, answer := range []string{"", "no\n", "OKAY\n"} {
		path, _ := listen(t, answer)
		assert.ErrorContains(t, notify.Tell(t.Context(), path, password, notify.Origin{}), "and not OK", "%q", answer)
	}
}

// TestTellOwner: whoever mails the owners hears of changes of passwords and of nothing else, and nobody hears where nobody listens.
func TestTellOwner(t *testing.T) {
	t.Parallel()
	path, lines := listen(t, "OK\n")
	for _, change := range []ispmail.Change{address, renamed, deleted, created, odd, many, password} {
		require.NoError(t, notify.TellOwner(t.Context(), path, change, notify.Origin{}))
	}
	assert.Contains(t, <-lines, `{"user":"john@example.org","kind":"password",`)
	assert.Empty(t, lines)
	missing := filepath.Join(t.TempDir(), "missing")
	require.ErrorContains(t, notify.TellOwner(t.Context(), missing, password, notify.Origin{}), "unix:"+missing+" did not take word of it")
	assert.Equal(t, missing, notify.Found(missing, path))
	assert.Equal(t, path, notify.Found("", path))
	assert.Empty(t, notify.Found("", missing))
	assert.Empty(t, notify.Found("", t.TempDir()), "no socket")
}

// TestKick names one user, or those of a domain, and never others.
func TestKick(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "doveadm kick -- john@example.org", notify.Kick("john@example.org"))
	assert.Equal(t, `doveadm kick -- 'o'\''neil@example.org'`, notify.Kick("o'neil@example.org"))
	assert.Equal(t, "doveadm kick -- '*@example.org'", notify.Kick("example.org"))
	assert.Empty(t, notify.Kick("a*@example.org"))
}

func TestPath(t *testing.T) {
	t.Parallel()
	path, err := notify.Path("unix:/run/x.sock")
	require.NoError(t, err)
	assert.Equal(t, "/run/x.sock", path)
	for _, wrong := range []string{"", "unix:", "/run/x.sock", "127.0.0.1:80"} {
		_, err := notify.Path(wrong)
		assert.ErrorContains(t, err, "is not unix:/path", wrong)
	}
}

// TestHook runs the program of the Debian package with a doveadm that writes down how it is called.
func TestHook(t *testing.T) {
	t.Parallel()
	hook, err := filepath.Abs("../../../examples/deployment/usr/lib/ispmail-passwd/changed")
	require.NoError(t, err)
	bin := t.TempDir()
	for name, script := range map[string]string{"doveadm": `echo "$*" >>"$CALLS"; echo "$SAYS"`, "sleep": "true"} {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700)) //nolint:gosec // a program
	}
	run := func(line, says, sessions string) (answer string, calls []string) {
		file := filepath.Join(t.TempDir(), "calls")
		cmd := exec.CommandContext(t.Context(), hook)
		cmd.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "CALLS=" + file, "SAYS=" + says, "END_SESSIONS=" + sessions}
		user, kick := strings.CutSuffix(line, "+kick")
		text, err := json.Marshal(notify.Line{User: user, Kick: kick, Kind: "password", Channel: "page"})
		require.NoError(t, err)
		cmd.Stdin = strings.NewReader(string(text) + "\n")
		out, _ := cmd.Output()
		text, err = os.ReadFile(file) //nolint:gosec // our own file
		require.NoError(t, err)
		return string(out), strings.Split(strings.TrimSpace(string(text)), "\n")
	}
	const one, all = "auth cache flush -- john@example.org", "auth cache flush"
	for _, c := range []struct {
		line, sessions string
		calls          []string
	}{
		{"john@example.org", "no", []string{one, one}},
		{"john@example.org", "yes", []string{one, "kick -- john@example.org", one}},
		{"a*@example.org", "yes", []string{"auth cache flush -- a*@example.org", "auth cache flush -- a*@example.org"}},
		{"@example.org", "no", []string{all, all}},
		{"@example.org", "yes", []string{all, "kick -- *@example.org", all}},
		{"*", "yes", []string{all, all}},
		{"john@example.org+kick", "no", []string{one, "kick -- john@example.org", one}},
		{"john@example.org+kick", "yes", []string{one, "kick -- john@example.org", one}},
		{"@example.org+kick", "no", []string{all, "kick -- *@example.org", all}},
		{"a*@example.org+kick", "no", []string{"auth cache flush -- a*@example.org", "auth cache flush -- a*@example.org"}},
		{" kim@example.org+kick", "no", []string{"auth cache flush --  kim@example.org", "kick --  kim@example.org", "auth cache flush --  kim@example.org"}},
	} {
		answer, calls := run(c.line, "1 cache entries flushed", c.sessions)
		assert.Equal(t, "OK\n", answer, c.line)
		assert.Equal(t, c.calls, calls, c.line)
	}
	answer, calls := run("@example.org", "Error: no", "yes")
	assert.Empty(t, answer, "it was not forgotten")
	assert.Equal(t, []string{all}, calls)
	cmd := exec.CommandContext(t.Context(), hook) //nolint:gosec // our own
	cmd.Env, cmd.Stdin = []string{"PATH=" + bin + ":" + os.Getenv("PATH")}, strings.NewReader("john@example.org\n")
	out, err := cmd.Output()
	require.Error(t, err, "no JSON")
	assert.Empty(t, out)
}
