package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	p, err := New(Config{MinLength: 8, SiteName: "Fastmail Köln"})
	require.NoError(t, err)
	for replacement, want := range map[string]string{
		"1234567":                       "policy-too-short",
		"üüüüüüü":                       "policy-too-short",
		"üöäüßéèê":                      "",
		"        x":                     "",
		strings.Repeat("a", 257):        "policy-too-long",
		strings.Repeat("ü", 129):        "policy-too-long",
		strings.Repeat("ü", 127) + "xy": "",
		"the current":                   "policy-same",
		"The current":                   "",
		"password1":                     "policy-common",
		"PASSWORD1":                     "policy-common",
		"password1 and more":            "",
		"john.doe@example.org":          "policy-address",
		"John.Doe":                      "policy-address",
		"doe.john-2026!":                "policy-address",
		"example.org":                   "policy-address",
		"EXAMPLE example 99":            "policy-address",
		"john likes example":            "",
		"orgorgorg":                     "policy-address",
		"fastmail köln":                 "policy-site",
		"Köln!Köln!":                    "policy-site",
		"12345 67890 2026":              "",
		"!password1234567!":             "policy-common",
		"correct horse battery staple":  "",
		"{PLAIN}secret":                 "",
	} {
		rule := p.CheckForm("john.doe@example.org", "john.doe@example.org", "the current", replacement)
		assert.Equal(t, Rule(want), rule, "%q", replacement)
	}
	for user, replacement := range map[string]string{
		"john@bücher.example":        "JOHN@BÜCHER.example",
		"john@xn--bcher-kva.example": "bücher.example 2026",
		"John@BÜCHER.example":        "bücher bücher 99",
		"j2@ab.de":                   "j2 j2! ab.de j2",
	} {
		email, err := ispmail.Canonical(user)
		require.NoError(t, err)
		assert.Equal(t, Address, p.CheckForm(email, user, "", replacement), "%s %q", user, replacement)
	}
	p, err = New(Config{MinLength: 8, AllowSame: true})
	require.NoError(t, err)
	assert.Empty(t, p.CheckForm("john.doe@example.org", "", "the current", "the current"))
}

func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	common := commonPasswords()
	assert.Greater(t, len(common), 8000)
	for password := range common {
		require.GreaterOrEqual(t, len(password), LowestMinLength)
		require.Equal(t, strings.ToLower(password), password)
		require.NotContains(t, password, "\n")
	}
}

// TestRules compares the list of rules with the constants, and asks for a sentence about each.
func TestRules(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("policy.go")
	require.NoError(t, err)
	p, err := New(Config{})
	require.NoError(t, err)
	var constants []Rule
	for _, found := range regexp.MustCompile(`Rule += "([a-z-]+)"`).FindAllStringSubmatch(string(source), -1) {
		constants = append(constants, Rule(found[1]))
		assert.NotEmpty(t, p.Text(Rule(found[1])))
	}
	assert.ElementsMatch(t, constants, Rules())
}
