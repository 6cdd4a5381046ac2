package routetest

import "slices"

// to is a constellation with one alias, and what becomes of its mail.
func to(destination, want string) Constellation {
	return Constellation{Name: "to " + destination, Users: "john@a.example jane@a.example", Aliases: []string{"x@a.example > " + destination}, To: "x@a.example", Want: want}
}

// destinations are about the texts that Postfix takes for addresses.
var destinations = slices.Concat(Accepted, others)

// Accepted has destinations of each kind that package address accepts.
var Accepted = []Constellation{
	to("User+AbC123@away.example", "away User+AbC123@away.example"),
	to("User@Away.Example", "away User@away.example"),
	to("John@A.Example", "mailbox john@a.example"),
	to(`"a..b"@away.example`, `away "a..b"@away.example`),
	to("a..b@away.example", `away "a..b"@away.example`),
	to(".a@away.example", `away ".a"@away.example`),
	to("a.@away.example", `away "a."@away.example`),
	to(`"John Doe"@away.example`, `away "John␣Doe"@away.example`),
	to(`"John"@away.example`, "away John@away.example"),
	to(`"a,b"@away.example`, `away "a,b"@away.example`),
	to(`"a;b"@away.example`, `away "a;b"@away.example`),
	to(`"a<b>"@away.example`, `away "a<b>"@away.example`),
	to(`"a(b)"@away.example`, `away "a(b)"@away.example`),
	to(`"a\"b"@away.example`, `away "a\"b"@away.example`),
	to(`"\a"@away.example`, `away a@away.example`),
	to(`"a@b"@away.example`, `away "a@b"@away.example`),
	to(`":include:/x"@away.example`, `away ":include:/x"@away.example`),
	to(`"|x"@away.example`, `away |x@away.example`),
	to("|x@away.example", `away |x@away.example`),
	to("/C=de/S=doe@away.example", "away /C=de/S=doe@away.example"),
	to("site!user%host@away.example", "away site!user%host@away.example"),
	to("a#$&'*/=?^_`{}~b@away.example", "away a#$&'*/=?^_`{}~b@away.example"),
	to("josé@away.example", "away josé@away.example"),
	to(`"josé doe"@away.example`, `away "josé␣doe"@away.example`),
	to("user@my_host.away.example", "away user@my_host.away.example"),
	to("user@[192.0.2.1]", "away user@[192.0.2.1]"),
	to("user@[IPv6:2001:db8::1]", "away user@[ipv6:2001:db8::1]"),
	to("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@away.example",
		"away aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@away.example"),
	{Name: "to root@localhost", Aliases: []string{"x@a.example > Root@localhost"}, To: "x@a.example", Want: "away Root@localhost", Postfix: "away Root"},
	to("Root", "away Root"),
	to(`"root"`, "away root"),
	to("Mailer-Daemon", "away Mailer-Daemon"),
}

// others are about what is behind such destinations, and about what other programs write.
var others = []Constellation{
	{Name: "case and extension", Aliases: []string{"x@a.example > User@away.example"}, To: "x+E@a.example", Want: "away User+e@away.example", Postfix: "away User+E@away.example"},
	{Name: "quotes and extension", Aliases: []string{`x@a.example > "a b"@away.example`}, To: "x+e@a.example", Want: `away "a␣b+e"@away.example`},
	{Name: "two spellings", Aliases: []string{"x@a.example > User@away.example", "x@a.example > USER@away.example"}, To: "x@a.example", Want: "away User@away.example"},
	{Name: "quotes and aliases", Users: "john@a.example", Aliases: []string{`x@a.example > "jack"@a.example`, "jack@a.example > john@a.example"}, To: "x@a.example", Want: "mailbox john@a.example"},
	{Name: "quotes and a mailbox with extension", Users: "john@a.example", Aliases: []string{`x@a.example > "john+a..b"@a.example`}, To: "x@a.example", Want: `mailbox "john+a..b"@a.example`},
	{Name: "quotes and nobody", Users: "john@a.example", Aliases: []string{`x@a.example > "john doe"@a.example`}, To: "x@a.example", Want: "nobody"},
	{Name: "quotes and a catch-all", Users: "john@a.example", Aliases: []string{`x@a.example > "john doe"@a.example`, "@a.example > john@a.example"}, To: "x@a.example", Want: "mailbox john@a.example"},
	{Name: "quotes and a domain", Aliases: []string{`x@a.example > "John Doe"@b.example`, "@b.example > @away.example"}, To: "x@a.example", Want: `away "john␣doe"@away.example`, Postfix: `away "John␣Doe"@away.example`},
	{Name: "a loop by quotes", Aliases: []string{`x@a.example > "y"@a.example`, `y@a.example > "x"@a.example`}, To: "x@a.example", Want: "loop"},

	to(`"john,x" <john@a.example>`, "mailbox john@a.example"),
	to(`John, Jane <jane@a.example>`, "away John mailbox jane@a.example"),
	to("john@a.example (a, b)", "mailbox john@a.example"),
	to("(a (b), c) john@a.example, jane(x)@a.example", "mailbox john@a.example mailbox jane@a.example"),
	to("john @ a.example", "mailbox john@a.example"),
	to("john@a.example.", "mailbox john@a.example"),
	to("team: john@a.example, jane@a.example;", "mailbox john@a.example mailbox jane@a.example"),
	to(`jo\hn@a.example`, "mailbox john@a.example"),
	to(`a\,b@away.example`, `away "a,b"@away.example`),
	to("@b.example:john@a.example", "nobody"), // Postfix takes all of it for a whole domain
	to("jane@a.example, @b.example:john@a.example", "mailbox jane@a.example mailbox john@a.example"),
	to("<john@a.example> jane@a.example", "mailbox john@a.example mailbox jane@a.example"),
	to("<john@a.example><jane@a.example>", "mailbox john@a.example mailbox jane@a.example"),
	to("john@a.example <jane@a.example>", "mailbox jane@a.example"),
	to("john@a.example .jane@a.example", "nobody"),
	// Without a domain, Postfix takes it for a local account, and in the end for what stands between the quotes.
	{Name: "quotes around all", Users: "john@a.example", Aliases: []string{`x@a.example > "john@a.example"`}, To: "x@a.example", Want: `away "john@a.example"`, Postfix: "mailbox john@a.example"},
	{Name: "a path", Aliases: []string{"x@a.example > localhost!User"}, To: "x@a.example", Want: "away User@localhost", Postfix: "away User"},
	{Name: "a percent sign", Aliases: []string{"x@a.example > User%localhost"}, To: "x@a.example", Want: "away User@localhost", Postfix: "away User"},
}
