package hash_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestFIPS runs itself with GODEBUG=fips140=only, in which crypto/md5 and crypto/sha1 panic and crypto/hmac refuses short
// keys. Every value then verifies, or is an error that says why.
func TestFIPS(t *testing.T) {
	t.Parallel()
	const mark = "ISPMAIL_TEST_FIPS"
	if os.Getenv(mark) == "" {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFIPS$", "-test.v") //nolint:gosec // this program
		command.Env = append(os.Environ(), mark+"=1", "GODEBUG=fips140=only")
		out, err := command.CombinedOutput()
		require.NoError(t, err, string(out))
		require.Contains(t, string(out), "--- PASS: TestFIPS")
		return
	}
	allowed := map[string]bool{
		"PLAIN": true, "PLAIN-TRUNC": true, "PLAIN-MD4": true, "nt": true, "DES-CRYPT": true, "SHA256": true, "SHA512": true,
		"SSHA256": true, "SSHA512": true, "SHA256-CRYPT": true, "SHA512-CRYPT": true, "BLF-CRYPT": true,
		"ARGON2I": true, "ARGON2ID": true,
	}
	h := newHasher(t, hash.Config{})
	seen := map[string]bool{}
	for _, v := range append(doveadmVectors(t), crypt3Vectors(t)...) {
		info, err := h.Inspect(v.stored)
		if err != nil || v.password == "" || seen[info.Scheme] && info.Memory > 4096 {
			continue
		}
		seen[info.Scheme] = true
		err = h.VerifyFor(v.user, v.stored, v.password)
		if allowed[info.Scheme] {
			assert.NoError(t, err, v.stored)
		} else {
			assert.ErrorIs(t, err, hash.ErrFIPS, v.stored)
		}
	}
	for scheme := range allowed {
		assert.True(t, seen[scheme] || scheme == "PLAIN-TRUNC", scheme)
	}
	for prefix, config := range generating {
		h := newHasher(t, config)
		stored, err := h.Generate("summersun")
		if allowed[h.Scheme()] {
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(stored, prefix))
			assert.NoError(t, h.Verify(stored, "summersun"))
		} else {
			assert.ErrorIs(t, err, hash.ErrFIPS)
		}
	}
}
