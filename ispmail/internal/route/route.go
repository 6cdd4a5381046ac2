// Package route knows the rules by which Postfix follows aliases with the maps of the ISPmail guide. It is pure: whoever
// uses it supplies the rows.
//
// The maps are virtual_aliases, then email2email, which leads the address of a mailbox to itself. Postfix looks up an
// address, then the address without its extension, then "@domain", each in all maps; see TABLE SEARCH ORDER in virtual(5),
// https://www.postfix.org/virtual.5.html.
//
// All addresses and domains are canonical, see package address. Texts are what the column destination holds.
package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// extensionDelimiter is the recipient_delimiter of Debian's main.cf.
const extensionDelimiter = '+'

// A Directory tells what the tables hold.
type Directory interface {
	// HasAlias reports whether a source, an address or "@domain", has an alias with a destination.
	HasAlias(source string) bool
	// HasMailbox reports whether an address is a user's.
	HasMailbox(address string) bool
	// HasDomain reports whether the server keeps the mail of a domain.
	HasDomain(domain string) bool
	// DomainAlias returns the domain to which the catch-all of a domain sends all mail, "" if it leads to addresses or there
	// is none.
	DomainAlias(domain string) string
}

// A Kind says what Postfix finds for an address.
type Kind int

// Kinds of a Match.
const (
	Nobody    Kind = iota // nothing, in a domain of this server: the mail is refused
	Elsewhere             // nothing, in a domain of another server
	Mailbox
	Alias
	CatchAll
	Loop    // the source itself again, and no mailbox
	Unknown // addresses of a whole domain, some of which may lead somewhere
)

// DeadEnd reports whether no mail gets any further.
func (k Kind) DeadEnd() bool { return k == Nobody || k == Loop }

// A Match is what Postfix finds for an address.
type Match struct {
	Kind Kind
	// Address is the one that was looked up. Behind the catch-all of a whole domain, it is in another domain.
	Address string
	// Key is the source of the aliases or the address of the mailbox.
	Key string
	// Through holds the catch-alls to whole domains that Resolve has passed, as "@domain".
	Through []string

	local, extension string // of the address; the extension only if Key lacks it
}

// PassesExtension reports whether the address has an extension that its aliases add to their destinations.
func (m Match) PassesExtension() bool { return m.extension != "" }

// Keys returns the canonical sources that Postfix looks up for an address, in its order.
func Keys(addr string) []string {
	local, domain, ok := address.Cut(addr)
	if !ok {
		return nil
	}
	if bare, extension := CutExtension(local); extension != "" {
		return []string{addr, bare + "@" + domain, "@" + domain}
	}
	return []string{addr, "@" + domain}
}

// Find returns what Postfix finds for an address in one look-up.
func Find(d Directory, addr string) Match {
	local, domain, ok := address.Cut(addr)
	m := Match{Address: addr, local: local}
	if !ok {
		m.Kind = Elsewhere // an account of the operating system, or what no mail program understands
		return m
	}
	bare, extension := CutExtension(local)
	for _, key := range []string{addr, bare + "@" + domain} {
		m.Key = key
		switch {
		case d.HasAlias(key):
			m.Kind = Alias
			return m
		case d.HasMailbox(key):
			m.Kind = Mailbox
			return m
		}
		m.extension = extension
	}
	m.Key, m.extension = "@"+domain, ""
	switch {
	case d.HasAlias(m.Key):
		m.Kind = CatchAll
		return m
	case d.HasDomain(domain):
		return Match{Kind: Nobody, Address: addr}
	}
	return Match{Kind: Elsewhere, Address: addr}
}

// Resolve is Find past the catch-alls that lead to a whole domain.
func Resolve(d Directory, addr string) Match {
	var through []string
	for seen := map[string]bool{}; ; {
		m := Find(d, addr)
		m.Through = through
		domain := address.DomainOf(addr)
		next := d.DomainAlias(domain)
		if m.Kind != CatchAll || next == "" || seen[domain] {
			return m
		}
		seen[domain] = true
		through = append(through, m.Key)
		addr = m.local + "@" + next
	}
}

// Target returns the address to which a destination of an alias sends mail, "" if the alias sends a whole domain to
// another one: then it is any address.
func Target(source, destination string) string {
	switch {
	case destination[0] != '@':
		return destination
	case source[0] != '@':
		return source[:strings.LastIndexByte(source, '@')] + destination
	}
	return ""
}

// Follow returns what mail for the source of an alias meets behind one of its destinations.
func Follow(d Directory, source, destination string) Match {
	switch to := Target(source, destination); {
	case to == "" && source == destination:
		return Match{Kind: Loop, Key: source}
	case to == "" && d.HasAlias(destination):
		return Match{Kind: CatchAll, Key: destination}
	case to == "":
		return Match{Kind: Unknown}
	case to == source && !d.HasDomain(address.DomainOf(source)):
		return Match{Kind: Elsewhere}
	case to == source:
		if mailbox := MailboxOf(d, source); mailbox != "" {
			return Match{Kind: Mailbox, Key: mailbox}
		}
		return Match{Kind: Loop, Key: source}
	default:
		m := Resolve(d, to)
		if m.Kind == CatchAll && m.Key == source && m.Address == to { // it alone takes its own destination
			m.Kind = Loop
			if !d.HasDomain(address.DomainOf(to)) {
				m.Kind = Elsewhere
			}
		}
		return m
	}
}

// MailboxOf returns the mailbox that holds mail for an address of this server: its own, or the one without the
// extension. It is "" if there is none.
func MailboxOf(d Directory, addr string) string {
	local, domain, ok := address.Cut(addr)
	if !ok || !d.HasDomain(domain) {
		return ""
	}
	bare, _ := CutExtension(local)
	for _, name := range []string{local, bare} {
		if mailbox := name + "@" + domain; d.HasMailbox(mailbox) {
			return mailbox
		}
	}
	return ""
}

// CutExtension cuts the local part of an address before the extension.
func CutExtension(local string) (bare, extension string) {
	if at := strings.IndexByte(local, extensionDelimiter); at > 0 {
		return local[:at], local[at:]
	}
	return local, ""
}
