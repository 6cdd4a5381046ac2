package ispmail

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// maxDestinations is how many addresses Postfix expands one address to (virtual_alias_expansion_limit).
const maxDestinations = 1000

// SetAliases replaces all destinations of a source at once and returns its aliases, by id. Aliases that are wanted and
// exist keep their ids. The mailbox of the source receives mail only if the source is among the destinations. Aliases that
// are switched off stay as they are, see [Config.State]; if one of them has a wanted destination, that is [ErrExists].
//
// It returns the errors of [Store.CreateAlias], [ErrInvalidAddress] also if there is no destination (use
// [Store.DeleteAlias] to remove the last one), and [ErrAliasLimit] for more than 1000 destinations, which Postfix does
// not follow.
func (s *Store) SetAliases(ctx context.Context, source string, destinations ...string) ([]Alias, error) {
	from, err := canonicalSourceIn("source", source)
	if err != nil {
		return nil, err
	}
	wanted := make([]string, len(destinations))
	for i, d := range destinations {
		if _, wanted[i], err = canonicalAlias(from, d); err != nil {
			return nil, err
		}
	}
	wanted = route.Unique(wanted)
	switch {
	case len(wanted) == 0:
		return nil, &AddressError{Field: "destination", Reason: "there is none"}
	case len(wanted) > maxDestinations:
		return nil, fmt.Errorf("%w: %d destinations of %s", ErrAliasLimit, len(wanted), from)
	case len(wanted) > 1 && slices.ContainsFunc(wanted, func(d string) bool { return d[0] == '@' }):
		return nil, fmt.Errorf("%w: a whole domain must be the only destination of %s", ErrExists, from)
	}
	var rows []Alias
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		domain, there, err := s.lockServedSource(ctx, tx, from)
		if err != nil {
			return err
		}
		if slices.Contains(wanted, from) {
			if err := s.checkAlias(ctx, tx, from, from, nil); err != nil {
				return err
			}
		}
		for _, row := range there {
			isWanted := func(d string) bool {
				return row.leadsTo(d) && !slices.ContainsFunc(onlyOn(there), func(on Alias) bool { return on.leadsTo(d) })
			}
			if row.Off && slices.ContainsFunc(wanted, isWanted) {
				return fmt.Errorf("%w: alias from %s to %s%s", ErrExists, from, row.Destination, offNote(s, row))
			}
		}
		if err := s.replaceAliases(ctx, tx, domain.ID, from, wanted, onlyOn(there)); err != nil {
			return err
		}
		rows, err = s.in(tx).AliasesOf(ctx, from)
		return err
	})
	if err != nil {
		return nil, err
	}
	return rows, nil
}

// replaceAliases deletes and adds rows of a source until each wanted destination has one row.
func (s *Store) replaceAliases(ctx context.Context, tx *transaction, domainID int64, source string, wanted []string, there []Alias) error {
	var gone []Alias
	kept := 0
	for _, row := range there {
		at := slices.IndexFunc(wanted, func(d string) bool { return slices.Equal(row.canonicalDestinations(), []string{d}) })
		if at >= 0 && len(row.Destinations()) == 1 {
			wanted = slices.Delete(slices.Clone(wanted), at, at+1)
			kept++
			continue
		}
		gone = append(gone, row)
	}
	// Delete before adding, because some schemas allow only one row for a source.
	if err := s.deleteRows(ctx, tx, gone); err != nil || len(wanted) == 0 {
		return err
	}
	rows := make([]newRow, len(wanted))
	for i, d := range wanted {
		alias := &Alias{DomainID: domainID, Source: source, Destination: d}
		rows[i] = alias.newRow()
	}
	_, err := s.insert(ctx, tx, tables.Aliases, rows...)
	if errors.Is(err, ErrExists) && kept+len(rows) > 1 {
		return fmt.Errorf("%w: the table has a unique key that allows no second destination of %s", err, source)
	}
	return err
}
