package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// A Goal is an address to which Postfix sends mail.
type Goal struct {
	// Key is by what it is compared, see [address.Key].
	Key string
	// Address is the address as Postfix hands it on: the case of its local part is that of the row.
	Address string
}

// Destinations returns the addresses in a text, as they are written there. See [address.Addresses].
func Destinations(text string) []string { return address.Addresses(text) }

// Lead returns the addresses to which Postfix sends mail for an address, given the texts that it has found for it.
//
// A first destination "@domain" gets the local part of the address. A later one keeps an empty local part. All other
// destinations get the extension of the address, unless the key that was found has it.
func (m Match) Lead(texts []string) []Goal {
	text := strings.Join(texts, ",") // so does Postfix join the rows of an answer
	if strings.HasPrefix(text, "@") {
		// Postfix does not look for commas here: "@a.example,b@a.example" becomes one address, which nobody has.
		text = strings.TrimSuffix(m.local, m.extension) + text
		at := strings.LastIndexByte(text, '@')
		return []Goal{m.goal(text[:at], text[at+1:])}
	}
	var to []Goal
	for _, destination := range Destinations(text) {
		local, domain := address.Read(destination)
		to = append(to, m.goal(local, domain))
	}
	return to
}

// goal returns an address with the extension of the one that was looked up.
func (m Match) goal(local, domain string) Goal {
	if canonical, err := address.Domain(domain); err == nil {
		domain = canonical
	}
	local += m.extension
	return Goal{Key: address.Spell(address.Lower(local), domain), Address: address.Spell(local, domain)}
}
