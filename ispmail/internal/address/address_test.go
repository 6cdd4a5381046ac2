package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// sources are aliases' left sides with their canonical forms, "" if there is none. Package ispmail tests addresses alone.
var sources = map[string]string{
	"John@Example.org":       "john@example.org",
	"john+Lists@example.org": "john+lists@example.org",
	"john@MÜLLER.example":    "john@xn--mller-kva.example",
	"@Example.org":           "@example.org",
	"@müller.example":        "@xn--mller-kva.example",
	"@XN--mller-KVA.example": "@xn--mller-kva.example",
	"john":                   "",
	"":                       "",
	"@":                      "",
	"@@example.org":          "",
	"a@b@example.org":        "",
	"josé@example.org":       "",
	" john@example.org":      "",
	"@ example.org":          "",
}

func TestSource(t *testing.T) {
	t.Parallel()
	for source, want := range sources {
		got, err := address.Source(source)
		assert.Equal(t, want, got, "%q", source)
		assert.Equal(t, want == "", err != nil, "%q: %v", source, err)
		assert.Equal(t, want, address.SourceOrNone(source), "%q", source)
		if !strings.HasPrefix(source, "@") {
			got, err = address.Canonical(source)
			assert.Equal(t, want, got, "%q", source)
			assert.Equal(t, want == "", err != nil, "%q: %v", source, err)
		}
	}
	got, err := address.Canonical("@example.org")
	require.Error(t, err, "a source, but no address")
	assert.Empty(t, got)
}

// TestReason checks that an error names the part that is wrong, and nothing of the address.
func TestReason(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for text, want := range map[string]string{
		"summersun":                                   "it has no @",
		"sum mersun@example.org":                      "the part before the @ has a sign that is not allowed there",
		"jörg@example.org":                            "the part before the @ has a sign that is not allowed there",
		"@example.org":                                "nothing is before the @",
		".john@example.org":                           "the part before the @ begins or ends with a dot, or has two in a row",
		"jo..hn@example.org":                          "the part before the @ begins or ends with a dot, or has two in a row",
		strings.Repeat("a", 65) + "@a.org":            "the part before the @ is longer than 64 octets",
		"summersun@":                                  "the domain is empty",
		"summersun@exam ple.org":                      "the domain is no host name",
		"x@" + strings.Repeat(long+".", 4):            "the domain is longer than 253 octets, or a part of it than 63",
		long + "@" + strings.Repeat("a.", 97):         "the domain is no host name",
		long + "@" + strings.Repeat("a.", 95) + "org": "it is longer than 254 octets",
	} {
		_, err := address.Canonical(text)
		assert.EqualError(t, err, want, "%q", text)
	}
	_, err := address.Canonical(long + "@" + strings.Repeat("a.", 94) + "or")
	assert.NoError(t, err, "of 254 octets")
}

func TestDomain(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"example.org":                   "example.org",
		"EXAMPLE.org":                   "example.org",
		"localhost":                     "localhost",
		"1.example":                     "1.example",
		"MÜLLER.example":                "xn--mller-kva.example",
		"xn--Mller-KVA.example":         "xn--mller-kva.example",
		"straße.example":                "xn--strae-oqa.example",
		"παράδειγμα.example":            "xn--hxajbheg2az3al.example",
		"ΠΑΡΆΔΕΙΓΜΑ.example":            "xn--hxajbheg2az3al.example",
		"例え.example":                    "xn--r8jz45g.example",
		"l·l.example":                   "xn--ll-0ea.example", // the middle dot of Catalan
		strings.Repeat("a.", 126) + "b": strings.Repeat("a.", 126) + "b",

		"":                               "",
		".":                              "",
		"example.org.":                   "",
		"example..org":                   "",
		"-example.org":                   "",
		"example-.org":                   "",
		"exam_ple.org":                   "",
		"example.org@":                   "",
		"ｅxample.org":                    "", // full width
		"example。org":                    "", // the ideographic full stop
		"exa\u00admple.org":              "", // a soft hyphen
		"\u212aelvin.example":            "", // the Kelvin sign, of which the lower case is k
		"\u0130.example":                 "", // the dotted İ
		"mu\u0308ller.example":           "", // not composed
		"😀.example":                      "",
		"xn--e28h.example":               "", // the same as an A-label
		"xn--a.example":                  "", // no A-label
		"\xff.example":                   "",
		strings.Repeat("a", 64) + ".org": "",
		strings.Repeat("a.", 127) + "b":  "",
		strings.Repeat("ü", 2000):        "",
	} {
		got, err := address.Domain(name)
		assert.Equal(t, want, got, "%q", name)
		assert.Equal(t, want == "", err != nil, "%q: %v", name, err)
	}
}

func TestCut(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		local, domain string
		ok            bool
	}{
		"John@Example.org": {"John", "example.org", true},
		"a@b@example.org":  {"a@b", "example.org", true},
		"@müller.example":  {"", "xn--mller-kva.example", true},
		"john@exam ple":    {"john", "", false},
		"john":             {"", "", false},
	} {
		local, domain, ok := address.Cut(text)
		assert.Equal(t, want.ok, ok, text)
		assert.Equal(t, want.local, local, text)
		assert.Equal(t, want.domain, domain, text)
	}
}

func TestDomainOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"john@example.org": "example.org",
		"a@b@example.org":  "example.org",
		"@example.org":     "example.org",
		"example.org":      "example.org",
		"john@":            "",
	} {
		assert.Equal(t, want, address.DomainOf(text), text)
	}
}

func TestSpellings(t *testing.T) {
	t.Parallel()
	for canonical, want := range map[string][]string{
		"john@example.org":           {"john@example.org"},
		"john@xn--mller-kva.example": {"john@xn--mller-kva.example", "john@müller.example"},
		"@xn--mller-kva.example":     {"@xn--mller-kva.example", "@müller.example"},
		"xn--mller-kva.example":      {"xn--mller-kva.example", "müller.example"},
		"xn--john@example.org":       {"xn--john@example.org"}, // not in the domain
	} {
		assert.Equal(t, want, address.Spellings(canonical))
	}
}

// FuzzSpellings checks that each spelling of a source leads back to its canonical form.
func FuzzSpellings(f *testing.F) {
	for source := range sources {
		f.Add(source)
	}
	f.Fuzz(func(t *testing.T, source string) {
		canonical := address.SourceOrNone(source)
		if canonical == "" {
			return
		}
		spellings := address.Spellings(canonical)
		if spellings[0] != canonical {
			t.Fatalf("%q has the canonical form %q, but is first spelt %q", source, canonical, spellings[0])
		}
		for _, spelling := range spellings {
			if again := address.SourceOrNone(spelling); again != canonical {
				t.Fatalf("%q has the canonical form %q and the spelling %q, which has %q", source, canonical, spelling, again)
			}
		}
	})
}
