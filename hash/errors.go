package hash

import (
	"errors"
	"fmt"
)

// Errors of this package. Test for them with [errors.Is]. None holds a password or a hash.
var (
	// ErrMismatch says that the password is not the one of the stored value, or that the stored value is locked, see
	// [Lock].
	ErrMismatch = errors.New("hash: password does not match")
	// ErrMalformed says that the stored value is not what its scheme prescribes. No password matches it.
	ErrMalformed = errors.New("hash: stored value is malformed")
	// ErrUnsupported says that this package does not know how to verify the stored value: it has no prefix and
	// [Config].Default is empty, or its scheme or method is unknown. [Inspect] tells these apart: Info.Unprefixed, and
	// Info.Scheme for the methods of crypt(3) that Dovecot verifies and this package does not.
	ErrUnsupported = errors.New("hash: scheme is not supported")
	// ErrTooCostly says that the stored value takes more time or memory than [Config] allows, or is longer than
	// [MaxStored]. The work was not done.
	ErrTooCostly = errors.New("hash: stored value asks for too much work")
	// ErrPasswordTooLong says that the password has more bytes than the scheme takes. [Hasher.Generate] takes 72 for
	// BLF-CRYPT and 511 otherwise, which is the limit of libxcrypt (CRYPT_MAX_PASSPHRASE_SIZE), the crypt(3) that
	// Dovecot calls. [Hasher.Verify] takes 511 where Dovecot calls crypt(3), and 8192 elsewhere, the longest line of a
	// login.
	ErrPasswordTooLong = errors.New("hash: password is too long for the scheme")
	// ErrInvalidPassword says that [Hasher.Generate] was given a password that mail clients cannot log in with: it is
	// empty, not UTF-8, or holds U+FFFD, which stands for characters that were lost, or it is [ErrControlCharacter].
	ErrInvalidPassword = errors.New("hash: invalid password")
	// ErrControlCharacter is the [ErrInvalidPassword] of a password with a character that nobody sees or types: a
	// control character (C0 with NUL, tab and line ends, DEL, C1), a line or paragraph separator, a byte order mark, or
	// another one that has no width, such as a soft hyphen or a mark of direction. A tool adds them, as with the line
	// end of a file, and the login fails without them.
	ErrControlCharacter = fmt.Errorf("%w: it holds a line end, a tab or another character that cannot be seen", ErrInvalidPassword)
	// ErrUserRequired says that the user name is a part of the stored value (DIGEST-MD5). Use [Hasher.VerifyFor].
	ErrUserRequired = errors.New("hash: scheme needs the user name")
	// ErrFIPS says that the program runs with GODEBUG=fips140=only, in which Go's standard library refuses what the
	// scheme is made of: MD5, SHA-1, or HMAC with a password as its key.
	ErrFIPS = errors.New("hash: scheme is not allowed with GODEBUG=fips140=only")
	// ErrNoPassword says that [Unlock] was given a locked value that keeps no password, "{CRYPT}!".
	ErrNoPassword = errors.New("hash: locked value holds no password")
)

// The other kinds of ErrInvalidPassword.
var (
	errEmpty   = fmt.Errorf("%w: it is empty", ErrInvalidPassword)
	errNotUTF8 = fmt.Errorf("%w: it is not UTF-8", ErrInvalidPassword)
)
