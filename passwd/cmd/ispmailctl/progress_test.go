package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestProgress shows what takes longer than a second, and makes way for other output.
func TestProgress(t *testing.T) {
	t.Parallel()
	var screen, out bytes.Buffer
	p := &progress{screen: &screen}
	p.draw()
	p.begin("Checking", -1)
	p.since = time.Now().Add(time.Hour)
	p.add(7)
	p.draw()
	assert.Empty(t, screen.String(), "it is not that long yet")
	p.since = time.Now().Add(-2 * time.Second)
	p.draw()
	assert.Contains(t, screen.String(), "Checking")
	assert.Contains(t, screen.String(), "7")
	shown := screen.Len()
	_, err := p.over(&out).Write([]byte("a finding\n"))
	assert.NoError(t, err)
	assert.Greater(t, screen.Len(), shown, "it is erased")
	assert.Equal(t, "a finding\n", out.String())
	p.end()
	screen.Reset()
	p.draw()
	assert.Empty(t, screen.String())

	hidden := &progress{}
	hidden.watch(&screen)()
	assert.Equal(t, &out, hidden.over(&out), "nobody sees it")
	n := 0
	two := func(yield func(ispmail.Record, error) bool) {
		for range 2 {
			if !yield(ispmail.Record{}, nil) {
				return
			}
		}
	}
	for _, err := range hidden.counting(two) {
		assert.NoError(t, err)
		n++
	}
	assert.Equal(t, 2, n)
	assert.Equal(t, n, hidden.done)
}

// TestInterrupted says that nothing was changed, and it is so.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		before := s.ok("", "export")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		backup := filepath.Join(t.TempDir(), "backup")
		for _, args := range []string{"check", "show john@example.org", "export " + backup, "diff -", "user delete john@example.org --yes", "user lock john@example.org", "domain rename example.org example.net --yes", "import file -", "password set john@example.org"} {
			var out, errs bytes.Buffer
			code := run(gone, append(append([]string{}, s.args...), strings.Fields(args)...), strings.NewReader(before), &out, &errs)
			assert.Equal(t, command.ExitFailed, code, "%s: %s", args, errs.String())
			assert.Contains(t, errs.String(), "ispmailctl: interrupted, and nothing was changed\n", args)
			assert.NotContains(t, errs.String(), "context", args)
		}
		assert.NoFileExists(t, backup)
		assert.Equal(t, before, s.ok("", "export"))
	})
}
