package hash

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"
)

var (
	plain      = &algorithm{name: "PLAIN", recoverable: true}
	plainTrunc = &algorithm{name: "PLAIN-TRUNC", recoverable: true}
)

// parsePlain refuses an empty password, with which Dovecot would let everyone in.
func parsePlain(payload string) (parsed, error) {
	if payload == "" {
		return parsed{algorithm: plain}, ErrMalformed
	}
	return parsed{algorithm: plain, matcher: clearText{text: payload}}, nil
}

// parsePlainTrunc reads "length-password": a password that was cut to length bytes when it was stored. See
// plain_trunc_verify in Dovecot's password-scheme.c, which takes a length of 0 for "every password" and wraps around
// where the length overflows. The first is malformed here, the second longer than every password.
func parsePlainTrunc(payload string) (parsed, error) {
	p := parsed{algorithm: plainTrunc}
	digits, text, ok := strings.Cut(payload, "-")
	length, isNumber := decimal(digits)
	if !ok || !isNumber || length == 0 || text == "" {
		return p, ErrMalformed
	}
	p.matcher = clearText{text: text, cut: len(text) == length}
	return p, nil
}

// clearText is compared as a digest, so that the time does not even tell its length.
type clearText struct {
	text string
	cut  bool // the password may go on
}

func (c clearText) match(_, password string) (bool, error) {
	if c.cut && len(password) > len(c.text) {
		password = password[:len(c.text)]
	}
	want, got := sha256.Sum256([]byte(c.text)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1, nil
}
