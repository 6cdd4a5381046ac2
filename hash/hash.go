// Package hash verifies and generates password hashes in the form that Dovecot stores them, "{SCHEME}payload".
//
// Verify tells whether a password belongs to a stored value, Generate makes a new value, NeedsRehash tells whether a
// stored value should be replaced once the password is known, Inspect tells what a stored value is. They use a Hasher
// with the zero Config; New makes one with other settings.
//
// # Schemes
//
// All names of Dovecot 2.3 and 2.4 are verified. Weak ones protect a password badly when the database leaks. The length
// is that of a whole stored value with its prefix, in characters: the column of the ISPmail guide holds 150. In the
// column "2.4" are those that Dovecot 2.4 refuses, unless auth_allow_weak_schemes is on, or does not know any more.
//
//	scheme                  | generate | weak | length  | 2.4     | recommendation
//	------------------------|----------|------|---------|---------|--------------------------------------
//	SHA256-CRYPT            | default  |      | 77-94   |         | the guide's scheme
//	SHA512-CRYPT            | yes      |      | 120-137 |         | good
//	BLF-CRYPT               | yes      |      | 71      |         | good; passwords of up to 72 bytes
//	ARGON2ID                | yes      |      | 107-109 |         | best; takes memory
//	SCRAM-SHA-256           | yes      |      | 134-140 |         | only for logins with that mechanism
//	PBKDF2                  | yes      |      | 70-80   |         | good; slow logins
//	ARGON2I, ARGON2         |          |      | 105-109 |         | keep; ARGON2 is unknown to 2.3
//	SCRAM-SHA-1             |          |      | 100-106 |         | keep while clients need it
//	CRYPT                   |          |      | 20-130  |         | keep, goes by the payload, see below
//	CRAM-MD5                |          | weak | 74      |         | replace when no client needs it
//	HMAC-MD5                |          | weak | 74      | refused | replace when no client needs it
//	DIGEST-MD5              |          | weak | 44      |         | replace when no client needs it
//	OTP                     |          | weak | 46-48   | unknown | replace, gone in 2.4.5
//	SSHA, SSHA256, SSHA512  |          | weak | 38-101  |         | replace
//	SHA, SHA1, SHA256       |          | weak | 33-52   |         | replace
//	SHA512                  |          | weak | 96      |         | replace
//	SMD5                    |          | weak | 34      | refused | replace
//	PLAIN-MD5, PLAIN-MD4    |          | weak | 43      | refused | replace
//	LDAP-MD5                |          | weak | 34      | refused | replace
//	MD5                     |          | weak | 37-39   | refused | replace
//	MD5-CRYPT               |          | weak | 45      | refused | replace
//	DES-CRYPT               |          | weak | 24      | refused | replace
//	PLAIN, CLEAR, CLEARTEXT |          | weak | any     |         | replace
//	PLAIN-TRUNC             |          | weak | any     |         | replace
//
// As in Dovecot the name of a scheme is case-insensitive and may carry one of the suffixes .HEX, .B64 and .BASE64 for
// the encoding of the payload; without a suffix digests may be hex or base64. CRYPT, DES-CRYPT, SHA256-CRYPT and
// SHA512-CRYPT share one verifier that goes by the payload: {SHA256-CRYPT}$6$... is a SHA512-CRYPT hash. It knows DES,
// $1$ (MD5-CRYPT), $2a$ $2b$ $2x$ $2y$ (BLF-CRYPT), $3$ (nt), $5$, $6$, $7$ (scrypt), $sha1$ and $y$ (yescrypt). Only
// $gy$, $md5$, bigcrypt, the extended DES of BSDi and yescrypt with settings that libxcrypt does not make are
// ErrUnsupported.
//
// Nothing is trimmed, and passwords are compared as the bytes they are: there is no Unicode normalisation.
//
// # Stricter than Dovecot
//
// Some stored values let everyone in, or keep a server busy. They are refused although Dovecot takes them:
//
//   - empty passwords, stored or given, and passwords with a NUL byte;
//   - PBKDF2 with 0 iterations and PLAIN-TRUNC with a length of 0, which match every password;
//   - what PLAIN-TRUNC leaves out when its length is over 2^64, where Dovecot starts again from 0;
//   - OTP with a negative sequence, with which Dovecot counts for ever;
//   - values that cost more than Config allows. Nothing of that work is done.
//
// No stored value makes Verify panic, and none matches if it is malformed. Hashes are compared in constant time. No
// error of this package holds a password or a hash.
package hash

import "errors"

// Errors of Verify, Generate and Inspect. Test for them with errors.Is.
var (
	// ErrMismatch says that the password is not the one of the stored value.
	ErrMismatch = errors.New("hash: password does not match")
	// ErrMalformed says that the stored value is not what its scheme prescribes, so that no password can match it. A
	// locked account ("{CRYPT}!...", "{CRYPT}*") is one of these.
	ErrMalformed = errors.New("hash: stored value is malformed")
	// ErrUnsupported says that the stored value has no scheme, or one that this package does not know.
	ErrUnsupported = errors.New("hash: scheme is not supported")
	// ErrTooCostly says that the stored value asks for more work than Config allows. The work was not done.
	ErrTooCostly = errors.New("hash: stored value asks for too much work")
	// ErrPasswordTooLong says that the password has more bytes than the scheme takes. Generate takes 72 for BLF-CRYPT
	// and 511 otherwise, which is the limit of the crypt(3) that Dovecot calls (libxcrypt,
	// CRYPT_MAX_PASSPHRASE_SIZE). Verify takes 511 where Dovecot calls crypt(3) and 8192 elsewhere, which is the
	// longest line of a login.
	ErrPasswordTooLong = errors.New("hash: password is too long for the scheme")
	// ErrInvalidPassword says that Generate was given a password that no mail client could log in with: it is empty,
	// holds a NUL byte (the separator of SASL PLAIN, RFC 4616) or is not UTF-8.
	ErrInvalidPassword = errors.New("hash: password is empty, not UTF-8 or holds a NUL byte")
	// ErrUserRequired says that a DIGEST-MD5 value can be verified by VerifyFor only: the user name is a part of it.
	ErrUserRequired = errors.New("hash: scheme needs the user name")
)

var standard = must(New(Config{}))

// Verify returns nil if password is the password of the stored value. It is Hasher.Verify with the zero Config.
func Verify(stored, password string) error { return standard.Verify(stored, password) }

// Generate returns a new {SHA256-CRYPT} value for password. It is Hasher.Generate with the zero Config.
func Generate(password string) (stored string, err error) { return standard.Generate(password) }

// NeedsRehash tells whether the stored value should be replaced. It is Hasher.NeedsRehash with the zero Config.
func NeedsRehash(stored string) bool { return standard.NeedsRehash(stored) }

// Inspect tells what a stored value is. It is Hasher.Inspect with the zero Config.
func Inspect(stored string) (Info, error) { return standard.Inspect(stored) }

func must(h *Hasher, err error) *Hasher {
	if err != nil {
		panic(err)
	}
	return h
}
