package hash_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

func TestInfoWork(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]float64{
		"{PLAIN}secret":       0,
		"{PLAIN-MD5}" + md5Of: 0,
		"{BLF-CRYPT}$2y$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": 1,
		"{BLF-CRYPT}$2y$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": 16,
		"{BLF-CRYPT}$2y$04$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW": 1. / 64,
	} {
		info, err := hash.Inspect(stored)
		require.NoError(t, err, stored)
		assert.InDelta(t, want, info.Work, 0.001, stored)
	}
	stored, err := hash.Generate("secret")
	require.NoError(t, err)
	info, err := hash.Inspect(stored)
	require.NoError(t, err)
	assert.InDelta(t, 5000./50/1024, info.Work, 0.001)
	h, err := hash.New(hash.Config{Scheme: "ARGON2ID", Memory: 65536, Rounds: 3})
	require.NoError(t, err)
	stored, err = h.Generate("secret")
	require.NoError(t, err)
	info, err = h.Inspect(stored)
	require.NoError(t, err)
	assert.InDelta(t, 3*65536./66/1024, info.Work, 0.01)
}

const md5Of = "5ebe2294ecd0e0f08eab7690d2a6ee69"
