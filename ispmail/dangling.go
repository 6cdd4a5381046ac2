package ispmail

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
)

// A removal describes what belonged to a key, an address or "@domain", before it was deleted.
type removal struct {
	key     string
	mailbox int64   // the id of the deleted user, 0 if there was none
	off     bool    // the user was switched off, and got no mail
	aliases []Alias // the deleted aliases of this source
	left    []Alias // the remaining aliases of this source
}

// dangling returns the aliases that led to what was removed and lead nowhere now, by id.
func (s *Store) dangling(ctx context.Context, tx *transaction, gone removal) ([]Alias, error) {
	rows, err := s.leadingTo(ctx, tx, gone.key, readRows)
	rows = onlyOn(rows)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	gone.aliases, gone.left = onlyOn(gone.aliases), onlyOn(gone.left)
	// First follow the aliases with the removed rows still in memory: which destinations led there?
	var t route.Tables
	if gone.mailbox != 0 && !gone.off {
		t.AddMailbox(gone.key, gone.mailbox)
	}
	for _, row := range gone.aliases {
		t.AddAlias(gone.key, route.Row{ID: row.ID, Destination: row.Destination})
	}
	if err := s.loadBehind(ctx, tx, &t, rows); err != nil {
		return nil, err
	}
	led := map[int64][]string{} // those destinations, by the id of their row
	for _, row := range rows {
		for _, destination := range row.canonicalDestinations() {
			m := route.Follow(&t, row.canonical(), destination)
			if m.Key == gone.key || slices.Contains(m.Through, gone.key) {
				led[row.ID] = append(led[row.ID], destination)
			}
		}
	}
	if gone.mailbox != 0 {
		t.RemoveMailbox(gone.key)
	}
	if gone.aliases != nil {
		t.RemoveAliases(gone.key)
		for _, row := range gone.left {
			t.AddAlias(gone.key, route.Row{ID: row.ID, Destination: row.Destination})
		}
	}
	if gone.left != nil { // one of them may lead a whole domain elsewhere
		if err := s.loadBehind(ctx, tx, &t, rows); err != nil {
			return nil, err
		}
	}
	var dangling []Alias
	for _, row := range rows {
		for _, destination := range led[row.ID] {
			lost, err := s.isDeadEnd(ctx, tx, &t, row.canonical(), destination)
			if err != nil {
				return nil, err
			}
			if lost {
				dangling = append(dangling, row)
				break
			}
		}
	}
	return dangling, nil
}

// isDeadEnd reports whether mail from an alias to a destination reaches nobody.
func (s *Store) isDeadEnd(ctx context.Context, tx *transaction, t *route.Tables, source, destination string) (bool, error) {
	m := route.Follow(t, source, destination)
	if m.Kind != route.Alias && m.Kind != route.CatchAll {
		return m.Kind.DeadEnd(), nil
	}
	to := route.Target(source, destination)
	if to == "" {
		return false, nil
	}
	w := route.NewWalk(t, to)
	ends, err := s.ends(ctx, tx, t, w)
	if errors.Is(err, ErrAliasLoop) || errors.Is(err, ErrAliasLimit) || errors.Is(err, ErrInvalidAddress) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	err = s.loadDomains(ctx, tx, t, ends)
	return len(t.Deliver(ends)) == 0, err
}

// loadBehind reads the rows that Postfix looks up for the destinations of rows, also behind catch-alls that lead to a
// whole domain.
func (s *Store) loadBehind(ctx context.Context, tx *transaction, t *route.Tables, rows []Alias) error {
	var addresses []string
	for _, row := range rows {
		for _, destination := range row.canonicalDestinations() {
			if to := route.Target(row.canonical(), destination); to != "" {
				addresses = append(addresses, to)
			}
		}
	}
	addresses = route.Unique(addresses)
	for level := addresses; len(level) > 0; {
		if err := s.loadKeys(ctx, tx, t, level); err != nil {
			return err
		}
		var next []string
		for _, addr := range level {
			local, domain, _ := address.Cut(addr)
			if to := t.DomainAlias(domain); to != "" && !slices.Contains(addresses, local+"@"+to) {
				next = append(next, local+"@"+to)
			}
		}
		level = route.Unique(next)
		addresses = append(addresses, level...)
	}
	return s.loadDomains(ctx, tx, t, addresses)
}

// leadingTo returns, by id, the aliases with a destination for which Postfix may look up a key: the address itself,
// with an extension, or in a domain that a catch-all leads to this one. For "@domain" these are the aliases to any
// address of the domain. It scans the table: the column destination has no index.
func (s *Store) leadingTo(ctx context.Context, tx *transaction, key string, lock lockMode) ([]Alias, error) {
	at := strings.LastIndexByte(key, '@')
	local := key[:at]
	found := map[int64]Alias{}
	domains := []string{key[at+1:]}
	for i := 0; i < len(domains); i++ {
		for _, domain := range address.Spellings("@" + domains[i]) {
			condition, args := "INSTR(LOWER(destination), ?) > 0", []any{domain}
			if local != "" {
				condition = "INSTR(LOWER(destination), ?) > 0 OR INSTR(LOWER(destination), ?) = 1 OR INSTR(LOWER(destination), ?) > 0 AND INSTR(LOWER(destination), ?) > 0"
				args = []any{local + domain, domain, local + "+", domain}
			}
			if bool(lock) && s.isMariaDB() {
				condition += " FOR UPDATE"
			}
			rows, err := selectRows[Alias](ctx, s, tx, condition, args...)
			if isForeignText(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				source := row.canonical()
				for _, destination := range row.canonicalDestinations() {
					switch {
					case source == "" || address.DomainOf(destination) != domains[i]:
						continue
					case source[0] == '@' && destination[0] == '@' && !slices.Contains(domains, source[1:]):
						domains = append(domains, source[1:])
					}
					found[row.ID] = row
				}
			}
		}
	}
	return byID(found), nil
}

// byID returns aliases ordered by id.
func byID(found map[int64]Alias) []Alias {
	rows := make([]Alias, 0, len(found))
	for _, row := range found {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b Alias) int { return cmp.Compare(a.ID, b.ID) })
	return rows
}
