package hash

// NeedsRehash tells whether a stored value that verified should be replaced by a fresh one. It should if
//
//   - it is weak (see [Info]), or refused by Dovecot 2.4,
//   - it has no prefix, or a wrong one,
//   - it costs less than [Config] asks for under the same scheme,
//   - it has a lower [Strength] than Scheme, and [Config].Upgrade is set,
//
// and the new value is no weaker, in Strength and in cost. So a strong value of another scheme stays without Upgrade, and
// bcrypt never becomes sha-crypt, not even where its prefix is missing. Values that serve a challenge-response login
// stay unless [Config].RehashChallengeResponse is set. It is false for what cannot be verified: locked, malformed,
// unsupported and too costly values.
func (h *Hasher) NeedsRehash(stored string) bool {
	h = h.orStandard()
	v, err := h.read(stored)
	return err == nil && !v.locked && h.isDue(v) && !h.wouldWeaken(v)
}

func (h *Hasher) isDue(v value) bool {
	sameAlgorithm := v.algorithm == h.scheme.algorithm
	switch {
	case v.algorithm == plain && h.config.KeepPlain:
		return false
	case v.algorithm.challenge && !sameAlgorithm:
		return h.config.RehashChallengeResponse
	case sameAlgorithm && v.cost.effort() < h.price().effort():
		return true
	case h.config.Upgrade && v.strength() < h.scheme.algorithm.strength:
		return true
	default:
		return v.unprefixed || v.strength() == Weak || v.refused() || v.mislabelled()
	}
}

// wouldWeaken tells whether the new value would be easier to guess.
func (h *Hasher) wouldWeaken(v value) bool {
	if v.strength() == Weak {
		return false
	}
	return h.scheme.algorithm.strength < v.strength() || h.price().effort() < v.cost.effort()
}

// price is the cost of what Generate makes.
func (h *Hasher) price() cost { return h.scheme.generator.price(&h.config) }
