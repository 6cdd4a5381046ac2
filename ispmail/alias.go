package ispmail

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/uptrace/bun"
)

// CreateAlias makes mail for source go to destination too. The source is an address in a domain of this server, or
// "@domain" for everything in it that has no row of its own; the destination is an address anywhere. It returns
// ErrInvalidAddress, ErrNoDomain, ErrExists or ErrTooLong.
func (s *Store) CreateAlias(ctx context.Context, source, destination string) (Alias, error) {
	source, destination, err := canonicalAlias(source, destination)
	if err != nil {
		return Alias{}, err
	}
	alias := Alias{Source: source, Destination: destination}
	err = s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		domain, err := domainOf(ctx, tx, source) // its lock serialises new aliases, of which no schema is unique
		if err != nil {
			return err
		}
		rows, err := lookup[Alias](ctx, tx, "source", source, readRows)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(rows, func(a Alias) bool { return a.leadsTo(destination) }) {
			return fmt.Errorf("%w: alias from %s to %s", ErrExists, source, destination)
		}
		alias.ID, alias.DomainID = 0, domain.ID
		_, err = tx.NewInsert().Model(&alias).Exec(ctx)
		return mapError(err)
	})
	if err != nil {
		return Alias{}, err
	}
	return alias, nil
}

// Aliases lists aliases by id. The argument selects them: "" all, a domain name those of the domain, an address or
// "@domain" those with this source.
func (s *Store) Aliases(ctx context.Context, of string) iter.Seq2[Alias, error] {
	if !strings.Contains(of, "@") {
		return list(ctx, s, of, func(a Alias) int64 { return a.ID })
	}
	return func(yield func(Alias, error) bool) {
		source, err := canonicalSource(of)
		if err != nil {
			yield(Alias{}, err)
			return
		}
		rows, err := lookup[Alias](ctx, s.db, "source", source, readRows)
		if err != nil {
			yield(Alias{}, err)
			return
		}
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// DeleteAlias removes the alias from source to destination, and its duplicates. It returns ErrNotFound or
// ErrInvalidAddress.
func (s *Store) DeleteAlias(ctx context.Context, source, destination string) error {
	source, destination, err := canonicalAlias(source, destination)
	if err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		rows, err := lookup[Alias](ctx, tx, "source", source, lockRows)
		if err != nil {
			return err
		}
		var ids []int64
		for _, row := range rows {
			if row.leadsTo(destination) {
				ids = append(ids, row.ID)
			}
		}
		if len(ids) == 0 {
			return fmt.Errorf("%w: alias from %s to %s", ErrNotFound, source, destination)
		}
		_, err = tx.NewDelete().Model((*Alias)(nil)).Where("id IN (?)", bun.List(ids)).Exec(ctx)
		return mapError(err)
	})
}

func canonicalAlias(source, destination string) (string, string, error) {
	canonical, err := canonicalSource(source)
	if err != nil {
		return "", "", fmt.Errorf("%w of the source", err)
	}
	target, err := Canonical(destination)
	if err != nil {
		return "", "", fmt.Errorf("%w of the destination", err)
	}
	return canonical, target, nil
}

// leadsTo tells whether the alias has this canonical destination.
func (a Alias) leadsTo(destination string) bool {
	canonical, err := Canonical(a.Destination)
	return err == nil && canonical == destination
}
