package ispmail

import (
	"context"
	"fmt"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// maxDestinations is how many addresses Postfix expands one address to (virtual_alias_expansion_limit).
const maxDestinations = 1000

// SetAliases replaces all destinations of a source at once and returns its aliases, by id, and warnings about them as
// [Store.CreateAlias] does. Aliases that are wanted and exist keep their ids. The mailbox of the source receives mail only
// if the source is among the destinations. Aliases that are switched off stay as they are, see [Config.State]; if one of
// them has a wanted destination, that is [ErrExists].
//
// It returns the errors of [Store.CreateAlias], [ErrInvalidAddress] also if there is no destination (use
// [Store.DeleteAlias] to remove the last one), and [ErrAliasLimit] for more than 1000 destinations, which Postfix does
// not follow.
func (s *Store) SetAliases(ctx context.Context, source string, destinations ...string) ([]Alias, []Warning, error) {
	from, err := newSourceIn("source", source)
	if err != nil {
		return nil, nil, err
	}
	var wanted []destination
	seen := map[string]bool{}
	for _, d := range destinations {
		_, to, err := canonicalAlias(from, d)
		if err != nil {
			return nil, nil, err
		}
		if !seen[to.key] {
			seen[to.key] = true
			wanted = append(wanted, to)
		}
	}
	switch {
	case len(wanted) == 0:
		return nil, nil, &AddressError{Field: "destination", Reason: "there is none"}
	case len(wanted) > maxDestinations:
		return nil, nil, fmt.Errorf("%w: %d destinations of %s", ErrAliasLimit, len(wanted), from)
	case len(wanted) > 1 && slices.ContainsFunc(wanted, func(d destination) bool { return d.key[0] == '@' }):
		return nil, nil, fmt.Errorf("%w: a whole domain must be the only destination of %s", ErrExists, from)
	}
	along, err := s.domainsOf(ctx, from, wanted...)
	if err != nil {
		return nil, nil, err
	}
	var rows []Alias
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		tx.alongside = along
		domain, there, _, err := s.lockServedSource(ctx, tx, from)
		if err != nil {
			return err
		}
		if seen[from] {
			if err := s.checkAlias(ctx, tx, from, from, nil); err != nil {
				return err
			}
		}
		for _, row := range there {
			isWanted := func(d destination) bool {
				return row.leadsTo(d.key) && !slices.ContainsFunc(onlyOn(there), func(on Alias) bool { return on.leadsTo(d.key) })
			}
			if row.Off && slices.ContainsFunc(wanted, isWanted) {
				return fmt.Errorf("%w: alias from %s to %s%s", ErrExists, from, row.Destination, offNote(s, row))
			}
		}
		if err := s.replaceAliases(ctx, tx, domain.ID, from, wanted, onlyOn(there)); err != nil {
			return err
		}
		if rows, err = s.in(tx).AliasesOf(ctx, from); err != nil {
			return err
		}
		var t route.Tables
		if !domain.Off {
			t.AddDomain(domain.canonical())
		}
		warnings, err = s.aliasWarnings(ctx, tx, &t, from, rows, waysOf(rows))
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	return rows, warnings, nil
}

// replaceAliases deletes, changes and adds rows of a source until each wanted destination has one row.
func (s *Store) replaceAliases(ctx context.Context, tx *transaction, domainID int64, source string, wanted []destination, there []Alias) error {
	own, err := s.ownDomains(ctx, tx, wanted...)
	if err != nil {
		return err
	}
	var gone []Alias
	wanted = slices.Clone(wanted)
	for _, row := range there {
		keys := row.keys()
		at := slices.IndexFunc(wanted, func(d destination) bool { return len(keys) == 1 && keys[0] == d.key })
		if at < 0 {
			gone = append(gone, row)
			continue
		}
		if d := wanted[at]; !own[d.domain()] && d.stored != d.key { // its capitals are those that are wanted now
			if _, err := s.redirect(ctx, tx, row, []string{d.stored}); err != nil {
				return err
			}
		}
		wanted = slices.Delete(wanted, at, at+1)
	}
	// Delete before adding, because some schemas allow only one row for a source.
	if err := s.deleteRows(ctx, tx, gone); err != nil || len(wanted) == 0 {
		return err
	}
	rows := make([]newRow, len(wanted))
	for i, d := range wanted {
		alias := &Alias{DomainID: domainID, Source: source}
		if alias.Destination, err = d.text(own[d.domain()]); err != nil {
			return err
		}
		rows[i] = alias.newRow()
	}
	_, err = s.insertRows(ctx, tx, tables.Aliases, false, rows...)
	return err
}
