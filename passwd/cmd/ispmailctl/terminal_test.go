package main

import (
	"bytes"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTerminal types at the prompts. "\x03" is what the keys Ctrl and C send.
func TestTerminal(t *testing.T) {
	t.Parallel()
	_, env := built(t)
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--dsn", s.dsn}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	for _, test := range []struct{ command, typed, want string }{
		{"user add john@example.org", "a long secret\na long secret\n", "Added the user john@example.org."},
		{"user add jane@example.org", "a long secret\nanother secret\n", "these are two different passwords, and nothing was changed"},
		{"user add jane@example.org", "\x03", "interrupted, and nothing was changed"},
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
