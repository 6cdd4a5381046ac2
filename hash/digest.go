package hash

import (
	"crypto/md5" //nolint:gosec // PLAIN-MD5 is verified, never generated
	"crypto/subtle"
)

// verifyMD5 serves PLAIN-MD5, the scheme of older ISPmail guides: one unsalted MD5.
func (h *Hasher) verifyMD5(payload, password string) error {
	sum := md5.Sum([]byte(password)) //nolint:gosec // see above
	return compare(payload, string(sum[:]))
}

// compare is constant-time in the content of its arguments.
func compare(stored, computed string) error {
	if subtle.ConstantTimeCompare([]byte(stored), []byte(computed)) != 1 {
		return ErrMismatch
	}
	return nil
}
