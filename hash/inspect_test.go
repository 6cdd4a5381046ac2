package hash_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	for _, sample := range samples {
		want := sample.want
		want.Label = sample.stored[1:strings.IndexByte(sample.stored, '}')]
		if !want.Weak {
			want.Strength = strengths[want.Scheme]
			require.NotZero(t, want.Strength, want.Scheme)
		}
		if want.Dovecot23 == "" {
			want.Dovecot23 = hash.Accepted
		}
		if want.Dovecot24 == "" {
			want.Dovecot24 = hash.Accepted
		}
		info, err := hash.Inspect(sample.stored)
		require.NoError(t, err, sample.stored)
		want.Work = info.Work // see TestInfoWork
		assert.Equal(t, want, info, sample.stored)

		// The same without a prefix.
		info, err = newHasher(t, hash.Config{Default: want.Label}).Inspect(payload(sample.stored))
		require.NoError(t, err, sample.stored)
		want.Label, want.Unprefixed, want.Dovecot23, want.Dovecot24 = "", true, hash.Undefined, hash.Undefined
		assert.Equal(t, want, info, sample.stored)
	}
}

func TestInspectFails(t *testing.T) {
	t.Parallel()
	for stored, want := range map[string]struct {
		info hash.Info
		err  error
	}{
		"summersun":                                    {hash.Info{Unprefixed: true}, hash.ErrUnsupported},
		"{summersun":                                   {hash.Info{Unprefixed: true}, hash.ErrUnsupported},
		"{hunter2}rest":                                {hash.Info{}, hash.ErrUnsupported}, // may be the beginning of a clear text
		"{SHA.hunter2}rest":                            {hash.Info{}, hash.ErrUnsupported},
		"{CRYPT}$gy$j9T$x$y":                           {hash.Info{Label: "CRYPT", Scheme: "gost-yescrypt"}, hash.ErrUnsupported},
		"{CRYPT}$y$j/T$$" + text43:                     {hash.Info{Label: "CRYPT", Scheme: "yescrypt"}, hash.ErrUnsupported},
		"{CRYPT}$sm3$salt$x":                           {hash.Info{Label: "CRYPT", Scheme: "sm3crypt"}, hash.ErrUnsupported},
		"{CRYPT}$sm3y$j9T$x$y":                         {hash.Info{Label: "CRYPT", Scheme: "sm3-yescrypt"}, hash.ErrUnsupported},
		"{CRYPT}$md5,rounds=5000$x$":                   {hash.Info{Label: "CRYPT", Scheme: "sunmd5"}, hash.ErrUnsupported},
		"{CRYPT}_J9..rasmBYk8r9AiWNc":                  {hash.Info{Label: "CRYPT", Scheme: "bsdicrypt"}, hash.ErrUnsupported},
		"{DES-CRYPT}L8DXMiPjpv1M2........../":          {hash.Info{Label: "DES-CRYPT", Scheme: "bigcrypt"}, hash.ErrUnsupported},
		"{MD5-CRYPT}$1$rounds=$6PxdFLbT9wnQo3Ac4KKHq0": {hash.Info{Label: "MD5-CRYPT", Scheme: "MD5-CRYPT"}, hash.ErrUnsupported},
		"{CRYPT}*":                                     {hash.Info{Label: "CRYPT"}, hash.ErrMalformed},
		"{sha256-crypt}$5$x":                           {hash.Info{Label: "sha256-crypt"}, hash.ErrMalformed},
		"{SSHA512}" + strings.Repeat("A", hash.MaxStored-len("{SSHA512}")+1): {hash.Info{}, hash.ErrTooCostly},
		"{BLF-CRYPT}$2y$31$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku": {hash.Info{
			Label: "BLF-CRYPT", Scheme: "BLF-CRYPT", Cost: 31, Work: 1 << 21, Strength: hash.Bcrypt, Dovecot23: hash.Accepted, Dovecot24: hash.Accepted,
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
		right := dovecot23 == "OK" || dovecot24 == "OK"
		if strings.HasPrefix(line, "#") || strings.HasPrefix(stored, "{OTP}") || !right && hash.Verify(stored, password) != nil {
			continue
		}
		info, err := hash.Inspect(stored)
		if err != nil { // what is unprefixed, and what is refused on purpose
			require.True(t, isOneOf(err, hash.ErrUnsupported, hash.ErrMalformed), stored)
			require.True(t, info.Unprefixed || unsupported(stored) || departures[stored] != nil, stored)
			continue
		}
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
