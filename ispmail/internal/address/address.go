// Package address knows the spellings of mail addresses and domain names. It is pure: no database, no configuration.
//
// An address has one canonical form, which is ASCII in lower case with an internationalised domain as A-labels
// (RFC 5890). All packages below ispmail compare addresses by it.
package address

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxLocalPart = 64  // octets, RFC 5321 section 4.5.3.1.1
	maxLabel     = 63  // octets, RFC 1035 section 2.3.4
	maxDomain    = 253 // octets of the text form, which follows from the 255 of RFC 1035
	maxAddress   = 254 // octets, RFC 5321 section 4.5.3.1.3 less the angle brackets
)

// Why a text has no canonical form.
var (
	errNoAt      = errors.New("it has no @")
	errLocalPart = errors.New("the part before the @")
	errDomain    = errors.New("the domain")
	errTooLong   = fmt.Errorf("it is longer than %d octets", maxAddress)
)

// Canonical returns the canonical form of an address. The local part is a dot-atom of RFC 5322, section 3.2.3. Nothing is
// trimmed or guessed. The error is the reason in a few words, without the address.
func Canonical(address string) (string, error) {
	local, domain, ok := cut(address)
	if !ok {
		return "", errNoAt
	}
	local = Lower(local)
	if !isDotAtom(local) || len(local) > maxLocalPart {
		return "", errLocalPart
	}
	domain, err := Domain(domain)
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", errTooLong
	}
	return local + "@" + domain, nil
}

// Source returns the canonical form of the left side of an alias, which is an address or "@domain".
func Source(source string) (string, error) {
	name, whole := strings.CutPrefix(source, "@")
	if !whole {
		return Canonical(source)
	}
	name, err := Domain(name)
	if err != nil {
		return "", err
	}
	return "@" + name, nil
}

// SourceOrNone returns the canonical form of a source or a destination, "" if it has none.
func SourceOrNone(source string) string {
	canonical, err := Source(source)
	if err != nil {
		return ""
	}
	return canonical
}

// DomainOf returns what follows the last @, all of a text without one.
func DomainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// cut cuts an address at its last @.
func cut(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// Cut cuts an address at its last @ and returns the domain in its canonical form. It reports whether there is one.
func Cut(address string) (local, domain string, ok bool) {
	local, domain, ok = cut(address)
	if !ok {
		return "", "", false
	}
	domain, err := Domain(domain)
	return local, domain, err == nil
}

// Lower folds ASCII only, so that no other letter becomes one of ASCII, as the Kelvin sign would.
func Lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// isDotAtom tests for the dot-atom-text of RFC 5322 in lower case.
func isDotAtom(s string) bool {
	for atom := range strings.SplitSeq(s, ".") {
		if atom == "" {
			return false
		}
		for i := range len(atom) {
			if c := atom[i]; !isLetterOrDigit(c) && strings.IndexByte("!#$%&'*+-/=?^_`{|}~", c) < 0 {
				return false
			}
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
