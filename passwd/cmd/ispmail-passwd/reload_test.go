package main

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
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
		p := &process{client: once, url: "http://x:" + url.PathEscape(secret) + "@" + base + "/api/password"}
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
		}, time.Minute, 10*time.Millisecond)
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

// beside writes files into one directory and returns the path of the first.
func beside(t *testing.T, namesAndTexts ...string) string {
	t.Helper()
	dir := t.TempDir()
	for pair := range slices.Chunk(namesAndTexts, 2) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, pair[0]), []byte(pair[1]), 0o600))
	}
	return filepath.Join(dir, namesAndTexts[0])
}

// TestReloadOperator changes what the page shows while the service runs. Wrong files leave what was there.
func TestReloadOperator(t *testing.T) {
	t.Parallel()
	help := beside(t, "help.txt", "Ask Jane.", "help.de.txt", "Fragen Sie Jane.", "help.txt~", "An old one.", "other.fr.txt", "Autre.")
	cmd, stderr := inheriting(t, "", nil, "--demo", "--api-listen=127.0.0.1:0", "--listen=127.0.0.1:0", "--help-text="+help)
	require.NoError(t, cmd.Start())
	page := "http://" + await(t, stderr, `page=http://(127\.0\.0\.1:\d+)`)
	await(t, stderr, "database opened")
	read := func(language string) string {
		response, err := http.Get(page + "/?lang=" + language)
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return string(text)
	}
	assert.Contains(t, read("fr"), "<p>Ask Jane.</p>")
	assert.Contains(t, read("de"), "<p>Fragen Sie Jane.</p>")
	for _, change := range []struct{ text, line, want string }{
		{"Ask <John>.", `level=INFO msg="reloaded the help and the logo of the page"`, "<p>Ask &lt;John&gt;.</p>"},
		{"", `level=ERROR msg="the help and the logo of the page were not reloaded, and the old ones are shown" cause="passwd: --help-text is empty"`, "<p>Ask &lt;John&gt;.</p>"},
		{"Ask Jack.", `level=INFO msg="reloaded the help and the logo of the page"`, "<p>Ask Jack.</p>"},
	} {
		before := strings.Count(stderr.String(), change.line)
		require.NoError(t, os.WriteFile(help, []byte(change.text), 0o600))
		require.NoError(t, cmd.Process.Signal(syscall.SIGHUP))
		require.Eventually(t, func() bool { return strings.Count(stderr.String(), change.line) > before }, time.Minute, 10*time.Millisecond, change.line)
		assert.Contains(t, read("en"), change.want)
	}
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	require.NoError(t, cmd.Wait())
}
