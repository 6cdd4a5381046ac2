// Package routetest has test cases for package route: constellations of rows, and where Postfix sends mail in each.
package routetest

import (
	"fmt"
	"slices"
	"strings"
)

// A Constellation is rows of the three tables, a recipient, and where mail for the recipient ends up. The same is tested with a
// real Postfix. The domains a.example and b.example are always on this server; all other domains are elsewhere, unless Domains
// names them.
type Constellation struct {
	Name    string
	Users   string   // addresses, separated by blanks
	Aliases []string // "source > destination"
	To      string
	Want    string // the addresses with "mailbox" or "away" before each; or "nobody", "loop", "limit", "invalid"
	Postfix string // what Postfix does if that is not Want
	Domains string // other domains of this server, separated by blanks
}

// chain returns n aliases of which each leads to the next, from n0@a.example on. The last one leads to last.
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

// fan returns n aliases of list@a.example, which lead to another server.
func fan(n int) []string {
	var aliases []string
	for i := range n {
		aliases = append(aliases, fmt.Sprintf("list@a.example > n%d@away.example", i))
	}
	return aliases
}

// away returns the words for the destinations of fan.
func away(n int) string {
	var want []string
	for i := range n {
		want = append(want, fmt.Sprintf("away n%d@away.example", i))
	}
	return strings.Join(want, " ")
}

// double returns aliases from n0@a.example to the address with the number n, with two ways from each number to the next.
func double(n int) []string {
	var aliases []string
	for i := range n {
		from, to := fmt.Sprintf("n%d@a.example", i), fmt.Sprintf("n%d@a.example", i+1)
		aliases = append(aliases, from+" > "+to, from+" > also-"+to, "also-"+to+" > "+to)
	}
	return aliases
}

// Constellations are all of them.
var Constellations = slices.Concat(rules, destinations)

// rules are about the rules by which Postfix follows aliases.
var rules = []Constellation{
	{Name: "mailbox", Users: "john@a.example", To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "nobody", To: "john@a.example", Want: "nobody"},
	{Name: "elsewhere", To: "john@away.example", Want: "away john@away.example"},
	{Name: "subdomain", Users: "john@a.example", To: "john@sub.a.example", Want: "away john@sub.a.example"},
	{Name: "capitals in the address", Users: "john@a.example", To: "John@A.Example", Want: "mailbox john@a.example"},
	{Name: "capitals in the rows", Users: "John@A.example", Aliases: []string{"Jack@a.Example > JOHN@A.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "mailbox in a domain of others", Users: "john@away.example", To: "john@away.example", Want: "away john@away.example"},

	{Name: "alias", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "alias across domains", Users: "john@b.example", Aliases: []string{"jack@a.example > john@b.example"}, To: "jack@a.example", Want: "mailbox john@b.example"},
	{Name: "alias elsewhere", Aliases: []string{"jack@a.example > jack@away.example"}, To: "jack@a.example", Want: "away jack@away.example"},
	{Name: "alias to nobody", Aliases: []string{"jack@a.example > john@a.example"}, To: "jack@a.example", Want: "nobody"},
	{Name: "alias of a mailbox", Users: "john@a.example jane@a.example", Aliases: []string{"john@a.example > jane@a.example"}, To: "john@a.example", Want: "mailbox jane@a.example"},
	{Name: "alias of a mailbox and a copy", Users: "john@a.example jane@a.example", Aliases: []string{"john@a.example > jane@a.example", "john@a.example > john@a.example"}, To: "john@a.example", Want: "mailbox jane@a.example mailbox john@a.example"},
	{Name: "alias from elsewhere", Users: "john@a.example", Aliases: []string{"jack@away.example > john@a.example"}, To: "jack@away.example", Want: "mailbox john@a.example"},
	{Name: "alias through elsewhere", Users: "john@a.example", Aliases: []string{"jack@a.example > jack@away.example", "jack@away.example > john@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "aliases in a row", Users: "john@a.example", Aliases: []string{"x@a.example > y@b.example", "y@b.example > z@a.example", "z@a.example > john@a.example"}, To: "x@a.example", Want: "mailbox john@a.example"},
	{Name: "duplicate aliases", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example", "jack@a.example > John@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},

	{Name: "two destinations", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example", "jack@a.example > jack@away.example"}, To: "jack@a.example", Want: "mailbox john@a.example away jack@away.example"},
	{Name: "two destinations, one nobody", Users: "john@a.example", Aliases: []string{"jack@a.example > jane@a.example", "jack@a.example > john@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "two ways to a mailbox", Users: "john@a.example", Aliases: []string{"x@a.example > y@a.example", "x@a.example > z@a.example", "y@a.example > john@a.example", "z@a.example > john@a.example"}, To: "x@a.example", Want: "mailbox john@a.example"},
	{Name: "lists in lists", Users: "john@a.example jane@b.example", Aliases: []string{"all@a.example > a@a.example", "all@a.example > b@b.example", "a@a.example > john@a.example", "b@b.example > jane@b.example", "b@b.example > b@away.example"}, To: "all@a.example", Want: "mailbox john@a.example mailbox jane@b.example away b@away.example"},
	{Name: "comma in a row", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example,jane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "comma and blank in a row", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example, jane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "blank in a row", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example jane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "blanks around", Users: "john@a.example", Aliases: []string{"jack@a.example >  john@a.example "}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "comma at the end", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example,"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "rows and commas", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example,x@away.example", "jack@a.example > jane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example away x@away.example"},
	{Name: "a name without @", Aliases: []string{"root@a.example > root"}, To: "root@a.example", Want: "away root"},
	{Name: "angle brackets", Users: "john@a.example", Aliases: []string{"jack@a.example > <john@a.example>"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "a full name", Users: "john@a.example", Aliases: []string{"jack@a.example > John Doe <john@a.example>"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "empty destination", Users: "jack@a.example", Aliases: []string{"jack@a.example > "}, To: "jack@a.example", Want: "mailbox jack@a.example"},

	{Name: "empty destination and a catch-all", Users: "john@a.example", Aliases: []string{"jack@a.example > ", "@a.example > john@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "only a comma", Users: "jack@a.example", Aliases: []string{"jack@a.example > ,"}, To: "jack@a.example", Want: "invalid"},
	{Name: "only a comma, no mailbox", Aliases: []string{"jack@a.example > ,"}, To: "jack@a.example", Want: "invalid"},
	{Name: "a comma and a catch-all", Users: "john@a.example", Aliases: []string{"jack@a.example > ,", "@a.example > john@a.example"}, To: "jack@a.example", Want: "invalid"},
	{Name: "angle brackets in a list", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > John <john@a.example>, <jane@a.example>"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "a quoted destination", Users: "john@a.example", Aliases: []string{`jack@a.example > "john"@a.example`}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "semicolon in a row", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example;jane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "line end in a row", Users: "john@a.example jane@a.example", Aliases: []string{"jack@a.example > john@a.example\njane@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},

	{Name: "catch-all", Users: "john@a.example", Aliases: []string{"@a.example > john@a.example"}, To: "any@a.example", Want: "mailbox john@a.example"},
	{Name: "catch-all and a mailbox", Users: "john@a.example jane@a.example", Aliases: []string{"@a.example > john@a.example"}, To: "jane@a.example", Want: "mailbox jane@a.example"},
	{Name: "catch-all and an alias", Users: "john@a.example jane@a.example", Aliases: []string{"@a.example > john@a.example", "jack@a.example > jane@a.example"}, To: "jack@a.example", Want: "mailbox jane@a.example"},
	{Name: "catch-all of another domain", Users: "john@a.example", Aliases: []string{"@a.example > john@a.example"}, To: "any@b.example", Want: "nobody"},
	{Name: "catch-all and a subdomain", Users: "john@a.example", Aliases: []string{"@a.example > john@a.example"}, To: "any@sub.a.example", Want: "away any@sub.a.example"},
	{Name: "catch-all elsewhere", Aliases: []string{"@a.example > john@away.example"}, To: "any@a.example", Want: "away john@away.example"},
	{Name: "catch-all of two", Users: "john@a.example jane@a.example", Aliases: []string{"@a.example > john@a.example", "@a.example > jane@a.example"}, To: "any@a.example", Want: "mailbox john@a.example mailbox jane@a.example"},
	{Name: "catch-all through a dead alias", Users: "john@a.example", Aliases: []string{"@a.example > john@a.example", "jack@a.example > gone@a.example"}, To: "jack@a.example", Want: "mailbox john@a.example"},
	{Name: "catch-all to nobody", Aliases: []string{"@a.example > gone@a.example"}, To: "any@a.example", Want: "nobody"},
	{Name: "catch-all to an alias", Users: "john@b.example", Aliases: []string{"@a.example > info@a.example", "info@a.example > john@b.example"}, To: "any@a.example", Want: "mailbox john@b.example"},
	{Name: "catch-all of a domain of others", Users: "john@a.example", Aliases: []string{"@away.example > john@a.example"}, To: "any@away.example", Want: "mailbox john@a.example"},
	{Name: "catch-all back and forth", Users: "", Aliases: []string{"@a.example > x@b.example", "@b.example > x@a.example"}, To: "any@a.example", Want: "loop"},

	// The server of the test delivers to a user "@domain", which Dovecot does not: what counts is that Postfix accepts the mail.
	{Name: "a user @domain", Users: "@a.example", To: "any@a.example", Want: "nobody", Postfix: "mailbox any@a.example"},
	{Name: "a user @domain and an extension", Users: "@a.example", To: "any+x@a.example", Want: "nobody", Postfix: "mailbox any+x@a.example"},
	{Name: "a user @domain and a mailbox", Users: "@a.example john@a.example", To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "a user @domain and an alias", Users: "@a.example john@b.example", Aliases: []string{"jack@a.example > john@b.example"}, To: "jack@a.example", Want: "mailbox john@b.example"},
	{Name: "a user @domain and a catch-all", Users: "@a.example john@b.example", Aliases: []string{"@a.example > john@b.example"}, To: "any@a.example", Want: "mailbox john@b.example"},
	{Name: "an alias to a user @domain", Users: "@a.example", Aliases: []string{"jack@b.example > any@a.example"}, To: "jack@b.example", Want: "nobody", Postfix: "mailbox any@a.example"},
	{Name: "an alias to a user @domain and a mailbox", Users: "@a.example john@b.example", Aliases: []string{"jack@b.example > any@a.example", "jack@b.example > john@b.example"}, To: "jack@b.example", Want: "mailbox john@b.example", Postfix: "mailbox any@a.example mailbox john@b.example"},
	{Name: "a user @domain of others", Users: "@away.example", To: "any@away.example", Want: "away any@away.example"},
	{Name: "domain to domain, a user @domain there", Users: "@b.example", Aliases: []string{"@a.example > @b.example"}, To: "any@a.example", Want: "nobody", Postfix: "mailbox any@b.example"},

	{Name: "domain to domain", Users: "john@b.example", Aliases: []string{"@a.example > @b.example"}, To: "john@a.example", Want: "mailbox john@b.example"},
	{Name: "domain to domain, nobody there", Users: "john@b.example", Aliases: []string{"@a.example > @b.example"}, To: "jane@a.example", Want: "nobody"},
	{Name: "domain to domain, mailbox here", Users: "john@a.example john@b.example", Aliases: []string{"@a.example > @b.example"}, To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "domain to domain, alias there", Users: "john@b.example", Aliases: []string{"@a.example > @b.example", "jack@b.example > john@b.example"}, To: "jack@a.example", Want: "mailbox john@b.example"},
	{Name: "domain to domain, catch-all there", Users: "john@b.example", Aliases: []string{"@a.example > @b.example", "@b.example > john@b.example"}, To: "any@a.example", Want: "mailbox john@b.example"},
	{Name: "domain to domain elsewhere", Aliases: []string{"@a.example > @away.example"}, To: "any@a.example", Want: "away any@away.example"},
	{Name: "domain to domain and extension", Users: "john@b.example", Aliases: []string{"@a.example > @b.example"}, To: "john+x@a.example", Want: "mailbox john+x@b.example"},
	{Name: "domain to itself", Aliases: []string{"@a.example > @a.example"}, To: "john@a.example", Want: "nobody"},
	{Name: "domain to itself, mailbox", Users: "john@a.example", Aliases: []string{"@a.example > @a.example"}, To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "domain back and forth", Aliases: []string{"@a.example > @b.example", "@b.example > @a.example"}, To: "john@a.example", Want: "loop"},
	{Name: "domain back and forth, mailbox", Users: "john@b.example", Aliases: []string{"@a.example > @b.example", "@b.example > @a.example"}, To: "john@a.example", Want: "mailbox john@b.example"},
	{Name: "address to domain", Users: "john@b.example", Aliases: []string{"john@a.example > @b.example"}, To: "john@a.example", Want: "mailbox john@b.example"},
	{Name: "address with extension to domain", Users: "john@b.example", Aliases: []string{"john@a.example > @b.example"}, To: "john+x@a.example", Want: "mailbox john+x@b.example"},
	{Name: "domain to domain and more", Users: "john@b.example jane@a.example", Aliases: []string{"@a.example > @b.example", "@a.example > jane@a.example"}, To: "john@a.example", Want: "limit"},
	{Name: "domain to domain and elsewhere", Users: "john@b.example", Aliases: []string{"@a.example > @b.example", "@a.example > jane@away.example"}, To: "john@a.example", Want: `away "john@b.example,jane"@away.example`},
	{Name: "domain to domain and more in a row", Users: "john@b.example jane@b.example", Aliases: []string{"@a.example > @b.example, jane@b.example"}, To: "john@a.example", Want: "nobody"},
	{Name: "more and domain to domain", Users: "john@b.example jane@a.example", Aliases: []string{"@a.example > jane@a.example", "@a.example > @b.example"}, To: "john@a.example", Want: "mailbox jane@a.example"},
	{Name: "elsewhere and domain to domain", Aliases: []string{"@a.example > jane@away.example", "@a.example > @away.example"}, To: "john@a.example", Want: `away jane@away.example away ""@away.example`},
	{Name: "more and domain to catch-all", Users: "john@b.example jane@a.example", Aliases: []string{"@a.example > jane@a.example", "@a.example > @b.example", "@b.example > john@b.example"}, To: "x@a.example", Want: "mailbox jane@a.example mailbox john@b.example"},
	{Name: "more and domain to itself", Users: "jane@a.example", Aliases: []string{"@a.example > jane@a.example", "@a.example > @a.example"}, To: "x@a.example", Want: "mailbox jane@a.example"},
	{Name: "more and domain, with extension", Users: "jane@a.example", Aliases: []string{"x@a.example > jane@a.example", "x@a.example > @away.example"}, To: "x+e@a.example", Want: "mailbox jane+e@a.example away +e@away.example"},
	{Name: "domain to two domains", Users: "john@b.example john@a.example", Aliases: []string{"@away.example > @a.example", "@away.example > @b.example"}, To: "john@away.example", Want: "nobody"},

	{Name: "extension", Users: "john@a.example", To: "john+lists@a.example", Want: "mailbox john+lists@a.example"},
	{Name: "extension of an alias", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example"}, To: "jack+x@a.example", Want: "mailbox john+x@a.example"},
	{Name: "extension of two destinations", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example", "jack@a.example > jack@away.example"}, To: "jack+x@a.example", Want: "mailbox john+x@a.example away jack+x@away.example"},
	{Name: "extension of its own alias", Users: "john@a.example jane@a.example", Aliases: []string{"john+x@a.example > jane@a.example"}, To: "john+x@a.example", Want: "mailbox jane@a.example"},
	{Name: "extension of its own mailbox", Users: "john@a.example john+x@a.example", To: "john+x@a.example", Want: "mailbox john+x@a.example"},
	{Name: "extension and a catch-all", Users: "john@a.example jane@a.example", Aliases: []string{"@a.example > jane@a.example"}, To: "john+x@a.example", Want: "mailbox john+x@a.example"},
	{Name: "extension to a catch-all", Users: "jane@a.example", Aliases: []string{"@a.example > jane@a.example"}, To: "any+x@a.example", Want: "mailbox jane@a.example"},
	{Name: "extension of a destination", Users: "john@a.example", Aliases: []string{"jack@a.example > john+jack@a.example"}, To: "jack@a.example", Want: "mailbox john+jack@a.example"},
	{Name: "extension of both", Users: "john@a.example", Aliases: []string{"jack@a.example > john+jack@a.example"}, To: "jack+x@a.example", Want: "mailbox john+jack+x@a.example"},
	{Name: "two extensions", Users: "john@a.example john+x@a.example", To: "john+x+y@a.example", Want: "mailbox john+x+y@a.example"},
	{Name: "two extensions, one has an alias", Users: "jane@a.example", Aliases: []string{"john+x@a.example > jane@a.example"}, To: "john+x+y@a.example", Want: "nobody"},
	{Name: "extension to a name without @", Aliases: []string{"root@a.example > root"}, To: "root+x@a.example", Want: "away root+x"},
	{Name: "empty extension of an alias", Users: "john@a.example", Aliases: []string{"jack@a.example > john@a.example"}, To: "jack+@a.example", Want: "mailbox john+@a.example"},
	{Name: "empty extension", Users: "john@a.example", To: "john+@a.example", Want: "mailbox john+@a.example"},
	{Name: "plus at the front", Users: "john@a.example", To: "+john@a.example", Want: "nobody"},
	{Name: "extension with a hyphen", Users: "john@a.example", To: "john-x@a.example", Want: "nobody"},
	{Name: "extension and a copy", Users: "john@a.example", Aliases: []string{"john@a.example > john@a.example", "john@a.example > john@away.example"}, To: "john+x@a.example", Want: "mailbox john+x@a.example away john+x@away.example"},
	{Name: "extension that grows", Aliases: []string{"john@a.example > john+" + strings.Repeat("x", 50) + "@a.example"}, To: "john@a.example", Want: "limit"},
	{Name: "extension that grows from a mailbox", Users: "john@a.example", Aliases: []string{"jack@a.example > jack+x@a.example"}, To: "jack@a.example", Want: "limit"},

	{Name: "itself", Users: "john@a.example", Aliases: []string{"john@a.example > john@a.example"}, To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "itself, no mailbox", Aliases: []string{"john@a.example > john@a.example"}, To: "john@a.example", Want: "nobody"},
	{Name: "itself, capitals", Users: "john@a.example", Aliases: []string{"john@a.example > JOHN@A.example"}, To: "john@a.example", Want: "mailbox john@a.example"},
	{Name: "catch-all to itself", Users: "", Aliases: []string{"@a.example > x@a.example"}, To: "x@a.example", Want: "nobody"},
	{Name: "loop of two", Users: "john@a.example", Aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "loop"},
	{Name: "loop of two mailboxes", Users: "x@a.example y@a.example", Aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "loop"},
	{Name: "loop of three", Aliases: []string{"x@a.example > y@b.example", "y@b.example > z@away.example", "z@away.example > x@a.example"}, To: "x@a.example", Want: "loop"},
	{Name: "loop further on", Aliases: []string{"w@a.example > x@a.example", "x@a.example > y@a.example", "y@a.example > x@a.example"}, To: "w@a.example", Want: "loop"},
	{Name: "loop beside a mailbox", Users: "john@a.example", Aliases: []string{"x@a.example > y@a.example", "x@a.example > john@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "loop"},
	{Name: "mailbox beside a loop", Users: "john@a.example", Aliases: []string{"x@a.example > john@a.example", "x@a.example > y@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "loop"},
	{Name: "loop with copies", Users: "x@a.example y@a.example", Aliases: []string{"x@a.example > x@a.example", "x@a.example > y@a.example", "y@a.example > y@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "mailbox x@a.example mailbox y@a.example"},
	{Name: "loop with a copy", Users: "x@a.example y@a.example", Aliases: []string{"x@a.example > y@a.example", "x@a.example > x@a.example", "y@a.example > x@a.example"}, To: "x@a.example", Want: "mailbox x@a.example"},
	{Name: "loop with a copy, from the other side", Users: "x@a.example y@a.example", Aliases: []string{"x@a.example > y@a.example", "x@a.example > x@a.example", "y@a.example > x@a.example"}, To: "y@a.example", Want: "mailbox x@a.example"},
	{Name: "loop by an extension", Aliases: []string{"x@a.example > y@a.example", "y@a.example > x@a.example"}, To: "x+e@a.example", Want: "loop"},
	{Name: "loop of a catch-all", Aliases: []string{"@a.example > x@b.example", "x@b.example > y@a.example"}, To: "any@a.example", Want: "loop"},

	{Name: "long chain", Users: "john@a.example", Aliases: chain(998, "john@a.example"), To: "n0@a.example", Want: "mailbox john@a.example"},
	{Name: "longest chain to a mailbox", Users: "john@a.example", Aliases: chain(999, "john@a.example"), To: "n0@a.example", Want: "mailbox john@a.example"},
	{Name: "too long a chain to a mailbox", Users: "john@a.example", Aliases: chain(1000, "john@a.example"), To: "n0@a.example", Want: "limit"},
	{Name: "longest chain elsewhere", Aliases: chain(999, "n@away.example"), To: "n0@a.example", Want: "away n@away.example"},
	{Name: "too long a chain elsewhere", Aliases: chain(1000, "n@away.example"), To: "n0@a.example", Want: "limit"},
	{Name: "longest list", Aliases: fan(1000), To: "list@a.example", Want: away(1000)},
	{Name: "too long a list", Aliases: fan(1001), To: "list@a.example", Want: "limit"},
	{Name: "many ways", Users: "n9@a.example", Aliases: double(9), To: "n0@a.example", Want: "mailbox n9@a.example"},
	{Name: "too many ways", Users: "n10@a.example", Aliases: double(10), To: "n0@a.example", Want: "limit"},

	// Postfix takes such a row for a catch-all, and virtual(8) for a mailbox. Dovecot, to whom the guide hands the mail, does not.
	{Name: "pseudo user", Users: "@a.example", To: "any@a.example", Want: "nobody", Postfix: "mailbox any@a.example"},
	{Name: "pseudo user and a catch-all", Users: "@a.example john@a.example", Aliases: []string{"@a.example > john@a.example"}, To: "any@a.example", Want: "mailbox john@a.example"},

	{Name: "accent", Users: "josé@a.example", To: "jose@a.example", Want: "nobody", Postfix: "mailbox josé@a.example"},
	{Name: "accent in an alias", Users: "john@a.example", Aliases: []string{"josé@a.example > john@a.example"}, To: "jose@a.example", Want: "nobody", Postfix: "mailbox john@a.example"},
	{Name: "accent in a destination", Users: "josé@a.example", Aliases: []string{"jack@a.example > josé@a.example"}, To: "jack@a.example", Want: "nobody", Postfix: "mailbox josé@a.example"},
	{Name: "accent in a destination and a mailbox without", Users: "jose@a.example", Aliases: []string{"jack@a.example > josé@a.example"}, To: "jack@a.example", Want: "nobody", Postfix: "mailbox jose@a.example"},
	{Name: "accent elsewhere", Aliases: []string{"jack@a.example > josé@away.example"}, To: "jack@a.example", Want: "away josé@away.example"},
	{Name: "internationalised domain", Domains: "xn--mller-kva.example", Users: "john@xn--mller-kva.example", To: "john@xn--mller-kva.example", Want: "mailbox john@xn--mller-kva.example"},
	{Name: "internationalised domain in U-labels", Domains: "müller.example", Users: "john@müller.example", To: "john@xn--mller-kva.example", Want: "mailbox john@xn--mller-kva.example", Postfix: "away john@xn--mller-kva.example"},
}
