// Package vmail has the commands for the mail on the disk, with the layout of the guide.
package vmail

import (
	"strings"

	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// root is where the mail of a server of the guide is: a folder for each domain, and in it one for each user.
const root = "/var/vmail/"

// folder returns where the mail of an address is, or of a domain.
func folder(name string) string {
	local, domain, isAddress := Cut(strings.ToLower(name)) // as Dovecot does with who logs in
	if !isAddress {
		return root + domain
	}
	return root + domain + "/" + local
}

// Cut cuts an address at its last @.
func Cut(email string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(email, '@')
	if i < 0 {
		return "", email, false
	}
	return email[:i], email[i+1:], true
}

// Move returns the command that moves the mail of an address, or of a domain, to another one. It fails where there is mail
// already.
func Move(name, to string) string {
	move := "mv -T " + notify.Quote(folder(name)) + " " + notify.Quote(folder(to))
	_, domain, isAddress := Cut(name)
	_, other, _ := Cut(to)
	if isAddress && domain != other {
		move = "runuser -u vmail -- mkdir -p " + notify.Quote(root+other) + " && " + move
	}
	return move
}

// Remove returns the command that removes the mail of an address or a domain.
func Remove(name string) string { return "rm -r " + notify.Quote(folder(name)) }
