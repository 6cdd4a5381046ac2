package hash_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

func TestLock(t *testing.T) {
	t.Parallel()
	for _, sample := range samples {
		locked := hash.Lock(sample.stored)
		assert.Equal(t, "{CRYPT}!"+sample.stored, locked)
		assert.Equal(t, locked, hash.Lock(locked), "once is enough")
		assert.ErrorIs(t, hash.Verify(locked, "summersun"), hash.ErrMismatch, locked)
		assert.False(t, hash.NeedsRehash(locked), locked)
		info, err := hash.Inspect(locked)
		require.NoError(t, err)
		want, err := hash.Inspect(sample.stored)
		require.NoError(t, err)
		want.Label = "CRYPT"
		want.Locked, want.Dovecot23, want.Dovecot24 = true, hash.RefusedLocked, hash.RefusedLocked
		assert.Equal(t, want, info, locked)
		stored, err := hash.Unlock(locked)
		require.NoError(t, err)
		assert.Equal(t, sample.stored, stored)
		stored, err = hash.Unlock(sample.stored)
		require.NoError(t, err)
		assert.Equal(t, sample.stored, stored, "there is nothing to unlock")
	}
}

// TestUnlock has locks of all kinds, and what is none. An empty want is ErrNoPassword.
func TestUnlock(t *testing.T) {
	t.Parallel()
	sha, md5 := payload(guideSHA256), payload(guideMD5)
	for _, c := range []struct{ defaultScheme, stored, want string }{
		{"", "{CRYPT}!" + guideSHA256, guideSHA256},
		{"", "{CRYPT}!!" + guideSHA256, guideSHA256},
		{"", "{crypt}!{CRYPT}!" + guideSHA256, guideSHA256},
		{"", "{CRYPT}!{PLAIN}!secret", "{PLAIN}!secret"}, // the password is !secret
		{"", "{CRYPT}!{ROT13}secret", "{ROT13}secret"},
		{"", "{CRYPT}!" + sha, "{CRYPT}" + sha}, // after usermod -L
		{"", "{CRYPT}!!" + sha, "{CRYPT}" + sha},
		{"", "{SHA256-CRYPT}!" + sha, guideSHA256},
		{"", "{sha256-crypt}!!" + sha, "{sha256-crypt}" + sha},
		{"", "{PLAIN-MD5}!" + md5, guideMD5},
		{"", "{PLAIN-MD5.HEX}!" + md5, "{PLAIN-MD5.HEX}" + md5},
		{"", "{BLF-CRYPT}!" + payload(guideBcrypt), guideBcrypt},
		{"", "{SHA256-CRYPT}!{PLAIN}x", "{SHA256-CRYPT}{PLAIN}x"}, // CRYPT alone holds a whole value
		{"", "{CRYPT}!" + md5, md5},
		{"", "{CRYPT}!*", "{CRYPT}*"},
		{"", hash.Lock("!" + sha), "{CRYPT}" + sha}, // which was locked before
		{"", "{CRYPT}!", ""},
		{"", "{CRYPT}!!", ""},
		{"", "{CRYPT}!{SHA}", ""},
		{"", "{SSHA}!", ""},
		{"CRYPT", "{CRYPT}!" + sha, sha},
		{"CRYPT", "!" + sha, sha},
		{"CRYPT", "{CRYPT}!!" + sha, sha},
		{"MD5", "{CRYPT}!" + md5, md5},
		{"MD5", "{CRYPT}!" + sha, "{CRYPT}" + sha},
		{"PLAIN", "{CRYPT}!!secret", "!secret"},
		{"PLAIN", "{CRYPT}!thirteenchars", "thirteenchars"}, // not DES-CRYPT
		{"PLAIN", "{CRYPT}!" + sha, "{CRYPT}" + sha},

		{"", "{PLAIN}!secret", "{PLAIN}!secret"}, // not locked, the password is !secret
		{"", "{CLEARTEXT}!secret", "{CLEARTEXT}!secret"},
		{"", "{PLAIN-TRUNC}!7-secret", "{PLAIN-TRUNC}!7-secret"},
		{"", "{ROT13}!secret", "{ROT13}!secret"},
		{"", "!secret", "!secret"},
		{"PLAIN", "!secret", "!secret"},
		{"PLAIN.B64", "!secret", "!secret"},
		{"", "{CRYPT}*", "{CRYPT}*"},
		{"", "", ""},
	} {
		h := newHasher(t, hash.Config{Default: c.defaultScheme})
		info, _ := h.Inspect(c.stored)
		got, err := h.Unlock(c.stored)
		assert.Equal(t, c.want, got, c.stored)
		if c.stored == c.want {
			assert.NoError(t, err)
			assert.False(t, info.Locked, c.stored)
			continue
		}
		assert.True(t, info.Locked, c.stored)
		assert.ErrorIs(t, h.Verify(c.stored, "summersun"), hash.ErrMismatch, c.stored)
		if c.want == "" {
			assert.ErrorIs(t, err, hash.ErrNoPassword, c.stored)
		} else {
			assert.NoError(t, err, c.stored)
		}
	}
	info, err := hash.Inspect("{CRYPT}!")
	require.NoError(t, err)
	assert.Equal(t, hash.Info{
		Label: "CRYPT", Locked: true, Dovecot23: hash.RefusedLocked, Dovecot24: hash.RefusedLocked,
	}, info)
	require.NoError(t, hash.Verify("{PLAIN}!secret", "!secret"))
}
