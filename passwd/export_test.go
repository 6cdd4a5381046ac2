package passwd

import "net/netip"

// Forgive gives an attempt back to an account and to a client, so that a test need not make a [Service] for
// every few attempts.
func (s *Service) Forgive(email, client string) {
	for _, attempts := range s.attempts {
		attempts.GiveBack(netip.MustParseAddr(client), email)
	}
}
