package hash

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Config holds the settings of a Hasher. The zero value is ready to use and names the defaults below.
type Config struct {
	// Scheme is what Generate writes: SHA256-CRYPT (the default, the scheme of the ISPmail guide) or BLF-CRYPT.
	Scheme string
	// Rounds is the number of rounds of SHA256-CRYPT, from 1000 to MaxRounds. Defaults to 5000, as in crypt(3).
	Rounds int
	// Cost is the cost of BLF-CRYPT, the binary logarithm of its rounds, from 4 to MaxCost. Defaults to 10, the least
	// that OWASP recommends.
	Cost int
	// Default is the scheme of stored values without a prefix, as Dovecot's default_pass_scheme. By default they are
	// refused with ErrUnsupported, because what they mean depends on the version of Dovecot: MD5 up to 2.3, the clear
	// text in 2.4.0 to 2.4.2, crypt(3) later.
	Default string
	// MaxRounds is the highest number of sha-crypt rounds that Verify computes. Defaults to 1,000,000, about 0.2
	// seconds for a password of usual length.
	MaxRounds int
	// MaxCost is the highest cost of a bcrypt value that Verify computes. Defaults to 14, about a second.
	MaxCost int
}

// A Hasher verifies and generates stored passwords. Make one with New; the zero value does not work.
// It is safe for concurrent use.
type Hasher struct {
	config Config
}

// New returns a Hasher. It fails if a setting is out of its range or names a scheme that it cannot serve.
func New(config Config) (*Hasher, error) {
	c := config
	c.Scheme = strings.ToUpper(c.Scheme)
	setDefault(&c.Scheme, "SHA256-CRYPT")
	setDefault(&c.Rounds, 5000)
	setDefault(&c.Cost, 10)
	setDefault(&c.MaxRounds, 1_000_000)
	setDefault(&c.MaxCost, 14)
	switch {
	case c.Scheme != "SHA256-CRYPT" && c.Scheme != "BLF-CRYPT":
		return nil, fmt.Errorf("hash: cannot generate scheme %q: choose SHA256-CRYPT or BLF-CRYPT", config.Scheme)
	case c.MaxRounds < minRounds || c.MaxRounds > maxRounds:
		return nil, fmt.Errorf("hash: MaxRounds %d is not in %d to %d", c.MaxRounds, minRounds, maxRounds)
	case c.Rounds < minRounds || c.Rounds > c.MaxRounds:
		return nil, fmt.Errorf("hash: Rounds %d is not in %d to %d", c.Rounds, minRounds, c.MaxRounds)
	case c.MaxCost < minCost || c.MaxCost > maxCost:
		return nil, fmt.Errorf("hash: MaxCost %d is not in %d to %d", c.MaxCost, minCost, maxCost)
	case c.Cost < minCost || c.Cost > c.MaxCost:
		return nil, fmt.Errorf("hash: Cost %d is not in %d to %d", c.Cost, minCost, c.MaxCost)
	}
	if c.Default != "" {
		if _, err := parse("{"+c.Default+"}", ""); errors.Is(err, ErrUnsupported) {
			return nil, fmt.Errorf("hash: Default names the unknown scheme %q", c.Default)
		}
	}
	return &Hasher{config: c}, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Scheme returns the scheme that Generate writes, in upper case.
func (h *Hasher) Scheme() string { return h.config.Scheme }

// Verify returns nil if password is the password of the stored value, else an error that is ErrMismatch,
// ErrMalformed, ErrUnsupported, ErrTooCostly or ErrPasswordTooLong. It cuts a password where Dovecot does, which is
// after 72 bytes for bcrypt. An empty password and one with a NUL byte match nothing: the first is no secret, the
// second cannot be sent to Dovecot, and bcrypt would take "a" and "a\x00a" for the same.
func (h *Hasher) Verify(stored, password string) error {
	v, err := parse(stored, h.config.Default)
	if err != nil {
		return err
	}
	if password == "" || strings.IndexByte(password, 0) >= 0 {
		return ErrMismatch
	}
	return v.scheme.verify(h, v.payload, password)
}

// Generate returns a new stored value for password under the configured scheme, with its prefix and a random salt.
// Every Dovecot from 2.3 on verifies it. A password that Dovecot could not verify is refused with ErrPasswordTooLong
// or ErrInvalidPassword; one that looks like a stored value, "{PLAIN}x", is text like any other.
func (h *Hasher) Generate(password string) (stored string, err error) {
	if password == "" || strings.IndexByte(password, 0) >= 0 || !utf8.ValidString(password) {
		return "", ErrInvalidPassword
	}
	if h.config.Scheme == "BLF-CRYPT" {
		stored, err = generateBcrypt(password, h.config.Cost)
	} else {
		stored, err = generateSHACrypt(password, h.config.Rounds)
	}
	if err != nil {
		return "", err
	}
	return "{" + h.config.Scheme + "}" + stored, nil
}

// NeedsRehash tells whether a stored value that verified should be replaced by a fresh one: its scheme is weak, it has
// no prefix or a wrong one, or it cost less than Config asks for under the same scheme. A strong value of another
// scheme stays: a rehash never makes a value cheaper to guess. It is false for what cannot be verified.
func (h *Hasher) NeedsRehash(stored string) bool {
	v, err := parse(stored, h.config.Default)
	if err != nil {
		return false
	}
	if v.scheme.weak || !v.prefixed {
		return true
	}
	if v.scheme.crypt {
		kind, cost := cryptKind(v.payload)
		mislabelled := kind != v.scheme.name && v.scheme.name != "CRYPT"
		return kind != "" && (mislabelled || kind == h.config.Scheme && cost < h.wantedCost())
	}
	return false
}

// wantedCost is the cost of new values, in the unit of their scheme.
func (h *Hasher) wantedCost() int {
	if h.config.Scheme == "BLF-CRYPT" {
		return h.config.Cost
	}
	return h.config.Rounds
}
