package hash_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/GehirnInc/crypt"
	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/GehirnInc/crypt/sha512_crypt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

const crypt64 = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// A setting is what crypt(3) takes beside the password.
type setting struct {
	prefix, salt string
	rounds       int
}

func (s setting) String() string {
	if s.rounds == 0 {
		return s.prefix + s.salt
	}
	return fmt.Sprintf("%srounds=%d$%s", s.prefix, s.rounds, s.salt)
}

// randomSetting goes through the lengths of salts in turn, with and without rounds.
func randomSetting(random *rand.Rand, prefix string, turn int) setting {
	salt := make([]byte, turn%17)
	for i := range salt {
		salt[i] = crypt64[random.IntN(len(crypt64))]
	}
	s := setting{prefix: prefix, salt: string(salt)}
	if turn%4 != 0 {
		s.rounds = 1000 + random.IntN(1000)
		if turn%40 == 1 {
			s.rounds = 1000 + random.IntN(19001)
		}
	}
	return s
}

// randomPassword has any byte but NUL; short ones are as frequent as long ones.
func randomPassword(random *rand.Rand) string {
	size := 1 + random.IntN(511)
	if random.IntN(2) == 0 {
		size = 1 + random.IntN(40)
	}
	password := make([]byte, size)
	for i := range password {
		password[i] = byte(1 + random.IntN(255)) //nolint:gosec // fits
	}
	return string(password)
}

// TestSHACryptLikeGehirn compares with GehirnInc/crypt, whose Generate is right where its Verify is not.
func TestSHACryptLikeGehirn(t *testing.T) {
	t.Parallel()
	for prefix, oracle := range map[string]func() crypt.Crypter{"$5$": sha256_crypt.New, "$6$": sha512_crypt.New} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			random := newRandom(t)
			for turn := range turns(60, 2000) {
				s, password := randomSetting(random, prefix, turn), randomPassword(random)
				if turn%3 == 0 {
					password = strings.Repeat("x", 1+turn*13%511) // long and short in turn
				}
				made, err := oracle().Generate([]byte(password), []byte(s.String()))
				require.NoError(t, err)
				require.NoError(t, hash.Verify("{CRYPT}"+made, password), "%s %q", made, password)
			}
		})
	}
}

// TestSHACryptAllocations counts: what was read, the state of the hash, the buffer. None is made in a round.
func TestSHACryptAllocations(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for _, password := range []string{"summersun", strings.Repeat("long", 6), strings.Repeat("x", 511)} {
		for _, config := range []hash.Config{{}, {Rounds: 10_000}, {Scheme: "SHA512-CRYPT"}} {
			h := newHasher(t, config)
			stored, err := h.Generate(password)
			require.NoError(t, err)
			allocations := testing.AllocsPerRun(5, func() { err = h.Verify(stored, password) })
			require.NoError(t, err)
			assert.LessOrEqual(t, allocations, 3.0, "%s, %d bytes", h.Scheme(), len(password))
		}
	}
}
