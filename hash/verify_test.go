package hash_test

import (
	"errors"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/ispmail/go-ispmail/hash"
)

// departures are the stored values on which this package and Dovecot disagree, on purpose, or because it is not worth
// the code. All of them are refused here.
var departures = map[string]error{
	// An empty password is no secret.
	"{PLAIN}":     hash.ErrMalformed,
	"{PLAIN.B64}": hash.ErrMalformed,
	// The length wraps around to 9 at 2^64, and the password matches with anything after it.
	"{PLAIN-TRUNC}18446744073709551625-summersun": hash.ErrMismatch,
	// Every password matches.
	"{PBKDF2}$1$salt$0$0000000000000000000000000000000000000000": hash.ErrMalformed,
	// doveadm takes MD5-CRYPT without a prefix, with text after it. What an SQL table holds never gets there.
	"$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/$": hash.ErrUnsupported,
}

// unsupported are the methods of crypt(3) that this package does not know.
func unsupported(stored string) bool {
	return strings.HasPrefix(stored, "{CRYPT}$gy$") || strings.HasPrefix(stored, "{CRYPT}$md5") ||
		strings.HasPrefix(stored, "{CRYPT}_")
}

func TestVerifyVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, set := range []struct {
		name    string
		vectors []vector
	}{
		{"doveadm", doveadmVectors(t)},
		{"crypt3", crypt3Vectors(t)},
		{"odd", oddVectors(t)},
	} {
		for _, v := range set.vectors {
			info, _ := hash.Inspect(v.stored)
			costly := share(info) > 0.01
			if costly && seen[info.Scheme] && !*full {
				continue // one of each scheme, all with -full
			}
			seen[info.Scheme] = true
			t.Run(set.name, func(t *testing.T) {
				t.Parallel()
				verify := func(password string) error { return newHasher(t, hash.Config{}).VerifyFor(v.user, v.stored, password) }
				if want := departures[v.stored]; want != nil {
					require.ErrorIs(t, verify(v.password), want, v.stored)
					return
				}
				if unsupported(v.stored) {
					require.ErrorIs(t, verify(v.password), hash.ErrUnsupported, v.stored)
					return
				}
				if v.password == "" {
					require.Error(t, verify(""), v.stored)
					return
				}
				require.NoError(t, verify(v.password), v.stored)
				if costly {
					return // the cheap ones show as well that another password does not match
				}
				require.ErrorIs(t, verify(string(v.password[0]^1)+v.password[1:]), hash.ErrMismatch, v.stored)
			})
		}
	}
}

func TestVerifyNegativeVectors(t *testing.T) {
	t.Parallel()
	for _, v := range negativeVectors(t) {
		err := newHasher(t, hash.Config{}).VerifyFor(v.user, v.stored, v.password)
		require.Error(t, err, v.stored)
		known := false
		for _, sentinel := range []error{
			hash.ErrMismatch, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly, hash.ErrUserRequired,
		} {
			known = known || errors.Is(err, sentinel)
		}
		assert.True(t, known, "%s: %v", v.stored, err)
	}
}

func TestVerifyGuide(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{guideSHA256, guideBcrypt, guideMD5, "{CRYPT}" + payload(guideBcrypt)} {
		require.NoError(t, hash.Verify(stored, "summersun"), stored)
		for _, wrong := range []string{
			"", "Summersun", "summersun ", " summersun", "summersu", "summersun\x00", "summersun\x00summersun",
		} {
			assert.ErrorIs(t, hash.Verify(stored, wrong), hash.ErrMismatch, "%s %q", stored, wrong)
		}
	}
}

func TestVerifyRefuses(t *testing.T) {
	t.Parallel()
	sha, bc := payload(guideSHA256), payload(guideBcrypt)
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
		"{CRYPT}$y$k9T$$" + text43:               hash.ErrUnsupported,
		"{CRYPT}L8DXMiPjpv1M2........../":        hash.ErrUnsupported, // bigcrypt
		"{CRYPT}x":                               hash.ErrMalformed,
		"{CRYPT}*":                               hash.ErrMalformed,
		"{SHA256-CRYPT}":                         hash.ErrMalformed,
		"{SHA256-CRYPT}$5$":                      hash.ErrMalformed,
		guideSHA256 + " ":                        hash.ErrMalformed,
		guideSHA256[:60]:                         hash.ErrMalformed,
		"{SHA256-CRYPT.HEX}xyz":                  hash.ErrMalformed,
		"{CRYPT}$5$rounds=999$salt" + sha[19:]:   hash.ErrMalformed,
		"{CRYPT}$5$rounds=05000$salt" + sha[19:]: hash.ErrMalformed,
		"{CRYPT}$5$rounds=+5000$salt" + sha[19:]: hash.ErrMalformed,
		"{CRYPT}$5$rounds=1000000000$salt" + sha[19:]:          hash.ErrMalformed,
		"{CRYPT}$5$a:b" + sha[19:]:                             hash.ErrMalformed,
		"{CRYPT}$5$12345678901234567" + sha[19:]:               hash.ErrMalformed,
		"{PLAIN-MD5}":                                          hash.ErrMalformed,
		"{PLAIN-MD5}14cbfb845af1f030e372":                      hash.ErrMalformed,
		"{PLAIN-TRUNC}0-summersun":                             hash.ErrMalformed,
		"{PLAIN-TRUNC}-summersun":                              hash.ErrMalformed,
		"{PLAIN-TRUNC}-":                                       hash.ErrMalformed,
		"{PLAIN-TRUNC}0-":                                      hash.ErrMalformed,
		"{PLAIN-TRUNC}summersun":                               hash.ErrMalformed,
		"{MD5}":                                                hash.ErrMalformed,
		"{MD5-CRYPT}$1$rounds=1$sdQOToCWyWmY3.C5XP6wc/":        hash.ErrUnsupported,
		"{CRYPT}$sha1$010$ab$mS2Fg/ViI4ofZ1tiaCKW7Yxy2xw6":     hash.ErrMalformed,
		"{CRYPT}$3$x$c589bf544426dd0dbc310b34320b9c28":         hash.ErrMalformed,
		"{CRYPT}$3$$C589BF544426DD0DBC310B34320B9C28":          hash.ErrMalformed,
		"{OTP}sha1 -5 58ebd555984bd217 58162c99cfac2065":       hash.ErrMalformed,
		"{OTP}sha1 01024 58ebd555984bd217 58162c99cfac2065":    hash.ErrMalformed,
		"{OTP}sha1  1024 58ebd555984bd217 58162c99cfac2065":    hash.ErrMalformed,
		"{OTP}SHA1 1024 58ebd555984bd217 58162c99cfac2065":     hash.ErrMalformed,
		"{BLF-CRYPT}" + sha:                                    hash.ErrMalformed,
		"{BLF-CRYPT}" + bc + "x":                               hash.ErrMalformed,
		"{BLF-CRYPT}" + strings.Replace(bc, "$2y$", "$2z$", 1): hash.ErrMalformed,
		"{BLF-CRYPT}" + strings.Replace(bc, "$05$", "$03$", 1): hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1$jHzFHPq8nA/mAOJN\nxCoMZQ$tszllaQCElOm03TeW5PTnrN492/N8HCF2uDKsqGx7aU": hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1$jHzFHPq8nA/mAOJNxCoMZR$tszllaQCElOm03TeW5PTnrN492/N8HCF2uDKsqGx7aU":   hash.ErrMalformed, // surplus bits
		"{ARGON2ID}$argon2id$v=19$t=1,m=1024,p=1" + saltKey:                                                            hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=19$m=1024,t=01,p=1" + saltKey:                                                           hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1,x=1" + saltKey:                                                        hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=19$m=7,t=1,p=1" + saltKey:                                                               hash.ErrMalformed,
		"{ARGON2ID}$argon2id$v=16$m=1024,t=1,p=1" + saltKey:                                                            hash.ErrMalformed,
		"{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252":                                                                 hash.ErrUserRequired,
	} {
		assert.ErrorIs(t, hash.Verify(stored, "summersun"), want, stored)
	}
}

const (
	text43  = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP."
	saltKey = "$jHzFHPq8nA/mAOJNxCoMZQ$tszllaQCElOm03TeW5PTnrN492/N8HCF2uDKsqGx7aU"
)

// planted are values that would take minutes, or all memory, if anyone computed them.
var planted = []string{
	"{CRYPT}$5$rounds=999999999$salt$" + text43,
	"{CRYPT}$6$rounds=999999999$salt$" + text43 + text43,
	"{SHA512-CRYPT}$6$rounds=819201$s$" + text43 + text43,
	"{CRYPT}$sha1$4294967295$salt$" + text43[:28],
	"{CRYPT}$sha1$1638401$salt$" + text43[:28],
	"{PBKDF2}$1$salt$4294967295$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac",
	"{PBKDF2}$1$salt$1638401$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac",
	"{SCRAM-SHA-1}2147483647,WWwD7BYc12GZvvxkVV4TuA==,lZKKad1qxCrm4cJREs7Uizl8OFs=,A4Z581X2JzBH9Q25+Tc5PlU2erU=",
	"{OTP}sha1 2147483647 58ebd555984bd217 58162c99cfac2065",
	"{BLF-CRYPT}$2y$31$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku",
	"{BLF-CRYPT}$2y$15$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku",
	"{SHA256-CRYPT}$2x$31$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku",
	"{ARGON2ID}$argon2id$v=19$m=4294967295,t=1,p=1" + saltKey,
	"{ARGON2ID}$argon2id$v=19$m=262145,t=1,p=1" + saltKey,
	"{ARGON2ID}$argon2id$v=19$m=262144,t=5,p=1" + saltKey,
	"{ARGON2I}$argon2i$v=19$m=8,t=4294967295,p=1" + saltKey,
	"{ARGON2I}$argon2i$v=19$m=4096,t=1,p=256" + saltKey,
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$" + strings.Repeat("A", 1000) + "$tszllaQCElOm03TeW5PTnrN492/N8HCF2uDKsqGx7aU",
	"{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$jHzFHPq8nA/mAOJNxCoMZQ$" + strings.Repeat("A", 172),
	"{CRYPT}$7$zzzzzzzzzzzsalt$" + text43,
	"{CRYPT}$7$Nzzzz/....salt$" + text43,
	"{CRYPT}$7$CU....z...salt$" + text43,
	"{CRYPT}$7$U/..../....salt$" + text43,
	"{CRYPT}$7$/5....zzz1.abcd$...........................................", // N=2, r=7, p=1048575: 900 MiB, 13 s
	"{CRYPT}$7$/5..../.../abcd$" + text43,
	"{ARGON2I}$argon2i$v=19$m=2040,t=514,p=255" + saltKey, // 2.7 s, because slices are short
	"{ARGON2I}$argon2i$v=19$m=8,t=131072,p=1" + saltKey,
	"{SSHA512}" + strings.Repeat("A", hash.MaxStored), // 24 KiB of salt
	"{PLAIN}" + strings.Repeat("A", hash.MaxStored),
	"{CRYPT}$y$jzz$1yIYmWjyUX65vJ/8.MiOg0$" + text43,
	"{CRYPT}$y$jFT$1yIYmWjyUX65vJ/8.MiOg0$" + text43,
}

// TestVerifyTooCostly would not end if a planted value were computed. That none gets as far as to ask for its memory is
// counted.
func TestVerifyTooCostly(t *testing.T) {
	for _, stored := range planted {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := hash.Verify(stored, "summersun")
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, hash.ErrTooCostly, stored)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(64<<10), stored)
		_, err = hash.Inspect(stored)
		require.ErrorIs(t, err, hash.ErrTooCostly, stored)
		require.False(t, hash.NeedsRehash(stored), stored)
	}
}

func TestVerifyLimits(t *testing.T) {
	t.Parallel()
	for stored, config := range map[string]hash.Config{
		guideSHA256: {Rounds: 1000, MaxRounds: 4999},
		guideBcrypt: {MaxCost: 4},
		"{CRYPT}$y$j75$sCUVzhpi64JndXnjdPY03/$V4WoD1LxtRi49zDkeWjELH6AbXtKvzYzsT2.GH2XSQA": {MaxMemory: 1027},
		"{PBKDF2}$1$xs4ygJNJs6Cg3lyZ$5000$8bb2a05edf14a7280d17ce9d84c014bc8c0833ac":        {Rounds: 1000, MaxRounds: 2499},
	} {
		require.NoError(t, hash.Verify(stored, "summersun"), stored)
		if strings.HasPrefix(stored, "{CRYPT}") { // exactly at the limit
			require.NoError(t, newHasher(t, config).Verify(stored, "summersun"))
			continue
		}
		require.ErrorIs(t, newHasher(t, config).Verify(stored, "summersun"), hash.ErrTooCostly, stored)
	}
}

func TestVerifyBcryptCutsAt72(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 8)
	made, err := bcrypt.GenerateFromPassword([]byte(long[:72]), bcrypt.MinCost)
	require.NoError(t, err)
	require.NoError(t, hash.Verify("{BLF-CRYPT}"+string(made), long))
	require.ErrorIs(t, hash.Verify("{BLF-CRYPT}"+string(made), long[:71]), hash.ErrMismatch)
}

func TestVerifyDESCutsAt8(t *testing.T) {
	t.Parallel()
	require.NoError(t, hash.Verify("{CRYPT}abd0hcYtGqTts", "summersuXXX"))
	require.ErrorIs(t, hash.Verify("{CRYPT}abd0hcYtGqTts", "summers"), hash.ErrMismatch)
}

// TestVerifySignExtension has hashes of libxcrypt for bytes from 0x80 on, of which $2x$ takes another key than $2y$.
func TestVerifySignExtension(t *testing.T) {
	t.Parallel()
	// The vectors of https://www.openwall.com/crypt/ (crypt_blowfish, wrapper.c).
	require.NoError(t, hash.Verify("{BLF-CRYPT}$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xa3"))
	require.NoError(t, hash.Verify("{BLF-CRYPT}$2x$05$/OK.fbVrR/bpIqNJ5ianF.CE5elHaaO4EbggVDjb8P19RukzXSM3e", "\xff\xff\xa3"))
	require.NoError(t, hash.Verify("{BLF-CRYPT}$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xa3"))
	require.ErrorIs(t, hash.Verify("{BLF-CRYPT}$2y$05$/OK.fbVrR/bpIqNJ5ianF.Sa7shbm4.OzKpvFnX1pQLmQW96oUlCq", "\xff\xff\xa3"), hash.ErrMismatch)
}

// TestVerifyOTP has the vectors of RFC 2289, appendix C, for the password "This is a test.".
func TestVerifyOTP(t *testing.T) {
	t.Parallel()
	for _, payload := range []string{
		"md4 0 TeSt D1854218EBBB0B51", "md4 1 TeSt 63473EF01CD0B444", "md4 99 TeSt C5E612776E6C237A",
		"md5 0 TeSt 9E876134D90499DD", "md5 1 TeSt 7965E05436F5029F", "md5 99 TeSt 50FE1962C4965880",
		"sha1 0 TeSt BB9E6AE1979D8FF4", "sha1 1 TeSt 63D936639734385B", "sha1 99 TeSt 87FEC7768B73CCF9",
	} {
		require.NoError(t, hash.Verify("{OTP}"+payload, "This is a test."), payload)
		require.ErrorIs(t, hash.Verify("{OTP}"+payload, "this is a test."), hash.ErrMismatch, payload)
	}
}

func TestVerifyLongPassword(t *testing.T) {
	t.Parallel()
	for stored, longest := range map[string]int{
		guideSHA256:            511,
		"{CRYPT}abd0hcYtGqTts": 511,
		"{CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/":     511,
		"{MD5-CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/": 8192,
		guideBcrypt:        8192,
		guideMD5:           8192,
		"{PLAIN}summersun": 8192,
	} {
		require.ErrorIs(t, hash.Verify(stored, strings.Repeat("a", longest)), hash.ErrMismatch, stored)
		require.ErrorIs(t, hash.Verify(stored, strings.Repeat("a", longest+1)), hash.ErrPasswordTooLong, stored)
	}
}

// TestVerifyLongPasswordIsNoWork counts allocations: reading the stored value takes one, hashing two more.
func TestVerifyLongPasswordIsNoWork(t *testing.T) {
	long := strings.Repeat("a", 1<<20)
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { _ = hash.Verify(guideSHA256, long) }), 1.0)
}

func TestVerifyFor(t *testing.T) {
	t.Parallel()
	const stored = "{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252" // of john@example.org
	require.NoError(t, newHasher(t, hash.Config{}).VerifyFor("john@example.org", stored, "summersun"))
	for _, other := range []string{"John@example.org", "john@example.orG", "john", "jane@example.org", "john@@example.org"} {
		err := newHasher(t, hash.Config{}).VerifyFor(other, stored, "summersun")
		require.ErrorIs(t, err, hash.ErrMismatch, other)
	}
	require.NoError(t, newHasher(t, hash.Config{}).VerifyFor("anyone", guideMD5, "summersun"))
}

func TestDefaultScheme(t *testing.T) {
	t.Parallel()
	h := newHasher(t, hash.Config{Default: "plain-md5"})
	stored := payload(guideMD5)
	require.NoError(t, h.Verify(stored, "summersun"))
	require.True(t, h.NeedsRehash(stored))
	require.NoError(t, h.Verify(guideSHA256, "summersun"), "a prefix wins")
	require.ErrorIs(t, h.Verify("{"+stored, "summersun"), hash.ErrMalformed)

	h = newHasher(t, hash.Config{Default: "PLAIN.b64"})
	require.NoError(t, h.Verify("c3VtbWVyc3Vu", "summersun"))
	require.ErrorIs(t, h.Verify("", "summersun"), hash.ErrMalformed)
}

// TestErrorsKeepSecrets plants a canary in the stored value.
func TestErrorsKeepSecrets(t *testing.T) {
	t.Parallel()
	for _, stored := range []string{
		"canary", "{canary}canary", "{CRYPT}canary", "{PLAIN-MD5}canary", "{SHA256-CRYPT}$5$canary", "{PLAIN}xcanary",
		"{CRYPT}$y$canary$canary$canary", "{OTP}canary 1 canary canary", "{ARGON2ID}$canary", "{PLAIN.canary}canary",
	} {
		err := hash.Verify(stored, "canary")
		require.Error(t, err)
		assert.NotContains(t, err.Error(), "canary")
		_, err = hash.Inspect(stored)
		if err != nil {
			assert.NotContains(t, err.Error(), "canary")
		}
	}
}
