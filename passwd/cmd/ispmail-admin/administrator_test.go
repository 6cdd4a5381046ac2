package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/admin"
)

// TestDomainsStay: a new password gives an administrator no more domains than before, and no way of writing --domains does.
func TestDomainsStay(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "administrators")
	user := func(args ...string) (code int, said string) {
		var out bytes.Buffer
		code = run(t.Context(), append([]string{"--administrators", file, "user", "--scheme", "BLF-CRYPT"}, args...), strings.NewReader("a quite long secret of mine\n"), &out, &out)
		return code, out.String()
	}
	var passwords []string
	for _, step := range []struct {
		args, says string
		code       int
		domains    []string
	}{
		{"mia --domains Example.org,example.net", "Added the administrator mia, of example.org, example.net.", 0, []string{"example.org", "example.net"}},
		{"mia", "Changed the administrator mia, of example.org, example.net.", 0, []string{"example.org", "example.net"}},
		{"mia --domains=", "--domains is empty", 2, []string{"example.org", "example.net"}},
		{"mia --domains ,", "is not the name of a domain", 2, []string{"example.org", "example.net"}},
		{"mia --domains a.example --all-domains", "domains all-domains", 2, []string{"example.org", "example.net"}},
		{"mia --delete --all-domains", "--delete goes with no other flag", 2, []string{"example.org", "example.net"}},
		{"mia --delete --domains a.example", "--delete goes with no other flag", 2, []string{"example.org", "example.net"}},
		{"mia --generate --domains example.net", "of example.net.", 0, []string{"example.net"}},
		{"mia --all-domains", "of all domains.", 0, nil},
	} {
		code, said := user(strings.Fields(step.args)...)
		assert.Equal(t, step.code, code, "%s: %s", step.args, said)
		assert.Contains(t, said, step.says, step.args)
		all, err := admin.NewFile(file).Administrators()
		require.NoError(t, err)
		assert.Equal(t, step.domains, all["mia"].Domains, step.args)
		passwords = append(passwords, all["mia"].Stored.Reveal())
	}
	assert.NotEqual(t, passwords[0], passwords[1])
	assert.Equal(t, passwords[1], passwords[6], "what was refused changed nothing")

	// Other domains need no password.
	var out bytes.Buffer
	assert.Equal(t, 0, run(t.Context(), []string{"--administrators", file, "user", "mia", "--domains", "example.org"}, strings.NewReader(""), &out, &out), out.String())
	assert.Equal(t, "Changed the administrator mia, of example.org. The password stays.\n", out.String())
	all, err := admin.NewFile(file).Administrators()
	require.NoError(t, err)
	assert.Equal(t, []string{"example.org"}, all["mia"].Domains)
	assert.Equal(t, passwords[len(passwords)-1], all["mia"].Stored.Reveal())
	assert.NotEqual(t, 0, run(t.Context(), []string{"--administrators", file, "user", "nora", "--domains", "example.org"}, strings.NewReader(""), &out, &out), "a new one needs one")
}
