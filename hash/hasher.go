package hash

import (
	"errors"
	"fmt"
	"strings"
)

// Config holds the settings of a Hasher. The zero value is ready to use and names the defaults below.
type Config struct {
	// Scheme is what Generate writes: SHA256-CRYPT (the default, the scheme of the ISPmail guide), SHA512-CRYPT,
	// BLF-CRYPT, ARGON2ID, PBKDF2 or SCRAM-SHA-256, in any case of letters.
	Scheme string
	// Rounds of the scheme, where it has them:
	//
	//	SHA256-CRYPT, SHA512-CRYPT  1000 to MaxRounds, by default 5000 as in crypt(3)
	//	ARGON2ID                    passes over the memory, 1 to 16, by default 2 (OWASP)
	//	PBKDF2                      iterations, 1000 to 2*MaxRounds, by default 1,300,000 (OWASP for HMAC-SHA1),
	//	                            with which a login costs Dovecot about a second
	//	SCRAM-SHA-256               iterations, 4096 to 2*MaxRounds, by default 100,000: every client has to do them
	//	                            at every login
	Rounds int
	// Cost of BLF-CRYPT, the binary logarithm of its rounds, 4 to MaxCost, by default 10 (the least of OWASP).
	Cost int
	// Memory of ARGON2ID in KiB, 1024 to 65536, by default 19456 (OWASP). Dovecot's processes may have 256 MiB in all
	// (default_vsz_limit): where that is not enough the right password is answered as a wrong one.
	Memory int

	// Default is the scheme of stored values without a prefix, as Dovecot's default_pass_scheme. By default they are
	// refused with ErrUnsupported, because what they mean depends on the version of Dovecot and its configuration:
	//
	//	up to 2.3       MD5: an MD5-CRYPT hash or an MD5 digest; everything else fails
	//	2.4.0 to 2.4.2  PLAIN: the stored text is the password, so whoever reads a hash can log in with it
	//	from 2.4.3      CRYPT, or still PLAIN where dovecot_config_version is older
	//
	// Those are the defaults of a passdb of type sql; the others have CRYPT.
	Default string

	// KeepPlain keeps NeedsRehash from replacing PLAIN values. Set it where Dovecot offers CRAM-MD5, DIGEST-MD5, SCRAM
	// or OTP logins that are served from the clear text.
	KeepPlain bool
	// RehashChallengeResponse makes NeedsRehash replace CRAM-MD5, HMAC-MD5, DIGEST-MD5, SCRAM and OTP values, too,
	// where the new value is no weaker. It ends the logins that these serve, and clients that use them are locked out
	// until they send passwords.
	RehashChallengeResponse bool

	// MaxRounds is the highest number of sha-crypt rounds that Verify computes, and half the number of iterations of
	// PBKDF2, SCRAM and sha1crypt and of the sequence of OTP, which are cheaper: 1000 to 999,999,999, by default
	// 1,000,000, which takes a fraction of a second for a password of usual length and up to two for one of 511 bytes.
	MaxRounds int
	// MaxCost is the highest cost of bcrypt that Verify computes, 4 to 31, by default 14, about a second.
	MaxCost int
	// MaxMemory is the greatest memory in KiB that Verify uses for ARGON2, scrypt and yescrypt, 1024 to 4194304, by
	// default 262144, which is what Dovecot's processes have. Memory times passes may be four times that, about a
	// second.
	MaxMemory int
}

// A Hasher verifies and generates stored passwords. Make one with New; the zero value does not work.
// It is safe for concurrent use.
type Hasher struct {
	config Config
	scheme *scheme
}

// New returns a Hasher. It fails if a setting is out of its range, does not belong to the scheme or names a scheme
// that it cannot serve.
func New(config Config) (*Hasher, error) {
	c := config
	setDefault(&c.Scheme, "SHA256-CRYPT")
	setDefault(&c.MaxRounds, 1_000_000)
	setDefault(&c.MaxCost, 14)
	setDefault(&c.MaxMemory, 256*1024)
	for _, limit := range []struct {
		name            string
		value, min, max int
	}{
		{"MaxRounds", c.MaxRounds, minRounds, maxRounds},
		{"MaxCost", c.MaxCost, minCost, maxCost},
		{"MaxMemory", c.MaxMemory, feebleMemory, 4 << 20},
	} {
		if limit.value < limit.min || limit.value > limit.max {
			return nil, fmt.Errorf("hash: %s %d is not in %d to %d", limit.name, limit.value, limit.min, limit.max)
		}
	}
	s := lookup(c.Scheme)
	if s == nil || s.recipe == nil {
		return nil, fmt.Errorf("hash: cannot generate scheme %q: choose one of %s", c.Scheme, generated())
	}
	mostRounds := c.MaxRounds
	if s.recipe.light {
		mostRounds *= 2
	}
	for _, err := range []error{
		s.recipe.rounds.settle(s.name, "Rounds", &c.Rounds, mostRounds),
		s.recipe.cost.settle(s.name, "Cost", &c.Cost, c.MaxCost),
		s.recipe.memory.settle(s.name, "Memory", &c.Memory, c.MaxMemory),
	} {
		if err != nil {
			return nil, err
		}
	}
	h := &Hasher{config: c, scheme: s}
	if !h.affords(h.target()) {
		return nil, errors.New("hash: MaxMemory is too low to verify what Memory and Rounds make")
	}
	if c.KeepPlain && c.RehashChallengeResponse {
		return nil, errors.New("hash: KeepPlain contradicts RehashChallengeResponse")
	}
	if c.Default != "" {
		base, suffix, encoded := strings.Cut(c.Default, ".")
		if lookup(base) == nil || encoded && !isEncoding(suffix) {
			return nil, fmt.Errorf("hash: Default names the unknown scheme %q", c.Default)
		}
	}
	return h, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Scheme returns the scheme that Generate writes, in upper case.
func (h *Hasher) Scheme() string { return h.scheme.name }

// Verify returns nil if password is the password of the stored value, else an error that is ErrMismatch,
// ErrMalformed, ErrUnsupported, ErrTooCostly, ErrPasswordTooLong or, for DIGEST-MD5, ErrUserRequired. It cuts a
// password where Dovecot does, which is after 72 bytes for bcrypt and after 8 for DES-CRYPT. An empty password and one
// with a NUL byte match nothing: the first is no secret, the second cannot be sent to Dovecot, and bcrypt would take
// "a" and "a\x00a" for the same.
func (h *Hasher) Verify(stored, password string) error {
	return h.VerifyFor("", stored, password)
}

// VerifyFor is Verify for all schemes, DIGEST-MD5 among them, which hashes the user name with the password. The name
// is the one with which the user logs in to Dovecot, in the same case of letters; what follows its last @ is the realm.
func (h *Hasher) VerifyFor(user, stored, password string) error {
	v, err := h.read(stored)
	switch {
	case err != nil:
		return err
	case password == "" || strings.IndexByte(password, 0) >= 0:
		return ErrMismatch
	case len(password) > v.maxPassword():
		return ErrPasswordTooLong
	case v.kind.userBound && user == "":
		return ErrUserRequired
	case !v.matcher.match(user, password):
		return ErrMismatch
	}
	return nil
}

// read parses a stored value and holds it against the limits.
func (h *Hasher) read(stored string) (value, error) {
	v, err := parse(stored, h.config.Default)
	if err == nil && !h.affords(v.cost) {
		err = ErrTooCostly
	}
	return v, err
}

func (h *Hasher) affords(c cost) bool {
	switch rounds, memory := int64(c.rounds), int64(c.memory); {
	case c.memory > 0:
		return c.memory <= h.config.MaxMemory && rounds*memory <= 4*int64(h.config.MaxMemory)
	case c.light:
		rounds = (rounds + 1) / 2
		fallthrough
	default:
		return rounds <= int64(h.config.MaxRounds) && c.log2 <= h.config.MaxCost
	}
}

// target is the cost of what Generate makes.
func (h *Hasher) target() cost {
	c := &h.config
	return cost{rounds: c.Rounds, light: h.scheme.recipe.light, log2: c.Cost, memory: c.Memory}
}
