package hash

import (
	"crypto/sha256"
	"crypto/sha512"
	gohash "hash"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shifted is a hash whose marshaled state looks otherwise than that of today's standard library.
type shifted struct{ stateful }

func (s shifted) AppendBinary(b []byte) ([]byte, error) { return s.stateful.AppendBinary(append(b, 0)) }

func (s shifted) UnmarshalBinary(b []byte) error { return s.stateful.UnmarshalBinary(b[1:]) }

// stateless is a hash without one.
type stateless struct{ gohash.Hash }

// TestSHACrypterFallsBack changes the layout on which the quick rounds lean. The test is internal, because the standard
// library gives no other way to get there.
func TestSHACrypterFallsBack(t *testing.T) {
	t.Parallel()
	for _, right := range []*shaCrypter{sha256Crypter, sha512Crypter} {
		require.True(t, right.quick(), "the standard library of this toolchain is known")
		shiftedHash := func() gohash.Hash { return shifted{right.newHash().(stateful)} }
		statelessHash := func() gohash.Hash { return stateless{right.newHash()} }
		for _, newHash := range []func() gohash.Hash{shiftedHash, statelessHash} {
			c := newSHACrypter(right.algorithm, right.prefix, newHash, right.order)
			require.False(t, c.quick())
			for _, password := range []string{"a", "summersun", strings.Repeat("x", 200), strings.Repeat("y", 511)} {
				for _, salt := range []string{"", "salt", "saltsaltsaltsalt"} {
					want := string(right.appendHash(nil, password, salt, minRounds))
					assert.Equal(t, want, string(c.appendHash(nil, password, salt, minRounds)))
				}
			}
		}
	}
}

// TestSHACrypterState is why stateSpace is enough, and the buffer allocated once.
func TestSHACrypterState(t *testing.T) {
	t.Parallel()
	for _, h := range []gohash.Hash{sha256.New(), sha512.New()} {
		state, err := h.(stateful).AppendBinary(nil)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(state), stateSpace)
	}
}

// TestSHACrypterEmptyPassword has hashes of libxcrypt for the password that Verify refuses.
func TestSHACrypterEmptyPassword(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "wjKdX6S5QNpyikdCozZwXXHcgm481fIWwGnCG3qsr13",
		string(sha256Crypter.appendHash(nil, "", "Y.3uyQQLnBAnRAnS", defaultRounds)))
	assert.Equal(t, "qTKecmaaPetIbQQhUqkpekDpxGotao7j18EB1m6RDmNxZeScazK0676mkF9VUB/tsWp3oYqAxJqDk9175QJ0.1",
		string(sha512Crypter.appendHash(nil, "", "XilbFLi3vkXV7JFI", defaultRounds)))
}
