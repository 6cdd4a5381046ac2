package hash

import "errors"

// Info tells what a stored value is, as far as that can be seen without the password. Of a locked value everything but
// Label and Unprefixed tells what is under the lock.
type Info struct {
	// Scheme is the algorithm by Dovecot's name for it: "SHA512-CRYPT" for {CRYPT}$6$. Methods of crypt(3) for which
	// Dovecot has no name have that of crypt(5) in lower case, such as "yescrypt". See [Schemes].
	Scheme string
	// Label is the prefix as it is written, without braces: "sha256-crypt", "SHA.HEX". It is empty if there is none, and
	// if it is no scheme: "{hunter2}" may be the beginning of a clear text.
	Label string
	// Unprefixed values have no prefix at all.
	Unprefixed bool
	// Rounds is the number of hashes in a row, or of passes over the memory; 0 for clear text and bcrypt.
	Rounds int
	// Cost is the cost of bcrypt, the binary logarithm of its rounds.
	Cost int
	// Memory is what one verification allocates in KiB; 0 if the scheme does not ask for any.
	Memory int
	// Work is about the time of one verification. Its unit is the time of bcrypt with cost 10, some 50 ms. It is 0 for what
	// takes a few hashes at most. It may be wrong by a factor of two, see TestSpeedOfCostliest.
	Work float64
	// Strength is that of the algorithm and its parameters.
	Strength Strength
	// Weak values protect a password badly when the database leaks. It is short for a Strength of [Weak].
	Weak bool
	// Locked values match no password until [Hasher.Unlock] takes the lock away.
	Locked bool
	// Recoverable values hold the clear text.
	Recoverable bool
	// ChallengeResponse values serve such a login: CRAM-MD5, DIGEST-MD5, SCRAM or OTP.
	ChallengeResponse bool
	// Mislabelled values are something else than the prefix says. Dovecot goes by the payload, other programs may not.
	Mislabelled bool
	// Dovecot23 and Dovecot24 tell what the last release of either series does when the right password comes.
	Dovecot23, Dovecot24 Acceptance
}

// Acceptance is what a Dovecot with default settings does with a stored value and its right password.
type Acceptance string

// Values of Acceptance.
const (
	// Accepted: the login succeeds.
	Accepted Acceptance = "accepted"
	// RefusedLocked: the login fails, because the value is locked, see [Hasher.Lock].
	RefusedLocked Acceptance = "refused as locked"
	// RefusedWeak: the login fails with a temporary error unless auth_allow_weak_schemes is on.
	RefusedWeak Acceptance = "refused as weak"
	// RefusedUnknown: the login fails, because the scheme is not, or not any more, a part of Dovecot.
	RefusedUnknown Acceptance = "refused as unknown"
	// RefusedMemory: the login fails as with a wrong password, because the memory is more than default_vsz_limit
	// leaves.
	RefusedMemory Acceptance = "refused for its memory"
	// Undefined: there is no prefix. It depends on the default scheme, see [Config].Default.
	Undefined Acceptance = "undefined"
)

// Inspect tells what a stored value is. The error is the one that [Hasher.Verify] returns before it looks at the
// password, or would return without the lock:
//
//   - [ErrTooCostly] with a complete Info, unless the value is longer than [MaxStored]: then Info is zero;
//   - [ErrUnsupported] with Label, Unprefixed and Locked, and with Scheme for a method of crypt(3) that Dovecot on
//     Debian verifies;
//   - [ErrMalformed] with Label, Unprefixed and Locked.
//
// A lock that keeps nothing, "{CRYPT}!", is no error: Info has Label and Locked only.
func (h *Hasher) Inspect(stored string) (Info, error) {
	v, err := h.orStandard().read(stored)
	info := Info{Label: v.label, Unprefixed: v.unprefixed, Locked: v.locked}
	switch {
	case errors.Is(err, ErrNoPassword):
		info.Dovecot23, info.Dovecot24 = RefusedLocked, RefusedLocked
		return info, nil
	case errors.Is(err, ErrUnsupported) && v.algorithm != nil:
		info.Scheme = v.algorithm.name
		return info, err
	case err != nil && (!errors.Is(err, ErrTooCostly) || v.algorithm == nil):
		return info, err
	}
	info.Scheme = v.algorithm.name
	info.Rounds, info.Cost, info.Memory = v.cost.rounds, v.cost.log2, v.cost.memory
	info.Work = v.cost.inBcrypts()
	info.Strength, info.Weak = v.strength(), v.strength() == Weak
	info.Recoverable, info.ChallengeResponse = v.algorithm.recoverable, v.algorithm.challenge
	info.Mislabelled = v.mislabelled()
	info.Dovecot23, info.Dovecot24 = v.acceptance()
	return info, err
}

// dovecotMemory is the least memory in KiB that the processes of Dovecot, with 256 MiB in all, cannot have.
const dovecotMemory = 256 * 1024

func (v value) acceptance() (dovecot23, dovecot24 Acceptance) {
	switch {
	case v.locked:
		return RefusedLocked, RefusedLocked
	case v.unprefixed:
		return Undefined, Undefined
	case v.cost.memory >= dovecotMemory:
		return RefusedMemory, RefusedMemory
	default:
		return v.scheme.acceptance(v.refused())
	}
}

// acceptance is that of a name, given whether Dovecot 2.4 refuses the payload as weak.
func (s *scheme) acceptance(weak bool) (dovecot23, dovecot24 Acceptance) {
	switch {
	case s.name == "ARGON2": // since 2.4.0
		return RefusedUnknown, Accepted
	case s.name == "OTP": // until 2.4.4
		return Accepted, RefusedUnknown
	case weak:
		return Accepted, RefusedWeak
	default:
		return Accepted, Accepted
	}
}

// refused follows the weak flags of Dovecot 2.4: some names, and inside of CRYPT and its relatives some payloads.
func (v value) refused() bool { return v.scheme.weak || v.algorithm.refused }

func (v value) mislabelled() bool {
	return v.scheme.algorithm != nil && v.scheme.algorithm != v.algorithm
}
