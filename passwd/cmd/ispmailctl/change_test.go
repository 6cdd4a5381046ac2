package main

import (
	"bufio"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// hearing returns the address of a socket that answers OK, and the lines that came.
func hearing(t *testing.T) (address string, lines chan string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	path := filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	lines = make(chan string, 1000)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			lines <- line
			_, _ = conn.Write([]byte("OK\n"))
			_ = conn.Close()
		}
	}()
	return "unix:" + path, lines
}

// TestOnChange tells the socket of every change of users, before the command ends, and of nothing else.
func TestOnChange(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		address, lines := hearing(t)
		s.args = append(s.args, "--on-change", address)
		backup := filepath.Join(t.TempDir(), "backup")
		for _, step := range []struct {
			want string // what the socket hears
			args []string
		}{
			{"", []string{"domain", "add", "example.org"}},
			{"john@example.org", []string{"user", "add", "john@example.org"}},
			{"john@example.org+kick", []string{"password", "set", "John@Example.org"}},
			{"", []string{"password", "check", "john@example.org"}},
			{"john@example.org+kick", []string{"user", "lock", "john@example.org"}},
			{"john@example.org", []string{"user", "unlock", "john@example.org"}},
			{"john@example.org+kick\njack@example.org", []string{"user", "rename", "john@example.org", "jack@example.org", "--yes"}},
			{"jack@example.org+kick\njohn@example.org", []string{"user", "rename", "jack@example.org", "john@example.org", "--yes"}},
			{"@example.org+kick\n@example.net", []string{"domain", "rename", "example.org", "example.net", "--yes"}},
			{"@example.net+kick\n@example.org", []string{"domain", "rename", "example.net", "example.org", "--yes"}},
			{"", []string{"user", "list"}},
			{"", []string{"alias", "set", "info@example.org", "sales@example.net", "--yes"}},
			{"", []string{"alias", "delete", "info@example.org", "--yes"}},
			{"", []string{"alias", "add", "info@example.org", "sales@example.net"}},
			{"", []string{"export", backup}},
			{"john@example.org+kick", []string{"user", "delete", "john@example.org", "--yes"}},
			{"*", []string{"import", "file", backup}},
			{"@example.org+kick", []string{"domain", "delete", "example.org", "--yes"}},
			{"*", []string{"restore", backup}},
		} {
			out := s.ok("a long enough secret", step.args...)
			assert.Equal(t, strings.Contains(step.want, "+kick"), strings.Contains(out, "Dovecot was told to end the sessions that are open."), "%v: %s", step.args, out)
			for want := range strings.FieldsSeq(step.want) {
				select {
				case line := <-lines:
					var heard notify.Line
					require.NoError(t, json.Unmarshal([]byte(line), &heard))
					user, kick := strings.CutSuffix(want, "+kick")
					assert.Equal(t, user, heard.User, "%v", step.args)
					assert.Equal(t, kick, heard.Kick, "%v", step.args)
					assert.Equal(t, "admin", heard.Channel)
				default:
					t.Errorf("nobody heard of %v", step.args)
				}
			}
			assert.Empty(t, lines, "%v", step.args)
		}
	})
}

// TestNotice: who mails the owners hears of passwords that are set and of nothing else. That nobody does changes nothing but is said.
func TestNotice(t *testing.T) {
	t.Parallel()
	address, lines := hearing(t)
	flush, _ := hearing(t)
	s := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db"), "--on-change", flush, "--notice", address}}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	for _, args := range [][]string{
		{"user", "add", "john@example.org"},
		{"user", "lock", "john@example.org"},
		{"user", "unlock", "john@example.org"},
		{"password", "check", "john@example.org"},
	} {
		s.ok("a long enough secret", args...)
	}
	s.ok("a long enough secret", "--on-change", silence, "password", "set", "john@example.org")
	assert.Empty(t, lines)
	s.ok("a long enough secret", "password", "set", "john@example.org")
	assert.Regexp(t, `^\{"user":"john@example\.org","kind":"password","time":"[^"]+Z","channel":"admin"\}\n$`, <-lines)
	assert.Empty(t, lines)

	missing := filepath.Join(t.TempDir(), "missing")
	_, errs, code := s.do("another long enough secret", "--notice", "unix:"+missing, "password", "set", "john@example.org")
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, errs, "ispmailctl: the owner gets no mail about the change: unix:"+missing+" did not take word of it: dial unix "+missing)
	s.ok("another long enough secret", "password", "check", "john@example.org")
	_, errs, code = s.do("", "--notice", "127.0.0.1:80", "user", "list")
	assert.Equal(t, command.ExitUsage, code)
	assert.Contains(t, errs, `is not unix:/path`)
}

// TestNobodyHears says what to run, once, after a change that matters, and calls the change done.
func TestNobodyHears(t *testing.T) {
	t.Parallel()
	s := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}}
	s.ok("", "--on-change", silence, "init")
	const advice = "ispmailctl: if Dovecot's auth_cache_size is set, run this, or it goes by the old state until its cache expires: doveadm auth cache flush"
	missing := filepath.Join(t.TempDir(), "missing")
	for _, step := range []struct {
		want string // on standard error where nobody listens
		args []string
	}{
		{"", []string{"domain", "add", "example.org"}},
		{"", []string{"user", "add", "o'neil@example.org"}},
		{"", []string{"password", "check", "o'neil@example.org"}},
		{advice + ` -- 'o'\''neil@example.org'` + "\n", []string{"password", "set", "o'neil@example.org"}},
		{advice + ` -- 'o'\''neil@example.org'` + "\n", []string{"user", "delete", "o'neil@example.org", "--yes"}},
		{advice + "\n", []string{"domain", "delete", "example.org", "--yes"}},
	} {
		_, err := os.Stat("/run/ispmail-passwd/changed.sock")
		require.ErrorIs(t, err, os.ErrNotExist, "this machine has the package, so the test would tell it")
		_, errs, code := s.do("a long enough secret", step.args...)
		assert.Equal(t, command.ExitOK, code, errs)
		assert.Equal(t, step.want, errs, "%v", step.args)
	}
	s.ok("", "domain", "add", "example.org")
	s.args = append(s.args, "--on-change", "unix:"+missing)
	_, errs, code := s.do("a long enough secret", "user", "add", "john@example.org")
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, errs, "ispmailctl: unix:"+missing+" did not take word of the change (dial unix "+missing)
	assert.Contains(t, errs, advice+" -- john@example.org\n")
	_, errs, code = s.do("", "--on-change", "127.0.0.1:80", "user", "list")
	assert.Equal(t, command.ExitUsage, code)
	assert.Contains(t, errs, `--on-change: "127.0.0.1:80" is not unix:/path; none tells nobody`)
}
