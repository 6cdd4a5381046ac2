package ispmail

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// lockDomains locks the rows of domains and returns them by id, as they are now. While one is locked, nobody else adds users
// or aliases to the domain by a method of this package.
//
// Older releases of the guide have no index for name: a locking read by name locks all domains, and waits for each that is
// locked. So the rows are locked by their ids, which the Store remembers or reads first.
func (s *Store) lockDomains(ctx context.Context, tx *transaction, names ...string) ([]Domain, error) {
	names = route.Unique(names)
	if !s.isMariaDB() {
		return lookup[Domain](ctx, s, tx, "name", lockRows, names...)
	}
	ids, known := s.catalog.domainIDs(names)
	if !known {
		rows, err := lookup[Domain](ctx, s, tx, "name", readRows, names...)
		if err != nil {
			return nil, err
		}
		ids = nil
		for _, d := range rows {
			ids = append(ids, d.ID)
		}
	}
	var rows []Domain
	var err error
	if len(ids) > 0 {
		rows, err = selectRows[Domain](ctx, s, tx, "id IN (?) ORDER BY id FOR UPDATE", bun.List(ids))
		rows = slices.DeleteFunc(rows, func(d Domain) bool { return !slices.Contains(names, d.canonical()) })
	}
	if err == nil && slices.ContainsFunc(names, func(name string) bool { // not there, or there since a moment ago
		return !slices.ContainsFunc(rows, func(d Domain) bool { return d.canonical() == name })
	}) {
		rows, err = lookup[Domain](ctx, s, tx, "name", lockRows, names...)
	}
	if err != nil {
		return nil, err
	}
	s.catalog.remember(rows)
	for _, d := range rows {
		if !tx.snapshot {
			tx.hold(d.canonical())
		}
	}
	return rows, nil
}

// lockSource returns the aliases of a source as they are now, by id, and keeps them so until the transaction ends. It also
// returns the domain of the source, nil if it is not in virtual_domains.
//
// No release of the guide has an index for source: a locking read by source locks the whole table with all of its gaps, and
// each new alias of any domain waits. So it locks the domain, as do all methods that add aliases, and as MariaDB does for
// the foreign key of everybody else's; then the rows that are there, by their ids.
func (s *Store) lockSource(ctx context.Context, tx *transaction, source string) (*Domain, []Alias, error) {
	name := address.DomainOf(source)
	domains, err := s.lockDomains(ctx, tx, name)
	if err != nil {
		return nil, nil, err
	}
	if len(domains) == 0 {
		rows, err := lookup[Alias](ctx, s, tx, "source", lockRows, source)
		return nil, rows, err
	}
	rows, err := lookup[Alias](ctx, s, tx, "source", readRows, source)
	if err != nil || !s.isMariaDB() {
		return &domains[0], rows, err
	}
	if tx.held[name] {
		rows, err = s.lockAliases(ctx, tx, rows)
		return &domains[0], rows, err
	}
	// The snapshot is older than the lock. A locking read of the domain's aliases sees those of the meantime; it has an index,
	// that of the foreign key. Others of the source have the domain_id of another domain.
	var ids []int64
	for _, d := range domains {
		ids = append(ids, d.ID)
	}
	strays := slices.DeleteFunc(rows, func(a Alias) bool { return slices.Contains(ids, a.DomainID) })
	strays, err = s.lockAliases(ctx, tx, strays)
	if err != nil {
		return nil, nil, err
	}
	rows, err = selectRows[Alias](ctx, s, tx, "domain_id IN (?) AND source IN (?) FOR UPDATE", bun.List(ids), bun.List(address.Spellings(source)))
	if isForeignText(err) {
		rows, err = selectRows[Alias](ctx, s, tx, "domain_id IN (?) AND source = ? FOR UPDATE", bun.List(ids), source)
	}
	rows = append(slices.DeleteFunc(rows, func(a Alias) bool { return a.canonical() != source }), strays...)
	slices.SortFunc(rows, func(a, b Alias) int { return cmp.Compare(a.ID, b.ID) })
	return &domains[0], rows, err
}

// lockAliases locks rows by their ids and returns those that are still there, as they are now.
func (s *Store) lockAliases(ctx context.Context, tx *transaction, rows []Alias) (locked []Alias, err error) {
	for some := range slices.Chunk(rows, maxKeys) {
		ids := make([]int64, len(some))
		for i, row := range some {
			ids[i] = row.ID
		}
		more, err := selectRows[Alias](ctx, s, tx, "id IN (?) ORDER BY id FOR UPDATE", bun.List(ids))
		if err != nil {
			return nil, err
		}
		locked = append(locked, more...)
	}
	return locked, nil
}

// hold notes a domain that was locked before the snapshot.
func (tx *transaction) hold(name string) {
	if tx.held == nil {
		tx.held = map[string]bool{}
	}
	tx.held[name] = true
}
