package hash_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// effort is the cost of guessing in parts of what OWASP asks for at least.
func effort(info hash.Info) float64 {
	switch {
	case info.Memory > 0:
		return float64(info.Memory*info.Rounds) / (19456 * 2)
	case info.Cost > 0:
		return math.Exp2(float64(info.Cost - 10))
	default:
		return float64(info.Rounds) / 1_300_000
	}
}

// made is what a Hasher of the scheme makes with its defaults.
func made(t *testing.T, scheme string) hash.Info {
	t.Helper()
	for _, s := range hash.Schemes() {
		if s.Name == scheme {
			return hash.Info{Scheme: scheme, Rounds: s.Rounds.Default, Cost: s.Cost.Default, Memory: s.Memory.Default}
		}
	}
	t.Fatal("unknown scheme ", scheme)
	return hash.Info{}
}

// requireNoDowngrade is for a value that is not weak and is replaced: what is made must not be weaker.
func requireNoDowngrade(t *testing.T, fresh, old hash.Info) {
	t.Helper()
	require.NotZero(t, strengths[old.Scheme], old.Scheme)
	require.GreaterOrEqual(t, strengths[fresh.Scheme], strengths[old.Scheme], old.Scheme)
	if old.Scheme != "scrypt" { // whose Memory is not the one that is passed over
		require.GreaterOrEqual(t, effort(fresh), effort(old), old.Scheme)
	}
}

// TestNeedsRehashTable has all schemes on one side and all that can be preferred on the other.
func TestNeedsRehashTable(t *testing.T) {
	t.Parallel()
	for _, scheme := range preferred {
		fresh := made(t, scheme)
		h := newHasher(t, hash.Config{Scheme: scheme})
		all := newHasher(t, hash.Config{Scheme: scheme, RehashChallengeResponse: true})
		keep := newHasher(t, hash.Config{Scheme: scheme, KeepPlain: true})
		upgrade := newHasher(t, hash.Config{Scheme: scheme, Upgrade: true})
		for _, sample := range samples {
			dearer := map[string]bool{ // than the sample, under the same scheme
				"PBKDF2 PBKDF2": true, "SCRAM-SHA-256 SCRAM-SHA-256": true, "BLF-CRYPT BLF-CRYPT": true,
				"SHA512-CRYPT SHA512-CRYPT": true,
			}[scheme+" "+sample.want.Scheme]
			what := scheme + " " + sample.stored
			assert.Equal(t, sample.due || dearer, h.NeedsRehash(sample.stored), what)
			assert.Equal(t, sample.due || dearer || sample.want.ChallengeResponse && scheme != sample.want.Scheme,
				all.NeedsRehash(sample.stored), what)
			isPlain := sample.want.Scheme == "PLAIN"
			assert.Equal(t, (sample.due || dearer) && !isPlain, keep.NeedsRehash(sample.stored), what)
			upgraded := sample.due || dearer || !sample.want.ChallengeResponse &&
				strengths[scheme] > strengths[sample.want.Scheme] && effort(fresh) >= effort(sample.want)
			assert.Equal(t, upgraded, upgrade.NeedsRehash(sample.stored), what)
			for _, h := range []*hash.Hasher{h, all, keep, upgrade} {
				assert.False(t, h.NeedsRehash(h.Lock(sample.stored)), what)
			}
			if upgraded && !sample.want.Weak {
				requireNoDowngrade(t, fresh, sample.want)
			}

			// Without a prefix, or with that of another crypt, a value is due unless the new one were weaker.
			bare := newHasher(t, hash.Config{Scheme: scheme, Default: sample.stored[1:strings.IndexByte(sample.stored, '}')]})
			if bare.NeedsRehash(payload(sample.stored)) {
				if !sample.want.Weak {
					requireNoDowngrade(t, fresh, sample.want)
				}
			} else if !sample.want.ChallengeResponse {
				assert.False(t, sample.want.Weak, what)
				assert.NotZero(t, strengths[sample.want.Scheme], what)
			}
		}
	}
}

func TestNeedsRehash(t *testing.T) {
	t.Parallel()
	sha, bc := payload(guideSHA256), payload(guideBcrypt)
	sha512 := "$6$salt$" + strings.Repeat("a", 86)
	for _, c := range []struct {
		config hash.Config
		stored string
		want   bool
	}{
		{hash.Config{}, guideSHA256, false},
		{hash.Config{Rounds: 6000}, guideSHA256, true},
		{hash.Config{Rounds: 1000}, guideSHA256, false}, // never cheaper
		{hash.Config{}, "{SHA512-CRYPT}" + sha512, false},
		{hash.Config{}, "{SHA256-CRYPT}" + sha512, true}, // mislabelled
		{hash.Config{}, "{SHA256-CRYPT}$6$rounds=5001$salt$" + sha512[8:], false},
		{hash.Config{}, "{DES-CRYPT}" + sha, true},    // refused by 2.4 for its name
		{hash.Config{}, "{DES-CRYPT}" + bc, false},    // the same, but bcrypt never becomes sha-crypt
		{hash.Config{}, "{SHA256-CRYPT}" + bc, false}, // nor here
		{hash.Config{Default: "CRYPT"}, bc, false},    // nor here
		{hash.Config{Scheme: "ARGON2ID"}, "{SHA256-CRYPT}" + bc, true},
		{hash.Config{Scheme: "BLF-CRYPT", Cost: 4}, "{SHA256-CRYPT}" + bc, false},
		{hash.Config{Scheme: "BLF-CRYPT"}, guideBcrypt, true},
		{hash.Config{Scheme: "BLF-CRYPT", Cost: 5}, guideBcrypt, false},
		{hash.Config{Scheme: "BLF-CRYPT"}, guideSHA256, false}, // strong enough
		{hash.Config{}, sha, false},                            // cannot be verified
		{hash.Config{Default: "CRYPT"}, sha, true},
		{hash.Config{Default: "CRYPT", Rounds: 1000}, sha, false},
		{hash.Config{Default: "CRYPT"}, "{CRYPT}" + sha, false},
		{hash.Config{Default: "PLAIN", KeepPlain: true}, "summersun", false},
		{hash.Config{Default: "PLAIN"}, "summersun", true},
		{hash.Config{}, "{ROT13}x", false},
		{hash.Config{}, "{SHA256-CRYPT}x", false},
		{hash.Config{}, "{PLAIN}", false},
		{hash.Config{}, "", false},
		{hash.Config{Scheme: "ARGON2ID"}, "{ARGON2ID}$argon2id$v=19$m=19456,t=1,p=1" + saltKey, true},
		{hash.Config{Scheme: "ARGON2ID"}, "{ARGON2ID}$argon2id$v=19$m=9728,t=4,p=1" + saltKey, false},
		{hash.Config{}, "{ARGON2ID}$argon2id$v=19$m=8,t=1,p=1" + saltKey, true}, // argon2 in name only
		{hash.Config{Scheme: "SCRAM-SHA-256", Default: "SCRAM-SHA-256"}, payload(samples[27].stored), true},
		{hash.Config{RehashChallengeResponse: true}, strings.Replace(samples[27].stored, "4096", "5001", 1), false},
	} {
		assert.Equal(t, c.want, newHasher(t, c.config).NeedsRehash(c.stored), "%+v %s", c.config, c.stored)
	}
}

// TestUpgrade has the ways up, and the ways down that are none.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	bcrypt := func(cost string) string { return strings.Replace(guideBcrypt, "$05$", "$"+cost+"$", 1) }
	argon2ID := func(setting string) string { return "{ARGON2ID}$argon2id$v=19$" + setting + saltKey }
	strong := hash.Config{Scheme: "ARGON2ID", Memory: 65536, Rounds: 3}
	for _, c := range []struct {
		config hash.Config
		stored string
		want   bool
	}{
		{hash.Config{Scheme: "ARGON2ID"}, guideSHA256, true},
		{hash.Config{Scheme: "ARGON2ID"}, "{CRYPT}" + payload(guideSHA256), true},
		{hash.Config{Scheme: "ARGON2ID"}, bcrypt("05"), true}, // as doveadm and the guide make it
		{hash.Config{Scheme: "ARGON2ID"}, bcrypt("10"), true},
		{hash.Config{Scheme: "ARGON2ID"}, bcrypt("11"), false}, // harder to guess than the new value
		{strong, bcrypt("12"), true},
		{strong, bcrypt("13"), false},
		{strong, argon2ID("m=19456,t=2,p=1"), true}, // the same scheme, cheaper
		{strong, argon2ID("m=65536,t=4,p=1"), false},
		{strong, strings.ReplaceAll(argon2ID("m=8192,t=4,p=1"), "argon2id", "argon2i"), true}, // mislabelled
		{strong, "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1" + saltKey, false},                   // of the same strength
		{hash.Config{Scheme: "ARGON2ID", Memory: 1024, Rounds: 1}, guideSHA256, true},         // 0.03 of OWASP's, and 0.004
		{hash.Config{Scheme: "ARGON2ID", Memory: 1024, Rounds: 1}, bcrypt("05"), false},       // 0.03 of OWASP's as well
		{hash.Config{Scheme: "BLF-CRYPT"}, guideSHA256, true},
		{hash.Config{Scheme: "BLF-CRYPT"}, "{PBKDF2}$1$salt$1300000$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac", true},
		{hash.Config{Scheme: "BLF-CRYPT", Cost: 9}, "{PBKDF2}$1$salt$1300000$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac", false},
		{hash.Config{Scheme: "BLF-CRYPT"}, argon2ID("m=19456,t=2,p=1"), false},
		{hash.Config{Scheme: "BLF-CRYPT"}, "{CRYPT}$y$j9T$1yIYmWjyUX65vJ/8.MiOg0$" + text43, false},
		{hash.Config{}, bcrypt("05"), false},
		{hash.Config{Scheme: "SHA512-CRYPT"}, guideSHA256, false}, // of the same strength
		{hash.Config{Scheme: "ARGON2ID"}, samples[27].stored, false},
		{hash.Config{Scheme: "ARGON2ID", RehashChallengeResponse: true}, samples[27].stored, true},
		{hash.Config{Scheme: "ARGON2ID", KeepPlain: true}, "{PLAIN}summersun", false},
		{hash.Config{Scheme: "ARGON2ID"}, "{CRYPT}!" + guideSHA256, false},
		{hash.Config{Scheme: "ARGON2ID"}, bcrypt("31"), false},
	} {
		c.config.Upgrade = true
		assert.Equal(t, c.want, newHasher(t, c.config).NeedsRehash(c.stored), "%+v %s", c.config, c.stored)
	}
}

func TestStrength(t *testing.T) {
	t.Parallel()
	assert.IsIncreasing(t, []int{int(hash.Weak), int(hash.Iterated), int(hash.Bcrypt), int(hash.MemoryHard)})
	for strength, want := range map[hash.Strength]string{
		hash.Weak: "weak", hash.Iterated: "iterated", hash.Bcrypt: "bcrypt", hash.MemoryHard: "memory-hard", -1: "unknown",
	} {
		assert.Equal(t, want, strength.String())
	}
}
