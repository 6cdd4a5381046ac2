package address_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

func TestAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"john@example.org":                     {"john@example.org"},
		" john@example.org ":                   {"john@example.org"},
		"a@example.org, b@example.org":         {"a@example.org", "b@example.org"},
		"a@example.org b@example.org\nc":       {"a@example.org", "b@example.org", "c"},
		"a@example.org;b@example.org,":         {"a@example.org", "b@example.org"},
		"John Doe <john@example.org>, <a@b.c>": {"john@example.org", "a@b.c"},
		"a@b.c <d@e.f> g@h.i":                  {"d@e.f", "g@h.i"},
		"@example.org":                         {"@example.org"},
		"":                                     nil,
		" , ":                                  nil,
		"()":                                   nil,
		`"a,b"@c.d, "e f"@g.h`:                 {`"a,b"@c.d`, `"e f"@g.h`},
		`"a;b <c>"@d.e`:                        {`"a;b <c>"@d.e`},
		`"John, Doe" <john@b.c>`:               {"john@b.c"},
		`"a\"b,"@c.d,e`:                        {`"a\"b,"@c.d`, "e"},
		`a\,b@c.d`:                             {`a\,b@c.d`},
		"john @ example . org":                 {"john@example.org"},
		"john@b.c (John, who (also) <x@y.z>)":  {"john@b.c"},
		"(John) john@b.c(J), (\\)) jane@b.c":   {"john@b.c", "jane@b.c"},
		"john(J)jane":                          {"john", "jane"},
		"team: a@b.c, d@e.f; g@h.i":            {"a@b.c", "d@e.f", "g@h.i"},
		"x@y.z, team: a@b.c;":                  {"x@y.z", "a@b.c"},
		"user@[192.0.2.1] b":                   {"user@[192.0.2.1]", "b"},
		"user@[IPv6:2001:db8::1],b":            {"user@[IPv6:2001:db8::1]", "b"},
		":include:/etc/list":                   {":include:/etc/list"},
		"|/usr/bin/procmail":                   {"|/usr/bin/procmail"},
		"a..b@c.d, .a@c.d, a.@c.d":             {"a..b@c.d", ".a@c.d", "a.@c.d"},
		`"john@b.c`:                            {`"john@b.c"`},
		"john@b.c (":                           {"john@b.c"},
		`john\`:                                {"john"},
		"josé@b.c\tjane@b.c":                   {"josé@b.c", "jane@b.c"},
	} {
		got := address.Addresses(text)
		assert.Equal(t, want, got, text)
		assert.Equal(t, want, address.Addresses(strings.Join(got, ", ")), "%s again", text)
	}
}

// FuzzAddresses checks that a list of addresses stays the same when it is written and read again.
func FuzzAddresses(f *testing.F) {
	for _, text := range []string{"a@b.c, d", `"a,b"@c <d@e> (f) g: h, i;`, `\ "`, "a@[1]b", "<>", ";>:<", "@a:b@c", "a!b", "a%b."} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var valid []string
		for _, one := range address.Addresses(text) {
			key := address.Key(one)
			if stored, first, err := address.Destination(one); err == nil {
				valid = append(valid, one)
				assert.Equal(t, key, first, "the key of %q", one)
				_, second, err := address.Destination(stored)
				assert.NoError(t, err)
				assert.Equal(t, key, second)
				_, third, err := address.Destination(key)
				assert.NoError(t, err)
				assert.Equal(t, key, third)
			}
		}
		assert.Equal(t, valid, address.Addresses(strings.Join(valid, ", ")))
	})
}
