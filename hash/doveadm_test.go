package hash_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// doveadm returns a function that runs doveadm pw with arguments.
func doveadm(t *testing.T) func(arguments ...string) (string, error) {
	t.Helper()
	otherProgram(t)
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
			passwords := slices.Clone(textPasswords[:turns(6, len(textPasswords))])
			for _, size := range []int{1, 72, 511} {
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
			passwords := map[string]string{ // by suffix
				"": "pässwörd €", ".HEX": "{PLAIN}x", ".B64": strings.Repeat("long", 30),
			}
			if strings.HasPrefix(scheme, "ARGON2") { // takes long
				passwords = map[string]string{"": "pässwörd €"}
			}
			for suffix, password := range passwords {
				stored, err := pw("-s", scheme+suffix, "-u", user, "-p", password)
				require.NoError(t, err)
				assert.NoError(t, h.VerifyFor(user, stored, password), stored)
				assert.ErrorIs(t, h.VerifyFor(user, stored, "X"+password[1:]), hash.ErrMismatch, stored)
			}
		})
	}
}

// TestLikeDoveadm compares verdicts on random values and on spoilt ones. What verifies here must verify there. What
// verifies there must verify here, but for what the package documentation lists.
func TestLikeDoveadm(t *testing.T) {
	t.Parallel()
	pw := doveadm(t)
	list, err := pw("-l")
	require.NoError(t, err)
	schemes := strings.Fields(list)
	random := newRandom(t)
	h := newHasher(t, hash.Config{})
	compared := 0
	for range turns(40, 3000) {
		scheme := schemes[random.IntN(len(schemes))]
		if strings.HasPrefix(scheme, "ARGON2") || scheme == "PLAIN-TRUNC" || scheme == "DIGEST-MD5" { // takes long; see above
			continue
		}
		password := randomText(random, 1+random.IntN(60))
		stored, err := pw("-s", scheme+[]string{"", "", ".HEX", ".B64"}[random.IntN(4)], "-p", password)
		require.NoError(t, err)
		require.NoError(t, h.Verify(stored, password), "%s %q", stored, password)
		start := strings.IndexByte(stored, '}') + 1
		if strings.Contains(stored, "$") { // the setting stays: it could make doveadm work for ever
			start = strings.LastIndexByte(stored, '$') + 1
		}
		spoilt := spoil(random, stored, start)
		if strings.HasPrefix(stored, "{OTP") || strings.HasPrefix(stored, "{SCRAM") {
			spoilt = stored + spoil(random, "x", 0)
		}
		ours := h.Verify(spoilt, password)
		_, theirs := pw("-t", spoilt, "-p", password)
		compared++
		if isOneOf(ours, hash.ErrUnsupported) {
			continue
		}
		require.Equal(t, theirs == nil, ours == nil, "%s %q: %v", spoilt, password, ours)
	}
	t.Logf("%d pairs of verdicts compared", compared)
}
