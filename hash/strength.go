package hash

// Strength is how well stored values resist guessing when the database leaks. Its order is the one of the OWASP Password
// Storage Cheat Sheet: a greater Strength is better.
//
// Within one Strength, and before [Hasher.NeedsRehash] replaces a value by one of a greater Strength, costs are compared
// as well. The measure is what OWASP takes for equal, in proportion: 19,456 KiB of ARGON2, scrypt or yescrypt memory
// passed twice; bcrypt of cost 10; 1,300,000 rounds of an iterated hash. So bcrypt of cost 12 is replaced by ARGON2ID
// only if that has four times 19,456 KiB passed twice, or more; 65,536 KiB passed three times will do.
type Strength int

// Values of Strength, in their order.
const (
	// Weak values are guessed quickly: clear text, one hash or few, DES-CRYPT, MD5-CRYPT, and sound schemes with next to
	// no rounds (under 1000) or memory (under 1 MiB, times passes).
	Weak Strength = iota
	// Iterated values take thousands of hashes a guess, which graphics cards do well: SHA256-CRYPT, SHA512-CRYPT,
	// PBKDF2, SCRAM, sha1crypt.
	Iterated
	// Bcrypt values take 4 KiB of quick memory a guess, which graphics cards have for few guesses at a time: BLF-CRYPT.
	Bcrypt
	// MemoryHard values take megabytes a guess: ARGON2ID, ARGON2I, scrypt, yescrypt.
	MemoryHard
)

// String returns the name in lower case: "weak", "iterated", "bcrypt" or "memory-hard".
func (s Strength) String() string {
	switch s {
	case Weak:
		return "weak"
	case Iterated:
		return "iterated"
	case Bcrypt:
		return "bcrypt"
	case MemoryHard:
		return "memory-hard"
	default:
		return "unknown"
	}
}

// strength is that of the algorithm, unless the parameters undo it.
func (p parsed) strength() Strength {
	if p.feeble {
		return Weak
	}
	return p.algorithm.strength
}

// effort compares costs, also of different algorithms. 1 is what OWASP asks for at least.
func (c cost) effort() float64 {
	switch {
	case c.memory > 0:
		return float64(c.passed) / (argon2Memory * argon2Passes)
	case c.log2 > 0:
		effort := 1.0
		for log2 := c.log2; log2 > bcryptCost; log2-- {
			effort *= 2
		}
		for log2 := c.log2; log2 < bcryptCost; log2++ {
			effort /= 2
		}
		return effort
	default:
		return float64(c.rounds) / pbkdf2Rounds
	}
}
