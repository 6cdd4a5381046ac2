package ispmail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Row is a [Domain], [User] or [Alias] as a list returned it. [Store.DeleteRow] takes one.
type Row interface{ model }

// DeleteRow deletes one row by its id. It is for rows that no address names: the address is invalid, or several rows
// hold it. Find them by a list, or by [ByID] or [Exactly].
//
// The row must still be as it was listed, so that a page that is out of date deletes nothing. Compared are the id, the
// domain_id and the texts, byte by byte; not the password and the quota of a user.
//
// DeleteRow returns the warnings of [Store.DeleteUser], [Store.DeleteAlias] and [Store.DeleteDomain]. There are none about a
// row that holds no valid address, or an address that another row holds too.
//
// With a domain, no user and no alias is deleted: those whose address is in a domain of another row move there by their
// domain_id, as they do to the twin of a domain that stands in two rows; to one that is switched on, if there is one. If
// others belong to the row, DeleteRow returns [ErrInUse]. [Store.DeleteDomain] deletes a domain with everything in it.
//
// It returns [ErrNotFound] if there is no row with this id, [ErrChanged] if it holds something else, and [ErrReferenced] if
// a table of another program refers to it.
func (s *Store) DeleteRow(ctx context.Context, listed Row) (warnings []Warning, err error) {
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) (err error) {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		switch listed := listed.(type) {
		case Domain:
			warnings, err = s.deleteDomainRow(ctx, tx, listed)
		case User:
			warnings, err = s.deleteUserRow(ctx, tx, listed)
		case Alias:
			warnings, err = s.deleteAliasRow(ctx, tx, listed)
		default:
			err = fmt.Errorf("ispmail: a row is a Domain, a User or an Alias, and this is a %T", listed)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

func (s *Store) deleteUserRow(ctx context.Context, tx *transaction, listed User) ([]Warning, error) {
	if err := s.lockMailbox(ctx, tx, listed.canonical()); err != nil {
		return nil, err
	}
	user, err := lockListed(ctx, s, tx, listed, sameUser)
	if err != nil {
		return nil, err
	}
	if _, err := tx.NewDelete().Table(tables.Users).Where("id = ?", user.ID).Exec(ctx); err != nil {
		return nil, s.deleteError(ctx, tx, err, tables.Users, "id = ?", user.ID)
	}
	tx.recordChange(tables.Users, "id", user.ID, user.ID, nil)
	tx.emit(Change{Kind: UserDeleted, Email: nameOf(user, user.Email), Domain: domainPart(nameOf(user, user.Email))})
	email := user.canonical()
	if email == "" {
		return nil, nil
	}
	twins, err := lookup[User](ctx, s, tx, "email", lockRows, email)
	if err != nil || hasOn(twins) {
		return nil, err
	}
	warnings, err := s.dangling(ctx, tx, removal{key: email, mailbox: user.ID, off: user.Off})
	if err != nil {
		return nil, err
	}
	remaining, err := s.remaining(ctx, tx, email)
	return append(warnings, remaining...), err
}

func (s *Store) deleteAliasRow(ctx context.Context, tx *transaction, listed Alias) ([]Warning, error) {
	source := listed.canonical()
	left, err := s.lockOthers(ctx, tx, source, listed.ID)
	if err != nil {
		return nil, err
	}
	alias, err := lockListed(ctx, s, tx, listed, sameAlias)
	if err != nil {
		return nil, err
	}
	if err := s.deleteRows(ctx, tx, []Alias{alias}); err != nil {
		return nil, err
	}
	return s.withoutAlias(ctx, tx, source, alias, left)
}

// lockOthers locks a source, unless it is "", and returns its aliases without one of them.
func (s *Store) lockOthers(ctx context.Context, tx *transaction, source string, without int64) ([]Alias, error) {
	if source == "" {
		return nil, nil
	}
	_, rows, err := s.lockSource(ctx, tx, source)
	return slices.DeleteFunc(rows, func(a Alias) bool { return a.ID == without }), err
}

// withoutAlias returns warnings about a source that has lost an alias and has others left.
func (s *Store) withoutAlias(ctx context.Context, tx *transaction, source string, gone Alias, left []Alias) ([]Warning, error) {
	leads := slices.ContainsFunc(left, func(a Alias) bool { return a.Destination != "" && !a.Off })
	switch {
	case source == "":
		return nil, nil
	case leads && gone.leadsTo(source): // a copy for the mailbox
		return s.aliasWarnings(ctx, tx, &route.Tables{}, source, left, waysOf(left))
	case leads && source[0] != '@':
		return nil, nil
	}
	return s.dangling(ctx, tx, removal{key: source, aliases: []Alias{gone}, left: left})
}

func (s *Store) deleteDomainRow(ctx context.Context, tx *transaction, listed Domain) ([]Warning, error) {
	domain, twin, err := s.lockDomainRow(ctx, tx, listed)
	if err != nil {
		return nil, err
	}
	users, aliases, err := s.rehome(ctx, tx, domain.ID)
	if err != nil {
		return nil, err
	}
	if users+aliases > 0 {
		return nil, fmt.Errorf("%w: %d in virtual_users and %d in virtual_aliases have the domain_id %d, and no other domain", ErrInUse, users, aliases, domain.ID)
	}
	if _, err := tx.NewDelete().Table(tables.Domains).Where("id = ?", domain.ID).Exec(ctx); err != nil {
		return nil, s.deleteError(ctx, tx, err, tables.Domains, "id = ?", domain.ID)
	}
	tx.recordChange(tables.Domains, "id", domain.ID, domain.ID, nil)
	if twin {
		return nil, nil // for users and mail, nothing has changed
	}
	name := domain.canonical()
	tx.emit(Change{Kind: DomainChanged, Domain: nameOf(domain, domain.Name)})
	if name == "" {
		return nil, nil
	}
	return s.allDangling(ctx, tx, name, nil)
}

// lockDomainRow locks the row of a domain, and all rows with the same name. twin reports whether there are others.
func (s *Store) lockDomainRow(ctx context.Context, tx *transaction, listed Domain, names ...string) (domain Domain, twin bool, err error) {
	name := listed.canonical()
	if name != "" {
		names = append(names, name)
	}
	var rows []Domain
	if len(names) > 0 {
		if rows, err = lookup[Domain](ctx, s, tx, "name", lockRows, names...); err != nil {
			return Domain{}, false, err
		}
	}
	domain, err = lockListed(ctx, s, tx, listed, func(a, b Domain) bool { return a.Name == b.Name })
	for _, row := range rows {
		twin = twin || row.ID != listed.ID && row.canonical() == name
	}
	return domain, twin, err
}

// rehome moves the users and aliases of a domain, by its id, to the domains of their addresses, as far as these are in
// other rows. It returns how many stay: those whose address is invalid, or in a domain that no other row holds.
func (s *Store) rehome(ctx context.Context, tx *transaction, from int64) (users, aliases int, err error) {
	userRows, err := selectRows[User](ctx, s, tx, s.locked("domain_id = ? ORDER BY id"), from)
	if err != nil {
		return 0, 0, err
	}
	if users, err = rehomeRows(ctx, s, tx, from, userRows); err != nil {
		return 0, 0, err
	}
	aliasRows, err := selectRows[Alias](ctx, s, tx, s.locked("domain_id = ? ORDER BY id"), from)
	if err != nil {
		return 0, 0, err
	}
	aliases, err = rehomeRows(ctx, s, tx, from, aliasRows)
	return users, aliases, err
}

func rehomeRows[T model](ctx context.Context, s *Store, tx *transaction, from int64, rows []T) (stay int, err error) {
	byName := map[string][]int64{}
	var names []string
	for _, row := range rows {
		name := domainPart(row.lookupKey())
		if name == "" {
			continue
		}
		if byName[name] == nil {
			names = append(names, name)
		}
		byName[name] = append(byName[name], row.key())
	}
	if names == nil {
		return len(rows), nil
	}
	domains, err := lookup[Domain](ctx, s, tx, "name", lockRows, names...) // not from the catalog, which may lack a new twin
	if err != nil {
		return 0, err
	}
	var table T
	stay = len(rows)
	for _, domain := range onFirst(domains) {
		ids := byName[domain.canonical()]
		if domain.ID == from || ids == nil {
			continue
		}
		delete(byName, domain.canonical()) // the first row of a domain gets them
		stay -= len(ids)
		for some := range slices.Chunk(ids, maxKeys) {
			if err := s.setDomain(ctx, tx, table.tableName(), domain.ID, some); err != nil {
				return 0, err
			}
		}
		for _, id := range ids {
			tx.recordChange(table.tableName(), "domain_id", id, from, domain.ID)
		}
	}
	return stay, nil
}

// setDomain gives rows another domain_id.
func (s *Store) setDomain(ctx context.Context, tx *transaction, table string, domainID int64, ids []int64) error {
	_, err := tx.NewUpdate().Table(table).Set("domain_id = ?", domainID).Where("id IN (?)", bun.List(ids)).Exec(ctx)
	return mapError(err)
}

// nameOf returns the canonical form of what a row is about, or what is stored if it has none.
func nameOf(row model, stored string) string { return cmp.Or(row.canonical(), stored) }

// domainPart returns what follows the last @ of a text, "" if there is none.
func domainPart(text string) string {
	if !strings.Contains(text, "@") {
		return ""
	}
	return address.DomainOf(text)
}

func sameUser(a, b User) bool { return a.Email == b.Email && a.DomainID == b.DomainID }

func sameAlias(a, b Alias) bool {
	return a.Source == b.Source && a.Destination == b.Destination && a.DomainID == b.DomainID
}

// lockListed locks the row of a listed one by its id and returns it, if it still holds the same. It compares here, and not in
// the database, so that the text of the row makes its way through one connection only: a character set may change it.
func lockListed[T model](ctx context.Context, s *Store, tx *transaction, listed T, same func(a, b T) bool) (now T, err error) {
	rows, err := selectRows[T](ctx, s, tx, s.locked("id = ?"), listed.key())
	switch {
	case err != nil:
		return now, err
	case len(rows) == 0:
		return now, fmt.Errorf("%w: row %d of %s", ErrNotFound, listed.key(), listed.tableName())
	case !same(rows[0], listed):
		return now, fmt.Errorf("%w: row %d of %s", ErrChanged, listed.key(), listed.tableName())
	}
	return rows[0], nil
}
