package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// A constellation is rows of the three tables, a recipient, and where mail for it ends up. Postfix is asked the same, see
// TestPostfix. The domains a.example and b.example are always there, all others are elsewhere.
type constellation struct {
	name    string
	users   string   // addresses, separated by blanks
	aliases []string // "source > destination"
	to      string
	want    string // the addresses with "mailbox" or "away" before each; or "nobody", "loop", "limit", "invalid"
	postfix string // where Postfix does something else
	domains string // further ones of this server
}

// chain is n aliases in a row, from n0@a.example to the last address.
func chain(n int, last string) []string {
	var aliases []string
	for i := range n {
		to := fmt.Sprintf("n%d@a.example", i+1)
		if i == n-1 {
			to = last
		}
		aliases = append(aliases, fmt.Sprintf("n%d@a.example > %s", i, to))
	}
	return aliases
}

// fan is n destinations of list@a.example, elsewhere.
func fan(n int) []string {
	var aliases []string
	for i := range n {
		aliases = append(aliases, fmt.Sprintf("list@a.example > n%d@away.example", i))
	}
	return aliases
}

func away(n int) string {
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("away n%d@away.example", i))
	}
	return strings.Join(want, " ")
}

// double is n steps, each with two ways to the next.
func double(n int) []string {
	var aliases []string
	for i := range n {
		from, to := fmt.Sprintf("n%d@a.example", i), fmt.Sprintf("n%d@a.example", i+1)
		aliases = append(aliases, from+" > "+to, from+" > also-"+to, "also-"+to+" > "+to)
	}
	return aliases
}

var constellations = []constellation{
	{name: "mailbox", users: "john@a.example", to: "john@a.example", want: "mailbox john@a.example"},
	{name: "nobody", to: "john@a.example", want: "nobody"},
	{name: "elsewhere", to: "john@away.example", want: "away john@away.example"},
	{name: "subdomain", users: "john@a.example", to: "john@sub.a.example", want: "away john@sub.a.example"},
	{name: "capitals in the address", users: "john@a.example", to: "John@A.Example", want: "mailbox john@a.example"},
	{name: "capitals in the rows", users: "John@A.example", aliases: []string{"Jack@a.Example > JOHN@A.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "mailbox in a domain of others", users: "john@away.example", to: "john@away.example", want: "away john@away.example"},

	{name: "alias", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "alias across domains", users: "john@b.example", aliases: []string{"jack@a.example > john@b.example"}, to: "jack@a.example", want: "mailbox john@b.example"},
	{name: "alias elsewhere", aliases: []string{"jack@a.example > jack@away.example"}, to: "jack@a.example", want: "away jack@away.example"},
	{name: "alias to nobody", aliases: []string{"jack@a.example > john@a.example"}, to: "jack@a.example", want: "nobody"},
	{name: "alias of a mailbox", users: "john@a.example jane@a.example", aliases: []string{"john@a.example > jane@a.example"}, to: "john@a.example", want: "mailbox jane@a.example"},
	{name: "alias of a mailbox and a copy", users: "john@a.example jane@a.example", aliases: []string{"john@a.example > jane@a.example", "john@a.example > john@a.example"}, to: "john@a.example", want: "mailbox jane@a.example mailbox john@a.example"},
	{name: "alias from elsewhere", users: "john@a.example", aliases: []string{"jack@away.example > john@a.example"}, to: "jack@away.example", want: "mailbox john@a.example"},
	{name: "alias through elsewhere", users: "john@a.example", aliases: []string{"jack@a.example > jack@away.example", "jack@away.example > john@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "aliases in a row", users: "john@a.example", aliases: []string{"x@a.example > y@b.example", "y@b.example > z@a.example", "z@a.example > john@a.example"}, to: "x@a.example", want: "mailbox john@a.example"},
	{name: "duplicate aliases", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example", "jack@a.example > John@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},

	{name: "two destinations", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example", "jack@a.example > jack@away.example"}, to: "jack@a.example", want: "mailbox john@a.example away jack@away.example"},
	{name: "two destinations, one nobody", users: "john@a.example", aliases: []string{"jack@a.example > jane@a.example", "jack@a.example > john@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "two ways to a mailbox", users: "john@a.example", aliases: []string{"x@a.example > y@a.example", "x@a.example > z@a.example", "y@a.example > john@a.example", "z@a.example > john@a.example"}, to: "x@a.example", want: "mailbox john@a.example"},
	{name: "lists in lists", users: "john@a.example jane@b.example", aliases: []string{"all@a.example > a@a.example", "all@a.example > b@b.example", "a@a.example > john@a.example", "b@b.example > jane@b.example", "b@b.example > b@away.example"}, to: "all@a.example", want: "mailbox john@a.example mailbox jane@b.example away b@away.example"},
	{name: "comma in a row", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example,jane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "comma and blank in a row", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example, jane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "blank in a row", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example jane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "blanks around", users: "john@a.example", aliases: []string{"jack@a.example >  john@a.example "}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "comma at the end", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example,"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "rows and commas", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example,x@away.example", "jack@a.example > jane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example away x@away.example"},
	{name: "a name without @", aliases: []string{"root@a.example > root"}, to: "root@a.example", want: "away root"},
	{name: "angle brackets", users: "john@a.example", aliases: []string{"jack@a.example > <john@a.example>"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "a full name", users: "john@a.example", aliases: []string{"jack@a.example > John Doe <john@a.example>"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "empty destination", users: "jack@a.example", aliases: []string{"jack@a.example > "}, to: "jack@a.example", want: "mailbox jack@a.example"},

	{name: "empty destination and a catch-all", users: "john@a.example", aliases: []string{"jack@a.example > ", "@a.example > john@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "only a comma", users: "jack@a.example", aliases: []string{"jack@a.example > ,"}, to: "jack@a.example", want: "invalid"},
	{name: "only a comma, no mailbox", aliases: []string{"jack@a.example > ,"}, to: "jack@a.example", want: "invalid"},
	{name: "a comma and a catch-all", users: "john@a.example", aliases: []string{"jack@a.example > ,", "@a.example > john@a.example"}, to: "jack@a.example", want: "invalid"},
	{name: "angle brackets in a list", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > John <john@a.example>, <jane@a.example>"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "a quoted destination", users: "john@a.example", aliases: []string{`jack@a.example > "john"@a.example`}, to: "jack@a.example", want: "nobody", postfix: "mailbox john@a.example"},
	{name: "semicolon in a row", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example;jane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "line end in a row", users: "john@a.example jane@a.example", aliases: []string{"jack@a.example > john@a.example\njane@a.example"}, to: "jack@a.example", want: "mailbox john@a.example mailbox jane@a.example"},

	{name: "catch-all", users: "john@a.example", aliases: []string{"@a.example > john@a.example"}, to: "any@a.example", want: "mailbox john@a.example"},
	{name: "catch-all and a mailbox", users: "john@a.example jane@a.example", aliases: []string{"@a.example > john@a.example"}, to: "jane@a.example", want: "mailbox jane@a.example"},
	{name: "catch-all and an alias", users: "john@a.example jane@a.example", aliases: []string{"@a.example > john@a.example", "jack@a.example > jane@a.example"}, to: "jack@a.example", want: "mailbox jane@a.example"},
	{name: "catch-all of another domain", users: "john@a.example", aliases: []string{"@a.example > john@a.example"}, to: "any@b.example", want: "nobody"},
	{name: "catch-all and a subdomain", users: "john@a.example", aliases: []string{"@a.example > john@a.example"}, to: "any@sub.a.example", want: "away any@sub.a.example"},
	{name: "catch-all elsewhere", aliases: []string{"@a.example > john@away.example"}, to: "any@a.example", want: "away john@away.example"},
	{name: "catch-all of two", users: "john@a.example jane@a.example", aliases: []string{"@a.example > john@a.example", "@a.example > jane@a.example"}, to: "any@a.example", want: "mailbox john@a.example mailbox jane@a.example"},
	{name: "catch-all through a dead alias", users: "john@a.example", aliases: []string{"@a.example > john@a.example", "jack@a.example > gone@a.example"}, to: "jack@a.example", want: "mailbox john@a.example"},
	{name: "catch-all to nobody", aliases: []string{"@a.example > gone@a.example"}, to: "any@a.example", want: "nobody"},
	{name: "catch-all to an alias", users: "john@b.example", aliases: []string{"@a.example > info@a.example", "info@a.example > john@b.example"}, to: "any@a.example", want: "mailbox john@b.example"},
	{name: "catch-all of a domain of others", users: "john@a.example", aliases: []string{"@away.example > john@a.example"}, to: "any@away.example", want: "mailbox john@a.example"},
	{name: "catch-all back and forth", users: "", aliases: []string{"@a.example > x@b.example", "@b.example > x@a.example"}, to: "any@a.example", want: "loop"},

	{name: "domain to domain", users: "john@b.example", aliases: []string{"@a.example > @b.example"}, to: "john@a.example", want: "mailbox john@b.example"},
	{name: "domain to domain, nobody there", users: "john@b.example", aliases: []string{"@a.example > @b.example"}, to: "jane@a.example", want: "nobody"},
	{name: "domain to domain, mailbox here", users: "john@a.example john@b.example", aliases: []string{"@a.example > @b.example"}, to: "john@a.example", want: "mailbox john@a.example"},
	{name: "domain to domain, alias there", users: "john@b.example", aliases: []string{"@a.example > @b.example", "jack@b.example > john@b.example"}, to: "jack@a.example", want: "mailbox john@b.example"},
	{name: "domain to domain, catch-all there", users: "john@b.example", aliases: []string{"@a.example > @b.example", "@b.example > john@b.example"}, to: "any@a.example", want: "mailbox john@b.example"},
	{name: "domain to domain elsewhere", aliases: []string{"@a.example > @away.example"}, to: "any@a.example", want: "away any@away.example"},
	{name: "domain to domain and extension", users: "john@b.example", aliases: []string{"@a.example > @b.example"}, to: "john+x@a.example", want: "mailbox john+x@b.example"},
	{name: "domain to itself", aliases: []string{"@a.example > @a.example"}, to: "john@a.example", want: "nobody"},
	{name: "domain to itself, mailbox", users: "john@a.example", aliases: []string{"@a.example > @a.example"}, to: "john@a.example", want: "mailbox john@a.example"},
	{name: "domain back and forth", aliases: []string{"@a.example > @b.example", "@b.example > @a.example"}, to: "john@a.example", want: "loop"},
	{name: "domain back and forth, mailbox", users: "john@b.example", aliases: []string{"@a.example > @b.example", "@b.example > @a.example"}, to: "john@a.example", want: "mailbox john@b.example"},
	{name: "address to domain", users: "john@b.example", aliases: []string{"john@a.example > @b.example"}, to: "john@a.example", want: "mailbox john@b.example"},
	{name: "address with extension to domain", users: "john@b.example", aliases: []string{"john@a.example > @b.example"}, to: "john+x@a.example", want: "mailbox john+x@b.example"},
	{name: "domain to domain and more", users: "john@b.example jane@a.example", aliases: []string{"@a.example > @b.example", "@a.example > jane@a.example"}, to: "john@a.example", want: "limit"},
	{name: "domain to domain and elsewhere", users: "john@b.example", aliases: []string{"@a.example > @b.example", "@a.example > jane@away.example"}, to: "john@a.example", want: `away "john@b.example,jane"@away.example`},
	{name: "domain to domain and more in a row", users: "john@b.example jane@b.example", aliases: []string{"@a.example > @b.example, jane@b.example"}, to: "john@a.example", want: "nobody"},
	{name: "more and domain to domain", users: "john@b.example jane@a.example", aliases: []string{"@a.example > jane@a.example", "@a.example > @b.example"}, to: "john@a.example", want: "mailbox jane@a.example"},
	{name: "elsewhere and domain to domain", aliases: []string{"@a.example > jane@away.example", "@a.example > @away.example"}, to: "john@a.example", want: `away jane@away.example away ""@away.example`},
	{name: "more and domain to catch-all", users: "john@b.example jane@a.example", aliases: []string{"@a.example > jane@a.example", "@a.example > @b.example", "@b.example > john@b.example"}, to: "x@a.example", want: "mailbox jane@a.example mailbox john@b.example"},
	{name: "more and domain to itself", users: "jane@a.example", aliases: []string{"@a.example > jane@a.example", "@a.example > @a.example"}, to: "x@a.example", want: "mailbox jane@a.example"},
	{name: "more and domain, with extension", users: "jane@a.example", aliases: []string{"x@a.example > jane@a.example", "x@a.example > @away.example"}, to: "x+e@a.example", want: "mailbox jane+e@a.example away +e@away.example"},
	{name: "domain to two domains", users: "john@b.example john@a.example", aliases: []string{"@away.example > @a.example", "@away.example > @b.example"}, to: "john@away.example", want: "nobody"},

	{name: "extension", users: "john@a.example", to: "john+lists@a.example", want: "mailbox john+lists@a.example"},
	{name: "extension of an alias", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example"}, to: "jack+x@a.example", want: "mailbox john+x@a.example"},
	{name: "extension of two destinations", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example", "jack@a.example > jack@away.example"}, to: "jack+x@a.example", want: "mailbox john+x@a.example away jack+x@away.example"},
	{name: "extension of its own alias", users: "john@a.example jane@a.example", aliases: []string{"john+x@a.example > jane@a.example"}, to: "john+x@a.example", want: "mailbox jane@a.example"},
	{name: "extension of its own mailbox", users: "john@a.example john+x@a.example", to: "john+x@a.example", want: "mailbox john+x@a.example"},
	{name: "extension and a catch-all", users: "john@a.example jane@a.example", aliases: []string{"@a.example > jane@a.example"}, to: "john+x@a.example", want: "mailbox john+x@a.example"},
	{name: "extension to a catch-all", users: "jane@a.example", aliases: []string{"@a.example > jane@a.example"}, to: "any+x@a.example", want: "mailbox jane@a.example"},
	{name: "extension of a destination", users: "john@a.example", aliases: []string{"jack@a.example > john+jack@a.example"}, to: "jack@a.example", want: "mailbox john+jack@a.example"},
	{name: "extension of both", users: "john@a.example", aliases: []string{"jack@a.example > john+jack@a.example"}, to: "jack+x@a.example", want: "mailbox john+jack+x@a.example"},
	{name: "two extensions", users: "john@a.example john+x@a.example", to: "john+x+y@a.example", want: "mailbox john+x+y@a.example"},
	{name: "two extensions, one has an alias", users: "jane@a.example", aliases: []string{"john+x@a.example > jane@a.example"}, to: "john+x+y@a.example", want: "nobody"},
	{name: "extension to a name without @", aliases: []string{"root@a.example > root"}, to: "root+x@a.example", want: "away root+x"},
	{name: "empty extension of an alias", users: "john@a.example", aliases: []string{"jack@a.example > john@a.example"}, to: "jack+@a.example", want: "mailbox john+@a.example"},
	{name: "empty extension", users: "john@a.example", to: "john+@a.example", want: "mailbox john+@a.example"},
	{name: "plus at the front", users: "john@a.example", to: "+john@a.example", want: "nobody"},
	{name: "extension with a hyphen", users: "john@a.example", to: "john-x@a.example", want: "nobody"},
	{name: "extension and a copy", users: "john@a.example", aliases: []string{"john@a.example > john@a.example", "john@a.example > john@away.example"}, to: "john+x@a.example", want: "mailbox john+x@a.example away john+x@away.example"},
	{name: "extension that grows", aliases: []string{"john@a.example > john+" + strings.Repeat("x", 50) + "@a.example"}, to: "john@a.example", want: "limit"},
	{name: "extension that grows from a mailbox", users: "john@a.example", aliases: []string{"jack@a.example > jack+x@a.example"}, to: "jack@a.example", want: "limit"},

	{name: "itself", users: "john@a.example", aliases: []string{"john@a.example > john@a.example"}, to: "john@a.example", want: "mailbox john@a.example"},
	{name: "itself, no mailbox", aliases: []string{"john@a.example > john@a.example"}, to: "john@a.example", want: "nobody"},
	{name: "itself, capitals", users: "john@a.example", aliases: []string{"john@a.example > JOHN@A.example"}, to: "john@a.example", want: "mailbox john@a.example"},
	{name: "catch-all to itself", users: "", aliases: []string{"@a.example > x@a.example"}, to: "x@a.example", want: "nobody"},
	{name: "loop of two", users: "john@a.example", aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "loop"},
	{name: "loop of two mailboxes", users: "x@a.example y@a.example", aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "loop"},
	{name: "loop of three", aliases: []string{"x@a.example > y@b.example", "y@b.example > z@away.example", "z@away.example > x@a.example"}, to: "x@a.example", want: "loop"},
	{name: "loop further on", aliases: []string{"w@a.example > x@a.example", "x@a.example > y@a.example", "y@a.example > x@a.example"}, to: "w@a.example", want: "loop"},
	{name: "loop beside a mailbox", users: "john@a.example", aliases: []string{"x@a.example > y@a.example", "x@a.example > john@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "loop"},
	{name: "mailbox beside a loop", users: "john@a.example", aliases: []string{"x@a.example > john@a.example", "x@a.example > y@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "loop"},
	{name: "loop with copies", users: "x@a.example y@a.example", aliases: []string{"x@a.example > x@a.example", "x@a.example > y@a.example", "y@a.example > y@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "mailbox x@a.example mailbox y@a.example"},
	{name: "loop with a copy", users: "x@a.example y@a.example", aliases: []string{"x@a.example > y@a.example", "x@a.example > x@a.example", "y@a.example > x@a.example"}, to: "x@a.example", want: "mailbox x@a.example"},
	{name: "loop with a copy, from the other side", users: "x@a.example y@a.example", aliases: []string{"x@a.example > y@a.example", "x@a.example > x@a.example", "y@a.example > x@a.example"}, to: "y@a.example", want: "mailbox x@a.example"},
	{name: "loop by an extension", aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, to: "x+e@a.example", want: "loop"},
	{name: "loop of a catch-all", aliases: []string{"@a.example > x@b.example", "x@b.example > y@a.example"}, to: "any@a.example", want: "loop"},

	{name: "long chain", users: "john@a.example", aliases: chain(998, "john@a.example"), to: "n0@a.example", want: "mailbox john@a.example"},
	{name: "longest chain to a mailbox", users: "john@a.example", aliases: chain(999, "john@a.example"), to: "n0@a.example", want: "mailbox john@a.example"},
	{name: "too long a chain to a mailbox", users: "john@a.example", aliases: chain(1000, "john@a.example"), to: "n0@a.example", want: "limit"},
	{name: "longest chain elsewhere", aliases: chain(999, "n@away.example"), to: "n0@a.example", want: "away n@away.example"},
	{name: "too long a chain elsewhere", aliases: chain(1000, "n@away.example"), to: "n0@a.example", want: "limit"},
	{name: "longest list", aliases: fan(1000), to: "list@a.example", want: away(1000)},
	{name: "too long a list", aliases: fan(1001), to: "list@a.example", want: "limit"},
	{name: "many ways", users: "n9@a.example", aliases: double(9), to: "n0@a.example", want: "mailbox n9@a.example"},
	{name: "too many ways", users: "n10@a.example", aliases: double(10), to: "n0@a.example", want: "limit"},

	// Postfix takes such a row for a catch-all, and virtual(8) for a mailbox. Dovecot, to whom the guide hands the mail, does not.
	{name: "pseudo user", users: "@a.example", to: "any@a.example", want: "nobody", postfix: "mailbox any@a.example"},
	{name: "pseudo user and a catch-all", users: "@a.example john@a.example", aliases: []string{"@a.example > john@a.example"}, to: "any@a.example", want: "mailbox john@a.example"},

	{name: "accent", users: "josé@a.example", to: "jose@a.example", want: "nobody", postfix: "mailbox josé@a.example"},
	{name: "accent in an alias", users: "john@a.example", aliases: []string{"josé@a.example > john@a.example"}, to: "jose@a.example", want: "nobody", postfix: "mailbox john@a.example"},
	{name: "accent in a destination", users: "josé@a.example", aliases: []string{"jack@a.example > josé@a.example"}, to: "jack@a.example", want: "nobody", postfix: "mailbox josé@a.example"},
	{name: "accent in a destination and a mailbox without", users: "jose@a.example", aliases: []string{"jack@a.example > josé@a.example"}, to: "jack@a.example", want: "nobody", postfix: "mailbox jose@a.example"},
	{name: "accent elsewhere", aliases: []string{"jack@a.example > josé@away.example"}, to: "jack@a.example", want: "away josé@away.example"},
	{name: "internationalised domain", domains: "xn--mller-kva.example", users: "john@xn--mller-kva.example", to: "john@xn--mller-kva.example", want: "mailbox john@xn--mller-kva.example"},
	{name: "internationalised domain in U-labels", domains: "müller.example", users: "john@müller.example", to: "john@xn--mller-kva.example", want: "mailbox john@xn--mller-kva.example", postfix: "away john@xn--mller-kva.example"},
}

// in gives a constellation domains of its own, so that all of them fit in one database: no answer that Postfix remembers
// is one to another constellation.
func in(i int, addresses string) string {
	return strings.ReplaceAll(addresses, "@", fmt.Sprintf("@c%d.", i))
}

// arrange fills a database with constellations.
func arrange(t *testing.T, db *ispmailtest.Database, constellations []constellation) {
	t.Helper()
	for i, c := range constellations {
		id := int64(0)
		for _, name := range strings.Fields("@a.example @b.example " + strings.ReplaceAll(" "+c.domains, " ", " @")) {
			if name == "@" {
				continue
			}
			result, err := db.DB.ExecContext(t.Context(), "INSERT INTO virtual_domains (name) VALUES (?)", in(i, name)[1:])
			require.NoError(t, err)
			id, err = result.LastInsertId()
			require.NoError(t, err)
		}
		for _, user := range strings.Fields(c.users) {
			db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (?, ?, '')", id, in(i, user))
		}
		var rows []ispmail.Alias
		for _, alias := range c.aliases {
			source, destination, ok := strings.Cut(in(i, alias), " > ")
			require.True(t, ok, alias)
			rows = append(rows, ispmail.Alias{DomainID: id, Source: source, Destination: destination})
		}
		if rows != nil {
			_, err := db.DB.NewInsert().Model(&rows).Exec(t.Context())
			require.NoError(t, err, c.name)
		}
	}
}

// outcome is the result of Recipients in the words of a constellation.
func outcome(t *testing.T, recipients []ispmail.Recipient, err error) []string {
	t.Helper()
	for word, sentinel := range map[string]error{"nobody": ispmail.ErrNotFound, "loop": ispmail.ErrAliasLoop, "limit": ispmail.ErrAliasLimit, "invalid": ispmail.ErrInvalidAddress} {
		if errors.Is(err, sentinel) {
			return []string{word}
		}
	}
	require.NoError(t, err)
	var words []string
	for _, r := range recipients {
		if r.Mailbox == "" {
			words = append(words, "away "+r.Address)
		} else {
			words = append(words, "mailbox "+r.Address)
		}
	}
	return words
}

// wanted is what a constellation says, in any order.
func wanted(i int, text string) []string {
	words := strings.Fields(in(i, text))
	if len(words) == 1 {
		return words
	}
	var wanted []string
	for ; len(words) > 1; words = words[2:] {
		wanted = append(wanted, words[0]+" "+words[1])
	}
	return wanted
}

// TestRecipients asks for every constellation on every kind of database.
func TestRecipients(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		store := db.Store(t, ispmail.Config{Timeout: time.Minute}) // for chains of 1000 aliases
		arrange(t, db, constellations)
		for i, c := range constellations {
			recipients, err := store.Recipients(t.Context(), in(i, c.to))
			assert.ElementsMatch(t, wanted(i, c.want), outcome(t, recipients, err), c.name)
		}
	})
}

// TestRecipientsMailbox tells the address from the mailbox, and keeps the order in which Postfix finds them.
func TestRecipientsMailbox(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'All@Example.org', 'jack@example.org'), (1, 'all@example.org', 'Jack@Elsewhere.example')")
		got, err := store.Recipients(t.Context(), "ALL+x@Example.ORG")
		require.NoError(t, err)
		assert.Equal(t, []ispmail.Recipient{
			{Address: "john+x@example.org", Mailbox: "john@example.org"},
			{Address: "jack+x@elsewhere.example"},
		}, got)
		_, err = store.Recipients(t.Context(), "no address")
		require.ErrorIs(t, err, ispmail.ErrInvalidAddress)
		_, err = store.Recipients(t.Context(), "nobody@example.org")
		require.EqualError(t, err, "ispmail: not found: nobody gets mail for nobody@example.org")
	})
}

// TestRecipientsNamesLoop reads the loop from the error, without the way to it.
func TestRecipientsNamesLoop(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		for _, alias := range [][2]string{
			{"in@example.org", "john@example.org"},
			{"in@example.org", "x@example.org"},
			{"x@example.org", "x@example.org"},
			{"x@example.org", "y@example.org"},
			{"y@example.org", "z@elsewhere.example"},
			{"y@example.org", "in@example.org"},
			{"z@elsewhere.example", "w@example.org"},
			{"w@example.org", "y@example.org"},
		} {
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, ?)", alias[0], alias[1])
		}
		_, err := store.Recipients(t.Context(), "in@example.org")
		require.ErrorIs(t, err, ispmail.ErrAliasLoop)
		require.ErrorContains(t, err, ": y@example.org -> z@elsewhere.example -> w@example.org -> y@example.org")
	})
}

// TestRecipientsInTx sees what the transaction has written.
func TestRecipientsInTx(t *testing.T) {
	onEach(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			_, err := tx.CreateAlias(ctx, "new@example.org", "jack@example.org")
			require.NoError(t, err)
			got, err := tx.Recipients(ctx, "new@example.org")
			assert.Equal(t, []ispmail.Recipient{{Address: "john@example.org", Mailbox: "john@example.org"}}, got)
			return err
		}))
	})
}

// TestRecipientsStatements counts: the number of statements follows from the levels of aliases, not from their number.
func TestRecipientsStatements(t *testing.T) {
	onEach(t, func(t *testing.T, db *ispmailtest.Database, _ *ispmail.Store) {
		for i := range 100 {
			list, member := fmt.Sprintf("list%d@example.org", i), fmt.Sprintf("member%d@elsewhere.example", i)
			db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'all@example.org', ?), (1, ?, ?)", list, list, member)
		}
		watched, ran := watch(db)
		store := watched.Store(t, ispmail.Config{})
		for to, want := range map[string]struct{ recipients, levels int }{
			"john@example.org":         {1, 1},
			"jack@example.org":         {1, 2},
			"list1@example.org":        {1, 2},
			"all@example.org":          {100, 3},
			"nobody@example.org":       {0, 1},
			"x@somewhere-else.example": {1, 1},
		} {
			_, _ = store.Recipients(t.Context(), to) // looks at the tables first
			ran()
			got, _ := store.Recipients(t.Context(), to)
			assert.Len(t, got, want.recipients, to)
			statements := ran()
			assert.Len(t, statements, 2*want.levels+1, "%s: %s", to, statements)
		}
	})
}

// TestRecipientsLatin1 asks columns that cannot hold all the texts of a question.
func TestRecipientsLatin1(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, table := range []string{"virtual_aliases", "virtual_users", "virtual_domains"} {
		db.Exec(t, "ALTER TABLE "+table+" CONVERT TO CHARACTER SET latin1 COLLATE latin1_german1_ci")
	}
	db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, 'xi@example.org', 'john@example.org'), (1, 'xi@example.org', 'john@xn--wxa.example')")
	got, err := db.Store(t, ispmail.Config{}).Recipients(t.Context(), "xi@example.org")
	require.NoError(t, err)
	assert.Equal(t, []ispmail.Recipient{{Address: "john@example.org", Mailbox: "john@example.org"}, {Address: "john@xn--wxa.example"}}, got)
}
