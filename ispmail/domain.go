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
	domain := Domain{Name: name}
	err = s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		// Only the guide of 2025 makes the name unique; the lock does it for the older ones.
		switch rows, err := lookup[Domain](ctx, tx, "name", name, lockRows); {
		case err != nil:
			return err
		case len(rows) > 0:
			return fmt.Errorf("%w: domain %s", ErrExists, name)
		}
		domain.ID = 0
		_, err := tx.NewInsert().Model(&domain).Exec(ctx)
		return mapError(err)
	})
	if err != nil {
		return Domain{}, err
	}
	return domain, nil
}

// Domain returns the domain of that name, the one with the lowest id if there are several. It returns ErrNotFound or
// ErrInvalidAddress.
func (s *Store) Domain(ctx context.Context, name string) (Domain, error) {
	name, err := canonicalDomain(name)
	if err != nil {
		return Domain{}, err
	}
	rows, err := lookup[Domain](ctx, s.db, "name", name, readRows)
	if err != nil {
		return Domain{}, err
	}
	if len(rows) == 0 {
		return Domain{}, fmt.Errorf("%w: domain %s", ErrNotFound, name)
	}
	return rows[0], nil
}

// Domains lists all domains by id, in constant memory.
func (s *Store) Domains(ctx context.Context) iter.Seq2[Domain, error] {
	return list(ctx, s, "", func(d Domain) int64 { return d.ID })
}

// DeleteDomain removes a domain with all its users and aliases, by statements of its own: not every schema cascades.
// It returns ErrNotFound or ErrInvalidAddress.
func (s *Store) DeleteDomain(ctx context.Context, name string) error {
	name, err := canonicalDomain(name)
	if err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		rows, err := lookup[Domain](ctx, tx, "name", name, lockRows)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: domain %s", ErrNotFound, name)
		}
		for _, domain := range rows {
			for _, query := range []*bun.DeleteQuery{
				tx.NewDelete().Model((*Alias)(nil)).Where("domain_id = ?", domain.ID),
				tx.NewDelete().Model((*User)(nil)).Where("domain_id = ?", domain.ID),
				tx.NewDelete().Model((*Domain)(nil)).Where("id = ?", domain.ID),
			} {
				if _, err := query.Exec(ctx); err != nil {
					return mapError(err)
				}
			}
		}
		return nil
	})
}

// domainOf returns the domain of a canonical address or source, locked, or ErrNoDomain.
func domainOf(ctx context.Context, tx bun.IDB, address string) (Domain, error) {
	name := address[strings.LastIndexByte(address, '@')+1:]
	rows, err := lookup[Domain](ctx, tx, "name", name, lockRows)
	if err != nil {
		return Domain{}, err
	}
	if len(rows) == 0 {
		return Domain{}, fmt.Errorf("%w: %s", ErrNoDomain, name)
	}
	return rows[0], nil
}
