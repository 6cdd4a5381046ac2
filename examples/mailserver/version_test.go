package mailserver_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestVersionsGrow builds one version after the other, with commits, changes that are not committed, a release candidate and
// releases: apt-get takes each for newer than the one before.
func TestVersionsGrow(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "examples", "deployment", "deb", "version")
	require.NoError(t, os.MkdirAll(filepath.Dir(script), 0o700))
	text, err := os.ReadFile("../deployment/deb/version")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(script, text, 0o700)) //nolint:gosec // a program
	do := func(command string, args ...string) string {
		cmd := exec.CommandContext(t.Context(), "bash", append([]string{"-euc", command, "bash"}, args...)...) //nolint:gosec // our own
		cmd.Dir = dir
		// No settings of whoever runs the test, and no directory above.
		cmd.Env = append(os.Environ(), "VERSION=", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1", "GIT_CEILING_DIRECTORIES="+filepath.Dir(dir),
			"GIT_AUTHOR_NAME=test", "GIT_AUTHOR_EMAIL=test@example.org", "GIT_COMMITTER_NAME=test", "GIT_COMMITTER_EMAIL=test@example.org")
		output, err := cmd.CombinedOutput()
		require.NoError(t, err, string(output))
		return strings.TrimSpace(string(output))
	}
	const commit = `echo "$1" >file; git add .; GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE="$1" git commit --quiet --message "$1"`
	do("git init --quiet; touch other")
	before := ""
	for _, step := range []struct{ command, at string }{
		{commit, "2026-01-01T10:00:00Z"},
		{commit, "2026-01-01T10:00:01Z"},
		{`echo change >>file; touch --date="$1" file`, "2026-01-02T10:00:00Z"},
		{`echo change >>file; touch --date="$1" file`, "2026-01-02T10:00:01Z"},
		{commit, "2026-01-03T10:00:00Z"},
		{`echo change >>file; touch --date="$1" file; rm other`, "2026-01-03T12:00:00Z"},
		{commit, "2026-01-03T13:00:00Z"},
		{"git tag v0.1.0-rc1", ""},
		{commit, "2026-01-04T10:00:00Z"},
		{"git tag v0.1.0", ""},
		{`echo change >>file; touch --date="$1" file`, "2026-01-05T10:00:00Z"},
		{commit, "2026-01-06T10:00:00Z"},
		{commit, "2026-01-07T10:00:00Z"},
		{"git tag v0.1.1", ""},
		{commit, "2026-01-08T10:00:00Z"},
		{"git tag v0.10.0", ""},
	} {
		do(step.command, step.at)
		version := strings.ReplaceAll(do("examples/deployment/deb/version"), "-", "~") // as build does
		if before != "" {
			_, err := s.run(t.Context(), `dpkg --compare-versions "$1" lt "$2"`, before, version)
			assert.NoError(t, err, "%s is not newer than %s", version, before)
		}
		before = version
	}
	assert.Equal(t, "0.10.0", before)
}
