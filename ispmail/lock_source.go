package ispmail

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// lockDomains locks the rows of domains and returns their current state, those that are switched on first, by id. While a
// domain is locked, no method of this package adds users or aliases to it elsewhere.
//
// Older releases of the guide have no index on name: a locking read by name locks all domains and waits for each that
// is locked. So lockDomains locks by id. It takes the ids from the catalog or from a snapshot read.
func (s *Store) lockDomains(ctx context.Context, tx *transaction, names ...string) ([]Domain, error) {
	names = route.Unique(names)
	if !s.isMariaDB() {
		rows, err := lookup[Domain](ctx, s, tx, "name", lockRows, names...)
		return onFirst(rows), err
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
		if tx.alongside != nil {
			ids = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(ids), tx.alongside...))))
		}
		rows, err = selectRows[Domain](ctx, s, tx, "id IN (?) ORDER BY id FOR UPDATE", bun.List(ids))
		rows = slices.DeleteFunc(rows, func(d Domain) bool { return !slices.Contains(names, d.canonical()) })
	}
	if err == nil && slices.ContainsFunc(names, func(name string) bool { // missing, or added since the ids were read
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
	return onFirst(rows), nil
}

// lockSource returns the current aliases of a source, by id, and locks them until the transaction ends. It also returns
// the domain of the source, or nil if it is not in virtual_domains.
//
// No release of the guide has an index on source: a locking read by source locks the whole table and its gaps, so that
// each new alias of any domain waits. So lockSource locks the domain, as all methods that add aliases do, and as the
// foreign key does for other programs. Then it locks the existing rows by id.
func (s *Store) lockSource(ctx context.Context, tx *transaction, source string) (*Domain, []Alias, error) {
	domain, rows, _, err := s.lockSourceAnd(ctx, tx, source)
	return domain, rows, err
}

// lockSourceAnd is lockSource. With the same statement, it reads the aliases of other sources, which it does not lock.
func (s *Store) lockSourceAnd(ctx context.Context, tx *transaction, source string, others ...string) (domain *Domain, rows, beside []Alias, err error) {
	name := address.DomainOf(source)
	if err := s.administer(ctx, tx, tables.Domains, tables.Aliases); err != nil {
		return nil, nil, nil, err
	}
	domains, err := s.lockDomains(ctx, tx, name)
	if err != nil {
		return nil, nil, nil, err
	}
	if len(domains) == 0 {
		rows, err = lookup[Alias](ctx, s, tx, "source", lockRows, source)
		return nil, rows, nil, err
	}
	found, err := lookup[Alias](ctx, s, tx, "source", readRows, route.Unique(append([]string{source}, others...))...)
	for _, row := range found {
		if row.canonical() == source {
			rows = append(rows, row)
		} else {
			beside = append(beside, row)
		}
	}
	if err != nil || !s.isMariaDB() {
		return &domains[0], rows, beside, err
	}
	if tx.held[name] {
		rows, err = s.lockAliases(ctx, tx, source, rows)
		return &domains[0], rows, beside, err
	}
	// The snapshot is older than the lock, so it may lack new rows. A locking read of the domain's aliases sees them, and uses
	// the index of the foreign key. Strays, whose domain_id is that of another domain, are locked by id.
	var ids []int64
	for _, d := range domains {
		ids = append(ids, d.ID)
	}
	strays := slices.DeleteFunc(rows, func(a Alias) bool { return slices.Contains(ids, a.DomainID) })
	strays, err = s.lockAliases(ctx, tx, source, strays)
	if err != nil {
		return nil, nil, nil, err
	}
	rows, err = s.aliasesWithin(ctx, tx, ids, source, lockRows)
	rows = append(rows, strays...)
	slices.SortFunc(rows, func(a, b Alias) int { return cmp.Compare(a.ID, b.ID) })
	return &domains[0], rows, beside, err
}

// aliasesWithin returns the aliases of a source with one of some values of domain_id, which the foreign key has an index for.
func (s *Store) aliasesWithin(ctx context.Context, tx *transaction, domains []int64, source string, lock lockMode) ([]Alias, error) {
	end := ""
	if bool(lock) && s.isMariaDB() {
		end = " FOR UPDATE"
	}
	text, err := s.anySpelling(ctx, tx, tables.Aliases, "source")
	if err != nil {
		return nil, err
	}
	rows, err := selectRows[Alias](ctx, s, tx, "domain_id IN (?) AND "+text+" IN (?)"+end, bun.List(domains), bun.List(address.Spellings(source)))
	if isForeignText(err) {
		rows, err = selectRows[Alias](ctx, s, tx, "domain_id IN (?) AND "+text+" = ?"+end, bun.List(domains), source)
	}
	return slices.DeleteFunc(rows, func(a Alias) bool { return a.canonical() != source }), err
}

// lockServedSource is lockSourceAnd, but returns ErrNoDomain if the domain is not in virtual_domains.
func (s *Store) lockServedSource(ctx context.Context, tx *transaction, source string, others ...string) (_ Domain, rows, beside []Alias, err error) {
	domain, rows, beside, err := s.lockSourceAnd(ctx, tx, source, others...)
	switch {
	case err != nil:
		return Domain{}, nil, nil, err
	case domain == nil:
		return Domain{}, nil, nil, fmt.Errorf("%w: %s", ErrNoDomain, address.DomainOf(source))
	}
	return *domain, rows, beside, nil
}

// lockAliases locks rows by id and returns the current state of those that still exist.
func (s *Store) lockAliases(ctx context.Context, tx *transaction, source string, rows []Alias) (locked []Alias, err error) {
	for some := range slices.Chunk(rows, maxKeys) {
		ids := make([]int64, len(some))
		for i, row := range some {
			ids[i] = row.ID
		}
		more, err := selectRows[Alias](ctx, s, tx, "id IN (?) ORDER BY id FOR UPDATE", bun.List(ids))
		if err != nil {
			return nil, err
		}
		for _, row := range more {
			if row.canonical() == source {
				locked = append(locked, row)
			}
		}
	}
	return locked, nil
}

// hold marks a domain that was locked before the snapshot was taken.
func (tx *transaction) hold(name string) {
	if tx.held == nil {
		tx.held = map[string]bool{}
	}
	tx.held[name] = true
}
