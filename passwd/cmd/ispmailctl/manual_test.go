package main

import (
	"os"
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
