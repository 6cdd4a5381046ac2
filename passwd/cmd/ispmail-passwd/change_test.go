package main

import (
	"bufio"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestOnChange passes on whose password was changed, before the answer. What becomes of that does not change the answer.
func TestOnChange(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "socket")
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--on-change=unix:"+socket)
	await(t, &p.stderr, "database opened")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	await(t, &p.stderr, `msg="the change was not passed on" user=john@example.org cause=".*no such file`)

	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	answers, told := make(chan string), make(chan string, 10)
	go func() {
		for answer := range answers {
			conn, err := listener.Accept()
			if !assert.NoError(t, err) {
				return
			}
			line, err := bufio.NewReader(conn).ReadString('\n')
			assert.NoError(t, err)
			told <- line
			if answer != "" {
				_, err = conn.Write([]byte(answer))
				assert.NoError(t, err)
			}
			// A program that hangs is waited for no longer than a second, one that has answered not at all.
			t.Cleanup(func() { _ = conn.Close() })
		}
	}()
	defer close(answers)
	current := "a long enough secret"
	for answer, wrong := range map[string]string{
		"OK\n": "", "no\n": `cause="the answer is \\"no\\" and not OK"`, "": `cause=".*timeout"`,
	} {
		answers <- answer
		replacement := "yet another " + current
		status, body := p.change(t, "John@Example.org", current, replacement)
		assert.Equal(t, http.StatusOK, status, body)
		current = replacement
		select {
		case line := <-told:
			assert.Regexp(t, `^\{"user":"john@example\.org","kind":"password","time":"[^"]+Z","channel":"api"\}\n$`, line)
		default:
			t.Error("the answer came before the change was passed on")
		}
		if wrong != "" {
			await(t, &p.stderr, wrong)
		}
	}
	status, _ = p.change(t, "john@example.org", "a wrong guess of it", "a long enough secret")
	assert.Equal(t, http.StatusForbidden, status)
	assert.Empty(t, told)
	require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	assert.Contains(t, p.body, "\nispmail_passwd_changes_not_passed_on_total 3\n")
	p.finish(t)
	assert.NotContains(t, p.stderr.String(), current)
}

// TestNoticeFails: that the owner gets no mail changes no answer, whether nobody listens, or somebody refuses or says nothing.
func TestNoticeFails(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	socket := filepath.Join(dir, "socket")
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--notice=unix:"+socket)
	await(t, &p.stderr, "database opened")
	current := ispmailtest.Password
	change := func(replacement string) {
		status, body := p.change(t, "john@example.org", current, replacement)
		assert.Equal(t, http.StatusOK, status, body)
		current = replacement
	}
	change("a long enough secret")
	await(t, &p.stderr, `msg="the owner gets no mail about the change" user=john@example.org cause=".*no such file`)

	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	lines := make(chan string, 1)
	for _, c := range [][2]string{{"no\n", `is \"no\" and not OK`}, {"", `is \"\" and not OK`}, {"OK\n", ""}} {
		go func() {
			conn, err := listener.Accept()
			if !assert.NoError(t, err) {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			lines <- line
			_, _ = conn.Write([]byte(c[0]))
			_ = conn.Close()
		}()
		change("yet another " + current)
		assert.Regexp(t, `^\{"user":"john@example\.org","kind":"password","time":"[^"]+Z","channel":"api"\}\n$`, <-lines)
		await(t, &p.stderr, regexp.QuoteMeta(c[1]))
	}
	status, _ := p.change(t, "john@example.org", "a wrong guess of it", "a long enough secret")
	assert.Equal(t, http.StatusForbidden, status)
	assert.Empty(t, lines)
	require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	assert.Contains(t, p.body, "\nispmail_passwd_notices_failed_total 3\n")
	assert.Contains(t, p.body, "\nispmail_passwd_changes_not_passed_on_total 0\n")
	p.finish(t)
	assert.NotContains(t, p.stderr.String(), current)
}
