package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// TestDestination has destinations with the form that is stored and the key. TestPostfixDestinations sends mail to them.
func TestDestination(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]string{
		"john@example.org":                      {"john@example.org", "john@example.org"},
		"User+AbC123@Boards.Trello.com":         {"User+AbC123@boards.trello.com", "user+abc123@boards.trello.com"},
		"@Müller.example":                       {"@xn--mller-kva.example", "@xn--mller-kva.example"},
		"John@MÜLLER.example":                   {"John@xn--mller-kva.example", "john@xn--mller-kva.example"},
		"a..b@docomo.ne.jp":                     {"a..b@docomo.ne.jp", `"a..b"@docomo.ne.jp`},
		`"a..b"@docomo.ne.jp`:                   {`"a..b"@docomo.ne.jp`, `"a..b"@docomo.ne.jp`},
		".a@docomo.ne.jp":                       {".a@docomo.ne.jp", `".a"@docomo.ne.jp`},
		"a.@docomo.ne.jp":                       {"a.@docomo.ne.jp", `"a."@docomo.ne.jp`},
		`"John Doe"@example.com`:                {`"John Doe"@example.com`, `"john doe"@example.com`},
		`"John"@example.com`:                    {`"John"@example.com`, "john@example.com"},
		`"a,b"@example.com`:                     {`"a,b"@example.com`, `"a,b"@example.com`},
		`"a@b"@example.com`:                     {`"a@b"@example.com`, `"a@b"@example.com`},
		`"a\"b\\c"@example.com`:                 {`"a\"b\\c"@example.com`, `"a\"b\\c"@example.com`},
		`"\a"@example.com`:                      {`"\a"@example.com`, "a@example.com"},
		`":include:/x"@example.com`:             {`":include:/x"@example.com`, `":include:/x"@example.com`},
		"/C=de/S=doe@example.com":               {"/C=de/S=doe@example.com", "/c=de/s=doe@example.com"},
		"a|b@example.com":                       {"a|b@example.com", "a|b@example.com"},
		"site!user%host@example.com":            {"site!user%host@example.com", "site!user%host@example.com"},
		"root@localhost":                        {"root@localhost", "root@localhost"},
		"root":                                  {"root", "root"},
		"Mailer-Daemon":                         {"Mailer-Daemon", "mailer-daemon"},
		"root+x":                                {"root+x", "root+x"},
		"user@[192.0.2.1]":                      {"user@[192.0.2.1]", "user@[192.0.2.1]"},
		"user@[IPv6:2001:DB8::1]":               {"user@[ipv6:2001:db8::1]", "user@[ipv6:2001:db8::1]"},
		"José@example.com":                      {"José@example.com", "josé@example.com"},
		"user@my_host.example.com":              {"user@my_host.example.com", "user@my_host.example.com"},
		strings.Repeat("a", 90) + "@github.com": {strings.Repeat("a", 90) + "@github.com", strings.Repeat("a", 90) + "@github.com"},
	} {
		stored, key, err := address.Destination(text)
		assert.NoError(t, err, text)
		assert.Equal(t, want, [2]string{stored, key}, text)
		assert.Equal(t, key, address.Key(text), text)
		assert.Equal(t, []string{text}, address.Addresses(text))
	}
}

func TestNoDestination(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                             "it has no @",
		"john at example.org":          "it has no @",
		"|/usr/bin/procmail":           "it is a command, ",
		`"|/usr/bin/vacation john"`:    "it is a command, ",
		"/var/mail/john":               "it is a file, ",
		":include:/etc/list":           "it is a list in a file, ",
		`":include:/etc/list"`:         "it is a list in a file, ",
		"john doe@example.com":         "the part before the @ has a sign that is not allowed there",
		"a@example.com, b@example.com": "the part before the @ has a sign that is not allowed there",
		"John <john@example.com>":      "the part before the @ has a sign that is not allowed there",
		"john@example.com (John)":      "the domain is no host name",
		" john@example.com":            "the part before the @ has a sign that is not allowed there",
		"john@example.com\n":           "it has a control character, or is no UTF-8",
		"\"a\tb\"@example.com":         "it has a control character, or is no UTF-8",
		"jo\x00hn@example.com":         "it has a control character, or is no UTF-8",
		"j\xffhn@example.com":          "it has a control character, or is no UTF-8",
		"j\u200bhn@example.com":        "the part before the @ has a sign that is not allowed there",
		"a@b@example.com":              "the part before the @ has a sign that is not allowed there",
		`"a"b@example.com`:             "its quotes do not stand around the whole part before the @",
		`"a@example.com`:               "its quotes do not stand around the whole part before the @",
		`"a\"@example.com`:             "its quotes do not stand around the whole part before the @",
		`a\b@example.com`:              "the part before the @ has a sign that is not allowed there",
		`""@example.com`:               "nothing is before the @",
		"@":                            "nothing is before the @",
		"@a.example:b@c.example":       "the part before the @ has a sign that is not allowed there",
		"john@":                        "the domain is empty",
		"john@example.com.":            "the domain is no host name",
		"john@192.0.2.1":               "an IP address stands in brackets, as in [192.0.2.1]",
		"john@[example.com]":           "what stands in brackets is no IP address",
		"john@[2001:db8::1]":           "what stands in brackets is no IP address",
		"john@[192.0.2.1":              "what stands in brackets is no IP address",
		"a%b@localhost":                "a local name, or one at an IP address, ",
		`"a@b"@[192.0.2.1]`:            "a local name, or one at an IP address, ",
		"-x@example.com":               "it begins with a hyphen, and Postfix delivers to no such address",
		`"-x"@example.com`:             "it begins with a hyphen, and Postfix delivers to no such address",
		"a!b":                          "it has no @, and a local account has no such name",
		"a%b":                          "it has no @, and a local account has no such name",
		`"a@b"`:                        "it has no @, and a local account has no such name",
		"a/b":                          "it has no @, and a local account has no such name",
		"josé":                         "it has no @, and a local account has no such name",
		strings.Repeat("a", 250) + "@example.com": "it is longer than 254 octets",
	} {
		_, _, err := address.Destination(text)
		assert.ErrorContains(t, err, want, "%q", text)
	}
}

// TestKey has texts of rows that are no destinations by the rules of this package, and what Postfix makes of them.
func TestKey(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"JOHN@Example.org.":   "john@example.org",
		"@a.example:john@b.c": "john@b.c",
		"a.example!john":      "john@a.example",
		"john%a.example":      "john@a.example",
		`jo\hn@b.c`:           "john@b.c",
		`"john"@b.c`:          "john@b.c",
		"john@exa_mple":       "john@exa_mple",
		"":                    "",
		"a b":                 "a b",
		"|/usr/bin/procmail":  "|/usr/bin/procmail",
		"@exa mple":           "@exa mple",
	} {
		assert.Equal(t, want, address.Key(text), text)
	}
}

func TestIsWildcard(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"*@example.org": true, "%@example.org": true, "*": true, "%": true, "**@example.org": true, ".*@example.org": true, "*@*": true,
		"@example.org": false, "a*@example.org": false, "100%@example.org": false, "": false, "john@example.org": false, ".@example.org": false,
	} {
		assert.Equal(t, want, address.IsWildcard(text), text)
	}
}
