package main

import (
	"strings"

	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// vmail is where the mail of a server of the guide is: a folder for each domain, and in it one for each user.
const vmail = "/var/vmail/"

// folderOf returns where the mail of an address is, or of a domain.
func folderOf(name string) string {
	local, domain, isAddress := cut(strings.ToLower(name)) // as Dovecot does with who logs in
	if !isAddress {
		return vmail + domain
	}
	return vmail + domain + "/" + local
}

// cut cuts an address at its last @.
func cut(email string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(email, '@')
	if i < 0 {
		return "", email, false
	}
	return email[:i], email[i+1:], true
}

// moveMail returns the command that moves the mail of an address, or of a domain, to another one. It fails where there is mail
// already.
func moveMail(name, to string) string {
	move := "mv -T " + notify.Quote(folderOf(name)) + " " + notify.Quote(folderOf(to))
	_, domain, isAddress := cut(name)
	_, other, _ := cut(to)
	if isAddress && domain != other {
		move = "runuser -u vmail -- mkdir -p " + notify.Quote(vmail+other) + " && " + move
	}
	return move
}

// removeMail returns the command that removes the mail of an address or a domain.
func removeMail(name string) string { return "rm -r " + notify.Quote(folderOf(name)) }
