package notify

import (
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
)

// LetsIn reports whether Dovecot's cache may let in somebody whom the database would not let in after a change: by an old
// password, or as a user who is locked, has another address or is gone.
func LetsIn(c ispmail.Change) bool {
	return c.Kind != ispmail.UserCreated && c.Kind != ispmail.ManyCreated
}

// Kick returns the shell command that ends the open sessions of a user, or of all users of a domain. It returns "" for an
// address that doveadm would take for a pattern, of others too.
func Kick(name string) string {
	if !strings.Contains(name, "@") {
		name = "*@" + name
	} else if strings.ContainsAny(name, "*?") {
		return ""
	}
	return "doveadm kick -- " + Quote(name)
}

// Flush returns the shell command by which Dovecot's cache forgets the state before a change.
func Flush(c ispmail.Change) string {
	const all = "doveadm auth cache flush"
	if c.Email == "" {
		return all
	}
	words := []string{all, "--"}
	for _, name := range Names(c) {
		if name == "*" {
			return all
		}
		words = append(words, Quote(name))
	}
	return strings.Join(words, " ")
}

// Quote returns a text as one word of a shell command.
func Quote(text string) string {
	const harmless = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-"
	if text != "" && strings.Trim(text, harmless) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
