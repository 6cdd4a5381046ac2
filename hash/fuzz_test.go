package hash_test

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// seeds are the values of all tables.
func seeds(f *testing.F) []vector {
	f.Helper()
	all := slices.Concat(doveadmVectors(f), crypt3Vectors(f), negativeVectors(f), oddVectors(f))
	for _, stored := range planted {
		all = append(all, vector{"summersun", stored, ""})
	}
	return all
}

// frugal computes next to nothing, so that fuzzing gets far.
func frugal(f *testing.F) *hash.Hasher {
	f.Helper()
	return newHasher(f, hash.Config{Rounds: 1000, MaxRounds: 1000, MaxCost: 4, MaxMemory: 1024, Default: "CRYPT"})
}

func isOneOf(err error, sentinels ...error) bool {
	return slices.ContainsFunc(sentinels, func(sentinel error) bool { return errors.Is(err, sentinel) })
}

// FuzzParse takes values apart in several spellings, which all mean the same.
func FuzzParse(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add(v.stored)
	}
	h := frugal(f)
	f.Fuzz(func(t *testing.T, stored string) {
		info, err := h.Inspect(stored)
		same := func(spelling string) {
			t.Helper()
			other, otherErr := h.Inspect(spelling)
			other.Label = info.Label
			require.Equal(t, info, other, spelling)
			require.Equal(t, err, otherErr, spelling)
		}
		if info.Label == "" {
			return
		}
		raw := payload(stored)
		same("{" + strings.ToLower(info.Label) + "}" + raw)
		same("{" + upperASCII(info.Label) + "}" + raw)
		if strings.Contains(info.Label, ".") || !isOneOf(err, nil, hash.ErrTooCostly) {
			return
		}
		switch upperASCII(info.Label) { // these have an encoding already
		case "CRAM-MD5", "DIGEST-MD5", "HMAC-MD5", "LDAP-MD5", "PLAIN-MD4", "PLAIN-MD5", "SHA", "SHA1", "SHA256", "SHA512",
			"SMD5", "SSHA", "SSHA256", "SSHA512":
			return
		}
		same("{" + info.Label + ".HEX}" + hex.EncodeToString([]byte(raw)))
		same("{" + info.Label + ".b64}" + base64.StdEncoding.EncodeToString([]byte(raw)))
		same("{" + info.Label + ".Base64} \t" + base64.StdEncoding.EncodeToString([]byte(raw)) + "\r\n")
	})
}

func upperASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

// FuzzVerify looks for panics, and for matches that must not be.
func FuzzVerify(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add(v.stored, v.user, v.password)
	}
	h := frugal(f)
	f.Fuzz(func(t *testing.T, stored, user, password string) {
		err := h.VerifyFor(user, stored, password)
		_, inspectErr := h.Inspect(stored)
		switch {
		case err == nil:
			require.NotEmpty(t, password)
			require.NotContains(t, password, "\x00")
			require.NoError(t, inspectErr)
			require.Error(t, h.VerifyFor(user, stored, ""))
			require.Error(t, h.VerifyFor(user, stored, password+"\x00"))
		case inspectErr != nil:
			require.Equal(t, inspectErr, err, "what cannot be read is refused before the password is looked at")
			require.True(t, isOneOf(err, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly), err)
		default:
			require.True(t, isOneOf(err, hash.ErrMismatch, hash.ErrPasswordTooLong, hash.ErrUserRequired), err)
		}
	})
}

// FuzzInspect looks for verdicts that contradict each other.
func FuzzInspect(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add(v.stored)
	}
	var hashers []*hash.Hasher
	for _, config := range generating {
		hashers = append(hashers, newHasher(f, config))
		config.RehashChallengeResponse, config.Default = true, "MD5"
		hashers = append(hashers, newHasher(f, config))
	}
	f.Fuzz(func(t *testing.T, stored string) {
		for _, h := range hashers {
			info, err := h.Inspect(stored)
			if err != nil {
				require.True(t, isOneOf(err, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly), err)
				require.False(t, h.NeedsRehash(stored))
				continue
			}
			require.NotEmpty(t, info.Scheme)
			require.GreaterOrEqual(t, info.Rounds, 0)
			require.Equal(t, info.Label == "", info.Dovecot24 == hash.Undefined)
			if info.Recoverable {
				require.True(t, info.Weak)
			}
			if info.Weak && !info.ChallengeResponse {
				require.True(t, h.NeedsRehash(stored))
			}
			if h.NeedsRehash(stored) && !info.Weak {
				requireNoDowngrade(t, h, info)
			}
		}
	})
}
