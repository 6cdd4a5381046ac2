package ispmail

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CreateAlias adds a destination to a source. The source is an address in a domain of this server, or "@domain", a
// catch-all for all addresses without a row of their own. The destination is an address anywhere; for a source
// "@domain" it may be another "@domain", which keeps the local part.
//
// A source may have several destinations. Its own mailbox is one of them only if an alias leads from the address to
// itself, which requires that user. A destination "@domain" must be the only one, because Postfix ignores a second one
// (https://www.postfix.org/virtual.5.html).
//
// It returns [ErrInvalidAddress], [ErrNoDomain], [ErrExists], [ErrTooLong], and [ErrAliasLoop] if the alias leads to
// itself and there is no such user.
func (s *Store) CreateAlias(ctx context.Context, source, destination string) (Alias, error) {
	source, destination, err := canonicalAlias(source, destination)
	if err != nil {
		return Alias{}, err
	}
	var alias Alias
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
		domain, rows, err := s.lockServedSource(ctx, tx, source)
		if err != nil {
			return err
		}
		if err := s.checkAlias(ctx, tx, source, destination, rows); err != nil {
			return err
		}
		alias = Alias{DomainID: domain.ID, Source: source, Destination: destination}
		alias.ID, err = s.insert(ctx, tx, tables.Aliases, alias.newRow())
		return err
	})
	if err != nil {
		return Alias{}, err
	}
	return alias, nil
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

// ChangeAlias replaces one destination of a source and returns the changed alias. It returns [ErrNotFound] if the
// source does not lead to current, and otherwise the errors of [Store.CreateAlias].
func (s *Store) ChangeAlias(ctx context.Context, source, current, replacement string) (Alias, error) {
	source, current, err := canonicalAlias(source, current)
	if err != nil {
		return Alias{}, err
	}
	_, replacement, err = canonicalAlias(source, replacement)
	if err != nil {
		return Alias{}, err
	}
	var alias Alias
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		found, others, err := s.splitAliases(ctx, tx, source, current)
		if err != nil {
			return err
		}
		alias = found[0]
		for _, row := range found { // a row may have further destinations, which stay
			if rest := row.without(current); len(rest) > 0 {
				others = append(others, Alias{Destination: strings.Join(rest, ", ")})
			}
		}
		if replacement == current {
			return nil
		}
		if err := s.checkAlias(ctx, tx, source, replacement, others); err != nil {
			return err
		}
		for i, row := range found {
			destinations := row.Destinations()
			for j := range destinations {
				if address.SourceOrNone(destinations[j]) == current {
					destinations[j] = replacement
				}
			}
			if found[i], err = s.redirect(ctx, tx, row, destinations); err != nil {
				return err
			}
		}
		alias = found[0]
		return nil
	})
	if err != nil {
		return Alias{}, err
	}
	return alias, nil
}

// DeleteAlias removes a destination of a source, and its duplicates. It returns the aliases that now lead nowhere: they
// lead to the source, which has no mailbox, no other alias and no catch-all. They stay in the table.
//
// It returns [ErrNotFound] or [ErrInvalidAddress].
func (s *Store) DeleteAlias(ctx context.Context, source, destination string) (dangling []Alias, err error) {
	source, destination, err = canonicalAlias(source, destination)
	if err != nil {
		return nil, err
	}
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		found, others, err := s.splitAliases(ctx, tx, source, destination)
		if err != nil {
			return err
		}
		for _, row := range found {
			if rest := row.without(destination); len(rest) > 0 {
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
		if source[0] != '@' && slices.ContainsFunc(others, func(a Alias) bool { return a.Destination != "" && !a.Off }) {
			return nil // the source still leads somewhere
		}
		dangling, err = s.dangling(ctx, tx, removal{key: source, aliases: found, left: others})
		return err
	})
	if err != nil {
		return nil, err
	}
	return dangling, nil
}

// DeleteAliases removes all aliases of a source. It returns the aliases that now lead nowhere, as [Store.DeleteAlias] does.
//
// It returns [ErrNotFound] or [ErrInvalidAddress].
func (s *Store) DeleteAliases(ctx context.Context, source string) (dangling []Alias, err error) {
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
		dangling, err = s.dangling(ctx, tx, removal{key: source, aliases: rows})
		return err
	})
	if err != nil {
		return nil, err
	}
	return dangling, nil
}

// deleteRows deletes aliases by their ids.
func (s *Store) deleteRows(ctx context.Context, tx *transaction, rows []Alias) error {
	for some := range slices.Chunk(rows, maxKeys) {
		ids := make([]int64, len(some))
		for i, row := range some {
			ids[i] = row.ID
		}
		if _, err := tx.NewDelete().Table(tables.Aliases).Where("id IN (?)", bun.List(ids)).Exec(ctx); err != nil {
			return mapError(err)
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

// canonicalAlias returns the canonical forms of a source and a destination.
func canonicalAlias(source, destination string) (from, to string, err error) {
	if from, err = canonicalSourceIn("source", source); err != nil {
		return "", "", err
	}
	if to, err = canonicalSourceIn("destination", destination); err != nil {
		return "", "", err
	}
	if to[0] == '@' && from[0] != '@' {
		return "", "", &AddressError{Field: "destination", Value: destination, Reason: "only a source @domain can lead to a whole domain"}
	}
	return from, to, nil
}

// canonicalDestinations returns the destinations in canonical form, without those that have none.
func (a Alias) canonicalDestinations() (all []string) {
	for _, d := range a.Destinations() {
		if canonical := address.SourceOrNone(d); canonical != "" {
			all = append(all, canonical)
		}
	}
	return all
}

// leadsTo reports whether the alias has a destination, given in canonical form.
func (a Alias) leadsTo(destination string) bool {
	return slices.Contains(a.canonicalDestinations(), destination)
}

// without returns the destinations, as written, except one, given in canonical form.
func (a Alias) without(destination string) []string {
	return slices.DeleteFunc(a.Destinations(), func(d string) bool { return address.SourceOrNone(d) == destination })
}

// checkAlias returns an error if a source with these rows cannot have a further destination.
func (s *Store) checkAlias(ctx context.Context, tx *transaction, source, destination string, rows []Alias) error {
	isUser := false
	if source == destination && source[0] != '@' {
		users, err := lookup[User](ctx, s, tx, "email", lockRows, source)
		if err != nil {
			return err
		}
		isUser = hasOn(users)
	}
	return s.checkRows(source, destination, rows, isUser)
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

// splitAliases locks the rows of a source and splits them into those that lead to a destination and the others. If some of
// the former are switched on, those that are off count as others. It returns ErrNotFound if none leads there.
func (s *Store) splitAliases(ctx context.Context, tx *transaction, source, destination string) (found, others []Alias, err error) {
	_, rows, err := s.lockSource(ctx, tx, source)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		if row.leadsTo(destination) {
			found = append(found, row)
		} else {
			others = append(others, row)
		}
	}
	if found == nil {
		return nil, nil, fmt.Errorf("%w: alias from %s to %s", ErrNotFound, source, destination)
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

// redirect replaces the destinations of a row.
func (s *Store) redirect(ctx context.Context, tx *transaction, row Alias, destinations []string) (Alias, error) {
	before := row.Destination
	row.Destination = strings.Join(destinations, ", ")
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
