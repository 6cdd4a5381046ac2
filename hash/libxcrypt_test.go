package hash_test

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestLibxcryptTable has the known answers of libxcrypt's own tests for the methods that are verified here: all with
// -full, every 16th else, from a random one on.
func TestLibxcryptTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/libxcrypt.tsv")
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")[1:]
	require.Len(t, lines, 3864)
	step := 1
	if !*full {
		step = 16
	}
	random := newRandom(t)
	empty, safe, verified := 0, 0, 0
	for i := random.IntN(step); i < len(lines); i += step {
		inHex, crypted, _ := strings.Cut(lines[i], "\t")
		raw, err := hex.DecodeString(inHex)
		require.NoError(t, err)
		err = hash.Verify("{CRYPT}"+crypted, string(raw))
		switch {
		case len(raw) == 0:
			require.ErrorIs(t, err, hash.ErrMismatch, crypted)
			empty++
		case err != nil && strings.HasPrefix(crypted, "$2a$"):
			// The safety of crypt_blowfish, see "Stricter than Dovecot".
			require.ErrorIs(t, err, hash.ErrMismatch, crypted)
			require.Contains(t, string(raw), "\xff")
			safe++
		default:
			require.NoError(t, err, "%s %x", crypted, raw)
			verified++
		}
	}
	t.Logf("%d verified; refused: %d empty passwords, %d with the safety of $2a$", verified, empty, safe)
	if *full {
		require.Equal(t, []int{3864 - 42 - safeTwoA, 42, safeTwoA}, []int{verified, empty, safe})
	}
}

// safeTwoA is the number of rows whose hash the safety of $2a$ changes.
const safeTwoA = 8

// TestSafetyOfTwoA has a password whose $2a$ hash crypt_blowfish changes, and its hash by the letters that it does not change.
func TestSafetyOfTwoA(t *testing.T) {
	t.Parallel()
	const twoA = "{CRYPT}$2a$05$CCCCCCCCCCCCCCCCCCCCC.euRNRfAA6e0fjpTfQPPAMU1PCOf9IHq"
	require.ErrorIs(t, hash.Verify(twoA, "\xff\xff\xa3"), hash.ErrMismatch)
	for _, letter := range []string{"b", "y"} {
		stored := "{CRYPT}$2" + letter + "$05$CCCCCCCCCCCCCCCCCCCCC.Qjdj3GXX7D0sFE9jji6wxSTWIhqI3US"
		require.NoError(t, hash.Verify(stored, "\xff\xff\xa3"))
		require.ErrorIs(t, hash.Verify(stored, "\xff\xa3"), hash.ErrMismatch)
	}
}

// perlCrypt hands lines of a password in hex, a tab and a setting to crypt(3), which is the one that Dovecot calls. What
// crypt(3) refuses comes back empty or as "*0".
func perlCrypt(t *testing.T) func(lines []string) []string {
	t.Helper()
	otherProgram(t)
	perl, err := exec.LookPath("perl")
	if err != nil {
		missing(t, "perl")
	}
	const program = `while (<>) { chomp; my ($p, $s) = split /\t/, $_, 2; print crypt(pack("H*", $p), $s) // "", "\n" }`
	crypt := func(lines []string) []string {
		command := exec.CommandContext(t.Context(), perl, "-e", program)
		command.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
		out, err := command.Output()
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	}
	if probe := crypt([]string{"78\t$y$j75$sCUVzhpi64JndXnjdPY03/"}); !strings.HasPrefix(probe[0], "$y$") {
		missing(t, "a perl with libxcrypt")
	}
	return crypt
}

// TestLikeLibxcrypt compares with crypt(3) in both directions: hashes of random passwords and salts, and the same hashes
// with a salt or digest that was spoilt.
func TestLikeLibxcrypt(t *testing.T) {
	t.Parallel()
	crypt := perlCrypt(t)
	salted := func(prefix string, least, most int, suffix string) func(*rand.Rand, int) string {
		return func(random *rand.Rand, _ int) string {
			return prefix + randomSalt(random, least+random.IntN(most-least+1)) + suffix
		}
	}
	sha := func(prefix string) func(*rand.Rand, int) string {
		return func(random *rand.Rand, turn int) string { return randomSetting(random, prefix, turn).String() + "$" }
	}
	for _, method := range []struct {
		name    string
		prefix  string // is not spoilt
		setting func(random *rand.Rand, turn int) string
		turns   int
	}{
		{"sha256", "$5$", sha("$5$"), turns(40, 3000)},
		{"sha512", "$6$", sha("$6$"), turns(30, 2000)},
		{"md5", "$1$", salted("$1$", 0, 8, "$"), turns(60, 3000)},
		{"des", "", salted("", 2, 2, ""), turns(60, 3000)},
		{"nt", "$3$", salted("$3$$", 0, 0, ""), turns(40, 1000)},
		{"sha1", "$sha1$100$", salted("$sha1$100$", 1, 300, "$"), turns(60, 3000)},
		{"sha1-0", "$sha1$0$", salted("$sha1$0$", 1, 64, "$"), turns(20, 500)},
		{"bcrypt-a", "", salted("$2a$04$", 21, 21, "."), turns(4, 200)},
		{"bcrypt-b", "", salted("$2b$04$", 21, 21, "."), turns(4, 200)},
		{"bcrypt-x", "", salted("$2x$04$", 21, 21, "."), turns(4, 200)},
		{"bcrypt-y", "", salted("$2y$04$", 21, 21, "."), turns(4, 200)},
		{"yescrypt", "$y$j75$", salted("$y$j75$", 4, 4, "$"), turns(6, 300)},
		{"scrypt", "$7$46..../....", salted("$7$46..../....", 0, 281, "$"), turns(40, 1000)},
		{"scrypt-p", "$7$36..../.2..", salted("$7$36....0....", 0, 9, "$5$x"), turns(20, 300)},
	} {
		t.Run(method.name, func(t *testing.T) {
			t.Parallel()
			random := newRandom(t)
			var passwords, lines []string
			for turn := range method.turns {
				passwords = append(passwords, randomPassword(random))
				lines = append(lines, hex.EncodeToString([]byte(passwords[turn]))+"\t"+method.setting(random, turn))
			}
			hashes := crypt(lines)
			require.Len(t, hashes, len(lines))
			var spoilt []string
			for i, made := range hashes {
				require.NotEmpty(t, strings.TrimLeft(made, "*01"), "libxcrypt refuses %s", lines[i])
				assert.NoError(t, hash.Verify("{CRYPT}"+made, passwords[i]), "%s %q", made, passwords[i])
				spoilt = append(spoilt, spoil(random, made, len(method.prefix)))
				lines[i] = hex.EncodeToString([]byte(passwords[i])) + "\t" + spoilt[i]
			}
			if method.prefix == "" && method.name != "des" {
				return // Dovecot has its own bcrypt, see TestVerifyRefuses
			}
			for i, made := range crypt(lines) {
				err := hash.Verify("{CRYPT}"+spoilt[i], passwords[i])
				if isOneOf(err, hash.ErrUnsupported) {
					continue
				}
				assert.Equal(t, made == spoilt[i], err == nil, "%s %q: %v", spoilt[i], passwords[i], err)
			}
		})
	}
}

func randomSalt(random *rand.Rand, size int) string {
	salt := make([]byte, size)
	for i := range salt {
		salt[i] = crypt64[random.IntN(64)]
	}
	return string(salt)
}

// randomText has printable characters of one to four bytes.
func randomText(random *rand.Rand, size int) string {
	text := make([]rune, size)
	for i := range text {
		text[i] = []rune{' ' + random.Int32N(95), 'ä', '€', '🔑'}[max(0, random.IntN(13)-9)]
	}
	return string(text)
}

// spoil changes, adds or drops a character from start on.
func spoil(random *rand.Rand, stored string, start int) string {
	c := string([]byte{[]byte(`.A9$~:;!*\ =,` + "\x7f\xe4\x01")[random.IntN(16)]})
	if start == len(stored) {
		return stored + c
	}
	at := start + random.IntN(len(stored)-start)
	switch random.IntN(4) {
	case 0:
		return stored[:at] + stored[at+1:]
	case 1:
		return stored[:at] + c + stored[at:]
	default:
		return stored[:at] + c + stored[at+1:]
	}
}

// TestVerifiesLikeDovecot has values that Dovecot 2.3.19 and 2.4.1 verify for "summersun", and close relatives that they
// refuse.
func TestVerifiesLikeDovecot(t *testing.T) {
	t.Parallel()
	long := "$sha1$5$" + strings.Repeat("a", 100) + "$aK5hbim6GPKvd2NaM2J.kzjnoO9J"
	for _, payload := range []string{
		"$sha1$0$abc$hYQPGbswWufehkkprpDxkqtFhdR3", long,
		"$7$8U..../....ab$tAGfkw63dOFGty.L/SGdRjRYQ72oet9kK2YT20lSQXB",
		"$7$8U..../....ab$cd$umQb95NoKwa7Kp.BoPlfzeZG.vQeG3XdUGEgwQhAFJ4",
		"$7$8U..../....ab$~~$rk0.xKZ8GHornH4MFMr3DOCf1xijRlPgwv/vyPPp7Q0",
		"$7$8U..../....$rC6JWQGCHFHmMf7KRgrCS5aKlLZ2pGtcUViEwBsSbv4",
		"$7$8U..../....$$aFEc2EUyoSq8V/lvEw8Vb7E4HnCabseT1CZn93b7olA",
		"$7$46..../...." + strings.Repeat("s", 281) + "$HHE9z4/cghh9FFuhIeg1fm0srBcOKG0kLmPYGnHsd/A",
		"$y$j75$$7AfvwyCG8yHMKcmkhGBpeA0A6W3YCRtPIhefPeZEDU6",
		"$1$$a00myEy1naEPr46XOq0U30", "$1$a~b$xzrSguAh0VAn2PF8Cf9fQ/",
		"$5$a~b$k6iaV0b2iYEyKmiH3UOwV4me5UoxT58I6GBHIWc/aT1",
	} {
		assert.NoError(t, hash.Verify("{CRYPT}"+payload, "summersun"), payload)
		assert.ErrorIs(t, hash.Verify("{CRYPT}"+payload, "summersum"), hash.ErrMismatch, payload)
	}
	assert.NoError(t, hash.Verify("{OTP}sha1 5  a33f409667231e62", "summersun"), "an empty seed")
	for _, payload := range []string{
		"$1$a:b$5Iuj3VCFspIOtynDV3/aO1", "$1$a!b$yFTI7bKvEw3sbB4mdU9h61", "$1$a b$h7PUclCE6jSQ.TMaab.DL0",
		"$1$a\u00e4b$4SQf65woFUuQygbgukUU9/",
	} {
		assert.NoError(t, hash.Verify("{MD5-CRYPT}"+payload, "summersun"), payload)
		assert.NoError(t, hash.Verify("{MD5}"+payload, "summersun"), payload)
		for _, scheme := range []string{"CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "DES-CRYPT"} {
			assert.ErrorIs(t, hash.Verify("{"+scheme+"}"+payload, "summersun"), hash.ErrMalformed, payload)
		}
	}
	for _, payload := range []string{
		"$7$8U..../....a~b$tAGfkw63dOFGty.L/SGdRjRYQ72oet9kK2YT20lSQXB",
		"$7$46..../...." + strings.Repeat("s", 282) + "$yQSwT4CBSarx74.S4wocNNq.tU5FyVhCmxhMtWiHbL9",
		"$sha1$5$a~b$aK5hbim6GPKvd2NaM2J.kzjnoO9J", "$sha1$05$abc$hYQPGbswWufehkkprpDxkqtFhdR3",
		"$sha1$$abc$hYQPGbswWufehkkprpDxkqtFhdR3", "$sha1$00$abc$hYQPGbswWufehkkprpDxkqtFhdR3",
		"$sha1$5$" + strings.Repeat("a", 347) + "$aK5hbim6GPKvd2NaM2J.kzjnoO9J",
		"$y$j75$a$7AfvwyCG8yHMKcmkhGBpeA0A6W3YCRtPIhefPeZEDU6", "$y$j75$ab$7AfvwyCG8yHMKcmkhGBpeA0A6W3YCRtPIhefPeZEDU6",
	} {
		assert.ErrorIs(t, hash.Verify("{CRYPT}"+payload, "summersun"), hash.ErrMalformed, payload)
	}
	for _, seed := range []string{"te-st", strings.Repeat("b", 17), "ä"} {
		assert.ErrorIs(t, hash.Verify(fmt.Sprintf("{OTP}sha1 5 %s a33f409667231e62", seed), "summersun"), hash.ErrMalformed)
	}
}
