// Package address returns the canonical form of mail addresses and domain names. It is pure: no database, no configuration.
//
// The canonical form is ASCII in lower case, with an internationalised domain as A-labels (RFC 5890). Package ispmail and
// those below it compare addresses only by this form.
package address

import (
	"errors"
	"fmt"
	"strings"
)

const (
	maxLocalPart = 64  // octets, RFC 5321 section 4.5.3.1.1
	maxLabel     = 63  // octets, RFC 1035 section 2.3.4
	maxDomain    = 253 // octets as text; RFC 1035 section 2.3.4 allows 255 on the wire
	maxAddress   = 254 // octets; RFC 5321 section 4.5.3.1.3 allows 256 with the angle brackets
)

// Why a text has no canonical form.
var (
	errNoAt         = errors.New("it has no @")
	errNoLocalPart  = errors.New("nothing is before the @")
	errLocalLength  = fmt.Errorf("the part before the @ is longer than %d octets", maxLocalPart)
	errLocalDots    = errors.New("the part before the @ begins or ends with a dot, or has two in a row")
	errLocalSign    = errors.New("the part before the @ has a sign that is not allowed there")
	errNoDomain     = errors.New("the domain is empty")
	errDomainLength = fmt.Errorf("the domain is longer than %d octets, or a part of it than %d", maxDomain, maxLabel)
	errDomain       = errors.New("the domain is no host name")
	errTooLong      = fmt.Errorf("it is longer than %d octets", maxAddress)
)

// Canonical returns the canonical form of an address. The local part must be a dot-atom of RFC 5322, section 3.2.3. Nothing
// is trimmed or guessed. The error is the reason in a few words, without the address.
func Canonical(address string) (string, error) {
	local, domain, ok := cutLastAt(address)
	if !ok {
		return "", errNoAt
	}
	local = Lower(local)
	if err := checkLocalPart(local); err != nil {
		return "", err
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

// SourceOrNone is [Source] for callers who do not want the reason: it returns "" in place of an error. It takes destinations
// too, which have the same form.
func SourceOrNone(source string) string {
	canonical, err := Source(source)
	if err != nil {
		return ""
	}
	return canonical
}

// DomainOf returns what follows the last @. It returns a text without @ as it is.
func DomainOf(address string) string { return address[strings.LastIndexByte(address, '@')+1:] }

// cutLastAt cuts an address at its last @.
func cutLastAt(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", "", false
	}
	return address[:at], address[at+1:], true
}

// Cut cuts an address at its last @. The domain comes in its canonical form, the local part without quotes. ok is false if
// there is no @, or no canonical form of the domain.
func Cut(address string) (local, domain string, ok bool) {
	local, domain, ok = cutLastAt(address)
	if !ok {
		return "", "", false
	}
	domain, err := Domain(domain)
	return unquote(local), domain, err == nil
}

// Lower returns a text with its ASCII letters in lower case. It leaves all others alone: Unicode has capitals, such as the
// Kelvin sign, whose lower case is an ASCII letter.
func Lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}

// atomSigns are the signs of an atom beside letters and digits, RFC 5322 section 3.2.3.
const atomSigns = "!#$%&'*+-/=?^_`{|}~"

// checkLocalPart tells why a text in lower case is no dot-atom-text of RFC 5322, nil if it is.
func checkLocalPart(local string) error {
	switch {
	case local == "":
		return errNoLocalPart
	case len(local) > maxLocalPart:
		return errLocalLength
	}
	for i := range len(local) {
		if c := local[i]; c != '.' && !isLetterOrDigit(c) && strings.IndexByte(atomSigns, c) < 0 {
			return errLocalSign
		}
	}
	if strings.HasPrefix(local, ".") || strings.HasSuffix(local, ".") || strings.Contains(local, "..") {
		return errLocalDots
	}
	return nil
}

func isLetterOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
