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

// missing ends a test that needs a program. Where ISPMAIL_TEST_DOVEADM is "required" its absence is a failure.
func missing(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("ISPMAIL_TEST_DOVEADM") == "required" {
		t.Fatal(what + " is missing, and ISPMAIL_TEST_DOVEADM says that it is required")
	}
	t.Skip(what + " is missing; set ISPMAIL_TEST_DOVEADM=required to make this a failure")
}

// doveadm returns a function that runs doveadm pw with arguments.
func doveadm(t *testing.T) func(arguments ...string) (string, error) {
	t.Helper()
	path, err := exec.LookPath("doveadm")
	if err != nil {
		missing(t, "doveadm (package dovecot-core)")
	}
	return func(arguments ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), path, append([]string{"pw"}, arguments...)...).Output() //nolint:gosec // fixed program
		return strings.TrimSuffix(string(out), "\n"), err
	}
}

// TestDovecotVerifies has doveadm verify what Generate makes.
func TestDovecotVerifies(t *testing.T) {
	t.Parallel()
	pw := doveadm(t)
	for prefix, config := range generating {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			h := newHasher(t, config)
			passwords := textPasswords
			for _, size := range []int{1, 8, 9, 15, 16, 17, 63, 64, 65, 71, 127, 128, 129, 255, 510, 511} {
				passwords = append(passwords, strings.Repeat("x", size))
			}
			for _, password := range passwords {
				if len(password) > 72 && h.Scheme() == "BLF-CRYPT" {
					continue
				}
				stored, err := h.Generate(password)
				require.NoError(t, err)
				_, err = pw("-t", stored, "-p", password)
				assert.NoError(t, err, "doveadm pw -t %s -p %q", stored, password)
			}
			stored, err := h.Generate("summersun")
			require.NoError(t, err)
			_, err = pw("-t", stored, "-p", "summersum")
			assert.Error(t, err, stored)
		})
	}
}

// TestDovecotGenerates verifies what doveadm makes, with every scheme that it lists.
func TestDovecotGenerates(t *testing.T) {
	t.Parallel()
	pw := doveadm(t)
	list, err := pw("-l")
	require.NoError(t, err)
	schemes := strings.Fields(list)
	require.Greater(t, len(schemes), 25)
	const user = "john@example.org"
	for _, scheme := range schemes {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			h := newHasher(t, hash.Config{})
			if scheme == "PLAIN-TRUNC" {
				t.Skip("doveadm leaves the length out and cannot verify what it makes")
			}
			suffixes := []string{"", ".HEX", ".B64"}
			passwords := []string{"summersun", "pässwörd €", "{PLAIN}x", strings.Repeat("long", 30)}
			if raced && strings.HasPrefix(scheme, "ARGON2") { // takes seconds
				suffixes, passwords = suffixes[:1], passwords[1:2]
			}
			for _, suffix := range suffixes {
				for _, password := range passwords {
					stored, err := pw("-s", scheme+suffix, "-u", user, "-p", password)
					require.NoError(t, err)
					assert.NoError(t, h.VerifyFor(user, stored, password), stored)
					assert.ErrorIs(t, h.VerifyFor(user, stored, "X"+password[1:]), hash.ErrMismatch, stored)
				}
			}
		})
	}
}

// TestLikeLibxcrypt compares with the crypt(3) that Dovecot calls, which Perl hands through.
func TestLikeLibxcrypt(t *testing.T) {
	t.Parallel()
	perl, err := exec.LookPath("perl")
	if err != nil {
		missing(t, "perl")
	}
	const program = `while (<>) { chomp; my ($p, $s) = split /\t/; print crypt(pack("H*", $p), $s), "\n" }`
	crypt := func(lines string) []string {
		command := exec.CommandContext(t.Context(), perl, "-e", program)
		command.Stdin = strings.NewReader(lines)
		out, err := command.Output()
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	}
	if probe := crypt("78\t$y$j75$sCUVzhpi64JndXnjdPY03/\n"); !strings.HasPrefix(probe[0], "$y$") {
		missing(t, "a perl with libxcrypt")
	}
	random := rand.New(rand.NewPCG(2, 3)) //nolint:gosec // test input
	salted := func(prefix string, size int) func(int) string {
		return func(int) string {
			salt := prefix
			for range size {
				salt += string(crypt64[random.IntN(64)])
			}
			return salt
		}
	}
	for _, method := range []struct {
		name    string
		setting func(turn int) string
		turns   int
	}{
		{"sha256", func(turn int) string { return randomSetting(random, "$5$", turn).String() }, differential()},
		{"sha512", func(turn int) string { return randomSetting(random, "$6$", turn).String() }, differential()},
		{"md5", salted("$1$", 8), 50},
		{"des", salted("", 2), 100},
		{"nt", salted("$3$", 0), 50},
		{"sha1", salted("$sha1$100$", 20), 50},
		{"bcrypt-a", salted("$2a$04$", 21), 5},
		{"bcrypt-b", salted("$2b$04$", 21), 5},
		{"bcrypt-x", salted("$2x$04$", 21), 5},
		{"bcrypt-y", salted("$2y$04$", 21), 5},
		{"yescrypt", func(int) string { return "$y$j75$sCUVzhpi64JndXnjdPY03/" }, 5},
		{"scrypt", func(int) string { return "$7$8U..../....Z4Avnjo5sS3RzFJwqaQE90" }, 5},
	} {
		var lines strings.Builder
		var passwords []string
		for turn := range method.turns {
			password := randomPassword(random)
			passwords = append(passwords, password)
			s := method.setting(turn)
			if strings.HasPrefix(method.name, "bcrypt") {
				s += "." // the last character of the salt has four values
			}
			fmt.Fprintf(&lines, "%s\t%s\n", hex.EncodeToString([]byte(password)), s)
		}
		t.Run(method.name, func(t *testing.T) {
			t.Parallel()
			for i, made := range crypt(lines.String()) {
				require.NotEmpty(t, strings.TrimLeft(made, "*01"), "libxcrypt refuses its input")
				assert.NoError(t, hash.Verify("{CRYPT}"+made, passwords[i]), "%s %q", made, passwords[i])
			}
		})
	}
}
