package admin

import (
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

// moved returns the command that moves the mail on the disk after a rename.
func moved(from, to string) []string {
	if !isName(from) || !isName(to) {
		return nil
	}
	return []string{vmail.Move(from, to)}
}

// removed returns the command that removes the mail of somebody who is gone.
func removed(name string) []string {
	if !isName(name) {
		return nil
	}
	return []string{vmail.Remove(name)}
}

// isName reports whether a text is an address or a domain. What is neither names no folder that should be touched.
func isName(text string) bool {
	_, errAddress := ispmail.Canonical(text)
	_, errDomain := ispmail.CanonicalDomain(text)
	return errAddress == nil || errDomain == nil
}
