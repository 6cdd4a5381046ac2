package hash_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// Values that the ISPmail guide prints for the password "summersun".
const (
	guideSHA256 = "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"
	guideBcrypt = "{BLF-CRYPT}$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W"
	guideMD5    = "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"
)

// payload is what follows the prefix.
func payload(stored string) string { return stored[strings.IndexByte(stored, '}')+1:] }

func newHasher(tb testing.TB, config hash.Config) *hash.Hasher {
	tb.Helper()
	h, err := hash.New(config)
	require.NoError(tb, err)
	return h
}

// A vector is a stored value of which Dovecot has said whether it verifies.
type vector struct{ password, stored, user string }

// vectors reads a table of testdata, all of whose rows have the given columns.
func vectors(tb testing.TB, file string, read func(columns []string) vector) []vector {
	tb.Helper()
	text, err := os.ReadFile("testdata/" + file) //nolint:gosec // a name from below
	require.NoError(tb, err)
	var all []vector
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			all = append(all, read(strings.Split(strings.TrimSuffix(line, "\n"), "\t")))
		}
	}
	require.NotEmpty(tb, all)
	return all
}

// doveadmVectors were made by doveadm pw -s, scheme by scheme, and verified by Dovecot 2.3.19 and 2.4.1.
func doveadmVectors(tb testing.TB) []vector {
	tb.Helper()
	return vectors(tb, "doveadm.tsv", func(c []string) vector { return vector{c[1], c[2], c[3]} })
}

// crypt3Vectors were made by libxcrypt, method by method, and verified by Dovecot 2.3.19 and 2.4.1.
func crypt3Vectors(tb testing.TB) []vector {
	tb.Helper()
	return vectors(tb, "crypt3.tsv", func(c []string) vector { return vector{c[1], c[2], ""} })
}

// negativeVectors do not verify in Dovecot 2.4.1.
func negativeVectors(tb testing.TB) []vector {
	tb.Helper()
	return vectors(tb, "negative.tsv", readVerdict)
}

// oddVectors verify in Dovecot 2.4.1, though one might not think so.
func oddVectors(tb testing.TB) []vector {
	tb.Helper()
	return vectors(tb, "odd-positive.tsv", readVerdict)
}

func readVerdict(c []string) vector {
	stored := strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\x01`, "\x01").Replace(c[0])
	return vector{c[1], stored, c[2]}
}
