package hash_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// resists ranks the schemes that are not weak by how they resist guessing: 1 for iterated hashes, 2 for bcrypt and the
// memory-hard functions.
var resists = map[string]int{
	"SHA256-CRYPT": 1, "SHA512-CRYPT": 1, "PBKDF2": 1, "SCRAM-SHA-1": 1, "SCRAM-SHA-256": 1, "sha1crypt": 1,
	"BLF-CRYPT": 2, "ARGON2I": 2, "ARGON2ID": 2, "scrypt": 2, "yescrypt": 2,
}

// requireNoDowngrade is for a value that is not weak and that h would replace: what h makes must not be weaker.
func requireNoDowngrade(t *testing.T, h *hash.Hasher, info hash.Info) {
	t.Helper()
	stored, err := h.Generate("summersun")
	require.NoError(t, err)
	made, err := h.Inspect(stored)
	require.NoError(t, err)
	require.NotZero(t, resists[info.Scheme], info.Scheme)
	require.GreaterOrEqual(t, resists[made.Scheme], resists[info.Scheme], info.Scheme)
	if resists[info.Scheme] == 1 && resists[made.Scheme] == 1 {
		require.GreaterOrEqual(t, made.Rounds, info.Rounds)
	}
	if made.Scheme == info.Scheme {
		require.GreaterOrEqual(t, made.Cost, info.Cost)
		require.GreaterOrEqual(t, made.Memory*made.Rounds, info.Memory*info.Rounds)
	}
}

// TestInspectTruncated cuts every value anywhere: a column may have been too narrow.
func TestInspectTruncated(t *testing.T) {
	t.Parallel()
	for _, set := range [][]vector{doveadmVectors(t), crypt3Vectors(t), oddVectors(t), negativeVectors(t)} {
		for _, v := range set {
			for end := range v.stored {
				_, err := hash.Inspect(v.stored[:end])
				require.True(t, isOneOf(err, nil, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly))
				_, err = hash.Inspect(v.stored[end:])
				require.True(t, isOneOf(err, nil, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly))
			}
		}
	}
}
