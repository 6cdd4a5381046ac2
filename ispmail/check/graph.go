package check

import (
	"hash/maphash"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A graph is what a checker remembers of the rows. It is a [route.Directory].
//
// To save memory, addresses are kept as hashes of 64 bits, with a random seed, so that nobody can construct a collision. The
// probability that any two of a million addresses collide is below 1 in 30 million.
type graph struct {
	seed       maphash.Seed
	domainByID map[int64]uint64
	domains    map[uint64]bool      // the domains of this server; true for one that has users
	offDomains map[uint64]bool      // those that are switched off
	users      []uint64             // sorted addresses, and "@domain" where a row holds that
	sources    []uint64             // sorted, one for each row, without those of catch-alls
	pairs      []uint64             // sorted hashes of a source with a destination
	catchAlls  map[string]*catchAll // by domain
	edges      []edge

	passesExtension bool // an alias leads to an alias that passes an extension on, see checkExtensions
}

// A catchAll is the aliases of one source "@domain".
type catchAll struct {
	to      string // the canonical form of one destination, "" if it has none
	several bool   // there are other destinations
	rows    int
}

// An edge leads from the source of an alias to the source of an alias that its mail meets next.
type edge struct{ from, to uint64 }

func (g *graph) init() {
	*g = graph{seed: maphash.MakeSeed(), domainByID: map[int64]uint64{}, domains: map[uint64]bool{}, offDomains: map[uint64]bool{}, catchAlls: map[string]*catchAll{}}
}

func (g *graph) hash(address string) uint64 { return maphash.String(g.seed, address) }

func (g *graph) pairHash(source, destination string) uint64 {
	return g.hash(source + " " + destination)
}

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

// HasAlias reports whether a source has an alias with a destination.
func (g *graph) HasAlias(source string) bool {
	if source[0] == '@' {
		return g.catchAlls[source[1:]] != nil
	}
	return contains(g.sources, g.hash(source))
}

// HasMailbox reports whether an address is a user's.
func (g *graph) HasMailbox(email string) bool { return contains(g.users, g.hash(email)) }

// HasDomain reports whether the server keeps the mail of a domain.
func (g *graph) HasDomain(name string) bool { return g.hasDomainHash(g.hash(name)) }

// DomainAlias returns the domain to which the catch-all of a domain sends all mail, "" if there is none.
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

// hasDomainHash is HasDomain for the hash of a domain.
func (g *graph) hasDomainHash(domain uint64) bool {
	_, ok := g.domains[domain]
	return ok
}

// keepsCopy reports whether an alias leads from an address to itself. Postfix then follows the aliases of the address once.
func (g *graph) keepsCopy(source string) bool { return contains(g.pairs, g.pairHash(source, source)) }

// addEdge adds an edge from the source of an alias to the source that its mail meets next, unless no loop can go that way.
func (g *graph) addEdge(source string, next route.Match) {
	switch {
	case next.PassesExtension():
		g.passesExtension = true
	case contains(g.pairs, g.pairHash(next.Key, next.Address)):
		// One of the destinations of the next address is the address itself. Postfix follows such an address once, so that
		// no loop goes through it.
	default:
		g.edges = append(g.edges, edge{g.hash(source), g.hash(next.Key)})
	}
}

func contains(sorted []uint64, key uint64) bool {
	_, ok := slices.BinarySearch(sorted, key)
	return ok
}

// repeated reports whether a sorted list holds a key more than once.
func repeated(sorted []uint64, key uint64) bool {
	i, ok := slices.BinarySearch(sorted, key)
	return ok && i+1 < len(sorted) && sorted[i+1] == key
}
