package main

import (
	"crypto/sha1" //nolint:gosec // the hash of the list
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/breached"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// listOf returns a list with one password.
func listOf(password string) string { return fmt.Sprintf("%X:7\r\n", sha1.Sum([]byte(password))) } //nolint:gosec // as above

// TestLookup: a list that is broken lets passwords through. The log has it once until a reload, and the metric each time.
func TestLookup(t *testing.T) {
	t.Parallel()
	const lost = "the canary that others know"
	file := write(t, listOf(lost))
	list, err := breached.Open(file)
	require.NoError(t, err)
	var log output
	counters := newMetrics()
	l := &lookup{list: list, log: slog.New(slog.NewTextHandler(&log, nil)), counters: counters}
	require.True(t, l.has(t.Context(), lost))
	for range 2 {
		require.NoError(t, os.Truncate(file, 10))
		for range 3 {
			require.False(t, l.has(t.Context(), lost))
		}
		require.NoError(t, os.WriteFile(file, []byte(listOf(lost)), 0o600))
		l.reload()
		require.True(t, l.has(t.Context(), lost))
	}
	assert.Equal(t, 2, strings.Count(log.String(), "level=ERROR"), log.String())
	assert.Contains(t, log.String(), `list="0.0 GB of SHA-1" cause="it has become shorter"`)
	assert.Equal(t, 2, strings.Count(log.String(), `level=WARN msg="the list of breached passwords ends before the last hashes`))
	assert.NotContains(t, log.String(), lost)
	assert.Contains(t, scrape(counters), "\nispmail_passwd_breached_not_looked_up_total 6\n")
	require.NoError(t, list.Close())
}

// TestBreached changes to a password that is in the list, and to it again when the list is another one.
func TestBreached(t *testing.T) {
	t.Parallel()
	const lost = "the canary that others know"
	file := write(t, listOf(lost))
	cmd, stderr := inheriting(t, "", nil, "--demo", "--api-listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--breached="+file)
	require.NoError(t, cmd.Start())
	p := &process{client: once, url: "http://" + await(t, stderr, `api=http://(127\.0\.0\.1:\d+)`) + "/api/password"}
	await(t, stderr, "(level=WARN msg=.the list of breached passwords ends before the last hashes)")
	await(t, stderr, "database opened")
	status, said := p.change(t, "john@example.org", ispmailtest.Password, lost)
	assert.Equal(t, http.StatusUnprocessableEntity, status)
	assert.Contains(t, said, "policy-breached: ")

	require.NoError(t, os.WriteFile(file, []byte("<html>"), 0o600))
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	await(t, stderr, "(the list of breached passwords was not reloaded)")
	require.NoError(t, os.WriteFile(file, []byte(listOf("another")), 0o600))
	require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
	await(t, stderr, "(reloaded the list of breached passwords)")
	status, said = p.change(t, "john@example.org", ispmailtest.Password, lost)
	assert.Equal(t, http.StatusOK, status, said)
	assert.NotContains(t, stderr.String(), lost)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())

	for content, want := range map[string]string{
		listOf("x"):                         "warn  The list of breached passwords (0.0 GB of SHA-1) ends before the last hashes",
		"FF" + listOf("x")[2:]:              "ok    New passwords are looked up in the list of breached ones (0.0 GB of SHA-1).",
		"":                                  "is empty",
		"john@example.org:summersun":        "is no list of Have I Been Pwned",
		listOf("another") + "an odd line\n": "a part of it is lost",
	} {
		var stdout, stderr output
		code := run(t.Context(), []string{"--demo", "--check", "--api-listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--breached=" + write(t, content)}, nil, &stdout, &stderr)
		assert.Contains(t, stdout.String()+stderr.String(), want, "%q", content)
		if stdout.String() == "" {
			assert.Equal(t, command.ExitUsage, code)
			assert.Regexp(t, `^ispmail-passwd: --breached: [^\n]+\n`, stderr.String())
		}
	}
}
