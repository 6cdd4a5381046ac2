package ispmail

import (
	"cmp"
	"context"
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

// dangling returns warnings about the aliases that led to what was removed and lead nowhere now, by id.
func (s *Store) dangling(ctx context.Context, tx *transaction, gone removal) ([]Warning, error) {
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
	addresses := targetsOf(rows)
	if err := s.loadAll(ctx, tx, &t, addresses); err != nil {
		return nil, err
	}
	var led []way
	for _, w := range waysOf(rows) {
		m := route.Follow(&t, w.alias.canonical(), address.Key(w.to))
		if m.Key == gone.key || slices.Contains(m.Through, gone.key) {
			led = append(led, w)
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
		if err := s.loadAll(ctx, tx, &t, addresses); err != nil {
			return nil, err
		}
	}
	var warnings []Warning
	for _, w := range led {
		code, err := s.fate(ctx, tx, &t, w.alias.canonical(), address.Key(w.to))
		if err != nil {
			return nil, err
		}
		if code == WarningDangling || code == WarningLoop {
			warnings = append(warnings, warnAlias(code, w.alias, w.to))
		}
	}
	return warnings, nil
}

// targetsOf returns the addresses to which aliases send mail, each once.
func targetsOf(rows []Alias) []string {
	var addresses []string
	for _, row := range rows {
		for _, key := range row.keys() {
			if to := route.Target(row.canonical(), key); to != "" {
				addresses = append(addresses, to)
			}
		}
	}
	return route.Unique(addresses)
}

// loadAll reads the rows that Postfix looks up for addresses, and their domains.
func (s *Store) loadAll(ctx context.Context, tx *transaction, t *route.Tables, addresses []string) error {
	all, err := s.loadBehind(ctx, tx, t, addresses)
	if err != nil {
		return err
	}
	return s.loadDomains(ctx, tx, t, all)
}

// loadBehind reads the rows that Postfix looks up for addresses, also behind catch-alls that lead to a whole domain. It returns the
// addresses and those behind.
func (s *Store) loadBehind(ctx context.Context, tx *transaction, t *route.Tables, addresses []string) (all []string, err error) {
	all = slices.Clone(addresses)
	for level := addresses; len(level) > 0; {
		if err := s.loadKeys(ctx, tx, t, level); err != nil {
			return nil, err
		}
		var next []string
		for _, addr := range level {
			local, domain, _ := address.Cut(addr)
			if to := t.DomainAlias(domain); to != "" && !slices.Contains(all, address.Spell(local, to)) {
				next = append(next, address.Spell(local, to))
			}
		}
		level = route.Unique(next)
		all = append(all, level...)
	}
	return all, nil
}

// leadingTo returns, by id, the aliases with a destination for which Postfix may look up a key: the address itself,
// with an extension, or in a domain that a catch-all leads to this one. For "@domain" these are the aliases to any
// address of the domain. It scans the table: the column destination has no index.
func (s *Store) leadingTo(ctx context.Context, tx *transaction, key string, lock lockMode) ([]Alias, error) {
	at := strings.LastIndexByte(key, '@')
	local := key[:at]
	// A destination in quotes, with a comment or with blanks in it may be read as the same address.
	const other = ` OR (INSTR(destination, '"') > 0 OR INSTR(destination, '(') > 0 OR INSTR(destination, ' ') > 0) AND INSTR(destination, ?) > 0`
	found := map[int64]Alias{}
	domains := []string{key[at+1:]}
	for i := 0; i < len(domains); i++ {
		for _, domain := range address.Spellings("@" + domains[i]) {
			condition, args := "INSTR("+s.lower("destination")+", ?) > 0", []any{domain}
			if local != "" {
				condition = "INSTR(destination, ?) > 0 OR INSTR(destination, ?) = 1 OR INSTR(destination, ?) > 0 AND INSTR(destination, ?) > 0" + other
				condition = strings.ReplaceAll(condition, "destination", s.lower("destination"))
				args = []any{local + domain, domain, local + "+", domain, domain[1:]}
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
				for _, key := range row.keys() {
					switch {
					case source == "" || !address.InDomain(key, domains[i]):
						continue
					case source[0] == '@' && key[0] == '@' && !slices.Contains(domains, source[1:]):
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
