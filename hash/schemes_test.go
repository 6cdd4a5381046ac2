package hash_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// A documented row of the table in the package documentation.
type documented struct{ generate, strength, length, dovecot24 string }

func documentation(t *testing.T) map[string]documented {
	t.Helper()
	source, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	table := map[string]documented{}
	for line := range strings.Lines(string(source)) {
		c := strings.Split(strings.TrimPrefix(line, "//\t"), "|")
		if len(c) != 6 || strings.HasPrefix(c[0], "-") {
			continue
		}
		for i := range c {
			c[i] = strings.TrimSpace(c[i])
		}
		for name := range strings.SplitSeq(c[0], ", ") {
			table[name] = documented{c[1], c[2], c[3], c[4]}
		}
	}
	delete(table, "scheme")
	return table
}

// TestDocumentation compares the table of the package documentation with Schemes and with all vectors.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	table := documentation(t)
	acceptance := map[string]hash.Acceptance{"": hash.Accepted, "refused": hash.RefusedWeak, "unknown": hash.RefusedUnknown}
	listed := 0
	for i, s := range hash.Schemes() {
		if s.Name != strings.ToUpper(s.Name) {
			continue // a method of crypt(3)
		}
		row, ok := table[s.Name]
		require.True(t, ok, "%s is not in the table", s.Name)
		listed++
		assert.Equal(t, row.generate != "", s.Generated, s.Name)
		assert.Equal(t, row.generate == "default", i == 0, s.Name)
		if row.strength != "any" {
			assert.Equal(t, row.strength, s.Strength.String(), s.Name)
		}
		assert.Equal(t, acceptance[row.dovecot24], s.Dovecot24, s.Name)
		if s.Generated {
			assertLength(t, row.length, strings.Repeat("x", s.Length.Min))
			assertLength(t, row.length, strings.Repeat("x", s.Length.Max))
		}
	}
	assert.Len(t, table, listed)

	seen := map[string]bool{}
	for _, v := range append(append(doveadmVectors(t), crypt3Vectors(t)...), vector{stored: "{PLAIN-TRUNC}9-summersun"}) {
		info, err := hash.Inspect(v.stored)
		if err != nil || info.Mislabelled || strings.Contains(info.Label, ".") {
			continue
		}
		row := table[info.Label]
		seen[info.Label] = true
		assertLength(t, row.length, v.stored)
		if info.Label == "CRYPT" || info.Scheme == "PBKDF2" && info.Rounds == 1 { // goes by the payload; has feeble settings
			continue
		}
		assert.Equal(t, row.strength, info.Strength.String(), v.stored)
		assert.Equal(t, acceptance[row.dovecot24], info.Dovecot24, v.stored)
	}
	for name := range table {
		assert.True(t, seen[name], "no vector of %s", name)
	}
}

func assertLength(t *testing.T, allowed, stored string) {
	t.Helper()
	if allowed == "any" {
		return
	}
	low, high, ranged := strings.Cut(allowed, "-")
	if !ranged {
		high = low
	}
	least, err := strconv.Atoi(low)
	require.NoError(t, err)
	most, err := strconv.Atoi(high)
	require.NoError(t, err)
	assert.GreaterOrEqual(t, len(stored), least, stored)
	assert.LessOrEqual(t, len(stored), most, stored)
}

// TestSchemes compares the list with what New, Generate and Inspect do.
func TestSchemes(t *testing.T) {
	t.Parallel()
	all := hash.Schemes()
	byName := map[string]hash.SchemeInfo{}
	for _, s := range all {
		require.NotContains(t, byName, s.Name)
		byName[s.Name] = s
		config := hash.Config{Scheme: s.Name, Rounds: s.Rounds.Min, Cost: s.Cost.Min, Memory: s.Memory.Min}
		h, err := hash.New(config)
		require.Equal(t, s.Generated, err == nil, s.Name)
		if !s.Generated {
			assert.Zero(t, s.Rounds)
			assert.Zero(t, s.Length)
			continue
		}
		stored, err := h.Generate(strings.Repeat("x", s.MaxPassword))
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(stored, s.Prefix))
		info, err := hash.Inspect(stored)
		require.NoError(t, err)
		assert.Equal(t, s.Strength, info.Strength)
		assert.Equal(t, []int{s.Rounds.Min, s.Cost.Min, s.Memory.Min}, []int{info.Rounds, info.Cost, info.Memory}, s.Name)
		assert.LessOrEqual(t, len(stored), s.Length.Max)
		assert.ErrorIs(t, h.Validate(strings.Repeat("x", s.MaxPassword+1)), hash.ErrPasswordTooLong)

		for _, over := range []func(*hash.Config){
			func(c *hash.Config) { c.Rounds = s.Rounds.Max + 1 },
			func(c *hash.Config) { c.Cost = s.Cost.Max + 1 },
			func(c *hash.Config) { c.Memory = s.Memory.Max + 1 },
		} {
			beyond := config
			over(&beyond)
			_, err = hash.New(beyond)
			assert.Error(t, err, "%+v", beyond)
		}
		_, err = hash.New(hash.Config{Scheme: s.Name, Rounds: s.Rounds.Max, Cost: s.Cost.Max, Memory: s.Memory.Max})
		assert.NoError(t, err, s.Name)
	}
	for _, sample := range samples {
		s, ok := byName[sample.want.Scheme]
		require.True(t, ok, sample.want.Scheme)
		assert.True(t, s.Verified)
		assert.Equal(t, sample.want.Recoverable, s.Recoverable)
		assert.Equal(t, sample.want.ChallengeResponse, s.ChallengeResponse)
		assert.Equal(t, s.Name == "DIGEST-MD5", s.UserRequired)
		if !sample.want.Weak {
			assert.Equal(t, strengths[s.Name], s.Strength)
		}
	}
	for name, stored := range map[string]string{
		"gost-yescrypt": "{CRYPT}$gy$j9T$x$y", "sunmd5": "{CRYPT}$md5$x$", "bsdicrypt": "{CRYPT}_J9..rasmBYk8r9AiWNc",
		"bigcrypt": "{CRYPT}L8DXMiPjpv1M2........../", "sm3crypt": "{CRYPT}$sm3$x$", "sm3-yescrypt": "{CRYPT}$sm3y$x$",
	} {
		info, err := hash.Inspect(stored)
		assert.ErrorIs(t, err, hash.ErrUnsupported)
		assert.Equal(t, name, info.Scheme)
		assert.False(t, byName[name].Verified)
		assert.True(t, strings.HasPrefix(stored, byName[name].Prefix), name)
	}
	all[0].Name = "changed"
	assert.Equal(t, "SHA256-CRYPT", hash.Schemes()[0].Name)
}

// TestSchemesLength makes values with the settings that write the shortest and the longest text.
func TestSchemesLength(t *testing.T) {
	t.Parallel()
	for _, s := range hash.Schemes() {
		if !s.Generated {
			continue
		}
		digits := func(n int) int { return len(strconv.Itoa(n)) }
		lengths := map[string][2]int{
			"SHA256-CRYPT":  {77, 77 + len("rounds=$") + digits(s.Rounds.Max)},
			"SHA512-CRYPT":  {120, 120 + len("rounds=$") + digits(s.Rounds.Max)},
			"BLF-CRYPT":     {71, 71},
			"ARGON2ID":      {len("{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1") + len(saltKey), len("{ARGON2ID}$argon2id$v=19$m=65536,t=16,p=1") + len(saltKey)},
			"PBKDF2":        {len("{PBKDF2}$1$1234567890123456$1000$") + 40, len("{PBKDF2}$1$1234567890123456$1234567$") + 40},
			"SCRAM-SHA-256": {len("{SCRAM-SHA-256}4096,") + 24 + 1 + 44 + 1 + 44, len("{SCRAM-SHA-256}1638400,") + 24 + 1 + 44 + 1 + 44},
		}[s.Name]
		assert.Equal(t, lengths, [2]int{s.Length.Min, s.Length.Max}, s.Name)
	}
}
