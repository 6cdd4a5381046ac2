package ispmail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

var canonical = map[string]string{
	"john@example.org":             "john@example.org",
	"John@Example.ORG":             "john@example.org",
	"john+lists@example.org":       "john+lists@example.org",
	"o'neill.{x}=y@example.org":    "o'neill.{x}=y@example.org",
	"john@localhost":               "john@localhost",
	"john@Müller.de":               "john@xn--mller-kva.de",
	"john@MÜLLER.de":               "john@xn--mller-kva.de",
	"john@xn--mller-kva.de":        "john@xn--mller-kva.de",
	"john@XN--Mller-KVA.de":        "john@xn--mller-kva.de",
	"john@straße.de":               "john@xn--strae-oqa.de",
	"john@ab--cd.de":               "john@ab--cd.de",
	strings.Repeat("a", 64) + "@b": strings.Repeat("a", 64) + "@b",
}

var invalid = []string{
	"", "@", "john", "john@", "@example.org", "john@@example.org", "a@b@example.org",
	" john@example.org", "john@example.org ", "john @example.org", "john@ example.org", "john@example.org\n",
	"jo\x00hn@example.org", "john@exam\x00ple.org", "john\t@example.org", "john\u200b@example.org", "john@exa\u200bmple.org",
	`"john"@example.org`, `"jo hn"@example.org`, "john(x)@example.org", "<john@example.org>", "john,jack@example.org",
	".john@example.org", "john.@example.org", "jo..hn@example.org",
	"josé@example.org", "ｊohn@example.org", "\xff@example.org", "john@exampl\xff.org", "\u212aate@example.org",
	"john@.example.org", "john@example.org.", "john@exam..ple.org", "john@-example.org", "john@example-.org",
	"john@exam_ple.org", "john@[127.0.0.1]", "john@ｅxample.org", "john@example。org", "john@exa\u00admple.org",
	"john@\u212aexample.org", "john@\u0130example.org", "john@\u212bexample.org", "john@\u2126.example.org", "john@\ufffd.org",
	"john@😀.de", "john@xn--e28h.de", "john@xn--a.de", "john@xn--.de", "john@mu\u0308ller.de",
	strings.Repeat("a", 65) + "@example.org", "john@" + strings.Repeat("a", 64) + ".org",
	"john@" + strings.Repeat("a.", 127) + "org", "john@" + strings.Repeat("ü", 2000) + ".org",
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for address, want := range canonical {
		got, err := ispmail.Canonical(address)
		require.NoError(t, err, "%q", address)
		assert.Equal(t, want, got)
	}
	for _, address := range invalid {
		got, err := ispmail.Canonical(address)
		assert.ErrorIs(t, err, ispmail.ErrInvalidAddress, "%q", address)
		assert.Empty(t, got)
		if len(address) > 1 {
			assert.NotContains(t, err.Error(), address, "the input is not echoed")
		}
	}
}

func FuzzCanonical(f *testing.F) {
	for address := range canonical {
		f.Add(address)
	}
	for _, address := range invalid {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		got, err := ispmail.Canonical(address)
		if err != nil {
			return
		}
		again, err := ispmail.Canonical(got)
		if err != nil || again != got {
			t.Fatalf("%q became %q, which becomes %q, %v", address, got, again, err)
		}
		for i := range len(got) {
			if c := got[i]; c <= ' ' || c >= 0x7f || 'A' <= c && c <= 'Z' || strings.IndexByte(`"\(),:;<>[]`, c) >= 0 {
				t.Fatalf("%q became %q", address, got)
			}
		}
	})
}
