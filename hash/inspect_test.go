package hash_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// resists ranks the schemes that are not weak by how they resist guessing: 1 for iterated hashes, 2 for bcrypt and the
// memory-hard functions.
var resists = map[string]int{
	"SHA256-CRYPT": 1, "SHA512-CRYPT": 1, "PBKDF2": 1, "SCRAM-SHA-1": 1, "SCRAM-SHA-256": 1, "sha1crypt": 1,
	"BLF-CRYPT": 2, "ARGON2I": 2, "ARGON2ID": 2, "scrypt": 2, "yescrypt": 2,
}

// requireNoDowngrade is for a value that is not weak and that h would replace: what h makes must not be weaker.
func requireNoDowngrade(t *testing.T, h *hash.Hasher, info hash.Info) {
	t.Helper()
	stored, err := h.Generate("summersun")
	require.NoError(t, err)
	made, err := h.Inspect(stored)
	require.NoError(t, err)
	require.NotZero(t, resists[info.Scheme], info.Scheme)
	require.GreaterOrEqual(t, resists[made.Scheme], resists[info.Scheme], info.Scheme)
	if resists[info.Scheme] == 1 && resists[made.Scheme] == 1 {
		require.GreaterOrEqual(t, made.Rounds, info.Rounds)
	}
	if made.Scheme == info.Scheme {
		require.GreaterOrEqual(t, made.Cost, info.Cost)
		require.GreaterOrEqual(t, made.Memory*made.Rounds, info.Memory*info.Rounds)
	}
}

// samples has a stored value of "summersun" for every scheme and method, in the order of strength and so that what
// Dovecot 2.4 refuses can be seen.
var samples = []struct {
	stored string
	want   hash.Info
	// due: replaced whatever is preferred. Without it only a dearer setting of the same scheme is due.
	due bool
}{
	{"{PLAIN}summersun", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{clear}summersun", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{CLEARTEXT.HEX}73756d6d657273756e", hash.Info{Scheme: "PLAIN", Weak: true, Recoverable: true}, true},
	{"{PLAIN-TRUNC}9-summersun", hash.Info{Scheme: "PLAIN-TRUNC", Weak: true, Recoverable: true}, true},
	{"{SHA}Ap5TVNW58HqFzaJttpTA9LG+U+8=", hash.Info{Scheme: "SHA", Rounds: 1, Weak: true}, true},
	{"{SHA1.HEX}029e5354d5b9f07a85cda26db694c0f4b1be53ef", hash.Info{Scheme: "SHA", Rounds: 1, Weak: true}, true},
	{"{SHA256}XD3JqG8hnaiYvapXzkcbfAOhuVxX1S9GVOt3fBh1omA=", hash.Info{Scheme: "SHA256", Rounds: 1, Weak: true}, true},
	{"{SSHA}R6owdhUPKSbAEpiibkuBC6rGYVKqUY51", hash.Info{Scheme: "SSHA", Rounds: 1, Weak: true}, true},
	{"{SSHA256}rtMOnlKpmcNp1hn1qrZRqnCjHptE29hGRKP1FXG+vrPkzjGE", hash.Info{Scheme: "SSHA256", Rounds: 1, Weak: true}, true},
	{"{SMD5}7UJJjUSDQPY47Y8zOA2kGpcCXd0=", hash.Info{Scheme: "SMD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{guideMD5, hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{LDAP-MD5}FMv7hFrx8DDjcrHLknXm3Q==", hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{MD5}FMv7hFrx8DDjcrHLknXm3Q==", hash.Info{Scheme: "PLAIN-MD5", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{PLAIN-MD4}02132756396b17c8f5f4888d3c5b2a51", hash.Info{Scheme: "PLAIN-MD4", Rounds: 1, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{MD5}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{SHA512-CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", hash.Info{Scheme: "MD5-CRYPT", Rounds: 1000, Weak: true, Mislabelled: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}abd0hcYtGqTts", hash.Info{Scheme: "DES-CRYPT", Rounds: 25, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{DES-CRYPT}aGeLhKrjo8sVQ", hash.Info{Scheme: "DES-CRYPT", Rounds: 25, Weak: true, Dovecot24: hash.RefusedWeak}, true},
	{"{CRYPT}$3$$c589bf544426dd0dbc310b34320b9c28", hash.Info{Scheme: "nt", Rounds: 1, Weak: true}, true},
	{"{PBKDF2}$1$$1$228fd1e2966ee8f4b21f765157def104153b3485", hash.Info{Scheme: "PBKDF2", Rounds: 1, Weak: true}, true},
	{"{CRYPT}$sha1$909$r6Jm.iqGB/bocCAnh5/y$Zr.BaKqWZP0SRa4UggTF0Ta7oo84", hash.Info{Scheme: "sha1crypt", Rounds: 909, Weak: true}, true},

	{"{CRAM-MD5}4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691", hash.Info{Scheme: "CRAM-MD5", Rounds: 1, Weak: true, ChallengeResponse: true}, false},
	{"{HMAC-MD5}4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691", hash.Info{Scheme: "HMAC-MD5", Rounds: 1, Weak: true, ChallengeResponse: true, Dovecot24: hash.RefusedWeak}, false},
	{"{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252", hash.Info{Scheme: "DIGEST-MD5", Rounds: 1, Weak: true, ChallengeResponse: true}, false},
	{"{OTP}sha1 1024 58ebd555984bd217 58162c99cfac2065", hash.Info{Scheme: "OTP", Rounds: 1024, Weak: true, ChallengeResponse: true, Dovecot24: hash.RefusedUnknown}, false},
	{"{SCRAM-SHA-1}4096,WWwD7BYc12GZvvxkVV4TuA==,lZKKad1qxCrm4cJREs7Uizl8OFs=,A4Z581X2JzBH9Q25+Tc5PlU2erU=", hash.Info{Scheme: "SCRAM-SHA-1", Rounds: 4096, ChallengeResponse: true}, false},
	{"{SCRAM-SHA-256}4096,1vm12jd/OxxlOJH43kLNfg==,w29GAtDatTYyT2EhuTbQwt0GSAmJih36f/2DzXkZV6w=,shBFjNowscCGi/FgX3bdwfq5JbLLWcWrr21IPYrbNSk=", hash.Info{Scheme: "SCRAM-SHA-256", Rounds: 4096, ChallengeResponse: true}, false},

	{guideSHA256, hash.Info{Scheme: "SHA256-CRYPT", Rounds: 5000}, false},
	{"{CRYPT}" + payload(guideSHA256), hash.Info{Scheme: "SHA256-CRYPT", Rounds: 5000}, false},
	{"{CRYPT}$6$rounds=1000$499Y48kWAFYklt6L$g5oPXyvyFoNBDSWvUOzHdnI/H1tfVuEmMSp3r/iVfzAqDcFHtxw/jnRhqy3KLdqwQUMxM41WvHIHvqjILuT0i0", hash.Info{Scheme: "SHA512-CRYPT", Rounds: 1000}, false},
	{"{PBKDF2}$1$xs4ygJNJs6Cg3lyZ$5000$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac", hash.Info{Scheme: "PBKDF2", Rounds: 5000}, false},
	{guideBcrypt, hash.Info{Scheme: "BLF-CRYPT", Cost: 5}, false},
	{"{CRYPT}" + payload(guideBcrypt), hash.Info{Scheme: "BLF-CRYPT", Cost: 5}, false},
	{"{CRYPT}$7$CU..../....Z4Avnjo5sS3RzFJwqaQE90$4w1/7NoilIyjaNTbaYgNkoQJq6.EGvtYU0CC0F9m4K8", hash.Info{Scheme: "scrypt", Rounds: 1, Memory: 65536}, false},
	{"{CRYPT}$y$j75$sCUVzhpi64JndXnjdPY03/$V4WoD1LxtRi49zDkeWjELH6AbXtKvzYzsT2.GH2XSQA", hash.Info{Scheme: "yescrypt", Rounds: 1, Memory: 1024}, false},
	{"{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$T2yvI+oK8lDmMrK7IhWEsg$yJJJNJcRIV4encZIsGoqXQkg027hMA3KYLc4RFtDP4o", hash.Info{Scheme: "ARGON2I", Rounds: 4, Memory: 32768}, false},
	{"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 65536}, false},
	{"{ARGON2ID}$argon2id$v=19$m=262144,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 262144, Dovecot23: hash.RefusedMemory, Dovecot24: hash.RefusedMemory}, false},
	{"{ARGON2}$argon2id$v=19$m=65536,t=3,p=1" + saltKey, hash.Info{Scheme: "ARGON2ID", Rounds: 3, Memory: 65536, Dovecot23: hash.RefusedUnknown}, false},
}

// preferred has a Config for every scheme that can be generated, with its defaults.
var preferred = []string{"SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID", "PBKDF2", "SCRAM-SHA-256"}

func TestInspect(t *testing.T) {
	t.Parallel()
	for _, sample := range samples {
		want := sample.want
		want.Label = sample.stored[1:strings.IndexByte(sample.stored, '}')]
		if want.Dovecot23 == "" {
			want.Dovecot23 = hash.Accepted
		}
		if want.Dovecot24 == "" {
			want.Dovecot24 = hash.Accepted
		}
		info, err := hash.Inspect(sample.stored)
		require.NoError(t, err, sample.stored)
		assert.Equal(t, want, info, sample.stored)

		// The same without a prefix.
		info, err = newHasher(t, hash.Config{Default: want.Label}).Inspect(payload(sample.stored))
		require.NoError(t, err, sample.stored)
		want.Label, want.Dovecot23, want.Dovecot24 = "", hash.Undefined, hash.Undefined
		assert.Equal(t, want, info, sample.stored)
	}
}

func TestInspectFails(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]struct {
		info hash.Info
		err  error
	}{
		"summersun":          {hash.Info{}, hash.ErrUnsupported},
		"{ROT13}summersun":   {hash.Info{Label: "ROT13"}, hash.ErrUnsupported},
		"{CRYPT}$gy$j9T$x$y": {hash.Info{Label: "CRYPT"}, hash.ErrUnsupported},
		"{CRYPT}!":           {hash.Info{Label: "CRYPT"}, hash.ErrMalformed},
		"{sha256-crypt}$5$x": {hash.Info{Label: "sha256-crypt"}, hash.ErrMalformed},
		"{BLF-CRYPT}$2y$31$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku": {hash.Info{
			Label: "BLF-CRYPT", Scheme: "BLF-CRYPT", Cost: 31, Dovecot23: hash.Accepted, Dovecot24: hash.Accepted,
		}, hash.ErrTooCostly},
	} {
		info, err := hash.Inspect(stored)
		require.ErrorIs(t, err, want.err, stored)
		assert.Equal(t, want.info, info, stored)
	}
}

// TestInspectLikeLiveDovecot has what logins to live servers said. Their 2.4.1 still knew OTP.
func TestInspectLikeLiveDovecot(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/live-auth.tsv")
	require.NoError(t, err)
	seen := map[hash.Acceptance]int{}
	for line := range strings.Lines(string(text)) {
		c := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		stored, password, dovecot23, dovecot24 := c[1], c[2], c[3], c[4]
		if strings.HasPrefix(line, "#") || hash.Verify(stored, password) != nil || strings.HasPrefix(stored, "{OTP}") {
			continue
		}
		info, err := hash.Inspect(stored)
		require.NoError(t, err)
		assert.Equal(t, dovecot23 == "OK", info.Dovecot23 == hash.Accepted, stored)
		assert.Equal(t, dovecot24 == "OK", info.Dovecot24 == hash.Accepted, stored)
		assert.Equal(t, dovecot24 == "TEMPFAIL", info.Dovecot24 == hash.RefusedWeak, stored)
		seen[info.Dovecot23]++
		seen[info.Dovecot24]++
	}
	for _, a := range []hash.Acceptance{hash.Accepted, hash.RefusedWeak, hash.RefusedUnknown} {
		assert.Positive(t, seen[a], a)
	}
}

// TestNeedsRehashTable has all schemes on one side and all that can be preferred on the other.
func TestNeedsRehashTable(t *testing.T) {
	t.Parallel()
	for _, scheme := range preferred {
		if raced && scheme == "PBKDF2" {
			continue // what it would make takes seconds
		}
		h := newHasher(t, hash.Config{Scheme: scheme})
		all := newHasher(t, hash.Config{Scheme: scheme, RehashChallengeResponse: true})
		keep := newHasher(t, hash.Config{Scheme: scheme, KeepPlain: true})
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
			if h.NeedsRehash(sample.stored) && !sample.want.Weak {
				requireNoDowngrade(t, h, sample.want)
			}

			// Without a prefix, or with that of another crypt, a value is due unless the new one were weaker.
			bare := newHasher(t, hash.Config{Scheme: scheme, Default: sample.stored[1:strings.IndexByte(sample.stored, '}')]})
			if bare.NeedsRehash(payload(sample.stored)) {
				if !sample.want.Weak {
					requireNoDowngrade(t, bare, sample.want)
				}
			} else if !sample.want.ChallengeResponse {
				assert.False(t, sample.want.Weak, what)
				assert.NotZero(t, resists[sample.want.Scheme], what)
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

// TestInspectTruncated cuts every value anywhere: a column may have been too narrow.
func TestInspectTruncated(t *testing.T) {
	t.Parallel()
	for _, set := range [][]vector{doveadmVectors(t), crypt3Vectors(t), oddVectors(t), negativeVectors(t)} {
		for _, v := range set {
			for end := range v.stored {
				_, err := hash.Inspect(v.stored[:end])
				require.True(t, isOneOf(err, nil, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly))
				_, err = hash.Inspect(v.stored[end:])
				require.True(t, isOneOf(err, nil, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly))
			}
		}
	}
}
