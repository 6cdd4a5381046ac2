package ispmail

import (
	"context"
	"fmt"
	"iter"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CreateDomain adds a domain. It returns [ErrInvalidAddress], [ErrTooLong] or [ErrExists].
func (s *Store) CreateDomain(ctx context.Context, name string) (Domain, error) {
	name, err := canonicalDomainIn("domain", name)
	if err != nil {
		return Domain{}, err
	}
	var domain Domain
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains); err != nil {
			return err
		}
		if err := s.claimNames(ctx, tx); err != nil {
			return err
		}
		// Only the guide of 2025 has a unique key on name. For older tables, the lock prevents duplicates.
		switch rows, err := lookup[Domain](ctx, s, tx, "name", lockRows, name); {
		case err != nil:
			return err
		case len(rows) > 0:
			return fmt.Errorf("%w: domain %s%s", ErrExists, name, offNote(s, rows...))
		}
		domain = Domain{Name: name}
		domain.ID, err = s.insert(ctx, tx, tables.Domains, domain.newRow())
		return err
	})
	if err != nil {
		return Domain{}, err
	}
	return domain, nil
}

// Domain returns a domain by name. If several rows have the name, it returns the one with the lowest id, of those that are
// switched on if there are any. Inside
// [Store.RunInTx] it locks the rows. It returns [ErrNotFound] or [ErrInvalidAddress].
func (s *Store) Domain(ctx context.Context, name string) (Domain, error) {
	rows, err := s.domainRows(ctx, s.read, name, s.lockInTx())
	if err != nil {
		return Domain{}, err
	}
	return onFirst(rows)[0], nil
}

// Domains yields the domains that a [Query] selects, by id and in constant memory. The zero Query selects all. An error
// ends the sequence: see [InDomain] for the possible answers.
func (s *Store) Domains(ctx context.Context, q Query) iter.Seq2[Domain, error] {
	return list[Domain](ctx, s, q)
}

// DeleteDomain removes a domain with all its users and aliases, whether or not the schema cascades.
//
// It returns warnings about the remaining aliases into the domain, whose mail leaves this server now, and about those that
// lead nowhere because rows of the domain had addresses of another one. They stay in the table: see [Store.DeleteAlias]
// and [Store.ChangeAlias].
//
// The mail on the disk stays where it is, as with [Store.DeleteUser].
//
// It returns [ErrNotFound], [ErrInvalidAddress], or [ErrReferenced] if a table of another program refers to the domain or
// to a row in it.
func (s *Store) DeleteDomain(ctx context.Context, name string) (warnings []Warning, err error) {
	name, err = canonicalDomainIn("domain", name)
	if err != nil {
		return nil, err
	}
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		rows, err := lookup[Domain](ctx, s, tx, "name", lockRows, name)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: domain %s", ErrNotFound, name)
		}
		var strays []removal
		for _, domain := range rows {
			more, err := s.strayRows(ctx, tx, domain.ID, name)
			if err != nil {
				return err
			}
			strays = append(strays, more...)
			for _, of := range []struct{ table, where string }{
				{tables.Aliases, "domain_id = ?"}, {tables.Users, "domain_id = ?"}, {tables.Domains, "id = ?"},
			} {
				if _, err := tx.NewDelete().Table(of.table).Where(of.where, domain.ID).Exec(ctx); err != nil {
					return s.deleteError(ctx, tx, err, of.table, of.where, domain.ID)
				}
			}
			tx.recordChange(tables.Domains, "id", domain.ID, domain.ID, nil)
		}
		for _, gone := range strays {
			if gone.mailbox != 0 {
				tx.emit(Change{Kind: UserDeleted, Email: gone.key, Domain: address.DomainOf(gone.key)})
			}
		}
		tx.emit(Change{Kind: DomainChanged, Domain: name})
		warnings, err = s.allDangling(ctx, tx, name, strays)
		return err
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// strayRows returns the users and aliases of a domain whose address is in another one.
func (s *Store) strayRows(ctx context.Context, tx *transaction, id int64, name string) (strays []removal, err error) {
	users, err := selectRows[User](ctx, s, tx, "domain_id = ? AND email NOT LIKE ?", id, "%@"+name)
	if err != nil {
		return nil, err
	}
	for _, user := range users {
		if email := user.canonical(); email != "" && address.DomainOf(email) != name {
			strays = append(strays, removal{key: email, mailbox: user.ID, off: user.Off})
		}
	}
	aliases, err := selectRows[Alias](ctx, s, tx, "domain_id = ? AND source NOT LIKE ?", id, "%@"+name)
	for _, alias := range aliases {
		if source := alias.canonical(); source != "" && address.DomainOf(source) != name {
			strays = append(strays, removal{key: source, aliases: []Alias{alias}})
		}
	}
	return strays, err
}

// allDangling returns warnings about the aliases into a deleted domain, and about those that led to stray rows deleted with it.
func (s *Store) allDangling(ctx context.Context, tx *transaction, name string, strays []removal) (warnings []Warning, err error) {
	rows, err := s.leadingTo(ctx, tx, "@"+name, readRows)
	for _, w := range waysOf(onlyOn(rows)) {
		if address.InDomain(address.Key(w.to), name) {
			warnings = append(warnings, warnAlias(WarningExternal, w.alias, w.to))
		}
	}
	for _, gone := range strays {
		if err != nil {
			break
		}
		var more []Warning
		more, err = s.dangling(ctx, tx, gone)
		warnings = append(warnings, more...)
	}
	return dropRepeated(warnings), err
}

// newRow returns the domain as a row to insert.
func (d *Domain) newRow() newRow {
	return newRow{of: d, columns: tables.Needed[tables.Domains][1:], values: []any{d.Name}}
}

// domainRows returns all rows of a domain, or ErrNotFound. read is Store.read or Store.browse.
func (s *Store) domainRows(ctx context.Context, read func(context.Context, func(context.Context, bun.IDB) error) error, name string, lock lockMode) (rows []Domain, err error) {
	name, err = canonicalDomainIn("domain", name)
	if err != nil {
		return nil, err
	}
	err = read(ctx, func(ctx context.Context, db bun.IDB) error {
		if lock == lockRows {
			rows, err = s.lockDomains(ctx, s.tx, name)
		} else {
			rows, err = lookup[Domain](ctx, s, db, "name", readRows, name)
		}
		return err
	})
	if err == nil && len(rows) == 0 {
		err = fmt.Errorf("%w: domain %s", ErrNotFound, name)
	}
	return rows, err
}

// lockDomainOf locks and returns the domain of a canonical address, or returns ErrNoDomain.
func (s *Store) lockDomainOf(ctx context.Context, tx *transaction, email string) (Domain, error) {
	name := address.DomainOf(email)
	rows, err := s.lockDomains(ctx, tx, name)
	if err != nil {
		return Domain{}, err
	}
	if len(rows) == 0 {
		return Domain{}, fmt.Errorf("%w: %s", ErrNoDomain, name)
	}
	return rows[0], nil
}
