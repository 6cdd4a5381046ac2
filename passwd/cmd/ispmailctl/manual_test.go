package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestManual holds the manual page to the help. With -update it writes the page.
func TestManual(t *testing.T) {
	t.Parallel()
	const path = "../../../examples/deployment/usr/share/man/man8/ispmailctl.8"
	page := command.Manual((&app{}).root())
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(page), 0o600))
	}
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, page == string(written), "the page is not what --help tells; go test -run TestManual -update writes it anew")
	for _, c := range leaves((&app{}).root()) {
		assert.Contains(t, page, ".SS ispmailctl"+c, "each command")
	}
}

// TestDryRunHelp has a dry run in those commands that the help of the program names, and in no others.
func TestDryRunHelp(t *testing.T) {
	t.Parallel()
	root := (&app{}).root()
	for _, path := range leaves(root) {
		words := strings.Fields(path)
		named := slices.Contains([]string{"delete", "rename", "correct"}, words[len(words)-1]) || path == " alias set"
		c, _, err := root.Find(words)
		require.NoError(t, err)
		assert.Equal(t, named, c.Flags().Lookup("yes") != nil, "%s asks", path)
		assert.Equal(t, named || words[0] == "import", c.Flags().Lookup("dry-run") != nil, path)
	}
	assert.Contains(t, root.Long, `The commands delete, rename, correct and "alias set" ask before they do something. They and import have`)
}
