// Package route follows aliases by the rules of Postfix with the maps of the ISPmail guide. It is pure: its users supply the
// rows.
//
// The maps are virtual_aliases, then email2email, which leads the address of each mailbox to itself. Postfix looks up an
// address, then the address without its extension, then "@domain", each in both maps. See TABLE SEARCH ORDER in
// https://www.postfix.org/virtual.5.html.
//
// Addresses are the keys of package address, and domains are in their canonical form. A text is what a row holds in the column
// destination.
//
// There are two ways to use it. [Follow] looks one step behind an alias, in any [Directory]. A [Walk] takes all steps from an
// address, in [Tables].
package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// extensionDelimiter is the recipient_delimiter of Debian's main.cf.
const extensionDelimiter = '+'

// A Directory answers which keys the three tables hold.
type Directory interface {
	// HasAlias reports whether a source, an address or "@domain", has an alias with a destination.
	HasAlias(source string) bool
	// HasMailbox reports whether an address is a user's. A user "@domain" is none, but Postfix finds the row, see [Bounce].
	HasMailbox(address string) bool
	// HasDomain reports whether the server keeps the mail of a domain.
	HasDomain(domain string) bool
	// DomainAlias returns the domain to which the catch-all of a domain sends all mail, with the same local part. It is "" if
	// there is no catch-all, or if it leads to addresses.
	DomainAlias(domain string) string
}

// A Kind says what Postfix finds for an address.
type Kind int

// Kinds of a Match.
const (
	Nobody    Kind = iota // nothing, in a domain of this server: Postfix refuses the mail
	Elsewhere             // nothing, in a domain of another server
	Mailbox
	Alias
	CatchAll
	Loop    // only the alias from which the mail comes, see Follow
	Unknown // not known: the mail may be for any address of a domain
	Bounce  // a user "@domain": Postfix accepts the mail, and Dovecot, which has no such mailbox, refuses it
)

// DeadEnd reports whether the mail gets no further.
func (k Kind) DeadEnd() bool { return k == Nobody || k == Loop || k == Bounce }

// A Match is what Postfix finds for an address.
type Match struct {
	Kind Kind
	// Address is the address that was looked up.
	Address string
	// Key is the source of the aliases, or the address of the mailbox.
	Key string
	// Through holds the sources "@domain" of the catch-alls that [Resolve] passed.
	Through []string

	local     string // the local part of Address, without quotes
	extension string // the extension of Address, if Key is without it
}

// PassesExtension reports whether the address has an extension that the aliases pass on to their destinations.
func (m Match) PassesExtension() bool { return m.extension != "" }

// Keys returns the canonical sources that Postfix looks up for an address, in its order.
func Keys(addr string) []string {
	local, domain, ok := address.Cut(addr)
	if !ok {
		return nil
	}
	if bare, extension := CutExtension(local); extension != "" {
		return []string{addr, address.Spell(bare, domain), "@" + domain}
	}
	return []string{addr, "@" + domain}
}

// Find returns what Postfix finds when it looks up an address once.
func Find(d Directory, addr string) Match {
	local, domain, ok := address.Cut(addr)
	m := Match{Address: addr, local: local}
	if !ok {
		m.Kind = Elsewhere // a user of the operating system, or no address at all
		return m
	}
	bare, extension := CutExtension(local)
	for _, key := range []string{addr, address.Spell(bare, domain)} {
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
	case d.HasDomain(domain) && d.HasMailbox(m.Key):
		m.Kind = Bounce
		return m
	case d.HasDomain(domain):
		return Match{Kind: Nobody, Address: addr}
	}
	return Match{Kind: Elsewhere, Address: addr}
}

// Resolve is [Find], but goes on behind catch-alls that send a whole domain to another domain. It stops where they lead back
// to a domain that it has passed.
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
		addr = address.Spell(m.local, next)
	}
}

// Target returns the address to which a destination of an alias sends mail. It is "" if the alias sends a whole domain to
// another domain, where mail may go to any address.
func Target(source, destination string) string {
	switch {
	case destination[0] != '@':
		return destination
	case source[0] != '@':
		return source[:strings.LastIndexByte(source, '@')] + destination
	}
	return ""
}

// Follow returns what Postfix finds for mail that an alias has sent to one of its destinations.
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

// MailboxOf returns the address of the mailbox to which the server delivers mail for an address: the address itself, or the
// address without its extension. It is "" if there is no such mailbox, or the domain is of another server.
func MailboxOf(d Directory, addr string) string {
	local, domain, ok := address.Cut(addr)
	if !ok || !d.HasDomain(domain) {
		return ""
	}
	bare, _ := CutExtension(local)
	for _, name := range []string{local, bare} {
		if mailbox := address.Spell(name, domain); d.HasMailbox(mailbox) {
			return mailbox
		}
	}
	return ""
}

// CutExtension cuts a local part before its extension, which begins with the delimiter.
func CutExtension(local string) (bare, extension string) {
	if at := strings.IndexByte(local, extensionDelimiter); at > 0 {
		return local[:at], local[at:]
	}
	return local, ""
}
