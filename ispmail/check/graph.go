package check

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A graph is what a checker remembers of the addresses. An address is its hash of 64 bits, with a seed that nobody can know,
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
	extends   bool                 // an alias leads to another one with an extension that this passes on
}

// A catchAll is what there is for "@domain".
type catchAll struct {
	to      string // canonical, "" if it has no canonical form
	several bool   // destinations, to is one of them
	rows    int
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

func (g *graph) addCatchAll(domain, destination string) {
	c := g.catchAlls[domain]
	if c == nil {
		c = &catchAll{to: destination}
		g.catchAlls[domain] = c
	}
	c.rows++
	c.several = c.several || c.to != destination
}

// hasSeveral reports whether a source has more than one destination.
func (g *graph) hasSeveral(source string) bool {
	if source[0] == '@' {
		return g.catchAlls[source[1:]].several
	}
	return repeated(g.sources, g.hash(source))
}

// HasAlias is that of [route.Directory], as are the next three.
func (g *graph) HasAlias(source string) bool {
	if source[0] == '@' {
		return g.catchAlls[source[1:]] != nil
	}
	return contains(g.sources, g.hash(source))
}

// HasMailbox reports whether an address is a user's.
func (g *graph) HasMailbox(email string) bool { return contains(g.users, g.hash(email)) }

// HasDomain reports whether a domain is of this server.
func (g *graph) HasDomain(name string) bool { return g.hasHash(g.hash(name)) }

// DomainAlias returns the domain to which all mail of a domain goes that has no row of its own.
func (g *graph) DomainAlias(name string) string {
	c := g.catchAlls[name]
	if c == nil || c.rows > 1 {
		return ""
	}
	to, _ := strings.CutPrefix(c.to, "@")
	if to == c.to {
		return ""
	}
	return to
}

// hasHash reports whether a hash is that of a domain of this server.
func (g *graph) hasHash(domain uint64) bool {
	_, ok := g.local[domain]
	return ok
}

// keepsCopy reports whether an alias leads from an address to itself. Postfix follows the aliases of such an address once.
func (g *graph) keepsCopy(source string) bool { return contains(g.pairs, g.pair(source, source)) }

// addEdge adds the way from the source of an alias to what comes next.
func (g *graph) addEdge(source string, next route.Match) {
	switch {
	case next.PassesExtension():
		g.extends = true // see extended
	case contains(g.pairs, g.pair(next.Key, next.Address)):
		// Postfix goes on from an address once if one of its destinations is the address itself: no loop goes through it.
	default:
		g.edges = append(g.edges, edge{g.hash(source), g.hash(next.Key)})
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
