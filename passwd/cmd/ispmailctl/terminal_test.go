package main

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTerminal types at the prompts. "\x03" is what the keys Ctrl and C send.
func TestTerminal(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	_, env := built(t)
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--dsn", s.dsn}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	s.ok("", "domain", "add", "example.net")
	for _, test := range []struct{ command, typed, want string }{
		{"user add john@example.org", "a long enough secret\na long enough secret\n", "Added the user john@example.org."},
		{"user add jane@example.org", "a long enough secret\nanother long secret\n", "these are two different passwords, and nothing was changed"},
		{"user add jane@example.org", "summersun\n", "The new password must have at least 15 characters; --force stores it all the same"},
		{"user add jane@example.org", "\x03", "interrupted, and nothing was changed"},
		{"user add jack@example.net", "a long enough secret?\b\na long enough secret\n", "Added the user jack@example.net."},
		{"user add jane@example.org", "\x04", "the input has ended, and nothing was changed"},
		{"user add jane@example.org", "a long enough secret\n\x04", "the input has ended, and nothing was changed"},
		{"user add John@example.org", "", "already exists: user john@example.org"},
		{"user add john@example.com", "", "domain is not in virtual_domains: example.com"},
		{"domain delete example.org", "\x03", "interrupted, and nothing was changed"},
		{"domain delete example.org", "example.net\n", "nothing was changed"},
		{"user delete john@example.org", "no\n", "nothing was changed"},
		{"user delete john@example.org", "\x03", "interrupted, and nothing was changed"},
		{"user rename john@example.org jack@example.org", "yes\n", "Renamed the user john@example.org to jack@example.org."},
		{"alias set info@example.org jack@example.org", "", "Added the alias from info@example.org to jack@example.org."},
		{"alias set info@example.org root", "\n", "This would delete the alias from info@example.org to jack@example.org."},
		{"domain delete example.org", "Example.org\n", "Deleted the domain example.org with 1 user and 1 alias."},
	} {
		// script(1) gives the program a terminal, and types when the prompt is there.
		command := "ispmailctl --dsn " + s.dsn + " " + test.command
		cmd := exec.CommandContext(t.Context(), "script", "-qec", "trap : INT; "+command+"; stty -a", "/dev/null") //nolint:gosec // our own words
		cmd.Env = env
		keyboard, err := cmd.StdinPipe()
		require.NoError(t, err)
		screen := &typist{lines: slices.Collect(strings.Lines(test.typed)), to: keyboard}
		cmd.Stdout = screen
		_ = cmd.Run() // its exit code is the program's
		assert.Contains(t, screen.seen.String(), test.want)
		assert.Contains(t, screen.seen.String(), " echo ", "the terminal is as it was")
		assert.Empty(t, screen.lines, test.command)
	}
}

// A typist types a line whenever a prompt ends in ": ".
type typist struct {
	seen  bytes.Buffer
	lines []string
	to    io.Writer
}

func (s *typist) Write(p []byte) (int, error) {
	s.seen.Write(p)
	if bytes.HasSuffix(p, []byte(": ")) && len(s.lines) > 0 {
		_, _ = io.WriteString(s.to, s.lines[0]) // what is lost is missing from the screen
		s.lines = s.lines[1:]
	}
	return len(p), nil
}

// TestNarrow has a terminal of 60 columns, with colours unless NO_COLOR is set.
func TestNarrow(t *testing.T) {
	t.Parallel()
	withoutRace(t)
	_, env := built(t)
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--dsn", s.dsn, "--on-change", "none"}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	_, _, _ = s.do("", "alias", "add", "a.source.with.a.long.name@example.org", "nobody.is.there.to.take.it@example.org")
	shown := func(command string, more ...string) string {
		cmd := exec.CommandContext(t.Context(), "script", "-qec", "stty cols 60; ispmailctl --dsn "+s.dsn+" "+command, "/dev/null") //nolint:gosec // our own words
		cmd.Env = append(append(env, "TERM=xterm"), more...)
		out, _ := cmd.Output() // its exit code is the program's
		return strings.ReplaceAll(string(out), "\r", "")
	}
	for _, command := range []string{"--help", "user add --help", "domain correct --help", "import file --help", "check", "show a.source.with.a.long.name@example.org", "alias list"} {
		out := shown(command, "NO_COLOR=1")
		assert.NotContains(t, out, "\x1b", command)
		assert.NotEmpty(t, out)
		example := false // which stays one line, to be copied
		for line := range strings.Lines(out) {
			example = line != "\n" && (example || line == "Examples:\n" || strings.HasPrefix(line, "  {") || strings.HasPrefix(line, "  user:"))
			if !example && !strings.HasPrefix(line, "  user:") && !strings.HasPrefix(line, "ispmailctl: ") {
				assert.LessOrEqual(t, utf8.RuneCountInString(line)-1, 60, "%s: %s", command, line)
			}
		}
	}
	assert.Contains(t, shown("check"), "\x1b[31merror\x1b[0m: dangling-alias")
	assert.NotContains(t, shown("check", "TERM=dumb"), "\x1b")
	assert.Contains(t, shown("alias list"), "\x1b[1ma.source.with.a.long.name@example.org\x1b[0m\n  DESTINATION  nobody.is.there.to.take.it@example.org\n")
	out, _, _ := s.do("", "check")
	assert.NotContains(t, out, "\x1b")
}
