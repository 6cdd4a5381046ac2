package ispmail

import (
	"fmt"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// Canonical returns the one spelling by which an address is compared and stored: ASCII, in lower case, an
// internationalised domain as A-labels (RFC 5890).
//
// The local part must be a dot-atom (RFC 5322, section 3.2.3). Its case is ignored, as Postfix and Dovecot ignore it
// with the guide's tables. Everything else returns an [AddressError]: quoted local parts, blanks, control characters,
// non-ASCII local parts. Nothing is trimmed or guessed.
func Canonical(email string) (string, error) { return canonicalIn("address", email) }

// CanonicalSource is [Canonical] for the source of an alias, which may be "@domain" too.
func CanonicalSource(source string) (string, error) { return canonicalSourceIn("source", source) }

// CanonicalDomain returns the one spelling of a domain name: A-labels (RFC 5890) in lower case. What is none returns an
// [AddressError].
func CanonicalDomain(name string) (string, error) { return canonicalDomainIn("domain", name) }

// An AddressError describes an address or a domain name that the server cannot serve. errors.Is takes it for
// [ErrInvalidAddress].
type AddressError struct {
	// Field is the name of the argument: "address", "domain", "source", "destination", "new address" or "new name".
	Field string
	// Value is the argument as given. It may be anything that somebody typed, even a password.
	Value string
	// Reason is a few words of English without the value.
	Reason string
}

// Error returns the field and the reason, without the value.
func (e *AddressError) Error() string {
	switch e.Field {
	case "address", "domain":
		return fmt.Sprintf("%v: %s", ErrInvalidAddress, e.Reason)
	}
	return fmt.Sprintf("%v in the %s: %s", ErrInvalidAddress, e.Field, e.Reason)
}

// Is reports whether target is [ErrInvalidAddress].
func (e *AddressError) Is(target error) bool { return target == ErrInvalidAddress }

// canonicalIn is Canonical for the argument named field.
func canonicalIn(field, email string) (string, error) {
	canonical, err := address.Canonical(email)
	return canonical, addressError(field, email, err)
}

// canonicalSourceIn is canonicalIn for an address or "@domain".
func canonicalSourceIn(field, source string) (string, error) {
	canonical, err := address.Source(source)
	return canonical, addressError(field, source, err)
}

// canonicalDomainIn returns the canonical form of a domain name: A-labels in lower case.
func canonicalDomainIn(field, name string) (string, error) {
	canonical, err := address.Domain(name)
	return canonical, addressError(field, name, err)
}

// addressError wraps the reason why a value is invalid, if there is one.
func addressError(field, value string, reason error) error {
	if reason == nil {
		return nil
	}
	return &AddressError{Field: field, Value: value, Reason: reason.Error()}
}
