package hash_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestDocumentation holds the table of the package documentation against the vectors and what the package does.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("hash.go")
	require.NoError(t, err)
	type row struct{ generate, weak, length, dovecot24 string }
	table := map[string]row{}
	for line := range strings.Lines(string(source)) {
		c := strings.Split(strings.TrimPrefix(line, "//\t"), "|")
		if len(c) != 6 {
			continue
		}
		for i := range c {
			c[i] = strings.TrimSpace(c[i])
		}
		for name := range strings.SplitSeq(c[0], ", ") {
			table[name] = row{c[1], c[2], c[3], c[4]}
		}
	}
	delete(table, "scheme")

	for name, r := range table {
		if strings.HasPrefix(name, "-") {
			continue
		}
		h, err := hash.New(hash.Config{Scheme: name})
		assert.Equal(t, r.generate != "", err == nil, "%s is generated", name)
		assert.Equal(t, r.generate == "default", err == nil && name == newHasher(t, hash.Config{}).Scheme(), name)
		if err == nil && (!raced || name != "PBKDF2") { // takes seconds
			stored, err := h.Generate("summersun")
			require.NoError(t, err)
			assertLength(t, r.length, stored)
		}
	}

	seen := map[string]bool{}
	check := func(stored string) {
		label := stored[1:strings.IndexByte(stored, '}')]
		if strings.Contains(label, ".") {
			return
		}
		r, ok := table[label]
		require.True(t, ok, "%s is not in the table", label)
		info, err := hash.Inspect(stored)
		if err != nil || info.Mislabelled {
			return
		}
		seen[label] = true
		assertLength(t, r.length, stored)
		if label == "CRYPT" || info.Scheme == "PBKDF2" && info.Rounds == 1 { // goes by the payload; has feeble settings
			return
		}
		assert.Equal(t, r.weak == "weak", info.Weak, stored)
		assert.Equal(t, map[string]hash.Acceptance{
			"": hash.Accepted, "refused": hash.RefusedWeak, "unknown": hash.RefusedUnknown,
		}[r.dovecot24], info.Dovecot24, stored)
	}
	for _, v := range append(doveadmVectors(t), crypt3Vectors(t)...) {
		check(v.stored)
	}
	check("{PLAIN-TRUNC}9-summersun")
	for name := range table {
		assert.True(t, seen[name] || strings.HasPrefix(name, "-"), "no vector of %s", name)
	}
}

func assertLength(t *testing.T, allowed, stored string) {
	t.Helper()
	if allowed == "any" {
		return
	}
	low, high, ranged := strings.Cut(allowed, "-")
	if !ranged {
		high = low
	}
	least, err := strconv.Atoi(low)
	require.NoError(t, err)
	most, err := strconv.Atoi(high)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(stored), least, stored)
	assert.LessOrEqual(t, len(stored), most, stored)
}
