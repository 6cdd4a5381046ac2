package ispmail

import (
	"fmt"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// Canonical returns the one spelling of an address: ASCII, in lower case, an internationalised domain as A-labels
// (RFC 5890). It is the key by which addresses are compared, limited and stored.
//
// The local part is a dot-atom of RFC 5322, section 3.2.3; its case is ignored as Postfix and Dovecot ignore it with
// the guide's tables. Everything else is [ErrInvalidAddress], quoted local parts, blanks, control characters and non-ASCII
// local parts among it: nothing is trimmed or guessed.
func Canonical(email string) (string, error) {
	return valid(address.Canonical(email))
}

// canonicalSource is Canonical for the left side of an alias, which may be "@domain".
func canonicalSource(source string) (string, error) {
	return valid(address.Source(source))
}

// canonicalDomain returns a domain name as A-labels in lower case.
func canonicalDomain(name string) (string, error) {
	return valid(address.Domain(name))
}

// valid makes the reason why there is no canonical form an ErrInvalidAddress.
func valid(canonical string, reason error) (string, error) {
	if reason != nil {
		return "", fmt.Errorf("%w: %w", ErrInvalidAddress, reason)
	}
	return canonical, nil
}
