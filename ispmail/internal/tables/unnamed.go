package tables

import (
	"cmp"
	"slices"
	"strings"
)

// Names of columns that switch rows on and off, without blanks, prefixes and suffixes.
var (
	onNames    = []string{"active", "activated", "enabled", "enable", "valid"}
	offNames   = []string{"disabled", "disable", "inactive", "deactivated", "deleted", "removed", "suspended", "locked", "blocked", "banned", "archived", "frozen", "expired"}
	valueNames = []string{"status", "state"}
)

// Parts of such names that change nothing.
var (
	namePrefixes = []string{"is", "account", "user", "mailbox", "login", "domain", "alias", "row", "record"}
	nameSuffixes = []string{"flag", "at", "on", "since", "date", "time"}
)

// Unnamed returns, in the order of their names, the columns of a table whose names say that they switch rows on and off, and
// that no switch names. Each is a switch that would name it.
func (t *Table) Unnamed(switches []Switch) []Switch {
	var found []Switch
	for name, c := range t.Columns {
		s, ok := c.proposal(t.Name, name)
		named := slices.ContainsFunc(switches, func(other Switch) bool {
			return other.Column == name && (other.Table == "" || other.Table == t.Name)
		})
		if ok && !named {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b Switch) int { return cmp.Compare(a.Column, b.Column) })
	return found
}

// proposal returns the switch that the name of a column suggests.
func (c Column) proposal(table, name string) (s Switch, ok bool) {
	s = Switch{Table: table, Column: name}
	kind := c.stateKind()
	word := bareName(name)
	switch {
	case kind == otherKind:
		return s, false
	case slices.Contains(onNames, word):
	case slices.Contains(offNames, word):
		s.Not = true
	case slices.Contains(valueNames, word) && kind != dateKind:
	default:
		return s, false
	}
	switch members := c.members(); {
	case kind == numberKind && slices.Contains(valueNames, word):
		s.Value = "1"
	case members != nil && !slices.ContainsFunc(members, func(m string) bool { return !containsFold(no, m) && !containsFold(yes, m) }):
	case members != nil:
		s.Value = members[max(0, slices.IndexFunc(members, func(m string) bool { return containsFold(onNames, m) }))]
		s.Not = false
	case slices.Contains(valueNames, word):
		s.Value = "active"
	}
	return s, true
}

// bareName returns the name of a column in lower case without separators, prefixes and suffixes: "active" for "User_IsActive".
func bareName(name string) string {
	word := strings.NewReplacer("_", "", "-", "", "$", "").Replace(strings.ToLower(name))
	isName := func() bool {
		return slices.Contains(onNames, word) || slices.Contains(offNames, word) || slices.Contains(valueNames, word)
	}
	for again := true; again && !isName(); {
		again = false
		for _, prefix := range namePrefixes {
			if rest, ok := strings.CutPrefix(word, prefix); ok && rest != "" {
				word, again = rest, true
			}
		}
	}
	for _, suffix := range nameSuffixes {
		if rest, ok := strings.CutSuffix(word, suffix); ok && !isName() {
			word = rest
		}
	}
	return word
}
