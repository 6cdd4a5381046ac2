package main

import (
	"debug/buildinfo"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestModules reads in the binary itself of what it is built: modules whose contents go.sum vouches for, none in place of another, and
// nothing that only tests need.
func TestModules(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: a build may take minutes")
	}
	t.Parallel()
	info, err := buildinfo.ReadFile(build(t))
	require.NoError(t, err)
	sums, err := os.ReadFile("../../../go.sum")
	require.NoError(t, err)
	mod, err := os.ReadFile("../../../go.mod")
	require.NoError(t, err)
	direct := 0
	for _, m := range info.Deps {
		assert.Nil(t, m.Replace, m.Path)
		assert.Contains(t, string(sums), m.Path+" "+m.Version+" "+m.Sum+"\n")
		for _, tests := range []string{"stretchr/testify", "testcontainers", "moby/", "docker/", "chromedp", "goleak"} {
			assert.NotContains(t, m.Path, tests)
		}
		line := regexp.MustCompile(`(?m)^\s+` + regexp.QuoteMeta(m.Path+" "+m.Version) + `(.*)$`).FindSubmatch(mod)
		require.NotNil(t, line, m.Path)
		if !strings.Contains(string(line[1]), "indirect") {
			direct++
		}
	}
	t.Logf("%d modules, %d of them direct requirements", len(info.Deps), direct)
	settings := map[string]string{}
	for _, s := range info.Settings {
		settings[s.Key] = s.Value
	}
	assert.Equal(t, "0", settings["CGO_ENABLED"])
	assert.Equal(t, "true", settings["-trimpath"])
}
