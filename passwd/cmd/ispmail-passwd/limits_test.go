package main

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

const replacement = "a long enough secret"

// startTwo starts two processes that share a database and their limits.
func startTwo(t *testing.T, redis *redistest.Server) [2]*process {
	t.Helper()
	args := []string{
		"--dsn=sqlite:" + exampleFile(t), anyPort, "--metrics-listen=127.0.0.1:0", "--floor=1ms",
		"--limits=" + redis.URL(), "--limits-key-file=" + write(t, "the key of all instances\n"),
	}
	var two [2]*process
	for i := range two {
		two[i] = start(t, args...)
		await(t, &two[i].stderr, "database opened")
	}
	return two
}

// TestSharedLimits: two processes let five guesses through together. Without Redis each counts alone and says so, at /readyz,
// in a metric and in the log.
func TestSharedLimits(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	two := startTwo(t, redis)
	becomes := func(p *process, body, metric string) {
		t.Helper()
		require.Eventually(t, func() bool {
			return p.get(t, "/readyz") == http.StatusOK && p.body == "ok\n"+body
		}, time.Minute, 50*time.Millisecond, "%s", body)
		require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
		assert.Contains(t, p.body, "\nispmail_passwd_limits_shared "+metric+"\n")
	}
	for _, p := range two {
		becomes(p, "", "1")
		assert.Contains(t, p.body, "\nispmail_passwd_limits_alone_total 0\n")
	}
	for i := range 5 {
		status, body := two[i%2].change(t, "john@example.org", "wrong", replacement)
		require.Equal(t, http.StatusForbidden, status, body)
	}
	for _, p := range two {
		status, body := p.change(t, "john@example.org", "summersun", replacement)
		assert.Equal(t, http.StatusTooManyRequests, status, body)
	}

	redis.Kill(t)
	for i, left := range []int{2, 3} {
		for range left {
			status, body := two[i].change(t, "john@example.org", "wrong", replacement)
			assert.Equal(t, http.StatusForbidden, status, body)
		}
		status, body := two[i].change(t, "john@example.org", "summersun", replacement)
		assert.Equal(t, http.StatusTooManyRequests, status, body)
		becomes(two[i], "the limits are not shared: Redis does not answer\n", "0")
		assert.Regexp(t, `\nispmail_passwd_limits_alone_total [1-9]`, two[i].body)
		await(t, &two[i].stderr, `level=WARN msg="the limits are not shared" cause="Redis does not answer: `)
	}
	redis.Again(t)
	for _, p := range two {
		becomes(p, "", "1")
		p.finish(t)
	}
}

// TestCheckLimits: --check asks Redis too.
func TestCheckLimits(t *testing.T) {
	t.Parallel()
	redis := redistest.Start(t)
	args := []string{"--demo", "--check", "--limits=" + redis.URL(), "--limits-key-file=" + write(t, "the key of all instances")}
	var stdout, stderr output
	assert.Equal(t, command.ExitOK, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "ok    The limits are shared through "+redis.Socket+".\n")
	redis.Kill(t)
	assert.Equal(t, command.ExitFailed, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "FAIL  The limits are not shared, and this instance counts alone: Redis does not answer: dial unix "+redis.Socket)
	assert.Empty(t, stderr.String())
}

// TestNoSharedLimits: without the setting there is no word of it.
func TestNoSharedLimits(t *testing.T) {
	t.Parallel()
	p := start(t, "--dsn=sqlite:"+exampleFile(t), anyPort, "--metrics-listen=127.0.0.1:0")
	await(t, &p.stderr, "database opened")
	require.Equal(t, http.StatusOK, p.get(t, "/readyz"))
	assert.Equal(t, "ok\n", p.body)
	require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	assert.NotContains(t, p.body, "limits")
	assert.NotContains(t, p.stderr.String(), "limits")
	p.finish(t)
}
