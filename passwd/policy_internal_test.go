package passwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	service, err := New(Config{Changer: struct{ Changer }{}, MinLength: 8, SiteName: "Fastmail Köln"})
	require.NoError(t, err)
	for replacement, want := range map[string]string{
		"1234567":                "policy-too-short",
		"üüüüüüü":                "policy-too-short",
		"üüüüüüüü":               "",
		"        x":              "",
		strings.Repeat("a", 257): "policy-too-long",
		strings.Repeat("ü", 129): "policy-too-long",
		strings.Repeat("ü", 128): "",
		"the current":            "policy-same",
		"The current":            "",
		"password1":              "policy-common",
		"PASSWORD1":              "policy-common",
		"password1 and more":     "",
		"john.doe@example.org":   "policy-address",
		"John.Doe":               "policy-address",
		"doe.john-2026!":         "policy-address",
		"example.org":            "policy-address",
		"EXAMPLE example 99":     "policy-address",
		"john likes example":     "",
		"orgorgorg":              "policy-address",
		"fastmail köln":          "policy-site",
		"Köln!Köln!":             "policy-site",
		"12345 67890 2026":       "",
		"{PLAIN}secret":          "",
	} {
		v, ok := service.policy("john.doe@example.org", form{user: "x", current: "the current", replacement: replacement})
		assert.Equal(t, want == "", ok, "%q %s", replacement, v.reason)
		assert.Equal(t, want, v.reason, "%q", replacement)
	}
	service.config.AllowSame = true
	_, ok := service.policy("john.doe@example.org", form{current: "the current", replacement: "the current"})
	assert.True(t, ok)
}

func TestCommonPasswords(t *testing.T) {
	t.Parallel()
	common := commonPasswords()
	assert.Greater(t, len(common), 8000)
	for password := range common {
		require.GreaterOrEqual(t, len(password), lowestMinLength)
		require.Equal(t, strings.ToLower(password), password)
		require.NotContains(t, password, "\n")
	}
}
