package ispmail

import (
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// A Warning is what an administrator should know about a change. The change is made all the same.
//
// A warning is about the way of mail right after the change, in the same transaction. The method that returns it looks at the rows
// that the change concerns, not at the whole database as package check does.
type Warning struct {
	Code WarningCode `json:"code"`
	// Address is the address, or "@domain", whose mail the warning is about.
	Address string `json:"address"`
	// Alias is the alias that the warning is about. It is nil if it is about a mailbox.
	Alias *Alias `json:"alias,omitempty"`
	// Message is one sentence in English, without a full stop, that says what is wrong and what to do. Its wording may change
	// between releases.
	Message string `json:"message"`
}

// A WarningCode names a kind of [Warning]. Codes do not change between releases. Package check uses the same codes where it finds the
// same.
type WarningCode string

// Values of WarningCode.
const (
	// WarningDangling means that a destination of an alias leads nowhere: no user, alias or catch-all takes its mail.
	WarningDangling WarningCode = "dangling-alias"
	// WarningLoop means that an alias leads back to itself, or further than Postfix follows.
	WarningLoop WarningCode = "alias-loop"
	// WarningShadowed means that a mailbox gets no mail: its address has aliases, none of which is the address itself.
	WarningShadowed WarningCode = "shadowed-alias"
	// WarningExternal means that the mail of an alias leaves this server, and it is not clear that this is wanted: the domain of its
	// destination was deleted, or the destination has no domain and is an account of the operating system.
	WarningExternal WarningCode = "external-destination"
	// WarningForwards means that the address of a deleted user still has aliases, which send its mail on.
	WarningForwards WarningCode = "remaining-alias"
)

// warnAlias returns a warning about a destination of an alias.
func warnAlias(code WarningCode, alias Alias, destination string) Warning {
	source := address.Key(alias.Source)
	message := source + " leads to " + destination + ", and nothing there takes the mail: create the user, or correct or delete the alias"
	switch key := address.Key(destination); {
	case code == WarningLoop && key == source:
		message = source + " leads to itself, and there is no such mailbox: create the user, or delete the alias"
	case code == WarningLoop && source[0] == '@' && address.InDomain(key, source[1:]):
		message = source + " leads to " + destination + ", which leads back to the catch-all: create the user, or correct or delete the alias"
	case code == WarningLoop:
		message = source + " leads to " + destination + ", from where mail goes round in a circle or on without end: correct or delete one of the aliases"
	case code == WarningForwards:
		message = source + " has no mailbox any more, but its mail still goes to " + destination + ": delete this alias too, unless it is wanted"
	case code == WarningExternal && strings.IndexByte(key, '@') < 0:
		message = source + " leads to " + destination + ", an account of the operating system: add a domain, unless it is wanted"
	case code == WarningExternal:
		message = source + " leads to " + destination + ", which is on another server now: correct or delete the alias, unless it is wanted"
	}
	return Warning{Code: code, Address: source, Alias: &alias, Message: message}
}

// warnShadowed returns a warning about a mailbox.
func warnShadowed(email string) Warning {
	return Warning{Code: WarningShadowed, Address: email, Message: "aliases send all mail for " + email +
		" elsewhere and none to the mailbox: if it should get mail too, add an alias from the address to itself"}
}

// isShadowed reports whether aliases of a mailbox take all its mail.
func isShadowed(email string, aliases []Alias) bool {
	any := false
	for _, row := range aliases {
		if row.leadsTo(email) {
			return false
		}
		any = any || row.Destination != "" // which Postfix ignores
	}
	return any
}

// dropRepeated returns warnings without those that come twice, in the order in which they come first.
func dropRepeated(warnings []Warning) []Warning {
	seen := map[string]bool{}
	return slices.DeleteFunc(warnings, func(w Warning) bool {
		again := seen[w.Message]
		seen[w.Message] = true
		return again
	})
}
