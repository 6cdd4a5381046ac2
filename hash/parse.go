package hash

import (
	"fmt"
	"strings"
)

// A value is a stored password, taken apart.
type value struct {
	parsed
	scheme *scheme
	// label is the prefix as written without braces. It is empty if there is none, or one that is no scheme: then it
	// may be a part of a clear text.
	label string
	// unprefixed: there is no prefix at all.
	unprefixed bool
	// locked: this is what is under the lock.
	locked bool
}

// A parsed payload has everything that can be told without the password.
type parsed struct {
	algorithm *algorithm
	cost      cost
	// feeble: the algorithm is sound, its parameters are not.
	feeble bool
	// crypt3: Dovecot calls crypt(3), which takes 511 bytes.
	crypt3  bool
	matcher matcher
}

// A matcher hashes a password and compares. It is called when the payload is well-formed and within the limits, with a
// password that is neither empty nor too long and has no NUL byte. An error says that it could not compute the hash.
type matcher interface {
	match(user, password string) (bool, error)
}

// maxPassword is the length in bytes up to which a password is looked at.
func (p parsed) maxPassword() int {
	if p.crypt3 {
		return maxCrypt3
	}
	return maxLogin
}

// splitPrefix takes off "{label}". A prefix starts at the first byte and ends at the first "}".
func splitPrefix(stored string) (label, payload string, found bool) {
	if strings.HasPrefix(stored, "{") {
		if i := strings.IndexByte(stored, '}'); i > 0 {
			return stored[1:i], stored[i+1:], true
		}
	}
	return "", stored, false
}

// parse follows password_get_scheme and password_decode of Dovecot: nothing is trimmed, and a value without a prefix
// belongs to the default scheme, if there is one. On an error the value holds what is known so far.
func parse(stored, defaultScheme string) (v value, err error) {
	name, payload, found := splitPrefix(stored)
	if v.unprefixed = !found; v.unprefixed {
		name = defaultScheme
	}
	if v.unprefixed && name == "" {
		return v, fmt.Errorf("%w: there is no {SCHEME} prefix", ErrUnsupported)
	}
	if v.scheme = lookupEncoded(name); v.scheme == nil {
		return v, ErrUnsupported
	}
	if found {
		v.label = name
	}
	if _, suffix, encoded := strings.Cut(name, "."); encoded {
		payload, err = decodeSuffix(suffix, payload)
	} else {
		payload, err = v.scheme.decode(payload)
	}
	if err != nil {
		return v, ErrMalformed
	}
	v.parsed, err = v.scheme.parse(payload)
	return v, err
}

// decode undoes the encoding that the scheme has without a suffix.
func (s *scheme) decode(payload string) (string, error) {
	switch {
	case s.size == 0:
		return payload, nil
	case s.salted:
		return decodeBase64(payload)
	default:
		return decodeGuess(payload, s.size)
	}
}

func decodeSuffix(suffix, payload string) (string, error) {
	if equalFold(suffix, "HEX") {
		return decodeHex(payload)
	}
	return decodeBase64(payload)
}

func isEncoding(suffix string) bool {
	return equalFold(suffix, "HEX") || equalFold(suffix, "B64") || equalFold(suffix, "BASE64")
}
