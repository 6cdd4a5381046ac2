package command_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestWrap breaks paragraphs and leaves commands alone.
func TestWrap(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"one two", "one two"},
		{"one two three four", "one two\n  three four"},
		{"one\ntwo three four", "one two\n  three four"},
		{"a-word-that-is-too-long x", "a-word-that-is-too-long\n  x"},
		{"zwölf Wörter", "zwölf\n  Wörter"},
		{"one two\n\nthree\n\n  a command that is long\n\tand another one\nfour", "one two\n\nthree\n\n  a command that is long\n\tand another one\nfour"},
	} {
		assert.Equal(t, test.want, command.Wrap(test.text, 11, "  "), "%q", test.text)
	}
}

// TestNoTerminal has neither a width nor colours.
func TestNoTerminal(t *testing.T) {
	t.Parallel()
	assert.Zero(t, command.Width(&bytes.Buffer{}))
	assert.False(t, command.HasColours(&bytes.Buffer{}))
}
