package hash

import "errors"

// Info tells what a stored value is, as far as that can be seen without the password.
type Info struct {
	// Scheme is the algorithm by Dovecot's name for it: "SHA512-CRYPT" for {CRYPT}$6$. Methods of crypt(3) for which
	// Dovecot has no name have that of crypt(5) in lower case: nt, scrypt, sha1crypt, yescrypt.
	Scheme string
	// Label is the prefix as it is written, without braces: "sha256-crypt", "SHA.HEX"; empty if there is none.
	Label string
	// Rounds is the number of hashes in a row, or of passes over the memory; 0 for clear text and bcrypt.
	Rounds int
	// Cost is the cost of bcrypt, the binary logarithm of its rounds.
	Cost int
	// Memory is what one verification takes in KiB; 0 if the scheme does not ask for any.
	Memory int
	// Weak values protect a password badly when the database leaks: clear text, bare digests, DES-CRYPT and MD5-CRYPT, or
	// a sound scheme with next to no rounds (under 1000) or memory (under 1 MiB, times passes).
	Weak bool
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
	// RefusedWeak: the login fails with a temporary error unless auth_allow_weak_schemes is on.
	RefusedWeak Acceptance = "refused as weak"
	// RefusedUnknown: the login fails, because the scheme is not, or not any more, a part of Dovecot.
	RefusedUnknown Acceptance = "refused as unknown"
	// RefusedMemory: the login fails as with a wrong password, because the memory is more than default_vsz_limit
	// leaves.
	RefusedMemory Acceptance = "refused for its memory"
	// Undefined: there is no prefix. It depends on the default scheme, see Config.Default.
	Undefined Acceptance = "undefined"
)

// Inspect tells what a stored value is. The error is the one that Verify returns before it looks at the password:
// ErrTooCostly with a complete Info, ErrMalformed or ErrUnsupported with the label only.
func (h *Hasher) Inspect(stored string) (Info, error) {
	v, err := h.read(stored)
	info := Info{Label: v.label}
	if err != nil && !errors.Is(err, ErrTooCostly) {
		return info, err
	}
	info.Scheme = v.kind.name
	info.Rounds, info.Cost, info.Memory = v.cost.rounds, v.cost.log2, v.cost.memory
	info.Weak = v.strength() == fast
	info.Recoverable, info.ChallengeResponse = v.kind.recoverable, v.kind.challenge
	info.Mislabelled = v.mislabelled()
	info.Dovecot23, info.Dovecot24 = v.acceptance()
	return info, err
}

// NeedsRehash tells whether a stored value that verified should be replaced by a fresh one. It should if
//
//   - it is weak (see Info), or refused by Dovecot 2.4,
//   - it has no prefix, or a wrong one,
//   - it costs less than Config asks for under the same scheme,
//
// and the new value is no weaker. So a strong value of another scheme stays, and bcrypt never becomes sha-crypt, not
// even where its prefix is missing. Values that serve a challenge-response login stay unless Config says otherwise.
// It is false for what cannot be verified.
func (h *Hasher) NeedsRehash(stored string) bool {
	v, err := h.read(stored)
	return err == nil && h.outdated(v) && !h.downgrade(v)
}

func (h *Hasher) outdated(v value) bool {
	stays := v.kind == h.scheme.kind // the scheme does, whatever becomes of the cost
	switch {
	case v.kind == plain && h.config.KeepPlain:
		return false
	case v.kind.challenge && !stays:
		return h.config.RehashChallengeResponse
	case stays && v.cost.less(h.target()):
		return true
	default:
		return v.label == "" || v.strength() == fast || v.refused() || v.mislabelled()
	}
}

// downgrade tells whether the new value would be easier to guess. Rounds of iterated hashes are taken for equal.
func (h *Hasher) downgrade(v value) bool {
	now, then := v.strength(), h.scheme.kind.strength
	if now != then || now == fast {
		return now > then
	}
	if v.kind == h.scheme.kind || now == iterated {
		return h.target().less(v.cost)
	}
	return false
}

// less compares costs of the same kind. Where there is memory, what counts is how often each KiB is passed.
func (c cost) less(d cost) bool {
	if c.memory > 0 && d.memory > 0 {
		return int64(c.memory)*int64(c.rounds) < int64(d.memory)*int64(d.rounds)
	}
	return c.rounds < d.rounds || c.log2 < d.log2
}

// dovecotMemory is the least memory in KiB that the processes of Dovecot, with 256 MiB in all, cannot have.
const dovecotMemory = 256 * 1024

func (v value) acceptance() (dovecot23, dovecot24 Acceptance) {
	switch {
	case v.label == "":
		return Undefined, Undefined
	case v.cost.memory >= dovecotMemory:
		return RefusedMemory, RefusedMemory
	case v.scheme.name == "ARGON2": // since 2.4.0
		return RefusedUnknown, Accepted
	case v.scheme.name == "OTP": // until 2.4.4
		return Accepted, RefusedUnknown
	case v.refused():
		return Accepted, RefusedWeak
	default:
		return Accepted, Accepted
	}
}

// refused follows the weak flags of Dovecot 2.4: some names, and inside of CRYPT and its relatives some payloads.
func (v value) refused() bool { return v.scheme.weak || v.kind.refused }

func (v value) mislabelled() bool { return v.scheme.kind != nil && v.scheme.kind != v.kind }

// strength is that of the kind, unless the parameters undo it.
func (p parsed) strength() strength {
	if p.feeble {
		return fast
	}
	return p.kind.strength
}
