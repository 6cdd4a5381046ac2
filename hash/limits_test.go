package hash_test

import (
	"encoding/base64"
	"encoding/hex"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// The limits of the zero Config.
const (
	mostCost   = 14
	mostRounds = 819_200
	mostMemory = 256 << 10 // KiB
	mostBlocks = 66 << mostCost
)

// A costly value takes as much as its scheme may under the zero Config.
type costly struct {
	what, stored string
	password     string
}

// costliest has values of all schemes at the limit, and of each the settings that take most in relation to what is
// counted: short slices and many lanes of Argon2, small and large blocks of scrypt, the longest passwords and salts.
func costliest() []costly {
	login, crypt := strings.Repeat("p", 8192), strings.Repeat("p", 511)
	base64Text := func(prefix string) string { return prefix + strings.Repeat("A", (hash.MaxStored-len(prefix))/4*4) }
	sha1Hex, long := strings.Repeat("0", 40), strings.Repeat("s", 30_000)
	scramKeys := ",AAAA,AAAAAAAAAAAAAAAAAAAAAAAAAAA=,AAAAAAAAAAAAAAAAAAAAAAAAAAA="
	scramKeys256 := ",AAAA," + strings.Repeat("A", 43) + "=," + strings.Repeat("A", 43) + "="
	argon2 := func(kind, setting string) string {
		return "{" + kind + "}$" + strings.ToLower(kind) + "$v=19$" + setting + saltKey
	}
	return []costly{
		{"bcrypt, cost 14", "{BLF-CRYPT}$2y$14$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku", login},
		{"$2x$, cost 14", "{BLF-CRYPT}$2x$14$cYccxzlh6VKbln0b0hBkMe8slup8QBWfcAqVLfc0yjOusX1URsXku", login},
		{"SHA256-CRYPT", "{CRYPT}$5$rounds=819200$saltsaltsaltsalt$" + text43, crypt},
		{"SHA512-CRYPT", "{CRYPT}$6$rounds=819200$saltsaltsaltsalt$" + text43 + text43, crypt},
		{"PBKDF2", "{PBKDF2}$1$" + long + "$1638400$" + sha1Hex, login},
		{"SCRAM-SHA-1", "{SCRAM-SHA-1}1638400" + scramKeys, login},
		{"SCRAM-SHA-256", "{SCRAM-SHA-256}1638400" + scramKeys256, login},
		{"sha1crypt", "{CRYPT}$sha1$1638400$" + strings.Repeat("s", 330) + "$" + text43[:28], crypt},
		{"OTP, MD4", "{OTP}md4 1638400 seedseedseedseed 0000000000000000", login},
		{"OTP, MD5", "{OTP}md5 1638400 seedseedseedseed 0000000000000000", login},
		{"OTP, SHA-1", "{OTP}sha1 1638400 seedseedseedseed 0000000000000000", login},
		{"ARGON2ID, most memory", argon2("ARGON2ID", "m=262144,t=4,p=1"), login},
		{"ARGON2I, most memory", argon2("ARGON2I", "m=262144,t=4,p=1"), login},
		{"ARGON2ID, 255 lanes", argon2("ARGON2ID", "m=260100,t=4,p=255"), login},
		{"ARGON2I, 255 lanes", argon2("ARGON2I", "m=260100,t=4,p=255"), login},
		{"ARGON2ID, short slices", argon2("ARGON2ID", "m=8,t=90112,p=1"), login},
		{"ARGON2I, short slices", argon2("ARGON2I", "m=8,t=54067,p=1"), login},
		{"ARGON2ID, lanes of short slices", argon2("ARGON2ID", "m=2040,t=353,p=255"), login},
		{"ARGON2I, lanes of short slices", argon2("ARGON2I", "m=2040,t=212,p=255"), login},
		{"scrypt, N 2^14, r 8", scryptValue(14, 8, 14), crypt},
		{"scrypt, N 2^14, r 32", scryptValue(14, 32, 3), crypt},
		{"scrypt, N 2^20, r 1", scryptValue(20, 1, 1), crypt},
		{"scrypt, N 2^18, r 7", scryptValue(18, 7, 1), crypt},
		{"scrypt, N 2, r large", scryptValue(1, 419_000, 1), crypt},
		{"scrypt, N 2, p large", scryptValue(1, 1, 216_268), crypt},
		{"scrypt, N 2, r and p", scryptValue(1, 700, 600), crypt},
		{"yescrypt, N 2^15, r 32", "{CRYPT}$y$jCT$$" + text43, crypt},
		{"yescrypt, N 2^17, r 15", "{CRYPT}$y$jEC$$" + text43, crypt},
		{"yescrypt, N 2^18, r 7", "{CRYPT}$y$jF4$$" + text43, crypt},
		{"MD5-CRYPT", "{MD5-CRYPT}$1$saltsalt$sdQOToCWyWmY3.C5XP6wc/", login},
		{"DES-CRYPT", "{CRYPT}abd0hcYtGqTts", crypt},
		{"nt", "{CRYPT}$3$$c589bf544426dd0dbc310b34320b9c28", crypt},
		{"SHA512", "{SHA512}" + strings.Repeat("A", 86) + "==", login},
		{"SSHA512, longest salt", base64Text("{SSHA512}"), login},
		{"SMD5, longest salt", base64Text("{SMD5}"), login},
		{"CRAM-MD5", "{CRAM-MD5}4e3771a1a672bdc8bd8db861c1f2a29a8e043c99300ca203a1a92bbea7506691", login},
		{"DIGEST-MD5", "{DIGEST-MD5}79b155eca02416a6c0ffed7ef3573252", login},
		{"PLAIN", "{PLAIN.HEX}" + strings.Repeat("71", 8192), login},
	}
}

// scryptValue writes N as its logarithm.
func scryptValue(log2n, r, p int) string {
	number := func(n int) string {
		var text strings.Builder
		for range 5 {
			text.WriteByte(crypt64[n&63])
			n >>= 6
		}
		return text.String()
	}
	return "{CRYPT}$7$" + string(crypt64[log2n]) + number(r) + number(p) + "salt$" + text43
}

// scryptSetting reads what scryptValue writes, in every encoding.
func scryptSetting(t *testing.T, stored string) (log2n, r, p int) {
	t.Helper()
	text := payload(stored)
	if raw, err := hex.DecodeString(text); err == nil {
		text = string(raw)
	} else if raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(text)); err == nil {
		text = string(raw)
	}
	_, text, found := strings.Cut(text, "$7$")
	require.True(t, found, stored)
	number := func(digits string) (n int) {
		for i := range len(digits) {
			n |= strings.IndexByte(crypt64, digits[i]) << (6 * i)
		}
		return n
	}
	return number(text[:1]), number(text[1:6]), number(text[6:11])
}

// TestCostliest shows that the costliest values are accepted, and that a little more is not: so they are at the limit.
func TestCostliest(t *testing.T) {
	t.Parallel()
	h := newHasher(t, hash.Config{})
	for _, c := range costliest() {
		info, err := h.Inspect(c.stored)
		require.NoError(t, err, c.what)
		requireWithinLimits(t, c.stored, info)
	}
	for _, stored := range []string{
		scryptValue(14, 8, 15), scryptValue(14, 32, 5), scryptValue(20, 2, 1), scryptValue(18, 8, 1), scryptValue(1, 420_000, 1),
		scryptValue(1, 1, 432_538), scryptValue(1, 700, 618), "{CRYPT}$y$jDT$$" + text43, "{CRYPT}$y$jED$$" + text43,
		"{CRYPT}$y$jF5$$" + text43,
		"{ARGON2ID}$argon2id$v=19$m=262144,t=5,p=1" + saltKey, "{ARGON2I}$argon2i$v=19$m=8,t=54068,p=1" + saltKey,
		"{ARGON2ID}$argon2id$v=19$m=8,t=90113,p=1" + saltKey, "{ARGON2ID}$argon2id$v=19$m=262144,t=1,p=2" + saltKey,
		"{ARGON2I}$argon2i$v=19$m=2040,t=213,p=255" + saltKey,
	} {
		_, err := h.Inspect(stored)
		assert.ErrorIs(t, err, hash.ErrTooCostly, stored)
	}
}

// requireWithinLimits counts the work of a value that is accepted under the zero Config from its text.
func requireWithinLimits(t *testing.T, stored string, info hash.Info) {
	t.Helper()
	require.LessOrEqual(t, len(stored), hash.MaxStored)
	require.LessOrEqual(t, info.Cost, mostCost)
	require.LessOrEqual(t, info.Memory, mostMemory)
	switch info.Scheme {
	case "SHA256-CRYPT", "SHA512-CRYPT":
		require.LessOrEqual(t, info.Rounds, mostRounds)
	case "ARGON2I", "ARGON2ID": // with many lanes half of the memory is stacks
		require.LessOrEqual(t, info.Rounds*info.Memory, 2*mostBlocks, stored)
	case "scrypt": // 128 bytes, which are computed twice
		n, r, p := scryptSetting(t, stored)
		require.LessOrEqual(t, p*r<<n, 2*mostBlocks, stored)
		require.LessOrEqual(t, (p+(1<<n)+2)*r/8, mostMemory, stored)
	case "yescrypt":
		require.Equal(t, 1, info.Rounds)
	default:
		require.LessOrEqual(t, info.Rounds, 2*mostRounds)
	}
}

// share is the part of the limits that a value takes, roughly.
func share(info hash.Info) float64 {
	switch {
	case info.Memory > 0:
		return float64(info.Memory) * float64(info.Rounds) / mostBlocks
	case info.Cost > 0:
		return 1 / float64(int(1)<<(mostCost-min(info.Cost, mostCost)))
	default:
		return float64(info.Rounds) / mostRounds
	}
}

// allocated is how many bytes have been allocated so far.
func allocated() int {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.TotalAlloc) //nolint:gosec // fits
}

// TestMemory counts what verification allocates: not more than Info says, and not much less.
func TestMemory(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	for _, stored := range []string{
		"{ARGON2ID}$argon2id$v=19$m=8192,t=1,p=1" + saltKey, "{ARGON2I}$argon2i$v=19$m=8192,t=1,p=4" + saltKey,
		scryptValue(10, 8, 1), scryptValue(1, 7, 4096), scryptValue(1, 4096, 1), scryptValue(4, 32, 64),
		"{CRYPT}$y$j85$$" + text43, "{CRYPT}$y$j9T$$" + text43, "{CRYPT}$y$jB.$$" + text43,
	} {
		info, err := hash.Inspect(stored)
		require.NoError(t, err)
		before := allocated()
		require.ErrorIs(t, hash.Verify(stored, "summersun"), hash.ErrMismatch)
		took := allocated() - before
		assert.LessOrEqual(t, took, info.Memory<<10+64<<10, stored)
		assert.GreaterOrEqual(t, took, info.Memory<<10*9/10, stored)
	}
}

// TestMaxRoundsFollowsMaxCost has the default of MaxRounds for some MaxCost.
func TestMaxRoundsFollowsMaxCost(t *testing.T) {
	t.Parallel()
	for cost, want := range map[int]string{
		14: "819200", 15: "1638400", 13: "409600", 7: "6400", 6: "5000", 4: "5000", 28: "999999999", 31: "999999999",
	} {
		h := newHasher(t, hash.Config{MaxCost: cost})
		value := func(rounds string) string { return "{CRYPT}$5$rounds=" + rounds + "$salt$" + text43 }
		_, err := h.Inspect(value(want))
		assert.NoError(t, err, cost)
		if cost < 28 {
			_, err = h.Inspect(value(strings.Replace(want, "00", "01", 1)))
			assert.ErrorIs(t, err, hash.ErrTooCostly, cost)
		}
	}
}
