package ispmail

import (
	"fmt"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// Canonical returns the one spelling of an address: ASCII, in lower case, an internationalised domain as A-labels
// (RFC 5890). It is the key by which addresses are compared, limited and stored.
//
// The local part is a dot-atom of RFC 5322, section 3.2.3; its case is ignored as Postfix and Dovecot ignore it with
// the guide's tables. Everything else is an [AddressError], quoted local parts, blanks, control characters and non-ASCII local
// parts among it: nothing is trimmed or guessed.
func Canonical(email string) (string, error) { return canonicalIn("address", email) }

// An AddressError says which address or domain name is none that a server of this kind can serve, and why. It is an
// [ErrInvalidAddress].
type AddressError struct {
	// Field says what the value was given for: "address", "domain", "source", "destination", "new address" or "new name".
	Field string
	// Value is what was given. It may be anything that somebody has typed, a password among it.
	Value string
	// Reason is in a few words of English, without the value.
	Reason string
}

// Error names the field and the reason, not the value.
func (e *AddressError) Error() string {
	switch e.Field {
	case "address", "domain":
		return fmt.Sprintf("%v: %s", ErrInvalidAddress, e.Reason)
	}
	return fmt.Sprintf("%v in the %s: %s", ErrInvalidAddress, e.Field, e.Reason)
}

// Is makes an AddressError an [ErrInvalidAddress].
func (e *AddressError) Is(target error) bool { return target == ErrInvalidAddress }

// canonicalIn is Canonical for a field.
func canonicalIn(field, email string) (string, error) {
	canonical, err := address.Canonical(email)
	return canonical, addressError(field, email, err)
}

// canonicalSourceIn is canonicalIn for what may be "@domain" too.
func canonicalSourceIn(field, source string) (string, error) {
	canonical, err := address.Source(source)
	return canonical, addressError(field, source, err)
}

// canonicalDomainIn returns a domain name as A-labels in lower case.
func canonicalDomainIn(field, name string) (string, error) {
	canonical, err := address.Domain(name)
	return canonical, addressError(field, name, err)
}

func addressError(field, value string, reason error) error {
	if reason == nil {
		return nil
	}
	return &AddressError{Field: field, Value: value, Reason: reason.Error()}
}
