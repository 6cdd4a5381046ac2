package hash

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Generate returns a new stored value for password under the configured scheme, with its prefix and a random salt.
// Every Dovecot from 2.3 on verifies it. A password that Dovecot could not verify is refused with ErrPasswordTooLong
// or ErrInvalidPassword; one that looks like a stored value, "{PLAIN}x", is text like any other.
func (h *Hasher) Generate(password string) (stored string, err error) {
	if err := h.Validate(password); err != nil {
		return "", err
	}
	payload, err := h.scheme.recipe.generate(&h.config, password)
	if err != nil {
		return "", err
	}
	return "{" + h.scheme.name + "}" + payload, nil
}

// Validate returns the error with which Generate refuses a password, nil if it does not, without the work of a hash.
func (h *Hasher) Validate(password string) error {
	if password == "" || strings.IndexByte(password, 0) >= 0 || !utf8.ValidString(password) {
		return ErrInvalidPassword
	}
	longest := h.scheme.recipe.maxPassword
	if longest == 0 {
		longest = maxCrypt3
	}
	if len(password) > longest {
		return ErrPasswordTooLong
	}
	return nil
}

// A recipe makes new payloads of a scheme.
type recipe struct {
	rounds, cost, memory bounds // of the fields of Config; the zero bounds if the scheme does not have them
	light                bool   // rounds are light, as in cost
	maxPassword          int    // bytes; 0 stands for maxCrypt3
	generate             func(c *Config, password string) (string, error)
}

// bounds are what a field of Config may be. A max of 0 leaves it to the limits on what is verified.
type bounds struct{ min, max, usual int }

// settle replaces 0 by the usual value and checks what is there.
func (b bounds) settle(scheme, name string, field *int, limit int) error {
	if b.max > 0 {
		limit = min(limit, b.max)
	}
	if b.usual == 0 {
		if *field != 0 {
			return fmt.Errorf("hash: %s is set, which %s does not have", name, scheme)
		}
		return nil
	}
	setDefault(field, b.usual)
	if *field < b.min || *field > limit {
		return fmt.Errorf("hash: %s %d is not in %d to %d, the range of %s", name, *field, b.min, limit, scheme)
	}
	return nil
}

// generated lists what New takes as Scheme.
func generated() string {
	var names []string
	for name, s := range schemes {
		if s.recipe != nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return b
}

// randomText returns n characters of six random bits each.
func randomText(n int) string {
	b := randomBytes(n)
	for i := range b {
		b[i] = crypt64[b[i]&63]
	}
	return string(b)
}
