package hash_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// generating has a Config for every scheme that can be generated, as cheap as it goes.
var generating = map[string]hash.Config{
	"{SHA256-CRYPT}$5$":               {},
	"{SHA256-CRYPT}$5$rounds=1000$":   {Scheme: "sha256-crypt", Rounds: 1000},
	"{SHA512-CRYPT}$6$":               {Scheme: "SHA512-CRYPT"},
	"{SHA512-CRYPT}$6$rounds=6000$":   {Scheme: "SHA512-CRYPT", Rounds: 6000},
	"{BLF-CRYPT}$2y$04$":              {Scheme: "BLF-CRYPT", Cost: 4},
	"{ARGON2ID}$argon2id$v=19$m=1024": {Scheme: "ARGON2ID", Memory: 1024, Rounds: 1},
	"{PBKDF2}$1$":                     {Scheme: "PBKDF2", Rounds: 1000},
	"{SCRAM-SHA-256}4096,":            {Scheme: "SCRAM-SHA-256", Rounds: 4096},
}

// textPasswords are all text for Generate, whatever they look like.
var textPasswords = []string{
	"summersun", "pässwörd €", " ", "\u00a0", "{PLAIN}x", "{SHA256-CRYPT}$5$x", "$6$salt$x", strings.Repeat("a", 72),
	"with space:colon{brace}", `back\slash'"`, "🔑", "e\u0301", "é",
}

func TestGenerate(t *testing.T) {
	t.Parallel()
	for prefix, config := range generating {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			h := newHasher(t, config)
			for _, password := range textPasswords {
				stored, err := h.Generate(password)
				require.NoError(t, err)
				assert.True(t, strings.HasPrefix(stored, prefix), stored)
				assert.True(t, strings.HasPrefix(stored, "{"+h.Scheme()+"}"), stored)
				assert.NoError(t, h.Verify(stored, password), stored)
				assert.ErrorIs(t, h.Verify(stored, password[1:]+"X"), hash.ErrMismatch, stored)
				assert.False(t, h.NeedsRehash(stored), stored)
				assert.LessOrEqual(t, len(stored), 150, "the width of the column in the guide")
				again, err := h.Generate(password)
				require.NoError(t, err)
				assert.NotEqual(t, stored, again, "the salt is random")
				info, err := h.Inspect(stored)
				require.NoError(t, err)
				assert.Equal(t, h.Scheme(), info.Scheme)
				assert.False(t, info.Weak)
				assert.Equal(t, hash.Accepted, info.Dovecot23)
				assert.Equal(t, hash.Accepted, info.Dovecot24)
			}
		})
	}
}

func TestGenerateRefuses(t *testing.T) {
	t.Parallel()
	for _, config := range generating {
		h := newHasher(t, config)
		longest := 511
		if h.Scheme() == "BLF-CRYPT" {
			longest = 72
		}
		for _, password := range []string{"", "\x00", "summer\x00sun", "summer\xffsun", "\xc3", "summersun\n", "summer\ufffdsun"} {
			stored, err := h.Generate(password)
			assert.ErrorIs(t, err, hash.ErrInvalidPassword, "%s %q", h.Scheme(), password)
			assert.Equal(t, err, h.Validate(password))
			assert.Empty(t, stored)
		}
		_, err := h.Generate(strings.Repeat("a", longest))
		assert.NoError(t, err, h.Scheme())
		assert.NoError(t, h.Validate(strings.Repeat("a", longest)), h.Scheme())
		_, err = h.Generate(strings.Repeat("a", longest+1))
		assert.ErrorIs(t, err, hash.ErrPasswordTooLong, h.Scheme())
		assert.Equal(t, err, h.Validate(strings.Repeat("a", longest+1)))
		_, err = h.Generate(strings.Repeat("ä", longest/2+1))
		assert.ErrorIs(t, err, hash.ErrPasswordTooLong, "bytes are counted, not characters")
	}
}

func TestGenerateDefaults(t *testing.T) {
	t.Parallel()
	for scheme, prefix := range map[string]string{
		"":              "{SHA256-CRYPT}$5$",
		"SHA512-CRYPT":  "{SHA512-CRYPT}$6$",
		"BLF-CRYPT":     "{BLF-CRYPT}$2y$10$",
		"ARGON2ID":      "{ARGON2ID}$argon2id$v=19$m=19456,t=2,p=1$",
		"SCRAM-SHA-256": "{SCRAM-SHA-256}100000,",
		"PBKDF2":        "{PBKDF2}$1$",
	} {
		if scheme == "PBKDF2" && (raced || testing.Short()) {
			continue // takes long
		}
		h := newHasher(t, hash.Config{Scheme: scheme})
		stored, err := h.Generate("summersun")
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(stored, prefix), stored)
		assert.NoError(t, h.Verify(stored, "summersun"))
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, config := range []hash.Config{
		{Scheme: "PLAIN-MD5"},
		{Scheme: "{SHA256-CRYPT}"},
		{Scheme: "CRYPT"},
		{Scheme: "SHA256-CRYPT.HEX"},
		{Scheme: strings.Repeat("A", 100)},
		{Rounds: 999},
		{Rounds: 819_201},
		{MaxCost: 13, Rounds: 409_601},
		{Rounds: -1},
		{MaxRounds: 4000},
		{MaxRounds: 999},
		{MaxRounds: 1_000_000_000},
		{MaxRounds: -1},
		{Scheme: "BLF-CRYPT", Cost: 3},
		{Scheme: "BLF-CRYPT", Cost: 15},
		{Scheme: "BLF-CRYPT", MaxCost: 9},
		{Scheme: "BLF-CRYPT", Rounds: 5000},
		{Cost: 10},
		{Memory: 19456},
		{MaxCost: 3},
		{MaxCost: 32},
		{MaxMemory: 1023},
		{MaxMemory: 4<<20 + 1},
		{Scheme: "ARGON2ID", Memory: 1023},
		{Scheme: "ARGON2ID", Memory: 65537},
		{Scheme: "ARGON2ID", Rounds: 17},
		{Scheme: "ARGON2ID", MaxMemory: 1024},
		{Scheme: "ARGON2ID", MaxMemory: 19455},
		{Scheme: "PBKDF2", Rounds: 999},
		{Scheme: "PBKDF2", Rounds: 1_638_401},
		{Scheme: "PBKDF2", MaxRounds: 600_000},
		{Scheme: "PBKDF2", MaxCost: 13},
		{Scheme: "ARGON2ID", MaxCost: 9},
		{Scheme: "SCRAM-SHA-256", Rounds: 4095},
		{MemoryBudget: 256*1024 - 1},
		{MemoryBudget: -1},
		{MaxMemory: 65536, MemoryBudget: 65535},
		{Default: "ROT13"},
		{Default: "{PLAIN-MD5}"},
		{Default: "PLAIN.B32"},
		{KeepPlain: true, RehashChallengeResponse: true},
	} {
		h, err := hash.New(config)
		assert.Error(t, err, "%+v", config)
		assert.Nil(t, h)
	}
}
