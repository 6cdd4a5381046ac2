package command

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestVersionOf has programs from a package, from go install and from a working tree.
func TestVersionOf(t *testing.T) {
	t.Parallel()
	const whole = "0123456789abcdef0123456789abcdef01234567"
	info := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	revision, modified := debug.BuildSetting{Key: "vcs.revision", Value: whole}, debug.BuildSetting{Key: "vcs.modified", Value: "true"}
	for _, test := range []struct {
		release, commit string
		info            *debug.BuildInfo
		want            string
	}{
		{"1.2.0", whole, info("(devel)"), "1.2.0 (commit 0123456789ab, " + runtime.Version() + ")"},
		{"1.2.0", "", info("(devel)"), "1.2.0 (" + runtime.Version() + ")"},
		{"", "", info("v1.2.0"), "v1.2.0 (" + runtime.Version() + ")"},
		{"", "", info("(devel)", revision, modified), "unreleased (commit 0123456789ab with changes, " + runtime.Version() + ")"},
		{"", "", info("(devel)"), "unreleased (" + runtime.Version() + ")"},
		{"", "", info(""), "unreleased (" + runtime.Version() + ")"},
	} {
		assert.Equal(t, test.want, versionOf(test.release, test.commit, test.info))
	}
}
