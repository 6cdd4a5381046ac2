package ispmail

import (
	"context"
	"errors"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A way leads from the source of an alias to one of its destinations, as written.
type way struct {
	alias Alias
	to    string
}

// waysOf returns the ways of aliases.
func waysOf(rows []Alias) (ways []way) {
	for _, row := range rows {
		for _, to := range row.Destinations() {
			ways = append(ways, way{row, to})
		}
	}
	return ways
}

// target returns the address to which mail from a source goes, given the key of a destination. For a whole domain it is an address
// that nobody has: mail to it meets no more than the catch-all.
func target(source, key string) string {
	if to := route.Target(source, key); to != "" {
		return to
	}
	return address.Spell(" ", key[1:])
}

// aliasWarnings returns what is wrong with a source and some of its ways. rows are all aliases of the source. The tables may hold
// rows that were read before, but none of the source.
func (s *Store) aliasWarnings(ctx context.Context, tx *transaction, t *route.Tables, source string, rows []Alias, ways []way) (warnings []Warning, err error) {
	rows = onlyOn(rows)
	ways = slices.DeleteFunc(ways, func(w way) bool { return w.alias.Off })
	var addresses []string
	mayShadow := source[0] != '@' && isShadowed(source, rows)
	if mayShadow {
		addresses = append(addresses, source)
	}
	for _, w := range ways {
		addresses = append(addresses, target(source, address.Key(w.to)))
	}
	if _, err := s.loadBehind(ctx, tx, t, route.Unique(addresses)); err != nil {
		return nil, err
	}
	t.RemoveAliases(source)
	for _, row := range rows {
		t.AddAlias(source, route.Row{ID: row.ID, Destination: row.Destination})
	}
	var elsewhere []string // or nobody: the domain decides
	for _, w := range ways {
		if m := route.Follow(t, source, address.Key(w.to)); m.Kind == route.Elsewhere {
			elsewhere = append(elsewhere, m.Address)
		}
	}
	if err := s.loadDomains(ctx, tx, t, elsewhere); err != nil {
		return nil, err
	}
	if mayShadow && t.HasMailbox(source) {
		warnings = append(warnings, warnShadowed(source))
	}
	for _, w := range ways {
		code, err := s.fate(ctx, tx, t, source, address.Key(w.to))
		if err != nil {
			return nil, err
		}
		if code != "" {
			warnings = append(warnings, warnAlias(code, w.alias, w.to))
		}
	}
	return warnings, nil
}

// fate returns what is wrong with the mail that a source sends to a destination, given by its key, or "" if it arrives.
func (s *Store) fate(ctx context.Context, tx *transaction, t *route.Tables, source, key string) (WarningCode, error) {
	m := route.Follow(t, source, key)
	switch {
	case m.Kind == route.Loop:
		return WarningLoop, nil
	case m.Kind == route.Nobody, m.Kind == route.Bounce:
		return WarningDangling, nil
	case m.Kind == route.Elsewhere && address.IsLocalName(key):
		return WarningExternal, nil
	case m.Kind != route.Alias && m.Kind != route.CatchAll:
		return "", nil
	}
	w := route.NewWalk(t, target(source, key))
	ends, err := s.ends(ctx, tx, t, w)
	switch {
	case errors.Is(err, ErrAliasLoop), errors.Is(err, ErrAliasLimit):
		return WarningLoop, nil
	case errors.Is(err, ErrInvalidAddress):
		return WarningDangling, nil
	case err != nil:
		return "", err
	}
	if err := s.loadDomains(ctx, tx, t, route.KeysOf(ends)); err != nil {
		return "", err
	}
	// A catch-all may lead to another server, or to addresses of which this one has no row.
	if len(t.Deliver(ends)) == 0 && route.Target(source, key) != "" {
		return WarningDangling, nil
	}
	return "", nil
}

// remaining returns warnings about the aliases that an address without a mailbox still has.
func (s *Store) remaining(ctx context.Context, tx *transaction, email string) (warnings []Warning, err error) {
	rows, err := lookup[Alias](ctx, s, tx, "source", readRows, email)
	for _, w := range waysOf(onlyOn(rows)) {
		if address.Key(w.to) != email { // which is a loop now
			warnings = append(warnings, warnAlias(WarningForwards, w.alias, w.to))
		}
	}
	return warnings, err
}
