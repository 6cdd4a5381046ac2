// Package hash verifies and generates password hashes in the form that Dovecot stores them, "{SCHEME}payload".
//
// Verify tells whether a password belongs to a stored value, Generate makes a new value, NeedsRehash tells whether a
// stored value should be replaced once the password is known. They use a Hasher with the zero Config; New makes one
// with other settings.
//
//	| scheme       | verified                    | generated | written as                             |
//	|--------------|-----------------------------|-----------|----------------------------------------|
//	| SHA256-CRYPT | yes                         | default   | {SHA256-CRYPT}$5$salt$hash             |
//	| SHA512-CRYPT | yes                         | no        |                                        |
//	| BLF-CRYPT    | yes ($2a$, $2b$, $2y$)      | yes       | {BLF-CRYPT}$2y$10$...                  |
//	| CRYPT        | yes, of the three above     | no        |                                        |
//	| PLAIN-MD5    | yes, replaced when possible | no        |                                        |
//
// As in Dovecot the name of a scheme is case-insensitive, may carry one of the suffixes .HEX, .B64 and .BASE64 for the
// encoding of the payload, and SHA256-CRYPT, SHA512-CRYPT and CRYPT share one verifier that goes by the payload:
// {SHA256-CRYPT}$6$... is a SHA512-CRYPT hash. Nothing is trimmed, and passwords are compared as the bytes they are:
// there is no Unicode normalisation.
//
// Verify never spends more work on a stored value than Config allows and never matches a malformed one. No error of
// this package holds a password or a hash.
package hash

import "errors"

// Errors of Verify and Generate. Test for them with errors.Is.
var (
	// ErrMismatch says that the password is not the one of the stored value.
	ErrMismatch = errors.New("hash: password does not match")
	// ErrMalformed says that the stored value is not what its scheme prescribes, so that no password can match it.
	ErrMalformed = errors.New("hash: stored value is malformed")
	// ErrUnsupported says that the stored value has no scheme, or one that this package does not know.
	ErrUnsupported = errors.New("hash: scheme is not supported")
	// ErrTooCostly says that the stored value asks for more work than Config allows. The work was not done.
	ErrTooCostly = errors.New("hash: stored value asks for too much work")
	// ErrPasswordTooLong says that the password has more bytes than the scheme takes: 72 for BLF-CRYPT, 511 for every
	// other one, which is the limit of the crypt(3) that Dovecot calls (libxcrypt, CRYPT_MAX_PASSPHRASE_SIZE).
	ErrPasswordTooLong = errors.New("hash: password is too long for the scheme")
	// ErrInvalidPassword says that no mail client could log in with the password: it is empty, holds a NUL byte (the
	// separator of SASL PLAIN, RFC 4616) or is not UTF-8.
	ErrInvalidPassword = errors.New("hash: password is empty, not UTF-8 or holds a NUL byte")
)

// maxPassword is the longest password in bytes that crypt(3) on Debian takes. Dovecot can neither verify nor make a
// crypt hash of a longer one.
const maxPassword = 511

var standard = must(New(Config{}))

// Verify returns nil if password is the password of the stored value. It is Hasher.Verify with the zero Config.
func Verify(stored, password string) error { return standard.Verify(stored, password) }

// Generate returns a new {SHA256-CRYPT} value for password. It is Hasher.Generate with the zero Config.
func Generate(password string) (stored string, err error) { return standard.Generate(password) }

// NeedsRehash tells whether the stored value should be replaced. It is Hasher.NeedsRehash with the zero Config.
func NeedsRehash(stored string) bool { return standard.NeedsRehash(stored) }

func must(h *Hasher, err error) *Hasher {
	if err != nil {
		panic(err)
	}
	return h
}
