package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func TestCompletion(t *testing.T) {
	t.Parallel()
	s := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org", "example.net", "other.example")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		assert.Contains(t, s.ok("", "completion", shell), "ispmailctl")
	}
	out, _, code := s.do("", append([]string{"__complete"}, append(s.args, "user", "list", "ex")...)...)
	assert.Equal(t, command.ExitOK, code)
	assert.Equal(t, "example.org\nexample.net\n:4\n", out)
	s.ok("", "alias", "add", "info@example.org", "a@example.com", "b@example.com")
	out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, "alias", "delete", "i")...)...)
	assert.Equal(t, "info@example.org\n:4\n", out)
	for _, test := range []struct{ typed, want string }{
		{"alias delete info@example.org b", "b@example.com\n"},
		{"alias add @", "@example.org\n@example.net\n@other.example\n"},
		{"alias add x@example.org i", "info@example.org\n"},
		{"alias set info@example.org c@example.com i", "info@example.org\n"},
		{"show i", "info@example.org\n"},
		{"user rename a b", ""},
	} {
		out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, strings.Fields(test.typed)...)...)...)
		assert.Equal(t, test.want+":4\n", out, test.typed)
	}
	out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, "user", "add", "--scheme", "b")...)...)
	assert.Contains(t, out, "BLF-CRYPT\n")
	out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, "--default-pass-scheme", "")...)...)
	assert.Contains(t, out, "\nPLAIN-MD5\n")
	out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, "user", "add", "")...)...)
	assert.NotContains(t, out, "EMAIL")
}
