package ispmail

import (
	"context"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A destination is one that somebody wants to add.
type destination struct {
	given  string
	stored string // its form in a row, if its domain is on another server
	key    string // its form for comparison, and in a row if its domain is on this server
}

// canonicalAlias returns the canonical form of the source of a new alias, and the forms of its destination.
func canonicalAlias(source, to string) (from string, d destination, err error) {
	if from, err = newSourceIn("source", source); err != nil {
		return "", destination{}, err
	}
	d.given = to
	d.stored, d.key, err = address.Destination(to)
	if err == nil {
		err = address.CheckWildcard(to)
	}
	if err != nil {
		return "", destination{}, addressError("destination", to, err)
	}
	if d.key[0] == '@' && from[0] != '@' {
		return "", destination{}, &AddressError{Field: "destination", Value: to, Reason: "only a source @domain can lead to a whole domain"}
	}
	return from, d, nil
}

// existingAlias returns the canonical form of a source, and the key of a destination that may be in a row.
func existingAlias(source, to string) (from, key string, err error) {
	if from, err = canonicalSourceIn("source", source); err != nil {
		return "", "", err
	}
	if to == "" {
		return "", "", &AddressError{Field: "destination", Reason: "there is none"}
	}
	return from, address.Key(to), nil
}

// newSourceIn is canonicalSourceIn for a row to add: it refuses what looks like a catch-all and is none.
func newSourceIn(field, source string) (string, error) {
	if err := address.CheckWildcard(source); err != nil {
		return "", addressError(field, source, err)
	}
	return canonicalSourceIn(field, source)
}

// newAddressIn is canonicalIn for the address of a user to add or to rename.
func newAddressIn(field, email string) (string, error) {
	if err := address.CheckWildcard(email); err != nil {
		return "", addressError(field, email, err)
	}
	return canonicalIn(field, email)
}

// domain returns the domain of a destination, or "" if it has none that can be on this server.
func (d destination) domain() string {
	_, domain, _ := address.Cut(d.key)
	return domain
}

// dependsOnDomain reports whether it matters for what is stored, or whether anything is, if the domain is on this server.
func (d destination) dependsOnDomain() bool {
	return d.domain() != "" && (d.stored != d.key || address.SourceOrNone(d.key) == "")
}

// text returns what is to be stored. An address on this server must be one that a user or an alias can have.
func (d destination) text(isOwn bool) (string, error) {
	if !isOwn {
		return d.stored, nil
	}
	if d.key[0] == '@' {
		return d.key, nil
	}
	local, domain, _ := address.Cut(d.key)
	text, err := address.Canonical(local + "@" + domain)
	return text, addressError("destination", d.given, err)
}

// ownDomains returns which domains of some destinations are on this server. It asks only for those where it matters.
func (s *Store) ownDomains(ctx context.Context, tx *transaction, all ...destination) (map[string]bool, error) {
	var names []string
	for _, d := range all {
		if d.dependsOnDomain() {
			names = append(names, d.domain())
		}
	}
	domains, err := lookup[Domain](ctx, s, tx, "name", readRows, route.Unique(names)...)
	own := map[string]bool{}
	for _, domain := range domains {
		own[domain.canonical()] = true
	}
	return own, err
}

// keys returns the keys of the destinations.
func (a Alias) keys() []string {
	all := a.Destinations()
	for i, d := range all {
		all[i] = address.Key(d)
	}
	return all
}

// leadsTo reports whether the alias has a destination, given by its key.
func (a Alias) leadsTo(key string) bool { return slices.Contains(a.keys(), key) }

// without returns the destinations, as written, except one, given by its key.
func (a Alias) without(key string) []string {
	return slices.DeleteFunc(a.Destinations(), func(d string) bool { return address.Key(d) == key })
}
