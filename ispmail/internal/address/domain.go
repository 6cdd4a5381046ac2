package address

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Domain returns the canonical form of a domain name: A-labels in lower case. A dot at the end is an error.
func Domain(domain string) (string, error) {
	if domain == "" {
		return "", errNoDomain
	}
	if len(domain) > 4*maxDomain { // even as A-labels, it would be too long
		return "", errDomainLength
	}
	name := strings.Map(lowerOrError, domain)
	ascii := name
	if !IsASCII(name) || strings.Contains(name, "xn--") {
		var err error
		if ascii, err = idna.Lookup.ToASCII(name); err != nil {
			return "", errDomain
		}
		unicodeName, err := idna.Lookup.ToUnicode(ascii)
		if err != nil || strings.ContainsFunc(unicodeName, notInLabel) {
			return "", errDomain
		}
		// Package idna (UTS 46) replaces full-width letters, drops soft hyphens, and so on. Such a spelling is refused here.
		if name != ascii && name != unicodeName {
			return "", errDomain
		}
	}
	if len(ascii) > maxDomain {
		return "", errDomainLength
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !isHostLabel(label) {
			return "", errDomain
		}
	}
	return ascii, nil
}

// Spellings returns the forms in which a row may hold a canonical address, source or domain: the canonical form, and the one
// with U-labels (RFC 5890) if it has A-labels.
func Spellings(canonical string) []string {
	if !HasALabel(canonical) {
		return []string{canonical}
	}
	at := strings.LastIndexByte(canonical, '@') + 1
	unicodeName, err := idna.Lookup.ToUnicode(canonical[at:])
	if err != nil || unicodeName == canonical[at:] {
		return []string{canonical}
	}
	return []string{canonical, canonical[:at] + unicodeName}
}

// HasALabel reports whether a canonical address, source or domain may have a second form, see [Spellings].
func HasALabel(canonical string) bool { return strings.Contains(canonical, "xn--") }

// IsASCII reports whether a text is ASCII only.
func IsASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
}

// lowerOrError returns the lower case of a letter. For a sign that is not the capital of its lower case, such as the Kelvin sign
// or the dotted İ, it returns U+FFFD, which no domain may hold.
func lowerOrError(r rune) rune {
	low := unicode.ToLower(r)
	if low != r && unicode.ToUpper(low) != r {
		return utf8.RuneError
	}
	return low
}

// notInLabel reports whether IDNA 2008 (RFC 5892) forbids a character in a label. Package idna (UTS 46) allows some of them,
// such as emoji.
func notInLabel(r rune) bool {
	return !unicode.In(r, unicode.L, unicode.M, unicode.Nd) && !strings.ContainsRune("-.·͵׳״・\u200c\u200d", r)
}

// isHostLabel reports whether a text is a label of RFC 1123, section 2.1, in lower case.
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
