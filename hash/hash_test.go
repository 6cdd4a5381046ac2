package hash_test

import (
	"bufio"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/GehirnInc/crypt/sha256_crypt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/ispmail/go-ispmail/hash"
)

// Values that the ISPmail guide prints for the password "summersun".
const (
	guideSHA256 = "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"
	guideBcrypt = "{BLF-CRYPT}$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W"
	guideMD5    = "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"
)

func TestVerifyGuide(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{guideSHA256, guideBcrypt, guideMD5, "{CRYPT}" + guideBcrypt[len("{BLF-CRYPT}"):]} {
		require.NoError(t, hash.Verify(stored, "summersun"), stored)
		for _, wrong := range []string{"", "Summersun", "summersun ", " summersun", "summersu", "summersun\x00", "summersun\x00summersun"} {
			assert.ErrorIs(t, hash.Verify(stored, wrong), hash.ErrMismatch, "%s %q", stored, wrong)
		}
	}
}

// TestVerifyDoveadm goes through values that doveadm of Dovecot 2.3.19 and 2.4.1 made and verified.
func TestVerifyDoveadm(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/doveadm.tsv")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	tested := 0
	for lines := bufio.NewScanner(file); lines.Scan(); {
		columns := strings.Split(lines.Text(), "\t")
		password, stored := columns[1], columns[2]
		err := hash.Verify(stored, password)
		if errors.Is(err, hash.ErrUnsupported) || password == "" {
			continue
		}
		tested++
		assert.NoError(t, err, stored)
		assert.ErrorIs(t, hash.Verify(stored, "X"+password[1:]), hash.ErrMismatch, stored)
	}
	assert.Equal(t, 39, tested, "rows of a supported scheme")
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	sha := guideSHA256[len("{SHA256-CRYPT}"):]
	bc := guideBcrypt[len("{BLF-CRYPT}"):]
	for stored, want := range map[string]error{
		"":                                       hash.ErrUnsupported,
		"summersun":                              hash.ErrUnsupported,
		sha:                                      hash.ErrUnsupported,
		"{":                                      hash.ErrUnsupported,
		"{}":                                     hash.ErrUnsupported,
		"{SHA256-CRYPT":                          hash.ErrUnsupported,
		"{ſHA256-CRYPT}" + sha:                   hash.ErrUnsupported,
		" " + guideSHA256:                        hash.ErrUnsupported,
		"{SHA256-CRYPT }" + sha:                  hash.ErrUnsupported,
		"{SHA256-CRYPT.}" + sha:                  hash.ErrUnsupported,
		"{SHA256-CRYPT.B32}" + sha:               hash.ErrUnsupported,
		"{ROT13}summersun":                       hash.ErrUnsupported,
		"{CRYPT}x":                               hash.ErrUnsupported,
		"{SHA256-CRYPT}":                         hash.ErrUnsupported,
		"{SHA256-CRYPT}$5$":                      hash.ErrMalformed,
		guideSHA256 + " ":                        hash.ErrMalformed,
		guideSHA256[:60]:                         hash.ErrMalformed,
		"{SHA256-CRYPT.HEX}xyz":                  hash.ErrMalformed,
		"{CRYPT}$5$rounds=999$salt" + sha[19:]:   hash.ErrMalformed,
		"{CRYPT}$5$rounds=05000$salt" + sha[19:]: hash.ErrMalformed,
		"{CRYPT}$5$rounds=+5000$salt" + sha[19:]: hash.ErrMalformed,
		"{CRYPT}$5$rounds=1000000000$salt" + sha[19:]:           hash.ErrMalformed,
		"{CRYPT}$5$a:b" + sha[19:]:                              hash.ErrMalformed,
		"{CRYPT}$5$12345678901234567" + sha[19:]:                hash.ErrMalformed,
		"{CRYPT}$5$rounds=999999999$salt" + sha[19:]:            hash.ErrTooCostly,
		"{CRYPT}$6$rounds=1000001$s$" + strings.Repeat("a", 86): hash.ErrTooCostly,
		"{PLAIN-MD5}":                     hash.ErrMalformed,
		"{PLAIN-MD5}14cbfb845af1f030e372": hash.ErrMalformed,
		"{BLF-CRYPT}" + sha:               hash.ErrMalformed,
		"{BLF-CRYPT}" + bc + "x":          hash.ErrMalformed,
		"{BLF-CRYPT}" + strings.Replace(bc, "$2y$", "$2z$", 1):    hash.ErrMalformed,
		"{BLF-CRYPT}" + strings.Replace(bc, "$05$", "$03$", 1):    hash.ErrMalformed,
		"{BLF-CRYPT}" + strings.Replace(bc, "$05$", "$31$", 1):    hash.ErrTooCostly,
		"{SHA256-CRYPT}" + strings.Replace(bc, "$05$", "$15$", 1): hash.ErrTooCostly,
	} {
		assert.ErrorIs(t, hash.Verify(stored, "summersun"), want, stored)
	}
}

// TestVerifyShortSalt has an explicit number of rounds with a salt under 16 characters, which
// GehirnInc/crypt's own Verify refuses with the right password.
func TestVerifyShortSalt(t *testing.T) {
	t.Parallel()
	made, err := sha256_crypt.New().Generate([]byte("summersun"), []byte("$5$rounds=1000$ab"))
	require.NoError(t, err)
	require.NoError(t, hash.Verify("{SHA256-CRYPT}"+made, "summersun"))
	require.ErrorIs(t, hash.Verify("{SHA256-CRYPT}"+made, "summersum"), hash.ErrMismatch)
}

func TestVerifyBcryptCutsAt72(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 8)
	made, err := bcrypt.GenerateFromPassword([]byte(long[:72]), bcrypt.MinCost)
	require.NoError(t, err)
	require.NoError(t, hash.Verify("{BLF-CRYPT}"+string(made), long))
	require.ErrorIs(t, hash.Verify("{BLF-CRYPT}"+string(made), long[:71]), hash.ErrMismatch)
}

func TestVerifyLongPassword(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, hash.Verify(guideSHA256, strings.Repeat("a", 511)), hash.ErrMismatch)
	require.ErrorIs(t, hash.Verify(guideSHA256, strings.Repeat("a", 512)), hash.ErrPasswordTooLong)
}

func TestDefaultScheme(t *testing.T) {
	t.Parallel()
	h, err := hash.New(hash.Config{Default: "plain-md5"})
	require.NoError(t, err)
	stored := guideMD5[len("{PLAIN-MD5}"):]
	require.NoError(t, h.Verify(stored, "summersun"))
	require.True(t, h.NeedsRehash(stored))
	require.NoError(t, h.Verify(guideSHA256, "summersun"), "a prefix wins")
	require.ErrorIs(t, h.Verify("{"+stored, "summersun"), hash.ErrMalformed)
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for _, config := range []hash.Config{
		{},
		{Scheme: "sha256-crypt", Rounds: 6000},
		{Scheme: "BLF-CRYPT", Cost: 4},
	} {
		h, err := hash.New(config)
		require.NoError(t, err)
		for _, password := range []string{"summersun", "pässwörd €", "{PLAIN}x", " ", strings.Repeat("a", 72)} {
			stored, err := h.Generate(password)
			require.NoError(t, err)
			assert.True(t, strings.HasPrefix(stored, "{"+h.Scheme()+"}$"), stored)
			assert.NoError(t, h.Verify(stored, password), stored)
			assert.ErrorIs(t, h.Verify(stored, password[1:]+"X"), hash.ErrMismatch, stored)
			assert.False(t, h.NeedsRehash(stored), stored)
			again, err := h.Generate(password)
			require.NoError(t, err)
			assert.NotEqual(t, stored, again, "the salt is random")
		}
		for password, want := range map[string]error{
			"":                       hash.ErrInvalidPassword,
			"a\x00b":                 hash.ErrInvalidPassword,
			"\xff":                   hash.ErrInvalidPassword,
			strings.Repeat("a", 512): hash.ErrPasswordTooLong,
		} {
			_, err := h.Generate(password)
			assert.ErrorIs(t, err, want, "%s %q", h.Scheme(), password)
		}
	}
	h, err := hash.New(hash.Config{Scheme: "BLF-CRYPT"})
	require.NoError(t, err)
	_, err = h.Generate(strings.Repeat("a", 73))
	require.ErrorIs(t, err, hash.ErrPasswordTooLong)
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	sha := guideSHA256[len("{SHA256-CRYPT}"):]
	bc := guideBcrypt[len("{BLF-CRYPT}"):]
	sha512 := "$6$salt$" + strings.Repeat("a", 86)
	for _, c := range []struct {
		config hash.Config
		stored string
		want   bool
	}{
		{hash.Config{}, guideSHA256, false},
		{hash.Config{}, "{CRYPT}" + sha, false},
		{hash.Config{}, guideMD5, true},
		{hash.Config{}, guideBcrypt, false}, // a strong other scheme stays, at any cost
		{hash.Config{}, "{SHA512-CRYPT}" + sha512, false},
		{hash.Config{}, "{SHA256-CRYPT}" + sha512, true}, // mislabelled
		{hash.Config{}, "{SHA256-CRYPT}" + bc, true},
		{hash.Config{Rounds: 6000}, guideSHA256, true},
		{hash.Config{Rounds: 1000}, guideSHA256, false}, // never cheaper
		{hash.Config{Scheme: "BLF-CRYPT"}, guideBcrypt, true},
		{hash.Config{Scheme: "BLF-CRYPT", Cost: 5}, guideBcrypt, false},
		{hash.Config{Scheme: "BLF-CRYPT"}, guideSHA256, false},
		{hash.Config{}, sha, false}, // cannot be verified
		{hash.Config{Default: "CRYPT"}, sha, true},
		{hash.Config{}, "{ROT13}x", false},
		{hash.Config{}, "{SHA256-CRYPT}x", false},
	} {
		h, err := hash.New(c.config)
		require.NoError(t, err)
		assert.Equal(t, c.want, h.NeedsRehash(c.stored), "%+v %s", c.config, c.stored)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, config := range []hash.Config{
		{Scheme: "PLAIN-MD5"},
		{Scheme: "{SHA256-CRYPT}"},
		{Rounds: 999},
		{Rounds: 1_000_001},
		{MaxRounds: 4000},
		{MaxRounds: 1_000_000_000},
		{Cost: 3},
		{Cost: 15},
		{MaxCost: 32},
		{Default: "ROT13"},
		{Default: "{PLAIN-MD5}"},
	} {
		_, err := hash.New(config)
		assert.Error(t, err, "%+v", config)
	}
}

// TestErrorsKeepSecrets plants a canary in the stored value.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{"canary", "{canary}canary", "{CRYPT}canary", "{PLAIN-MD5}canary", "{SHA256-CRYPT}$5$canary"} {
		err := hash.Verify(stored, "canary")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "canary")
	}
}

func FuzzVerify(f *testing.F) {
	for _, stored := range []string{guideSHA256, guideBcrypt, guideMD5, "{SHA256-CRYPT.B64}JDUk", "{CRYPT}$6$rounds=1$$"} {
		f.Add(stored, "summersun")
	}
	h, err := hash.New(hash.Config{Cost: 4, MaxRounds: 5000, MaxCost: 4})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, stored, password string) {
		if err := h.Verify(stored, password); err == nil && password == "" {
			t.Fatal("an empty password matched")
		}
		h.NeedsRehash(stored)
	})
}
