package passwd

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// TestReasons compares Channel.Reasons with the reasons in the source of the package.
func TestReasons(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	inSource := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file) //nolint:gosec // of this package
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`(?:reason: +|refuse\()"([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
			inSource[found[1]] = true
		}
	}
	for _, rule := range policy.Rules() {
		inSource[string(rule)] = true
	}
	known := map[string]bool{}
	for _, channel := range []Channel{API, Page, Poppassd} {
		for _, reason := range channel.Reasons() {
			known[reason] = true
		}
		assert.Len(t, channel.Reasons(), len(slices.Compact(slices.Sorted(slices.Values(channel.Reasons())))), "each once")
	}
	assert.Equal(t, inSource, known)
}
