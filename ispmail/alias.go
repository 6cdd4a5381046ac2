package ispmail

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CreateAlias adds a destination to a source. The source is an address in a domain of this server, or "@domain", a
// catch-all for all addresses without a row of their own. For a source "@domain" the destination may be another
// "@domain", which keeps the local part.
//
// The destination may be any address to which Postfix delivers, beyond those of [Canonical]: "john doe"@example.com or
// a..b@example.com, with an IP address in brackets, or root, an account of the operating system. The local part is stored
// as it is, because its capitals may matter elsewhere; destinations in domains of this server are stored in canonical
// form. Destinations are compared without case and quotes. A destination with letters beyond ASCII reaches only servers
// that do not insist on SMTPUTF8 (RFC 6531), which Postfix does not announce for mail that came without it.
//
// A source may have several destinations. Its own mailbox is one of them only if an alias leads from the address to
// itself, which requires that user. A destination "@domain" must be the only one, because Postfix ignores a second one
// (https://www.postfix.org/virtual.5.html).
//
// The warnings say whether the destination leads nowhere, and whether the aliases of the source take all mail of its
// mailbox. They cost two statements more, and two for each further alias on the way of the mail.
//
// It returns [ErrInvalidAddress], [ErrNoDomain], [ErrExists], also if a unique key of the table allows one row for each
// source, [ErrTooLong], and [ErrAliasLoop] if the alias leads to itself and there is no such user.
func (s *Store) CreateAlias(ctx context.Context, source, destination string) (Alias, []Warning, error) {
	source, to, err := canonicalAlias(source, destination)
	if err != nil {
		return Alias{}, nil, err
	}
	along, err := s.domainsOf(ctx, source, to)
	if err != nil {
		return Alias{}, nil, err
	}
	var alias Alias
	var warnings []Warning
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		tx.alongside = along
		var t route.Tables
		keys := t.Wanted([]string{source, target(source, to.key)})
		domain, rows, beside, err := s.lockServedSource(ctx, tx, source, keys...)
		if err != nil {
			return err
		}
		if err := s.checkAlias(ctx, tx, source, to.key, rows); err != nil {
			return err
		}
		own, err := s.ownDomains(ctx, tx, to)
		if err != nil {
			return err
		}
		alias = Alias{DomainID: domain.ID, Source: source}
		if alias.Destination, err = to.text(own[to.domain()]); err != nil {
			return err
		}
		if alias.ID, err = s.insert(ctx, tx, tables.Aliases, alias.newRow()); err != nil {
			return err
		}
		if to.key == source {
			return nil // a copy for the mailbox, which is there
		}
		addAliases(&t, beside)
		if !domain.Off {
			t.AddDomain(domain.canonical())
		}
		if err := s.loadMailboxes(ctx, tx, &t, keys); err != nil {
			return err
		}
		warnings, err = s.aliasWarnings(ctx, tx, &t, source, append(rows, alias), waysOf([]Alias{alias}))
		return err
	})
	if err != nil {
		return Alias{}, nil, err
	}
	return alias, warnings, nil
}

// Aliases yields the aliases that a [Query] selects, by id and in constant memory. The zero Query selects all. An error
// ends the sequence: see [InDomain] for the possible answers.
func (s *Store) Aliases(ctx context.Context, q Query) iter.Seq2[Alias, error] {
	return list[Alias](ctx, s, q)
}

// AliasesOf returns the aliases of one source, an address or "@domain", by id. There may be none. Inside
// [Store.RunInTx] it locks the source: nobody else adds or removes destinations until the transaction ends. It returns
// [ErrInvalidAddress].
func (s *Store) AliasesOf(ctx context.Context, source string) (rows []Alias, err error) {
	source, err = canonicalSourceIn("source", source)
	if err != nil {
		return nil, err
	}
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		if s.tx != nil {
			_, rows, err = s.lockSource(ctx, s.tx, source)
		} else {
			rows, err = lookup[Alias](ctx, s, db, "source", readRows, source)
		}
		return err
	})
	return rows, err
}

// ChangeAlias replaces one destination of a source and returns the changed alias, and warnings as [Store.CreateAlias] does. It
// returns [ErrNotFound] if the source does not lead to current, and otherwise the errors of CreateAlias.
//
// A replacement may be the current destination with other capitals.
func (s *Store) ChangeAlias(ctx context.Context, source, current, replacement string) (Alias, []Warning, error) {
	source, current, err := existingAlias(source, current)
	if err != nil {
		return Alias{}, nil, err
	}
	_, to, err := canonicalAlias(source, replacement)
	if err != nil {
		return Alias{}, nil, err
	}
	along, err := s.domainsOf(ctx, source, to)
	if err != nil {
		return Alias{}, nil, err
	}
	var alias Alias
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		tx.alongside = along
		found, others, err := s.splitAliases(ctx, tx, source, current)
		if err != nil {
			return err
		}
		alias = found[0]
		rows := slices.Clone(others)
		for _, row := range found { // a row may have further destinations, which stay
			if rest := row.without(current); len(rest) > 0 {
				rows = append(rows, Alias{Destination: strings.Join(rest, ", ")})
			}
		}
		if err := s.checkAlias(ctx, tx, source, to.key, rows); err != nil {
			return err
		}
		own, err := s.ownDomains(ctx, tx, to)
		if err != nil {
			return err
		}
		text, err := to.text(own[to.domain()])
		if err != nil {
			return err
		}
		for i, row := range found {
			if found[i], err = s.replace(ctx, tx, row, current, text); err != nil {
				return err
			}
		}
		alias = found[0]
		ways := []way{{alias, text}}
		if current == source { // without a copy, the others may go round in a circle
			ways = waysOf(append(slices.Clone(found), others...))
		}
		warnings, err = s.aliasWarnings(ctx, tx, &route.Tables{}, source, append(found, others...), ways)
		return err
	})
	if err != nil {
		return Alias{}, nil, err
	}
	return alias, warnings, nil
}

// DeleteAlias removes a destination of a source, and its duplicates. The destination may be anything that
// [Alias.Destinations] returns.
//
// It returns warnings about the aliases that now lead nowhere: they lead to the source, which has no mailbox, no other
// alias and no catch-all. They stay in the table. If the destination was the source itself, a copy for its mailbox, the
// warnings say what that changes.
//
// It returns [ErrNotFound], [ErrInvalidAddress] or [ErrReferenced].
func (s *Store) DeleteAlias(ctx context.Context, source, destination string) (warnings []Warning, err error) {
	source, key, err := existingAlias(source, destination)
	if err != nil {
		return nil, err
	}
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		found, others, err := s.splitAliases(ctx, tx, source, key)
		if err != nil {
			return err
		}
		for _, row := range found {
			if rest := row.without(key); len(rest) > 0 {
				left, err := s.redirect(ctx, tx, row, rest)
				if err != nil {
					return err
				}
				others = append(others, left)
				continue
			}
			if err := s.deleteRows(ctx, tx, []Alias{row}); err != nil {
				return err
			}
		}
		leads := slices.ContainsFunc(others, func(a Alias) bool { return a.Destination != "" && !a.Off })
		switch {
		case leads && key == source:
			warnings, err = s.aliasWarnings(ctx, tx, &route.Tables{}, source, others, waysOf(others))
			return err
		case leads && source[0] != '@':
			return nil // the source still leads somewhere
		}
		warnings, err = s.dangling(ctx, tx, removal{key: source, aliases: found, left: others})
		return err
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// DeleteAliases removes all aliases of a source. It returns warnings about the aliases that now lead nowhere, as
// [Store.DeleteAlias] does.
//
// It returns [ErrNotFound], [ErrInvalidAddress] or [ErrReferenced].
func (s *Store) DeleteAliases(ctx context.Context, source string) (warnings []Warning, err error) {
	source, err = canonicalSourceIn("source", source)
	if err != nil {
		return nil, err
	}
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		_, rows, err := s.lockSource(ctx, tx, source)
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("%w: alias from %s", ErrNotFound, source)
		}
		if err := s.deleteRows(ctx, tx, rows); err != nil {
			return err
		}
		warnings, err = s.dangling(ctx, tx, removal{key: source, aliases: rows})
		return err
	})
	if err != nil {
		return nil, err
	}
	return warnings, nil
}

// deleteRows deletes aliases by their ids.
func (s *Store) deleteRows(ctx context.Context, tx *transaction, rows []Alias) error {
	for some := range slices.Chunk(rows, maxKeys) {
		ids := make([]int64, len(some))
		for i, row := range some {
			ids[i] = row.ID
		}
		if _, err := tx.NewDelete().Table(tables.Aliases).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return s.deleteError(ctx, tx, err, tables.Aliases, "id IN (?)", bun.List(ids))
		}
	}
	for _, row := range rows {
		tx.recordChange(tables.Aliases, "id", row.ID, row.ID, nil)
	}
	return nil
}

// newRow returns the alias as a row to insert.
func (a *Alias) newRow() newRow {
	return newRow{of: a, columns: tables.Needed[tables.Aliases][1:], values: []any{a.DomainID, a.Source, a.Destination}}
}

// checkAlias returns an error if a source with these rows cannot have a further destination, given by its key.
func (s *Store) checkAlias(ctx context.Context, tx *transaction, source, key string, rows []Alias) error {
	isUser := false
	if source == key && source[0] != '@' {
		users, err := lookup[User](ctx, s, tx, "email", lockRows, source)
		if err != nil {
			return err
		}
		isUser = hasOn(users)
	}
	return s.checkRows(source, key, rows, isUser)
}

// checkRows is checkAlias for a caller that knows whether the source is a user who is switched on.
func (s *Store) checkRows(source, destination string, rows []Alias, isUser bool) error {
	for _, row := range onFirst(rows) {
		switch {
		case row.leadsTo(destination):
			return fmt.Errorf("%w: alias from %s to %s%s", ErrExists, source, destination, offNote(s, row))
		case row.Off:
		case destination[0] == '@', strings.HasPrefix(row.Destination, "@"):
			return fmt.Errorf("%w: alias from %s to %s, and a whole domain must be the only destination", ErrExists, source, row.Destination)
		}
	}
	if source == destination && !isUser {
		return fmt.Errorf("%w: %s would lead to itself, and there is no such user", ErrAliasLoop, source)
	}
	return nil
}

// splitAliases locks the rows of a source and splits them into those that lead to a destination, given by its key, and the
// others. If some of the former are switched on, those that are off count as others. It returns ErrNotFound if none leads
// there.
func (s *Store) splitAliases(ctx context.Context, tx *transaction, source, key string) (found, others []Alias, err error) {
	_, rows, err := s.lockSource(ctx, tx, source)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		if row.leadsTo(key) {
			found = append(found, row)
		} else {
			others = append(others, row)
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("%w: alias from %s to %s", ErrNotFound, source, key)
	}
	if hasOn(found) {
		for _, row := range found {
			if row.Off {
				others = append(others, row)
			}
		}
		found = onlyOn(found)
	}
	return found, others, nil
}

// replace replaces one destination of a row, given by its key.
func (s *Store) replace(ctx context.Context, tx *transaction, row Alias, key, text string) (Alias, error) {
	destinations := row.Destinations()
	for i, d := range destinations {
		if address.Key(d) == key {
			destinations[i] = text
		}
	}
	return s.redirect(ctx, tx, row, destinations)
}

// redirect replaces the destinations of a row.
func (s *Store) redirect(ctx context.Context, tx *transaction, row Alias, destinations []string) (Alias, error) {
	before := row.Destination
	if row.Destination = strings.Join(destinations, ", "); row.Destination == before {
		return row, nil
	}
	err := s.withTable(ctx, tx, tables.Aliases, func(t *tables.Table) error {
		if err := fits(t, "destination", row.Destination); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Table(tables.Aliases).Set("destination = ?", row.Destination).Where("id = ?", row.ID).Exec(ctx)
		return mapError(err)
	})
	tx.recordChange(tables.Aliases, "destination", row.ID, before, row.Destination)
	return row, err
}
