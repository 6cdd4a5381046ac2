package ispmail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// ErrAliasLimit says that aliases lead on for longer or to more addresses than Postfix follows. It then accepts no mail for
// the address, as in an alias loop.
var ErrAliasLimit = errors.New("ispmail: aliases beyond the limits of Postfix")

// The limits of Postfix, https://www.postfix.org/postconf.5.html#virtual_alias_recursion_limit and following.
const (
	maxRecursion  = 1000
	maxExpansion  = 1000
	maxAliasBytes = 1000
)

// extensionDelimiter is the recipient_delimiter of Debian's main.cf.
const extensionDelimiter = '+'

// A Recipient is where mail for an address ends up.
type Recipient struct {
	// Address is the last one that mail is readdressed to, in its canonical form, an extension as in john+lists@example.org
	// included. A destination that has no canonical form is much as in its row.
	Address string `json:"address"`
	// Mailbox is the address of the user who gets the mail, "" if it leaves the tables: for another server, or, where a
	// destination has no @, for an account of the operating system.
	Mailbox string `json:"mailbox,omitempty"`
}

// Recipients tells to whom Postfix delivers mail for an address with the maps of the guide. An alias of the address wins
// over its mailbox, both win over those of the address without its extension (john+lists is john if nothing else), and the
// catch-all of the domain comes last. Destinations are looked up in the same way, until they are mailboxes, addresses
// of other servers or lead to themselves. An address that is not of this server and has no alias is its own recipient.
//
// It returns ErrNotFound if Postfix refuses or bounces all the mail, ErrInvalidAddress, and where Postfix accepts
// nothing until somebody mends the aliases, ErrAliasLoop with the addresses of the loop, ErrAliasLimit, or ErrInvalidAddress
// if a row has no destination at all but a comma. Destinations that lead nowhere beside others that lead somewhere are left
// out. An alias to itself is no loop to Postfix: it keeps a copy in the mailbox.
//
// Addresses are compared by their canonical form, and nobody has an address without one. Postfix leaves that to the
// collation of the column, which takes josé and jose for one address, and does not take the two spellings of an
// internationalised domain for one.
//
// It runs a statement for each of two tables and level of aliases, however many addresses are on the level (from
// some 300 on it takes more), and one for the domains in the end. Outside of RunInTx, others may change the tables in between.
func (s *Store) Recipients(ctx context.Context, address string) ([]Recipient, error) {
	start, err := Canonical(address)
	if err != nil {
		return nil, err
	}
	r := &router{aliases: map[string][]string{}, users: map[string]bool{}, routes: map[string][]string{}}
	var recipients []Recipient
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		if err := r.load(ctx, s, db, start); err != nil {
			return err
		}
		last, err := r.expand(start)
		if err != nil {
			return err
		}
		recipients, err = r.deliver(ctx, s, db, last)
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(recipients) == 0 {
		return nil, fmt.Errorf("%w: nobody gets mail for %s", ErrNotFound, start)
	}
	return recipients, nil
}

// A router knows the rows that mail for an address meets on its way.
type router struct {
	aliases map[string][]string // the column destination by canonical source
	users   map[string]bool     // by canonical address
	routes  map[string][]string // where an address leads in one step, none if nowhere
}

// load reads the rows, all those of a level at once.
func (r *router) load(ctx context.Context, s *Store, db bun.IDB, start string) error {
	asked := map[string]bool{}
	level := []string{start}
	for depth := 0; len(level) > 0; depth++ {
		// Each address of a level leads to an address of the end, or into a loop.
		if depth > maxRecursion || len(level) > maxExpansion {
			return r.tooMuch(start)
		}
		var keys []string
		for _, address := range level {
			for _, key := range lookups(address) {
				if !asked[key] {
					asked[key] = true
					keys = append(keys, key)
				}
			}
		}
		aliases, err := lookupAll[Alias](ctx, s, db, "source", keys, readRows)
		if err != nil {
			return err
		}
		for _, row := range aliases {
			if row.Destination != "" { // nothing is no answer to Postfix
				r.aliases[row.canonical()] = append(r.aliases[row.canonical()], row.Destination)
			}
		}
		keys = slices.DeleteFunc(keys, func(key string) bool { return key[0] == '@' })
		users, err := lookupAll[User](ctx, s, db, "email", keys, readRows)
		if err != nil {
			return err
		}
		for _, row := range users {
			r.users[row.canonical()] = true
		}
		var next []string
		for _, address := range level {
			if r.routes[address], err = r.step(address); err != nil {
				return err
			}
			for _, to := range r.routes[address] {
				if len(to) > maxAliasBytes {
					return r.tooMuch(start)
				}
				if _, ok := r.routes[to]; !ok {
					r.routes[to] = nil
					next = append(next, to)
				}
			}
		}
		level = next
	}
	return nil
}

// step returns where the maps lead an address, as Postfix looks it up in them: see TABLE SEARCH ORDER in virtual(5).
func (r *router) step(address string) ([]string, error) {
	local, domain, ok := cutAddress(address)
	if !ok {
		return nil, nil
	}
	found, rest := r.mapped(address), ""
	if bare, extension := cutExtension(local); found == nil && extension != "" {
		found, rest = r.mapped(bare+"@"+domain), extension
	}
	if found == nil {
		found, rest = r.aliases["@"+domain], ""
	}
	to := route(found, local, rest)
	if found != nil && to == nil {
		return nil, fmt.Errorf("%w in the destination: the alias of %s leads to no address", ErrInvalidAddress, address)
	}
	return to, nil
}

// mapped asks the maps in their order: email2email leads the address of a user to itself, past a catch-all.
func (r *router) mapped(key string) []string {
	if found, ok := r.aliases[key]; ok {
		return found
	}
	if r.users[key] {
		return []string{key}
	}
	return nil
}

// route turns what Postfix finds for an address into the addresses that it makes of it: "@domain" gets the part before the
// @, others the extension that was not looked up. "@domain" further back has nothing before the @, and stays so.
func route(found []string, local, extension string) []string {
	text := strings.Join(found, ",") // as Postfix joins the rows of an answer
	if strings.HasPrefix(text, "@") {
		// Postfix does not look for a comma here. What is behind one makes it an address that nobody has.
		if domain, err := canonicalDomain(text[1:]); err == nil {
			text = "@" + domain
		}
		return []string{local + text}
	}
	var to []string
	for _, destination := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
		addresses := strings.Fields(destination)
		if _, address, ok := strings.Cut(destination, "<"); ok { // behind somebody's full name
			address, _, _ = strings.Cut(address, ">")
			addresses = []string{address}
		}
		for _, address := range addresses {
			at := strings.LastIndexByte(address, '@')
			if at < 0 {
				to = append(to, address+extension)
				continue
			}
			domain, err := canonicalDomain(address[at+1:])
			if err != nil {
				domain = address[at+1:]
			}
			to = append(to, lower(address[:at])+extension+"@"+domain)
		}
	}
	return to
}

// expand follows the routes to their ends, which it returns, each once. It goes the way of cleanup_map1n_internal in
// Postfix (https://github.com/vdukhovni/postfix/blob/master/postfix/src/cleanup/cleanup_map1n.c): whether a loop
// matters depends on that.
func (r *router) expand(start string) ([]string, error) {
	list := []string{start}
	own := map[string]bool{} // lead to themselves, among others
	for i := 0; i < len(list); i++ {
		if len(list) > maxExpansion {
			return nil, r.tooMuch(start)
		}
		for depth := 0; !own[list[i]]; depth++ {
			if depth >= maxRecursion {
				return nil, r.tooMuch(start)
			}
			from := list[i]
			to := r.routes[from]
			if len(to) == 0 {
				break
			}
			list[i] = to[0]
			list = append(list, to[1:]...)
			if slices.Contains(to, from) {
				own[from] = true
			}
		}
	}
	return unique(list), nil
}

// tooMuch returns ErrAliasLoop if the routes hold a loop, else ErrAliasLimit.
func (r *router) tooMuch(start string) error {
	if loop := r.loop(start); loop != nil {
		return fmt.Errorf("%w: %s", ErrAliasLoop, strings.Join(loop, " -> "))
	}
	return fmt.Errorf("%w: from %s", ErrAliasLimit, start)
}

// loop returns the addresses of a loop, the first one again at its end.
func (r *router) loop(start string) []string {
	path := []string{start}      // from the start to where we are
	place := map[string]int{}    // in the path, -1 once an address is done with
	taken := make([]int, 1, 100) // of the routes of each address of the path
	for len(path) > 0 {
		end := len(path) - 1
		here := path[end]
		place[here] = end
		if taken[end] == len(r.routes[here]) {
			place[here] = -1
			path, taken = path[:end], taken[:end]
			continue
		}
		to := r.routes[here][taken[end]]
		taken[end]++
		if to == here {
			continue
		}
		switch at, seen := place[to]; {
		case !seen:
			path, taken = append(path, to), append(taken, 0)
		case at >= 0:
			return append(path[at:], to)
		}
	}
	return nil
}

// deliver sorts out what is for a mailbox, for elsewhere, and for nobody.
func (r *router) deliver(ctx context.Context, s *Store, db bun.IDB, addresses []string) ([]Recipient, error) {
	var names []string
	for _, address := range addresses {
		if _, domain, ok := cutAddress(address); ok {
			names = append(names, domain)
		}
	}
	domains, err := lookupAll[Domain](ctx, s, db, "name", unique(names), readRows)
	if err != nil {
		return nil, err
	}
	here := map[string]bool{}
	for _, d := range domains {
		here[d.canonical()] = true
	}
	var recipients []Recipient
	for _, address := range addresses {
		local, domain, ok := cutAddress(address)
		if ok && (local == "" || strings.ContainsRune(local, '@')) { // of "@domain" in a list
			address = `"` + local + `"@` + domain
		}
		if !ok || !here[domain] {
			recipients = append(recipients, Recipient{Address: address})
			continue
		}
		bare, _ := cutExtension(local)
		for _, name := range []string{local, bare} {
			if mailbox := name + "@" + domain; r.users[mailbox] {
				recipients = append(recipients, Recipient{Address: address, Mailbox: mailbox})
				break
			}
		}
	}
	return recipients, nil
}

// lookups returns the canonical sources that Postfix tries for an address.
func lookups(address string) []string {
	local, domain, ok := cutAddress(address)
	if !ok {
		return nil
	}
	if bare, extension := cutExtension(local); extension != "" {
		return []string{address, bare + "@" + domain, "@" + domain}
	}
	return []string{address, "@" + domain}
}

// cutAddress cuts an address whose domain is canonical at its last @.
func cutAddress(address string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 {
		return "", "", false
	}
	domain, err := canonicalDomain(address[at+1:])
	return address[:at], domain, err == nil
}

// cutExtension cuts the local part of an address before the extension.
func cutExtension(local string) (bare, extension string) {
	if at := strings.IndexByte(local, extensionDelimiter); at > 0 {
		return local[:at], local[at:]
	}
	return local, ""
}

// lookupAll is lookup for many canonical values. Its rows are by id for each of them.
func lookupAll[T row](ctx context.Context, s *Store, db bun.IDB, column string, values []string, lock lockMode) ([]T, error) {
	condition := column + " IN (?) ORDER BY id"
	if bool(lock) && s.isMariaDB() {
		condition += " FOR UPDATE"
	}
	wanted := map[string]bool{}
	var texts []string
	for _, value := range values {
		wanted[value] = true
		texts = append(texts, spellings(value)...)
	}
	var found []T
	for some := range slices.Chunk(texts, maxKeys) {
		rows, err := selectRows[T](ctx, s, db, condition, bun.List(some))
		if isForeignText(err) {
			// A column that cannot hold the signs of one text does not have it, but may have the others.
			some = slices.DeleteFunc(some, func(text string) bool { return !isASCII(text) })
			rows, err = selectRows[T](ctx, s, db, condition, bun.List(some))
		}
		if err != nil {
			return nil, err
		}
		found = append(found, slices.DeleteFunc(rows, func(r T) bool { return !wanted[r.canonical()] })...)
	}
	return found, nil
}

// maxKeys is how many texts a statement asks for: MariaDB makes a table of a list of more than 1000
// (in_predicate_conversion_threshold), and with it other rules for collations.
const maxKeys = 1000

// unique returns each text once, in the same order.
func unique(texts []string) []string {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool {
		again := seen[text]
		seen[text] = true
		return again
	})
}
