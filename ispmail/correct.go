package ispmail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CorrectUser gives one row of virtual_users another address, and the domain_id that belongs to it. It is for rows that
// [Store.RenameUser] does not find or refuses, see [Store.DeleteRow]. With the address that the row has, it writes the
// canonical form and sets domain_id right. Stored password and quota stay.
//
// If no other row holds the old address, and it is valid, CorrectUser is a RenameUser: aliases follow, with its warnings.
//
// It returns [ErrNotFound] or [ErrChanged] if the row is not as it was listed, [ErrExists] if another user has the
// address, and otherwise the errors of RenameUser. An address like the old one is no error.
func (s *Store) CorrectUser(ctx context.Context, listed User, email string) (User, []Warning, error) {
	to, err := newAddressIn("new address", email)
	if err != nil {
		return User{}, nil, err
	}
	from := listed.canonical()
	var user User
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		domains, err := s.lockDomains(ctx, tx, address.DomainOf(to))
		if err != nil {
			return err
		}
		if user, err = lockListed(ctx, s, tx, listed, sameUser); err != nil {
			return err
		}
		domainID, err := homeOf(domains, to, user.DomainID)
		if err != nil {
			return err
		}
		moves := from != "" && from != to
		twins, err := s.checkCorrectUser(ctx, tx, user, to, moves)
		if err != nil {
			return err
		}
		if user.Email == to && user.DomainID == domainID {
			return nil
		}
		if err := s.moveRow(ctx, tx, tables.Users, "email", user.ID, user.Email, to, domainID); err != nil {
			return err
		}
		tx.recordChange(tables.Users, "domain_id", user.ID, user.DomainID, domainID)
		if user.Email != to {
			tx.emit(Change{Kind: AddressChanged, Email: nameOf(user, user.Email), Domain: domainPart(nameOf(user, user.Email)), To: to})
		}
		wasOff := user.Off
		if user, err = readAgain(ctx, s, tx, user); err != nil {
			return err
		}
		if !moves || twins {
			return nil
		}
		if err := s.moveAliases(ctx, tx, from, to, domainID); err != nil {
			return err
		}
		warnings, err = s.dangling(ctx, tx, removal{key: from, mailbox: user.ID, off: wasOff})
		return err
	})
	if err != nil {
		return User{}, nil, err
	}
	return user, warnings, nil
}

// checkCorrectUser returns an error if the row of a user cannot have an address. moves says that it has a valid one now, which
// is another; twins reports whether other rows hold that too.
func (s *Store) checkCorrectUser(ctx context.Context, tx *transaction, user User, to string, moves bool) (twins bool, err error) {
	if moves {
		if err := s.checkRename(ctx, tx, user, to); err != nil {
			return false, err
		}
		rows, err := lookup[User](ctx, s, tx, "email", lockRows, user.canonical())
		return len(rows) > 1, err
	}
	rows, err := lookup[User](ctx, s, tx, "email", lockRows, to)
	for _, row := range rows {
		if row.ID != user.ID {
			return false, fmt.Errorf("%w: user %s, row %d of %s", ErrExists, to, row.ID, tables.Users)
		}
	}
	return false, err
}

// readAgain returns a row as it is after a change: another domain may switch it on or off.
func readAgain[T model](ctx context.Context, s *Store, tx *transaction, row T) (T, error) {
	rows, err := selectRows[T](ctx, s, tx, "id = ?", row.key())
	if err != nil || len(rows) == 0 {
		return row, err
	}
	return rows[0], nil
}

// homeOf returns the id of the domain of a canonical address or source: the current one if that is a row of this domain.
func homeOf(domains []Domain, addr string, current int64) (int64, error) {
	name := address.DomainOf(addr)
	var id int64
	found := false
	for _, d := range onFirst(domains) {
		if d.canonical() == name && (!found || d.ID == current) {
			id, found = d.ID, true
		}
	}
	if !found {
		return 0, fmt.Errorf("%w: %s", ErrNoDomain, name)
	}
	return id, nil
}

// CorrectAlias gives one row of virtual_aliases another source or destination, or both, and the domain_id that belongs
// to the source. It is for rows that [Store.ChangeAlias] does not find or refuses, see [Store.DeleteRow]. Pass the text
// of the row for what is to stay; a destination that stays need not be valid, or a single one.
//
// It returns the warnings of [Store.CreateAlias], and those of [Store.DeleteAlias] about the old source. It returns
// [ErrNotFound] or [ErrChanged] if the row is not as it was listed, and otherwise the errors of CreateAlias.
func (s *Store) CorrectAlias(ctx context.Context, listed Alias, source, destination string) (corrected Alias, warnings []Warning, err error) {
	from, to, keep, err := canonicalCorrection(listed, source, destination)
	if err != nil {
		return Alias{}, nil, err
	}
	along, err := s.domainsOf(ctx, from, to)
	if err != nil {
		return Alias{}, nil, err
	}
	old := listed.canonical()
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		tx.alongside = along
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		domains, err := s.lockDomains(ctx, tx, address.DomainOf(from))
		if err != nil {
			return err
		}
		others, err := s.lockOthers(ctx, tx, from, listed.ID)
		if err != nil {
			return err
		}
		left := others
		if old != from {
			if left, err = s.lockOthers(ctx, tx, old, listed.ID); err != nil {
				return err
			}
		}
		row, err := lockListed(ctx, s, tx, listed, sameAlias)
		if err != nil {
			return err
		}
		corrected = row
		corrected.Source = from
		if !keep {
			own, err := s.ownDomains(ctx, tx, to)
			if err != nil {
				return err
			}
			if corrected.Destination, err = to.text(own[to.domain()]); err != nil {
				return err
			}
		}
		if corrected.DomainID, err = homeOf(domains, from, row.DomainID); err != nil {
			return err
		}
		if old != from || !slices.Equal(row.keys(), corrected.keys()) {
			for _, key := range corrected.keys() {
				if err := s.checkAlias(ctx, tx, from, key, others); err != nil {
					return err
				}
			}
		}
		if err := s.writeAlias(ctx, tx, row, corrected); err != nil {
			return err
		}
		if corrected, err = readAgain(ctx, s, tx, corrected); err != nil {
			return err
		}
		warnings, err = s.aliasWarnings(ctx, tx, &route.Tables{}, from, append(others, corrected), waysOf([]Alias{corrected}))
		if err != nil || old == from {
			return err
		}
		more, err := s.withoutAlias(ctx, tx, old, row, left)
		warnings = dropRepeated(append(warnings, more...))
		return err
	})
	if err != nil {
		return Alias{}, nil, err
	}
	return corrected, warnings, nil
}

// canonicalCorrection returns the texts for a row. keep says that the destination stays as it is, because it is not a single valid
// one; but an address cannot lead to a whole domain.
func canonicalCorrection(listed Alias, source, destinationText string) (from string, to destination, keep bool, err error) {
	from, to, err = canonicalAlias(source, destinationText)
	if e, ok := errors.AsType[*AddressError](err); ok && e.Field == "destination" && destinationText == listed.Destination && !strings.HasPrefix(destinationText, "@") {
		from, err = newSourceIn("source", source)
		return from, destination{}, true, err
	}
	return from, to, false, err
}

// writeAlias writes what is different.
func (s *Store) writeAlias(ctx context.Context, tx *transaction, row, now Alias) error {
	if row.Source == now.Source && row.Destination == now.Destination && row.DomainID == now.DomainID {
		return nil
	}
	return s.withTable(ctx, tx, tables.Aliases, func(t *tables.Table) error {
		query := tx.NewUpdate().Table(tables.Aliases).Set("domain_id = ?", now.DomainID).Where("id = ?", row.ID)
		for _, c := range []struct{ column, before, after string }{{"source", row.Source, now.Source}, {"destination", row.Destination, now.Destination}} {
			if c.before == c.after { // it may not fit into the statement, such as one with a NUL
				continue
			}
			if err := fits(t, c.column, c.after); err != nil {
				return err
			}
			query.Set(c.column+" = ?", c.after)
		}
		if _, err := query.Exec(ctx); err != nil {
			return mapError(err)
		}
		tx.recordChange(tables.Aliases, "source", row.ID, row.Source, now.Source)
		tx.recordChange(tables.Aliases, "destination", row.ID, row.Destination, now.Destination)
		tx.recordChange(tables.Aliases, "domain_id", row.ID, row.DomainID, now.DomainID)
		return nil
	})
}

// CorrectDomain gives one row of virtual_domains another name. It is for rows that [Store.RenameDomain] does not find or
// takes together, see [Store.DeleteRow]. With the name that the row has, it writes the canonical form.
//
// If no other row holds the old name, and it is valid, CorrectDomain is a RenameDomain: all addresses follow. Otherwise
// no address changes, and the users and aliases of the row whose address is in a domain of another row move there.
//
// It returns warnings as RenameDomain does. It returns [ErrNotFound] or [ErrChanged] if the row is not as it was listed,
// [ErrExists] if another row has the name, and otherwise the errors of RenameDomain. A name like the old one is no error.
func (s *Store) CorrectDomain(ctx context.Context, listed Domain, name string) (Domain, []Warning, error) {
	to, err := canonicalDomainIn("new name", name)
	if err != nil {
		return Domain{}, nil, err
	}
	from := listed.canonical()
	var domain Domain
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		if err := s.claimNames(ctx, tx); err != nil {
			return err
		}
		var twin bool
		if domain, twin, err = s.lockDomainRow(ctx, tx, listed, to); err != nil {
			return err
		}
		rows, err := lookup[Domain](ctx, s, tx, "name", lockRows, to)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if row.ID != domain.ID {
				return fmt.Errorf("%w: domain %s, row %d of %s", ErrExists, to, row.ID, tables.Domains)
			}
		}
		if domain.Name == to {
			return nil
		}
		follow := from != "" && from != to && !twin
		var leading []Alias // to what was on another server
		switch {
		case follow:
			if leading, err = s.checkRenameDomain(ctx, tx, from, to); err != nil {
				return err
			}
			err = s.renameRows(ctx, tx, []Domain{domain}, from, to, leading)
		case from != to:
			if leading, err = s.leadingTo(ctx, tx, "@"+to, lockRows); err != nil {
				return err
			}
			fallthrough
		default:
			err = s.nameRow(ctx, tx, domain, to)
		}
		if err != nil {
			return err
		}
		if from != to && !twin {
			tx.emit(Change{Kind: DomainChanged, Domain: nameOf(domain, domain.Name), To: to})
		}
		domain.Name = to
		if from != to && !follow {
			if _, _, err = s.rehome(ctx, tx, domain.ID); err != nil {
				return err
			}
		}
		warnings, err = s.lostAt(ctx, tx, onlyOn(leading), to)
		return err
	})
	if err != nil {
		return Domain{}, nil, err
	}
	return domain, warnings, nil
}

// nameRow writes the name of a domain.
func (s *Store) nameRow(ctx context.Context, tx *transaction, domain Domain, to string) error {
	return s.withTable(ctx, tx, tables.Domains, func(t *tables.Table) error {
		if err := fits(t, "name", to); err != nil {
			return err
		}
		if _, err := tx.NewUpdate().Table(tables.Domains).Set("name = ?", to).Where("id = ?", domain.ID).Exec(ctx); err != nil {
			return mapError(err)
		}
		tx.recordChange(tables.Domains, "name", domain.ID, domain.Name, to)
		return nil
	})
}
