package hash

import (
	"errors"
	"strings"
)

// ownLock is what Lock puts before the old value. crypt(3) refuses every setting with a "!", so that Dovecot lets nobody
// in.
const ownLock = "{CRYPT}!"

// Lock returns a stored value that no password matches and that keeps the old one: "{CRYPT}!{SHA256-CRYPT}$5$...".
// [Hasher.Unlock] turns it back. A value that is locked already stays as it is, see [Info].Locked. The result is 8 bytes
// longer: check that it fits into the column.
//
// Dovecot refuses the login, and mail is still delivered. Dovecot 2.3, and 2.4 with auth_allow_weak_schemes, answer as to
// a wrong password. Without that setting 2.4 answers with a temporary failure and logs an error, because it takes the value
// for DES-CRYPT.
func (h *Hasher) Lock(stored string) string {
	if _, locked := h.orStandard().underLock(stored); locked {
		return stored
	}
	return ownLock + stored
}

// Unlock returns the value that was locked by [Hasher.Lock], or by others after usermod(8) -L, who write
// "{SCHEME}!payload". It takes all locks off, if there are several. A value that is not locked stays as it is. The error is
// [ErrNoPassword] if the lock keeps nothing, as in "{CRYPT}!".
//
// "{CRYPT}!$6$..." may have been "$6$..." or "{CRYPT}$6$...". It becomes the first if [Config].Default says how to read
// that, else the second.
func (h *Hasher) Unlock(stored string) (string, error) {
	rest, locked := h.orStandard().underLock(stored)
	if !locked {
		return stored, nil
	}
	if isEmpty(rest) {
		return "", ErrNoPassword
	}
	return rest, nil
}

// underLock takes all locks off a stored value and tells whether there was one. A "!" that begins a clear text is a part
// of the password and no lock.
func (h *Hasher) underLock(stored string) (rest string, locked bool) {
	label, payload, prefixed := splitPrefix(stored)
	for strings.HasPrefix(payload, "!") && h.canLock(label, prefixed) {
		locked = true
		payload = payload[1:]
		if equalFold(label, "CRYPT") && h.isWhole(payload) {
			label, payload, prefixed = splitPrefix(payload)
		}
	}
	switch {
	case !locked:
		return stored, false
	case !prefixed:
		return payload, true
	default:
		return "{" + label + "}" + payload, true
	}
}

// isEmpty tells whether nothing stands in a stored value but its prefix.
func isEmpty(stored string) bool {
	_, payload, _ := splitPrefix(stored)
	return payload == ""
}

// canLock tells whether a "!" after this prefix makes a lock.
func (h *Hasher) canLock(label string, prefixed bool) bool {
	if !prefixed {
		label = h.config.Default
	}
	s := lookupEncoded(label)
	return s != nil && !s.isClear()
}

// isWhole tells whether the text after "{CRYPT}!" is a whole stored value, as Lock puts it there, and not a payload of
// CRYPT, as others do.
func (h *Hasher) isWhole(text string) bool {
	if _, _, prefixed := splitPrefix(text); prefixed {
		return true
	}
	_, err := parseCrypt(text)
	crypted := !errors.Is(err, ErrMalformed)
	switch s := lookupEncoded(h.config.Default); {
	case text == "":
		return false
	case s != nil && s.isClear():
		return !crypted || text[0] != '$'
	case text[0] == '!', text[0] == '*': // no value without a prefix begins so
		return false
	case s != nil:
		if _, err := parse(text, h.config.Default); err == nil {
			return true
		}
	}
	return !crypted
}
