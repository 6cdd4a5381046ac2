package ispmail

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

const (
	maxLocalPart = 64  // octets, RFC 5321 section 4.5.3.1.1
	maxLabel     = 63  // octets, RFC 1035 section 2.3.4
	maxDomain    = 253 // octets of the text form, which follows from the 255 of RFC 1035
	maxAddress   = 254 // octets, RFC 5321 section 4.5.3.1.3 less the angle brackets
)

// Canonical returns the one spelling of an address: ASCII, in lower case, an internationalised domain as A-labels
// (RFC 5890). It is the key by which addresses are compared, limited and stored.
//
// The local part is a dot-atom of RFC 5322, section 3.2.3; its case is ignored as Postfix and Dovecot ignore it with
// the guide's tables. Everything else, quoted local parts, blanks, control characters and non-ASCII local parts
// among it, is ErrInvalidAddress: nothing is trimmed or guessed.
func Canonical(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", fmt.Errorf("%w: it has no @", ErrInvalidAddress)
	}
	local := lower(address[:at])
	if !isDotAtom(local) || len(local) > maxLocalPart {
		return "", fmt.Errorf("%w: the part before the @", ErrInvalidAddress)
	}
	domain, err := canonicalDomain(address[at+1:])
	if err != nil {
		return "", err
	}
	if len(local)+1+len(domain) > maxAddress {
		return "", fmt.Errorf("%w: it is longer than %d octets", ErrInvalidAddress, maxAddress)
	}
	return local + "@" + domain, nil
}

// canonicalSource is Canonical for the left side of an alias, which may be "@domain".
func canonicalSource(source string) (string, error) {
	if domain, ok := strings.CutPrefix(source, "@"); ok {
		domain, err := canonicalDomain(domain)
		if err != nil {
			return "", err
		}
		return "@" + domain, nil
	}
	return Canonical(source)
}

var errInvalidDomain = fmt.Errorf("%w: the domain", ErrInvalidAddress)

// canonicalDomain returns a domain name as lower-case A-labels.
func canonicalDomain(domain string) (string, error) {
	if len(domain) > 4*maxDomain { // no name of that size can become short enough
		return "", errInvalidDomain
	}
	name := strings.Map(lowerOfPair, domain)
	ascii := name
	if !isASCII(name) || strings.Contains(name, "xn--") {
		var err error
		if ascii, err = idna.Lookup.ToASCII(name); err != nil {
			return "", errInvalidDomain
		}
		unicodeName, err := idna.Lookup.ToUnicode(ascii)
		if err != nil || strings.ContainsFunc(unicodeName, notInLabel) {
			return "", errInvalidDomain
		}
		// UTS 46 maps full-width letters, soft hyphens and the like away. They are not how a domain is written.
		if name != ascii && name != unicodeName {
			return "", errInvalidDomain
		}
	}
	if len(ascii) > maxDomain {
		return "", errInvalidDomain
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !isHostLabel(label) {
			return "", errInvalidDomain
		}
	}
	return ascii, nil
}

// lowerOfPair returns the lower case of a letter. A sign that only looks like one, as the Kelvin sign K or the dotted
// İ, is not the capital of its lower case; it is replaced by what no domain holds.
func lowerOfPair(r rune) rune {
	low := unicode.ToLower(r)
	if low != r && unicode.ToUpper(low) != r {
		return utf8.RuneError
	}
	return low
}

// notInLabel refuses symbols, emoji among them, which UTS 46 allows and IDNA 2008 (RFC 5892) does not.
func notInLabel(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-.·͵׳״・\u200c\u200d", r)
}

// spellings returns the forms in which a canonical address, source or domain may stand in a row: its own, and the one
// with U-labels if that is another.
func spellings(canonical string) []string {
	if !hasALabel(canonical) {
		return []string{canonical}
	}
	at := strings.LastIndexByte(canonical, '@') + 1
	unicodeName, err := idna.Lookup.ToUnicode(canonical[at:])
	if err != nil || unicodeName == canonical[at:] {
		return []string{canonical}
	}
	return []string{canonical, canonical[:at] + unicodeName}
}

// hasALabel tells whether a canonical address, source or domain may have a spelling besides its own.
func hasALabel(canonical string) bool { return strings.Contains(canonical, "xn--") }

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

// isHostLabel tests for a label of RFC 1123, section 2.1, in lower case.
func isHostLabel(s string) bool {
	if s == "" || len(s) > maxLabel || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	for i := range len(s) {
		if !isLetterOrDigit(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// lower folds ASCII only, so that no other letter becomes one of ASCII (the Kelvin sign, for one, would).
func lower(s string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r - 'A' + 'a'
		}
		return r
	}, s)
}
