package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestNoticeCheck prints a mail of the template, and says of one that only some can read how all can.
func TestNoticeCheck(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "notice.txt")
	require.NoError(t, os.WriteFile(file, []byte("Subject: A canary\n\nYes, {{.Email}} at {{.Client}}.\n"), 0o600))
	check := func() (said string, code int) {
		var out, errs bytes.Buffer
		code = run(t.Context(), []string{"notice", "--check", "--template", file}, nil, &out, &errs)
		return out.String() + errs.String(), code
	}
	for _, c := range []struct {
		folder, file fs.FileMode
		want         string
	}{
		{0o755, 0o640, "chmod o+r " + file},
		{0o750, 0o644, "chmod o+x " + dir},
		{0o755, 0o644, "The template is valid. Such a mail:\n\nFrom: postmaster@example.org\nTo: john@example.org\nSubject: A canary\n"},
	} {
		require.NoError(t, os.Chmod(file, c.file))
		require.NoError(t, os.Chmod(dir, c.folder))
		said, code := check()
		assert.Contains(t, said, c.want)
		assert.Contains(t, said, "The template is valid.")
		assert.Equal(t, command.ExitOK, code)
	}
	said, code := check()
	assert.Equal(t, command.ExitOK, code)
	assert.Contains(t, said, "\n\nYes, john@example.org at 192.0.2.1.\n")
	file = filepath.Join(dir, "none")
	said, code = check()
	assert.Equal(t, command.ExitOK, code, "the mail in English")
	assert.Contains(t, said, "the password of john@example.org was changed")
}
