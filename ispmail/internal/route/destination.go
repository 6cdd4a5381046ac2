package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// Destinations returns the addresses in a text, as they are written there. Like Postfix, it cuts the text at commas, semicolons
// and blanks, and takes only the address from "John Doe <john@example.org>".
func Destinations(text string) []string {
	var all []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		if _, addr, ok := strings.Cut(part, "<"); ok {
			addr, _, _ = strings.Cut(addr, ">")
			all = append(all, addr)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// Lead returns the addresses to which Postfix sends mail for an address, given the texts that it has found for it.
//
// A first destination "@domain" gets the local part of the address. A later one keeps an empty local part. All other
// destinations get the extension of the address, unless the key that was found has it.
func (m Match) Lead(texts []string) []string {
	text := strings.Join(texts, ",") // so does Postfix join the rows of an answer
	if strings.HasPrefix(text, "@") {
		// Postfix does not look for commas here: "@a.example,b@a.example" becomes one address, which nobody has.
		if domain, err := address.Domain(text[1:]); err == nil {
			text = "@" + domain
		}
		return []string{m.local + text}
	}
	var to []string
	for _, destination := range Destinations(text) {
		at := strings.LastIndexByte(destination, '@')
		if at < 0 {
			to = append(to, destination+m.extension)
			continue
		}
		domain, err := address.Domain(destination[at+1:])
		if err != nil {
			domain = destination[at+1:]
		}
		to = append(to, address.Lower(destination[:at])+m.extension+"@"+domain)
	}
	return to
}
