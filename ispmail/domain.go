package ispmail

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/uptrace/bun"
)

// CreateDomain adds a domain. It returns ErrInvalidAddress, ErrTooLong or ErrExists.
func (s *Store) CreateDomain(ctx context.Context, name string) (Domain, error) {
	name, err := canonicalDomain(name)
	if err != nil {
		return Domain{}, err
	}
	var domain Domain
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		// Only the guide of 2025 makes the name unique; the lock does it for the older ones.
		switch rows, err := lookup[Domain](ctx, s, tx, "name", name, lockRows); {
		case err != nil:
			return err
		case len(rows) > 0:
			return fmt.Errorf("%w: domain %s", ErrExists, name)
		}
		domain = Domain{Name: name}
		domain.ID, err = s.insert(ctx, tx, domainTable, domain.row())
		return err
	})
	if err != nil {
		return Domain{}, err
	}
	return domain, nil
}

// Domain returns the domain of that name, the one with the lowest id if there are several. It returns ErrNotFound or
// ErrInvalidAddress.
func (s *Store) Domain(ctx context.Context, name string) (Domain, error) {
	rows, err := s.domains(ctx, name)
	if err != nil {
		return Domain{}, err
	}
	return rows[0], nil
}

// Domains lists all domains by id, in constant memory.
func (s *Store) Domains(ctx context.Context) iter.Seq2[Domain, error] {
	return list[Domain](ctx, s, "")
}

// DeleteDomain removes a domain with all its users and aliases, by statements of its own: not every schema cascades.
// It returns the aliases in other domains that now lead nowhere. They stay: see DeleteAlias and ChangeAlias. Its errors
// are ErrNotFound and ErrInvalidAddress.
func (s *Store) DeleteDomain(ctx context.Context, name string) (dangling []Alias, err error) {
	name, err = canonicalDomain(name)
	if err != nil {
		return nil, err
	}
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		rows, err := lookup[Domain](ctx, s, tx, "name", name, lockRows)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: domain %s", ErrNotFound, name)
		}
		var foreign []User // whose address is of another domain than their row
		for _, domain := range rows {
			users, err := selectRows[User](ctx, s, tx, "domain_id = ? AND email NOT LIKE ?", domain.ID, "%@"+name)
			if err != nil {
				return err
			}
			foreign = append(foreign, users...)
			for _, query := range []*bun.DeleteQuery{
				tx.NewDelete().Table(aliasTable).Where("domain_id = ?", domain.ID),
				tx.NewDelete().Table(userTable).Where("domain_id = ?", domain.ID),
				tx.NewDelete().Table(domainTable).Where("id = ?", domain.ID),
			} {
				if _, err := query.Exec(ctx); err != nil {
					return mapError(err)
				}
			}
			tx.changed(domainTable, "id", domain.ID, domain.ID, nil)
		}
		dangling, err = s.leadingTo(ctx, tx, "@"+name)
		for _, user := range foreign {
			address := user.canonical()
			if err != nil || address == "" || covers("@"+name, address) {
				continue
			}
			var more []Alias
			if more, err = s.dangling(ctx, tx, address); err == nil {
				dangling = append(dangling, more...)
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return dangling, nil
}

// row is the domain as a new row.
func (d *Domain) row() newRow { return newRow{d, needed[domainTable][1:], []any{d.Name}} }

// domains returns all rows of a domain, or ErrNotFound.
func (s *Store) domains(ctx context.Context, name string) (rows []Domain, err error) {
	name, err = canonicalDomain(name)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		rows, err = lookup[Domain](ctx, s, db, "name", name, readRows)
		return err
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%w: domain %s", ErrNotFound, name)
	}
	return rows, err
}

// domainOf returns the domain of a canonical address or source, locked, or ErrNoDomain. The lock keeps others from
// adding users and aliases to the domain.
func (s *Store) domainOf(ctx context.Context, tx *transaction, address string) (Domain, error) {
	name := address[strings.LastIndexByte(address, '@')+1:]
	rows, err := lookup[Domain](ctx, s, tx, "name", name, lockRows)
	if err != nil {
		return Domain{}, err
	}
	if len(rows) == 0 {
		return Domain{}, fmt.Errorf("%w: %s", ErrNoDomain, name)
	}
	return rows[0], nil
}
