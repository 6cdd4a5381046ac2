package ispmail

import (
	"hash/maphash"
	"slices"
	"strings"
)

// A graph is what Check remembers of the addresses. An address is its hash of 64 bits, with a seed that nobody can know,
// so that all of them find room; that two of a million have the same one is less likely than a fault of the memory.
type graph struct {
	seed      maphash.Seed
	domains   map[int64]uint64     // by id
	local     map[uint64]bool      // the domains of this server, true if there are users
	users     []uint64             // sorted, as are the next two
	sources   []uint64             // without those of catch-alls
	pairs     []uint64             // of source and destination
	catchAlls map[string]*catchAll // by domain
	edges     []edge               // from aliases to aliases
}

// A catchAll is what there is for "@domain".
type catchAll struct {
	to      string
	several bool // destinations, to is one of them
}

// domain returns the one domain to which all mail goes, if it goes to a whole domain.
func (c *catchAll) domain() string {
	if c.several || c.to[0] != '@' {
		return ""
	}
	return c.to[1:]
}

// An edge leads from the source of an alias to that of another.
type edge struct{ from, to uint64 }

func (g *graph) init() {
	*g = graph{seed: maphash.MakeSeed(), domains: map[int64]uint64{}, local: map[uint64]bool{}, catchAlls: map[string]*catchAll{}}
}

func (g *graph) hash(address string) uint64 { return maphash.String(g.seed, address) }

func (g *graph) pair(source, destination string) uint64 { return g.hash(source + " " + destination) }

func (g *graph) sort() {
	slices.Sort(g.users)
	slices.Sort(g.sources)
	slices.Sort(g.pairs)
}

func (g *graph) isLocal(domain uint64) bool {
	_, ok := g.local[domain]
	return ok
}

func (g *graph) isSource(address string) bool { return contains(g.sources, g.hash(address)) }

func (g *graph) addCatchAll(domain, destination string) {
	if c := g.catchAlls[domain]; c == nil {
		g.catchAlls[domain] = &catchAll{to: destination}
	} else if c.to != destination {
		c.several = true
	}
}

// hasSeveral tells whether a source has more than one destination.
func (g *graph) hasSeveral(source string) bool {
	if source[0] == '@' {
		return g.catchAlls[source[1:]].several
	}
	return repeated(g.sources, g.hash(source))
}

// follow returns where mail for source goes by one of its destinations: to "@domain" it takes along the part before the
// @. From "@domain" to "@domain" goes mail for addresses of which nothing is known.
func (g *graph) follow(source, destination string) string {
	if at := strings.LastIndexByte(source, '@'); destination[0] == '@' && at > 0 {
		return source[:at] + destination
	}
	return destination
}

// next returns the source of the aliases that come after a destination of source, "" if there are none, and whether
// there is anything at all.
func (g *graph) next(source, destination string) (node string, taken bool) {
	address := g.follow(source, destination)
	switch {
	case address[0] != '@':
		return g.resolve(address)
	case g.catchAlls[address[1:]] != nil:
		return address, true
	}
	return "", true
}

// resolve does for an address what Postfix does with the guide's maps: first the aliases of the address, then its mailbox,
// then both without the extension, then the catch-all. It returns the source of the aliases that come next, "" if
// there are none, and whether there is anything at all. It walks on where a whole domain goes to another one.
func (g *graph) resolve(address string) (node string, taken bool) {
	for seen := map[string]bool{}; ; {
		at := strings.LastIndexByte(address, '@')
		local, domain := address[:at], address[at+1:]
		bare, _, _ := strings.Cut(local, "+")
		for _, form := range []string{address, bare + "@" + domain} {
			if g.isSource(form) {
				return form, true
			}
			if contains(g.users, g.hash(form)) {
				return "", true
			}
		}
		c := g.catchAlls[domain]
		if c == nil {
			return "", len(seen) > 0 && !g.isLocal(g.hash(domain))
		}
		next := c.domain()
		if next == "" || seen[domain] {
			return "@" + domain, true
		}
		seen[domain] = true
		address = local + "@" + next
	}
}

func contains(sorted []uint64, key uint64) bool {
	_, ok := slices.BinarySearch(sorted, key)
	return ok
}

// repeated tells whether a key of the list is there more than once.
func repeated(sorted []uint64, key uint64) bool {
	i, ok := slices.BinarySearch(sorted, key)
	return ok && i+1 < len(sorted) && sorted[i+1] == key
}
