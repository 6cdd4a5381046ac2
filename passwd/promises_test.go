package passwd_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPromises: each promise of SECURITY.md has a proof, and each proof is there.
func TestPromises(t *testing.T) {
	t.Parallel()
	text := readFile(t, "../SECURITY.md")
	requireProofs(t, text)
	for i := range 30 {
		row := regexp.MustCompile(fmt.Sprintf(`(?m)^\| P%d \|.*$`, i+1)).FindString(text)
		assert.NotEmpty(t, proofs(row), "P%d", i+1)
	}
}

// TestASVS: each requirement of the page is met by something that is there, or the page says that it is not met, or why it does
// not apply.
func TestASVS(t *testing.T) {
	t.Parallel()
	text := readFile(t, "../examples/deployment/ASVS.md")
	requireProofs(t, text)
	rows := regexp.MustCompile(`(?m)^\| \d+\.\d+\.\d+.*$`).FindAllString(text, -1)
	assert.Greater(t, len(rows), 100)
	seen := map[string]bool{}
	for _, row := range rows {
		cells := strings.Split(strings.Trim(row, "| "), " | ")
		require.Len(t, cells, 4, row)
		assert.False(t, seen[cells[0]], "%s is there twice", cells[0])
		seen[cells[0]] = true
		assert.Contains(t, []string{"met", "not met", "operator", "n/a"}, cells[2], row)
		assert.NotEmpty(t, cells[3], row)
	}
	var notMet []string
	for _, row := range rows {
		if cells := strings.Split(strings.Trim(row, "| "), " | "); cells[2] == "not met" {
			notMet = append(notMet, cells[0])
		}
	}
	_, short, _ := strings.Cut(text, "\nNot met, in short: ")
	short, _, _ = strings.Cut(short, "\n\n")
	assert.Equal(t, notMet, regexp.MustCompile(`[\d.-]*\d\.\d+\.\d+`).FindAllString(short, -1), "the summary says what the table says")
	for _, link := range regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`).FindAllStringSubmatch(text, -1) {
		_, err := os.Stat(filepath.Join("../examples/deployment", link[1]))
		assert.NoError(t, err)
	}
}

// requireProofs fails if a test or a target that a text names is not there.
func requireProofs(t *testing.T, text string) {
	t.Helper()
	for _, proof := range proofs(text) {
		folder, name, _ := strings.Cut(proof, " ")
		if folder == "make" {
			assert.Regexp(t, "(?m)^"+name+":", readFile(t, "../Makefile"), proof)
			continue
		}
		files, err := filepath.Glob(filepath.Join("..", folder, "*_test.go"))
		require.NoError(t, err)
		found := false
		for _, file := range files {
			found = found || strings.Contains(readFile(t, file), "\nfunc "+name+"(")
		}
		assert.True(t, found, proof)
	}
}

func proofs(text string) (found []string) {
	for _, match := range regexp.MustCompile("`([a-z/-]+ (?:Test|Fuzz)[A-Za-z0-9]+|make [a-z-]+)`").FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	return found
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path) //nolint:gosec // a file of this repository
	require.NoError(t, err)
	return string(content)
}
