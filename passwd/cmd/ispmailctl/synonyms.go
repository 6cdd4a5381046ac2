package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// synonyms are the words by which people look for a command who have not read its name yet. A key is the name of commands in
// any group, or a group and a name.
var synonyms = map[string][]string{
	"user":         {"mailbox", "account"},
	"alias":        {"forward", "forwarding", "redirect", "catchall", "catch-all"},
	"add":          {"create", "new"},
	"list":         {"ls"},
	"rename":       {"move", "mv"},
	"correct":      {"change", "edit", "fix", "modify", "update"},
	"delete":       {"remove", "rm", "del"},
	"lock":         {"disable", "block", "suspend", "deactivate"},
	"unlock":       {"enable", "unblock", "activate"},
	"password set": {"passwd", "reset"},
	"schemes":      {"upgrade", "rehash"},
	"show":         {"why", "info", "view", "explain"},
	"recipients":   {"trace", "resolve", "route"},
	"search":       {"find", "grep"},
	"export":       {"backup", "dump"},
	"restore":      {"load"},
	"check":        {"doctor", "verify", "lint"},
	"diff":         {"compare"},
	"count":        {"stats", "status"},
	"init":         {"setup", "install"},
}

// nameSynonyms gives each command of a tree its synonyms.
func nameSynonyms(c *cobra.Command) {
	for _, sub := range c.Commands() {
		_, path, _ := strings.Cut(sub.CommandPath(), " ")
		sub.SuggestFor = append(sub.SuggestFor, synonyms[sub.Name()]...)
		if path != sub.Name() {
			sub.SuggestFor = append(sub.SuggestFor, synonyms[path]...)
		}
		nameSynonyms(sub)
	}
}
