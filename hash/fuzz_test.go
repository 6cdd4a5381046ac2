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
		if info.Locked {
			return // the name of CRYPT decides what is under the lock, see FuzzLock
		}
		same := func(spelling string) {
			t.Helper()
			if len(spelling) > hash.MaxStored {
				return // an encoding makes it longer
			}
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

// FuzzVerify has the real limits. It looks for panics, for matches that must not be, and for values that are accepted and
// ask for more work or memory than is documented. The work is counted from the text of the value. It is done only where it
// is little, and then what it allocates is counted, too.
func FuzzVerify(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add(v.stored, v.user, v.password)
	}
	for _, c := range costliest() {
		f.Add(c.stored, "john@example.org", "summersun")
	}
	h := newHasher(f, hash.Config{Default: "CRYPT"})
	f.Fuzz(func(t *testing.T, stored, user, password string) {
		info, inspectErr := h.Inspect(stored)
		if inspectErr == nil {
			requireWithinLimits(t, stored, info)
		}
		if inspectErr == nil && !info.Locked && share(info) > 0.002 {
			t.Skip("takes too long")
		}
		before := allocated()
		err := h.VerifyFor(user, stored, password)
		if !raced {
			require.LessOrEqual(t, allocated()-before, info.Memory<<10+1<<20, "counted memory")
		}
		switch {
		case info.Locked:
			require.Equal(t, hash.ErrMismatch, err)
		case err == nil:
			require.NotEmpty(t, password)
			require.NotContains(t, password, "\x00")
			require.NoError(t, inspectErr)
			require.Error(t, h.VerifyFor(user, stored, ""))
			require.Error(t, h.VerifyFor(user, stored, password+"\x00"))
			require.Equal(t, hash.ErrMismatch, h.VerifyFor(user, h.Lock(stored), password))
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
	type hasher struct {
		*hash.Hasher
		fresh   hash.Info
		upgrade bool
	}
	var hashers []hasher
	for _, config := range generating {
		h := newHasher(f, config)
		stored, err := h.Generate("summersun")
		require.NoError(f, err)
		fresh, err := h.Inspect(stored)
		require.NoError(f, err)
		hashers = append(hashers, hasher{Hasher: h, fresh: fresh})
		config.RehashChallengeResponse, config.Default, config.Upgrade = true, "MD5", true
		hashers = append(hashers, hasher{Hasher: newHasher(f, config), fresh: fresh, upgrade: true})
	}
	f.Fuzz(func(t *testing.T, stored string) {
		for _, h := range hashers {
			info, err := h.Inspect(stored)
			if err != nil {
				require.True(t, isOneOf(err, hash.ErrMalformed, hash.ErrUnsupported, hash.ErrTooCostly), err)
				require.False(t, h.NeedsRehash(stored))
				continue
			}
			if info.Locked {
				require.False(t, h.NeedsRehash(stored))
				require.Equal(t, hash.RefusedLocked, info.Dovecot24)
				continue
			}
			require.NotEmpty(t, info.Scheme)
			require.GreaterOrEqual(t, info.Rounds, 0)
			require.Equal(t, info.Unprefixed, info.Dovecot24 == hash.Undefined)
			require.Equal(t, info.Weak, info.Strength == hash.Weak)
			if info.Recoverable {
				require.True(t, info.Weak)
			}
			due := h.NeedsRehash(stored)
			if info.Weak && !info.ChallengeResponse {
				require.True(t, due)
			}
			if due && !info.Weak {
				requireNoDowngrade(t, h.fresh, info)
			}
			if h.upgrade && info.Strength < h.fresh.Strength && effort(info) <= effort(h.fresh) {
				require.True(t, due)
			}
		}
	})
}

// FuzzLock looks for values that a lock does not lock, or that come back as something else.
func FuzzLock(f *testing.F) {
	for _, v := range seeds(f) {
		f.Add(v.stored)
	}
	var hashers []*hash.Hasher
	for _, scheme := range []string{"", "CRYPT", "MD5", "PLAIN", "PLAIN.HEX", "SHA256-CRYPT"} {
		hashers = append(hashers, newHasher(f, hash.Config{Default: scheme}))
	}
	f.Fuzz(func(t *testing.T, stored string) {
		for _, h := range hashers {
			info, _ := h.Inspect(stored)
			lockedValue := h.Lock(stored)
			require.Equal(t, lockedValue, h.Lock(lockedValue))
			if len(lockedValue) > hash.MaxStored {
				continue
			}
			locked, err := h.Inspect(lockedValue)
			require.True(t, locked.Locked)
			require.Equal(t, hash.ErrMismatch, h.Verify(lockedValue, "summersun"))
			require.False(t, h.NeedsRehash(lockedValue))
			back, unlockErr := h.Unlock(lockedValue)
			if unlockErr != nil {
				require.ErrorIs(t, unlockErr, hash.ErrNoPassword)
				require.NoError(t, err)
				continue
			}
			again, againErr := h.Inspect(back)
			require.False(t, again.Locked)
			require.Equal(t, againErr, err)
			if info.Locked || back == "{CRYPT}"+stored || info.Unprefixed && strings.HasPrefix(stored, "!") {
				continue // see TestUnlock
			}
			require.Equal(t, stored, back)
			again.Label, again.Unprefixed = "CRYPT", false
			again.Locked, again.Dovecot23, again.Dovecot24 = true, locked.Dovecot23, locked.Dovecot24
			if err != nil && !errors.Is(err, hash.ErrTooCostly) {
				again.Dovecot23, again.Dovecot24 = "", ""
			}
			require.Equal(t, again, locked)
		}
	})
}
