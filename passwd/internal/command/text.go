package command

import "strings"

// Text returns what an error says as one line for a terminal: without the names of packages, and [Printable].
func Text(err error) string {
	return Printable(strings.NewReplacer("ispmail: ", "", "hash: ", "", "movein: ", "", "passwd: ", "", "records: not", "not", "\n", "; ").Replace(err.Error()))
}

// Printable returns a text that does not steer the terminal, with U+FFFD for what would.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || 0x7f <= r && r < 0xa0 {
			return '\ufffd'
		}
		return r
	}, text)
}
