package passwd

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

func TestPolicy(t *testing.T) {
	t.Parallel()
	service, err := New(Config{Changer: struct{ Changer }{}, MinLength: 8, SiteName: "Fastmail Köln"})
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
		"passwordpassword":              "policy-common",
		"iloveyouiloveyouil":            "policy-common",
		"aaaaaaaaaaaaaaa":               "policy-common",
		"ÜÜÜÜÜÜÜÜÜÜÜÜÜÜÜ":               "policy-common",
		"123456789012345":               "policy-common",
		"987654321098765":               "policy-common",
		"abcdefghijklmnop":              "policy-common",
		"qwertyuiopasdfgh":              "policy-common",
		"!password1234567!":             "policy-common",
		"correct horse battery staple":  "",
		"{PLAIN}secret":                 "",
	} {
		v, ok := service.policy("john.doe@example.org", form{user: "john.doe@example.org", current: "the current", replacement: replacement})
		assert.Equal(t, want == "", ok, "%q %s", replacement, v.reason)
		assert.Equal(t, want, v.reason, "%q", replacement)
	}
	for user, replacement := range map[string]string{
		"john@bücher.example":        "JOHN@BÜCHER.example",
		"john@xn--bcher-kva.example": "bücher.example 2026",
		"John@BÜCHER.example":        "bücher bücher 99",
		"j2@ab.de":                   "j2 j2! ab.de j2",
	} {
		email, err := ispmail.Canonical(user)
		require.NoError(t, err)
		v, _ := service.policy(email, form{user: user, replacement: replacement})
		assert.Equal(t, "policy-address", v.reason, "%s %q", user, replacement)
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
