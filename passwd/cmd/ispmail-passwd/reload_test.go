package main

import (
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestReload changes the secret while the service runs. Wrong secrets leave the old ones, and limits stay.
func TestReload(t *testing.T) {
	t.Parallel()
	const first, second = "the first secret of roundcube", "the second secret of roundcube"
	file := write(t, first)
	cmd, stderr := inheriting(t, "", nil, "--demo", "--api-listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--secret-file="+file)
	require.NoError(t, cmd.Start())
	base := await(t, stderr, `api=http://(127\.0\.0\.1:\d+)`)
	await(t, stderr, "database opened")
	attempt := func(secret, user string) int {
		p := &process{client: &http.Client{Timeout: 20 * time.Second}, url: "http://x:" + url.PathEscape(secret) + "@" + base + "/api/password"}
		status, _ := p.change(t, user, "a wrong guess of it", "a long enough secret")
		return status
	}
	reloads := 0
	reload := func(content, want string) {
		reloads++
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool {
			return strings.Count(stderr.String(), "reloaded") == reloads
		}, 20*time.Second, 10*time.Millisecond)
		assert.Contains(t, stderr.String(), want)
	}
	for range 5 {
		require.Equal(t, http.StatusForbidden, attempt(first, "john@example.org"))
	}
	require.Equal(t, http.StatusTooManyRequests, attempt(first, "john@example.org"))
	require.Equal(t, http.StatusUnauthorized, attempt(second, "john@example.org"))
	reload(second+"\n"+first+"\n", `msg="reloaded the secrets" count=2`)
	assert.Equal(t, http.StatusTooManyRequests, attempt(first, "john@example.org"), "the limits stay")
	assert.Equal(t, http.StatusTooManyRequests, attempt(second, "john@example.org"))
	reload(second, `msg="reloaded the secrets" count=1`)
	assert.Equal(t, http.StatusUnauthorized, attempt(first, "john@example.org"))
	for content, want := range map[string]string{
		"":           "the file holds no secret",
		"too short":  "less than 16 bytes",
		"1\n2\n3\n":  "two secrets at the most",
		"# " + first: "the file holds no secret",
	} {
		reload(content, want)
		assert.Equal(t, http.StatusForbidden, attempt(second, "md5"+want[:3]+"@example.org"), "the old one counts")
	}
	assert.NotContains(t, stderr.String(), ispmailtest.Password)
	assert.NotContains(t, stderr.String(), "of roundcube")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
