package address

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Domain returns a domain name as A-labels in lower case.
func Domain(domain string) (string, error) {
	if len(domain) > 4*maxDomain { // no name of that size can become short enough
		return "", errDomain
	}
	name := strings.Map(lowerOfPair, domain)
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
		// UTS 46 maps full-width letters, soft hyphens and the like away. They are not how a domain is written.
		if name != ascii && name != unicodeName {
			return "", errDomain
		}
	}
	if len(ascii) > maxDomain {
		return "", errDomain
	}
	for label := range strings.SplitSeq(ascii, ".") {
		if !isHostLabel(label) {
			return "", errDomain
		}
	}
	return ascii, nil
}

// Spellings returns the forms in which a canonical address, source or domain may stand in a row: its own, and the one
// with U-labels if that is another.
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

// HasALabel reports whether a canonical address, source or domain may have a second spelling.
func HasALabel(canonical string) bool { return strings.Contains(canonical, "xn--") }

// IsASCII reports whether a text is ASCII only.
func IsASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r > unicode.MaxASCII }) < 0
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
