package hash

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
)

// A scheme is a way to store a password, by the name that Dovecot gives it.
type scheme struct {
	name string
	// weak schemes are replaced whenever the password is known.
	weak bool
	// crypt schemes share one verifier that goes by the payload, as in Dovecot's password-scheme.c.
	crypt bool
	// size is the length in bytes of a payload that is hex or base64 even without a suffix; 0 if it is text.
	size   int
	verify func(h *Hasher, payload, password string) error
}

var schemes = map[string]*scheme{}

func init() {
	for _, s := range []scheme{
		{name: "BLF-CRYPT", crypt: true, verify: (*Hasher).verifyBcrypt},
		{name: "CRYPT", crypt: true, verify: (*Hasher).verifyCrypt},
		{name: "PLAIN-MD5", weak: true, size: 16, verify: (*Hasher).verifyMD5},
		{name: "SHA256-CRYPT", crypt: true, verify: (*Hasher).verifyCrypt},
		{name: "SHA512-CRYPT", crypt: true, verify: (*Hasher).verifyCrypt},
	} {
		schemes[s.name] = &s
	}
}

// A value is a stored password, taken apart.
type value struct {
	scheme   *scheme
	payload  string // decoded where the scheme or its suffix says so
	prefixed bool
}

// parse follows password_get_scheme and password_decode of Dovecot: the prefix starts at the first byte and ends at
// the first "}"; nothing is trimmed; a value without a prefix belongs to the default scheme, if there is one.
func parse(stored, defaultScheme string) (value, error) {
	name, payload, prefixed := "", stored, false
	if strings.HasPrefix(stored, "{") {
		if i := strings.IndexByte(stored, '}'); i > 0 {
			name, payload, prefixed = stored[1:i], stored[i+1:], true
		}
	}
	if !prefixed {
		if defaultScheme == "" {
			return value{}, fmt.Errorf("%w: there is no {SCHEME} prefix", ErrUnsupported)
		}
		name = defaultScheme
	}
	base, suffix, encoded := strings.Cut(name, ".")
	s := schemes[upper(base)]
	if s == nil {
		return value{}, ErrUnsupported
	}
	var err error
	switch {
	case !encoded && s.size > 0:
		payload, err = decodeGuess(payload, s.size)
	case encoded:
		switch upper(suffix) {
		case "HEX":
			payload, err = decodeHex(payload)
		case "B64", "BASE64":
			payload, err = decodeBase64(payload)
		default:
			return value{}, ErrUnsupported
		}
	}
	if err != nil || s.size > 0 && len(payload) != s.size {
		return value{}, ErrMalformed
	}
	return value{scheme: s, payload: payload, prefixed: prefixed}, nil
}

// upper folds ASCII letters only: with Unicode rules "ſha" would become "SHA".
func upper(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'a' <= c && c <= 'z' {
			b[i] = c - 'a' + 'A'
		}
	}
	return string(b)
}

// decodeGuess takes a payload of twice the raw size for hex and everything else for base64, as Dovecot does for
// schemes of a fixed size.
func decodeGuess(payload string, size int) (string, error) {
	if len(payload) == hex.EncodedLen(size) {
		if raw, err := decodeHex(payload); err == nil {
			return raw, nil
		}
	}
	return decodeBase64(payload)
}

func decodeHex(payload string) (string, error) {
	raw, err := hex.DecodeString(payload)
	return string(raw), err
}

// decodeBase64 skips the white space that Dovecot's decoder skips; encoding/base64 skips line ends only.
func decodeBase64(payload string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.NewReplacer(" ", "", "\t", "").Replace(payload))
	return string(raw), err
}
