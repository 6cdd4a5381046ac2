package hash

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
)

// Generate returns a new stored value for password under the configured scheme, with its prefix and a random salt. It is
// [Hasher.GenerateContext] without an end to the wait for memory.
func (h *Hasher) Generate(password string) (stored string, err error) {
	return h.GenerateContext(context.Background(), password)
}

// GenerateContext returns a new stored value for password under the configured scheme, with its prefix and a random salt.
// Every Dovecot from 2.3 on verifies it. A password that no mail client could log in with is refused with
// [ErrPasswordTooLong] or [ErrInvalidPassword]. One that looks like a stored value, "{PLAIN}x", is text like any other.
//
// ARGON2ID waits for memory as [Hasher.VerifyContext] does. ctx ends that wait; the error is then that of ctx.
func (h *Hasher) GenerateContext(ctx context.Context, password string) (stored string, err error) {
	if err := h.Validate(password); err != nil {
		return "", err
	}
	return h.generate(ctx, password)
}

// RehashContext is [Hasher.GenerateContext] for a password that was just verified, see [Hasher.NeedsRehash]. It takes
// bytes that are no text, and control characters: who has such a password logs in with it. It refuses what is empty or
// holds a NUL byte, which match nothing, with [ErrInvalidPassword], and what is [ErrPasswordTooLong].
func (h *Hasher) RehashContext(ctx context.Context, password string) (stored string, err error) {
	switch {
	case password == "":
		return "", errEmpty
	case strings.IndexByte(password, 0) >= 0:
		return "", ErrControlCharacter
	}
	if err := h.checkLength(password); err != nil {
		return "", err
	}
	return h.generate(ctx, password)
}

// generate is what remains to be done with a password that is allowed.
func (h *Hasher) generate(ctx context.Context, password string) (stored string, err error) {
	h = h.orStandard()
	if h.scheme.algorithm.forbidden() {
		return "", ErrFIPS
	}
	memory := h.price().memory
	if err := h.reserve(ctx, memory); err != nil {
		return "", err
	}
	defer h.release(memory)
	payload, err := h.scheme.generator.generate(&h.config, password)
	if err != nil {
		return "", fmt.Errorf("hash: %w", err)
	}
	return "{" + h.scheme.name + "}" + payload, nil
}

// Validate returns the error with which [Hasher.Generate] refuses a password, nil if it does not, without the work of a
// hash.
func (h *Hasher) Validate(password string) error {
	if err := checkText(password); err != nil {
		return err
	}
	return h.checkLength(password)
}

func (h *Hasher) checkLength(password string) error {
	if len(password) > h.orStandard().scheme.generator.longestPassword() {
		return ErrPasswordTooLong
	}
	return nil
}

// A generator makes new payloads of a scheme.
type generator struct {
	rounds, cost, memory Range // of the fields of Config; the zero Range if the scheme does not have them
	light                bool  // rounds are as in lightRounds
	maxPassword          int   // bytes; 0 stands for maxCrypt3
	length               Range // of the stored value
	generate             func(c *Config, password string) (string, error)
}

func (g *generator) longestPassword() int {
	if g.maxPassword == 0 {
		return maxCrypt3
	}
	return g.maxPassword
}

// price is what it costs to verify what is made with these settings.
func (g *generator) price(c *Config) cost {
	switch {
	case g.memory != Range{}:
		return argon2Cost(c.Memory, c.Rounds, 1, false)
	case g.cost != Range{}:
		return cost{log2: c.Cost}
	case g.light:
		return lightRounds(c.Rounds)
	default:
		return shaRounds(c.Rounds)
	}
}

// Range is what a field of [Config] may be. It is zero if the scheme does not have that field.
type Range struct{ Min, Max, Default int }

// settle replaces 0 by the default and checks what is there. A Max of 0 leaves it to the limit on what is verified.
func (r Range) settle(scheme, name string, field *int, limit int) error {
	if r == (Range{}) {
		if *field != 0 {
			return fmt.Errorf("hash: %s is set, which %s does not have", name, scheme)
		}
		return nil
	}
	if r.Max > 0 {
		limit = min(limit, r.Max)
	}
	setDefault(field, r.Default)
	if *field < r.Min || *field > limit {
		return fmt.Errorf("hash: %s %d is not in %d to %d, the range of %s", name, *field, r.Min, limit, scheme)
	}
	return nil
}

// generatedNames lists what New takes as Scheme.
func generatedNames() string {
	var generated []string
	for _, s := range names {
		if s.generator != nil {
			generated = append(generated, s.name)
		}
	}
	slices.Sort(generated)
	return strings.Join(generated, ", ")
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
