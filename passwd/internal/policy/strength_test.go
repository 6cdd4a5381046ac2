package policy_test

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

func newPolicy(tb testing.TB, config policy.Config) *policy.Policy {
	tb.Helper()
	p, err := policy.New(config)
	require.NoError(tb, err)
	return p
}

func check(t *testing.T, p *policy.Policy, password string) policy.Rule {
	t.Helper()
	return p.Check(t.Context(), "john.doe@example.org", "john.doe@example.org", "", password)
}

// TestStrength goes through the table of what must fail and what must pass.
func TestStrength(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, policy.Config{SiteName: "Mail"})
	for _, password := range weak {
		assert.Contains(t, []policy.Rule{policy.Guess, policy.Common, policy.Address, policy.Site}, check(t, p, password), password)
	}
	for _, password := range good {
		assert.Empty(t, check(t, p, password), password)
	}
	assert.GreaterOrEqual(t, len(weak), 60)
	assert.GreaterOrEqual(t, len(good), 40)
}

// TestShortStrength: who allows eight characters gets random ones through, and no common ones.
func TestShortStrength(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, policy.Config{MinLength: 8, SiteName: "Mail"})
	for _, password := range []string{"xkT9!mv2", "3h7gq9xw", "üöäßéèêñ"} {
		assert.Empty(t, check(t, p, password), password)
	}
	for _, password := range []string{"password1", "passwort", "Passw0rd", "qwertzuiop", "hallo123", "summer2024", "schalke04", "azertyuiop", "johndoe1", "mail2024"} {
		assert.NotEmpty(t, check(t, p, password), password)
	}
}

// TestBoundedStrength: the estimator sees a beginning, so that its time is bounded, and cuts no character.
func TestBoundedStrength(t *testing.T) {
	t.Parallel()
	p := newPolicy(t, policy.Config{})
	assert.Equal(t, policy.Guess, check(t, p, strings.Repeat("a", 200)+"xkT9!mv2Qp#7wLzr"))
	assert.Empty(t, check(t, p, strings.Repeat("4@8({[<3691!|7$50+%2", 12)))
	assert.Empty(t, check(t, p, "xkT9!mv2Qp#7wLzrxkT9!mv2Qp#7wLzüö"))
}

// TestBreached asks the list last, and only for what has passed.
func TestBreached(t *testing.T) {
	t.Parallel()
	var asked []string
	p := newPolicy(t, policy.Config{Breached: func(_ context.Context, password string) bool {
		asked = append(asked, password)
		return password == "correct horse battery staple"
	}})
	assert.Equal(t, policy.Breached, check(t, p, "correct horse battery staple"))
	assert.Empty(t, check(t, p, "the canary sings at dawn"))
	assert.NotEmpty(t, check(t, p, "passwordpassword1"))
	assert.NotEmpty(t, check(t, p, "short"))
	assert.Equal(t, []string{"correct horse battery staple", "the canary sings at dawn"}, asked)
}

// FuzzCheck looks for a password that makes the estimator panic.
func FuzzCheck(f *testing.F) {
	for _, password := range append(weak, good...) {
		f.Add(password)
	}
	p := newPolicy(f, policy.Config{MinLength: 8, SiteName: "Mail"})
	f.Fuzz(func(t *testing.T, password string) {
		if rule := check(t, p, password); rule == "" && utf8.ValidString(password) {
			assert.GreaterOrEqual(t, utf8.RuneCountInString(password), 8)
		}
	})
}
