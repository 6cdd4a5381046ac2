package command

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// What the build of a package says, by -ldflags "-X github.com/ispmail/go-ispmail/passwd/internal/command.release=1.2.0" and
// the like. Otherwise it comes from what Go knows.
var (
	release string // such as 1.2.0
	commit  string // of git
)

// Version tells the release, the commit and the Go of a program: "1.2.0 (commit 0123456789ab, go1.26.1)".
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return versionOf(release, commit, info)
}

// shortCommit is how many digits of a commit tell it from all others.
const shortCommit = 12

func versionOf(release, commit string, info *debug.BuildInfo) string {
	changed := ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && commit == "":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	if release == "" && info.Main.Version != "(devel)" {
		release = info.Main.Version
	}
	if commit == "" {
		return fmt.Sprintf("%s (%s)", cmp.Or(release, "unreleased"), runtime.Version())
	}
	return fmt.Sprintf("%s (commit %.*s%s, %s)", cmp.Or(release, "unreleased"), shortCommit, commit, changed, runtime.Version())
}
