package main

import (
	"os"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestMemory has the same figures in the code, the units and what is written about them.
func TestMemory(t *testing.T) {
	t.Parallel()
	s, err := parse(t, "--demo")
	require.NoError(t, err)
	const salt = "$c29tZXNhbHRzb21lc2FsdA$" // as long as Dovecot makes it
	for memory, want := range map[int]error{maxMemory: hash.ErrMismatch, maxMemory + 1: hash.ErrTooCostly} {
		stored := "{ARGON2ID}$argon2id$v=19$m=" + strconv.Itoa(memory) + ",t=1,p=1" + salt + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		require.ErrorIs(t, s.hasher.Verify(stored, "a wrong password"), want)
	}
	const deployment = "../../../examples/deployment/"
	for _, unit := range []string{"ispmail-passwd.service", "ispmail-passwd-rehash@.service"} {
		content, err := os.ReadFile(deployment + "usr/lib/systemd/system/" + unit) //nolint:gosec // our own file
		require.NoError(t, err)
		figure := func(pattern string) int {
			found := regexp.MustCompile(pattern).FindSubmatch(content)
			require.NotNil(t, found, "%s in %s", pattern, unit)
			mib, err := strconv.Atoi(string(found[1]))
			require.NoError(t, err)
			return mib
		}
		assert.Equal(t, maxMemory>>10, figure(`(\d+) MiB of it`))
		assert.Greater(t, figure(`(?m)^Environment=GOMEMLIMIT=(\d+)MiB$`), maxMemory>>10+50, "the service itself takes some")
		assert.GreaterOrEqual(t, figure(`(?m)^MemoryMax=(\d+)M$`), figure(`(?m)^Environment=GOMEMLIMIT=(\d+)MiB$`)+50)
	}
	for _, file := range []string{"README.md", "usr/share/man/man8/ispmail-passwd.8"} {
		content, err := os.ReadFile(deployment + file) //nolint:gosec // our own file
		require.NoError(t, err)
		assert.Regexp(t, `\b`+strconv.Itoa(maxMemory>>10)+` MiB\b`, string(content), file)
	}
}
