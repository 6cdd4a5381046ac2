package hash

import (
	"errors"
	"fmt"
)

// Config holds the settings of a [Hasher]. The zero value is ready to use and stands for the defaults below.
type Config struct {
	// Scheme is what [Hasher.Generate] writes, in any case of letters: SHA256-CRYPT (the default, the scheme of the
	// ISPmail guide), SHA512-CRYPT, BLF-CRYPT, ARGON2ID, PBKDF2 or SCRAM-SHA-256.
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
	// (default_vsz_limit). Where that is not enough Dovecot answers the right password as a wrong one.
	Memory int

	// Default is the scheme of stored values without a prefix, like Dovecot's default_pass_scheme. If it is empty they
	// are refused with [ErrUnsupported], because their meaning depends on the version and the configuration of Dovecot:
	//
	//	up to 2.3       MD5: an MD5-CRYPT hash or an MD5 digest; everything else fails
	//	2.4.0 to 2.4.2  PLAIN: the stored text is the password, so whoever reads a hash can log in with it
	//	from 2.4.3      CRYPT, or still PLAIN where dovecot_config_version is older
	//
	// Those are the defaults of a passdb of type sql. The others have CRYPT.
	Default string

	// Upgrade makes [Hasher.NeedsRehash] also replace values of a lower [Strength] than Scheme has, so that all users
	// come to Scheme in time. A value that is harder to guess than the new one stays, see [Strength].
	Upgrade bool
	// KeepPlain keeps [Hasher.NeedsRehash] from replacing PLAIN values. Set it where Dovecot offers CRAM-MD5,
	// DIGEST-MD5, SCRAM or OTP logins that are served from the clear text.
	KeepPlain bool
	// RehashChallengeResponse makes [Hasher.NeedsRehash] also replace CRAM-MD5, HMAC-MD5, DIGEST-MD5, SCRAM and OTP
	// values where the new value is no weaker. It ends the logins that these serve: clients that use them are locked
	// out until they send passwords.
	RehashChallengeResponse bool

	// MaxCost is the highest cost of bcrypt that is verified, 4 to 31, by default 14, about a second. It also limits
	// the time of ARGON2, scrypt and yescrypt: none takes more than 1.5 times what bcrypt of MaxCost takes.
	MaxCost int
	// MaxRounds is the highest number of sha-crypt rounds that is verified, 1000 to 999,999,999. PBKDF2, SCRAM,
	// sha1crypt and OTP may have twice as many, because theirs are cheaper. By default it follows MaxCost: 819,200 for
	// a MaxCost of 14, twice that for each step up, half for each step down, but never under 5000. With the default no
	// password takes more than 1.5 times what bcrypt of MaxCost takes, for a MaxCost from 7 up.
	MaxRounds int
	// MaxMemory is the greatest memory in KiB that one ARGON2, scrypt or yescrypt value may take, 1024 to 4194304, by
	// default 262144, which is what Dovecot's processes have.
	MaxMemory int
	// MemoryBudget is the memory in KiB that all calls of a Hasher may take at the same time, from MaxMemory up, by
	// default MaxMemory. Calls that do not fit wait, first come, first served; see [Hasher.VerifyContext]. A call that
	// takes an eighth of it or more runs the garbage collector before others get its memory. What smaller calls leave
	// behind is collected some time later: a program with a hard limit also sets GOMEMLIMIT.
	MemoryBudget int
}

// settled returns c with all defaults, and its scheme. It fails where [New] does.
func (c Config) settled() (Config, *scheme, error) {
	setDefault(&c.Scheme, "SHA256-CRYPT")
	setDefault(&c.MaxCost, 14)
	setDefault(&c.MaxMemory, 256*1024)
	setDefault(&c.MemoryBudget, c.MaxMemory)
	if c.MaxCost >= minCost && c.MaxCost <= maxCost {
		setDefault(&c.MaxRounds, defaultMaxRounds(c.MaxCost))
	}
	s := lookup(c.Scheme)
	if s == nil || s.generator == nil {
		return c, nil, fmt.Errorf("hash: cannot generate scheme %q: choose one of %s", c.Scheme, generatedNames())
	}
	rounds := c.MaxRounds
	if s.generator.light {
		rounds *= 2
	}
	for _, err := range []error{
		within("MaxCost", c.MaxCost, minCost, maxCost),
		within("MaxRounds", c.MaxRounds, minRounds, maxRounds),
		within("MaxMemory", c.MaxMemory, feebleMemory, maxMaxMemory),
		within("MemoryBudget", c.MemoryBudget, c.MaxMemory, maxBudget),
		s.generator.rounds.settle(s.name, "Rounds", &c.Rounds, rounds),
		s.generator.cost.settle(s.name, "Cost", &c.Cost, c.MaxCost),
		s.generator.memory.settle(s.name, "Memory", &c.Memory, c.MaxMemory),
	} {
		if err != nil {
			return c, nil, err
		}
	}
	if !c.affords(s.generator.price(&c)) {
		return c, nil, errors.New("hash: MaxCost is too low to verify what Memory and Rounds make")
	}
	if c.KeepPlain && c.RehashChallengeResponse {
		return c, nil, errors.New("hash: KeepPlain contradicts RehashChallengeResponse")
	}
	if c.Default != "" && lookupEncoded(c.Default) == nil {
		return c, nil, fmt.Errorf("hash: Default names the unknown scheme %q", c.Default)
	}
	return c, s, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func within(name string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("hash: %s %d is not in %d to %d", name, value, least, most)
	}
	return nil
}
