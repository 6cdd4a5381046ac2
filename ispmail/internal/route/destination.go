package route

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// Destinations returns the addresses in a text as they are written, which is one but in rows of programs that write
// several. Like Postfix, it parts them at commas, semicolons and blanks, and takes an address in angle brackets out of
// them.
func Destinations(text string) []string {
	var all []string
	for part := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == ',' || r == ';' }) {
		if _, addr, ok := strings.Cut(part, "<"); ok { // behind somebody's full name
			addr, _, _ = strings.Cut(addr, ">")
			all = append(all, addr)
			continue
		}
		all = append(all, strings.Fields(part)...)
	}
	return all
}

// Lead returns the addresses that Postfix makes of the texts that it finds for an address: "@domain" gets the part before
// the @ of the address, others the extension that was not looked up. "@domain" further back has nothing before the @, and
// stays so.
func (m Match) Lead(texts []string) []string {
	text := strings.Join(texts, ",") // as Postfix joins the rows of an answer
	if strings.HasPrefix(text, "@") {
		// Postfix does not look for a comma here. What is behind one makes it an address that nobody has.
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
