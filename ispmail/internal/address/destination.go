package address

import (
	"errors"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Why a text is no destination. The first three stand in files like /etc/aliases, which local(8) of Postfix reads.
var (
	errCommand   = errors.New("it is a command, which only /etc/aliases may hold: make it an alias there, and that name the destination")
	errFile      = errors.New("it is a file, which only /etc/aliases may hold: make it an alias there, and that name the destination")
	errInclude   = errors.New("it is a list in a file, which only /etc/aliases may hold: make it an alias there, and that name the destination")
	errControl   = errors.New("it has a control character, or is no UTF-8")
	errQuote     = errors.New("its quotes do not stand around the whole part before the @")
	errLiteral   = errors.New("what stands in brackets is no IP address")
	errBareIP    = errors.New("an IP address stands in brackets, as in [192.0.2.1]")
	errRouted    = errors.New("a local name, or one at an IP address, with one of the signs !, % and @ is read as another address")
	errLocalName = errors.New("it has no @, and a local account has no such name")
	errWildcard  = errors.New("a * or % stands for no other letters: the catch-all of a domain is written as @example.org")
	errHyphen    = errors.New("it begins with a hyphen, and Postfix delivers to no such address")
	errOtherwise = errors.New("it is another address to Postfix")
)

// Destination returns the two forms of a destination of an alias: the one to store and the key by which destinations are compared.
// Stored are the local part as it is, because its case and its quotes may matter to another server (RFC 5321, section 2.4), and the
// domain in its canonical form. The caller stores the key if the domain is one of this server's.
//
// A destination is what [Source] takes, and what Postfix delivers beyond that: "john doe"@example.org and other quoted local parts,
// dots anywhere in a local part, letters beyond ASCII, local parts of more than 64 octets, an IP address in brackets, underscores in
// a domain, and the name of a local account without a domain. What Postfix would not read as it is written is an error. The error is
// the reason in a few words, without the text.
func Destination(text string) (stored, key string, err error) {
	key = SourceOrNone(text)
	if key != "" && key[0] == '@' {
		return key, key, nil
	}
	written, domain, ok := cutLastAt(text)
	local := written
	if key == "" {
		if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
			return "", "", errControl
		}
		if err := checkSpecial(text); err != nil {
			return "", "", err
		}
		if !ok || strings.HasSuffix(domain, `"`) { // the @ is a quoted one
			written, ok = text, false
		}
		if local, err = localPart(written); err != nil && ok {
			return "", "", err
		}
		if !ok && err == nil && isLocalName(local) {
			return text, Lower(local), nil
		}
	}
	if !ok {
		return "", "", errLocalName
	}
	if local != "" && local[0] == '-' { // allow_min_user
		return "", "", errHyphen
	}
	if domain, err = destinationDomain(domain); err != nil {
		return "", "", err
	}
	if (domain[0] == '[' || domain == "localhost") && strings.ContainsAny(local, "!%@") {
		return "", "", errRouted
	}
	stored, key = written+"@"+domain, Spell(Lower(local), domain)
	if len(stored) > maxAddress {
		return "", "", errTooLong
	}
	if Key(stored) != key {
		return "", "", errOtherwise
	}
	return stored, key, nil
}

// Key returns the key of one of the [Addresses] of a text, or of a source. Whatever Postfix reads as the same address has the same
// key, and that of a text that is no address is the text itself.
func Key(text string) string {
	if key := SourceOrNone(text); key != "" { // nearly all
		return key
	}
	all := groups(scan(text))
	if len(all) != 1 {
		return text
	}
	local, domain := Read(text)
	return Spell(Lower(local), domain)
}

// Read returns the local part, without quotes, and the domain of one of the [Addresses] of a text. The domain is in its canonical
// form if it has one, and in lower case otherwise. It is "" for a local name.
func Read(text string) (local, domain string) {
	all := groups(scan(text))
	if len(all) != 1 {
		return text, ""
	}
	local, domain = read(all[0])
	if canonical, err := Domain(domain); err == nil {
		return local, canonical
	}
	return local, Lower(domain)
}

// IsLocalName reports whether a key has no domain.
func IsLocalName(key string) bool {
	_, domain := Read(key)
	return domain == ""
}

// InDomain reports whether a key is an address in a domain, or "@domain".
func InDomain(key, domain string) bool {
	return strings.HasSuffix(key, "@"+domain)
}

// IsWildcard reports whether somebody wrote an address with signs that stand for any letters elsewhere: *@example.org,
// %@example.org or *.
func IsWildcard(text string) bool {
	local, _, _ := strings.Cut(text, "@")
	return strings.ContainsAny(local, "*%") && strings.Trim(local, "*%.") == ""
}

// CheckWildcard returns the reason why a text that [IsWildcard] is refused, or nil.
func CheckWildcard(text string) error {
	if IsWildcard(text) {
		return errWildcard
	}
	return nil
}

// checkSpecial tells why a destination is none, if it is one of /etc/aliases.
func checkSpecial(text string) error {
	bare := strings.Trim(text, `"`)
	switch {
	case strings.HasPrefix(bare, ":include:") && !strings.Contains(text, "@"):
		return errInclude
	case strings.Contains(text, "@"):
		return nil
	case strings.HasPrefix(bare, "|"):
		return errCommand
	case strings.HasPrefix(bare, "/"):
		return errFile
	}
	return nil
}

// localPart returns what a written local part stands for.
func localPart(written string) (string, error) {
	switch {
	case written == "" || written == `""`:
		return "", errNoLocalPart
	case written[0] == '"':
		local := unquote(written)
		if value, end := collect(written, 1, func(c byte) bool { return c == '"' }); end != len(written)-1 || value != local {
			return "", errQuote
		}
		return local, nil
	case strings.ContainsFunc(written, notInLocalPart):
		return "", errLocalSign
	}
	return written, nil
}

func notInLocalPart(r rune) bool {
	if r > unicode.MaxASCII {
		return !unicode.IsPrint(r)
	}
	return r != '.' && !isLetterOrDigit(Lower(string(r))[0]) && !strings.ContainsRune(atomSigns, r)
}

// isLocalName reports whether a text may be the name of a local account, or of an alias in /etc/aliases. A ! or % would make
// another address of it.
func isLocalName(name string) bool {
	return IsASCII(name) && checkLocalPart(Lower(name)) == nil && !strings.ContainsAny(name, "!%|/") && name[0] != '-'
}

// destinationDomain returns the canonical form of the domain of a destination.
func destinationDomain(domain string) (string, error) {
	if inside, ok := strings.CutPrefix(domain, "["); ok {
		inside, closed := strings.CutSuffix(inside, "]")
		version6 := len(inside) > 5 && strings.EqualFold(inside[:5], "IPv6:")
		if version6 {
			inside = inside[5:]
		}
		addr, err := netip.ParseAddr(inside)
		if err != nil || !closed || addr.Zone() != "" || addr.Is6() != version6 {
			return "", errLiteral
		}
		if version6 {
			return "[ipv6:" + addr.String() + "]", nil
		}
		return "[" + addr.String() + "]", nil
	}
	if _, err := netip.ParseAddr(domain); err == nil {
		return "", errBareIP
	}
	canonical, err := Domain(domain)
	if err != nil && IsASCII(domain) && strings.Contains(domain, "_") {
		if _, err := Domain(strings.ReplaceAll(domain, "_", "x")); err == nil {
			return Lower(domain), nil
		}
	}
	return canonical, err
}
