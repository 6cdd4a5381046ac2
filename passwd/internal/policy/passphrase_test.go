package policy_test

import (
	"math"
	"strings"
	"testing"

	"github.com/sethvargo/go-diceware/diceware"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// TestPassphrase looks at the list and at what is drawn from it: at least 64 bits, that anybody can read out.
func TestPassphrase(t *testing.T) {
	t.Parallel()
	list := map[string]bool{}
	for dice := range 66666 {
		if word := diceware.WordListEffLarge().WordAt(dice + 1); word != "" && !strings.Contains(word, "-") {
			require.Regexp(t, "^[a-z]{3,9}$", word)
			list[word] = true
		}
	}
	bits := 0.0
	for n := range 5 { // no word comes twice
		bits += math.Log2(float64(len(list) - n))
	}
	assert.GreaterOrEqual(t, bits, 64.0)

	seen := map[string]bool{}
	for range 2000 {
		text := policy.Passphrase()
		drawn := strings.Split(text, "-")
		require.Len(t, drawn, 5, text)
		for _, word := range drawn {
			require.True(t, list[word], text)
			seen[word] = true
		}
	}
	assert.Greater(t, len(seen), len(list)/2, "10,000 draws of 7,772 words miss about a quarter of them")
}

// TestPassphrasePasses generates for every length that may be asked for.
func TestPassphrasePasses(t *testing.T) {
	t.Parallel()
	for _, least := range []int{policy.LowestMinLength, policy.DefaultMinLength, 19, 20, 30, 49, 50, 63, policy.LowestMaxLength} {
		for _, most := range []int{policy.LowestMaxLength, 72, policy.DefaultMaxLength} {
			p, err := policy.New(policy.Config{MinLength: least, MaxLength: most, SiteName: "Mail"})
			require.NoError(t, err)
			text := p.Passphrase(t.Context())
			assert.Empty(t, p.Check(t.Context(), "john@example.org", "john@example.org", "", text), "%d to %d: %s", least, most, text)
			assert.LessOrEqual(t, len(text), 72)
			assert.GreaterOrEqual(t, strings.Count(text, "-"), 4)
		}
	}
}
