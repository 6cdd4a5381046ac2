package hash

import "math"

// MaxStored is the greatest length in bytes of a stored value. A longer one is [ErrTooCostly]. It has room for the
// longest password of a login, 8192 bytes, in every encoding; other values that Dovecot or crypt(3) make have less than
// 400 bytes.
const MaxStored = 32 << 10

const (
	maxMaxMemory = 4 << 20   // KiB
	maxBudget    = 1<<31 - 1 // KiB, 2 TiB
	// maxLogin is the longest password, and user name, in bytes that fits into a login to Dovecot. Its buffers have
	// 8192.
	maxLogin = 8192
)

// A cost is what one verification takes.
type cost struct {
	// rounds is the number of hashes in a row. Memory-hard functions have passes over the memory instead.
	rounds int
	// log2 is the binary logarithm of the rounds of bcrypt.
	log2 int
	// memory in KiB is all that a memory-hard function allocates.
	memory int
	// passed in KiB is the memory that makes it hard, times passes.
	passed int64
	// work is the time. Its unit is half a round of sha-crypt or, if there is memory, an Argon2 block of 1 KiB.
	work int64
}

// shaRounds is the cost of sha-crypt with a password of 511 bytes, the longest. No other iterated hash has rounds that
// depend on the length of the password and cost as much.
func shaRounds(n int) cost { return cost{rounds: n, work: 2 * int64(n)} }

// lightRounds is the cost of hashes with a short input. Each takes at most half of a round of sha-crypt.
func lightRounds(n int) cost { return cost{rounds: n, work: int64(n)} }

// Limits of time in relation to a round of bcrypt, of which there are 2^cost. With them the costliest values take 0.4 to
// 1.2 times the time of bcrypt, depending on the processor; TestSpeedOfCostliest measures it.
const (
	shaRoundsPerBcrypt = 50 // rounds of sha-crypt
	blocksPerBcrypt    = 66 // blocks of Argon2
)

// defaultMaxRounds is MaxRounds for a MaxCost.
func defaultMaxRounds(maxCost int) int {
	rounds := int64(shaRoundsPerBcrypt) << maxCost
	return int(min(max(rounds, defaultRounds), maxRounds))
}

// inBcrypts is the time in relation to bcrypt of cost 10.
func (c cost) inBcrypts() float64 {
	const rounds = 1 << bcryptCost
	switch {
	case c.memory > 0:
		return float64(c.work) / (blocksPerBcrypt * rounds)
	case c.log2 > 0:
		return math.Ldexp(1, c.log2-bcryptCost)
	default:
		return float64(c.work) / (2 * shaRoundsPerBcrypt * rounds)
	}
}

// affords tells whether a cost is within the limits.
func (c *Config) affords(price cost) bool {
	if price.memory > 0 {
		return price.memory <= c.MaxMemory && price.work <= blocksPerBcrypt<<c.MaxCost
	}
	return price.work <= 2*int64(c.MaxRounds) && price.log2 <= c.MaxCost
}

// product multiplies positive numbers. What would overflow is beyond every limit.
func product(factors ...int64) int64 {
	const most = math.MaxInt64 / 2
	all := int64(1)
	for _, factor := range factors {
		if all > most/factor {
			return most
		}
		all *= factor
	}
	return all
}
