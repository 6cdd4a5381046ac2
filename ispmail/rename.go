package ispmail

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// RenameUser gives a user another address, in the same domain or another one of this server. The id, the stored
// password and the quota stay. Aliases from and to the old address, with or without an extension, change to the new
// one; a source that leads to the new one already keeps one alias. Mail for the old address is then refused, unless a
// catch-all takes it or [Store.CreateAlias] makes it an alias.
// It returns warnings about the aliases that now lead nowhere, because they lead to the old address through the alias of
// another domain.
//
// The mail on disk does not move. Dovecot looks for that of the new address, and may find what an earlier user of that
// address left. Move the files, and end open sessions.
//
// It returns [ErrNotFound], [ErrAmbiguous], [ErrInvalidAddress], [ErrNoDomain], [ErrTooLong], [ErrExists] if the new
// address is the old one or belongs to a user or an alias, [ErrAddressInPassword] for a {DIGEST-MD5} password, and
// [ErrReferenced] if a table of another program refers to the old address.
func (s *Store) RenameUser(ctx context.Context, email, to string) (User, []Warning, error) {
	email, err := Canonical(email)
	if err != nil {
		return User{}, nil, err
	}
	to, err = newAddressIn("new address", to)
	if err != nil {
		return User{}, nil, err
	}
	var user User
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		domains, err := s.lockDomains(ctx, tx, address.DomainOf(to), address.DomainOf(email))
		if err != nil {
			return err
		}
		if user, err = s.userRow(ctx, tx, email, lockRows); err != nil {
			return err
		}
		at := slices.IndexFunc(domains, func(d Domain) bool { return d.canonical() == address.DomainOf(to) })
		if at < 0 {
			return fmt.Errorf("%w: %s", ErrNoDomain, address.DomainOf(to))
		}
		domain := domains[at]
		if err := s.checkRename(ctx, tx, user, to); err != nil {
			return err
		}
		if err := s.moveRow(ctx, tx, tables.Users, "email", user.ID, user.Email, to, domain.ID); err != nil {
			return err
		}
		user.Email, user.DomainID = to, domain.ID
		if err := s.moveAliases(ctx, tx, email, to, domain.ID); err != nil {
			return err
		}
		tx.emit(Change{Kind: AddressChanged, Email: email, Domain: address.DomainOf(email), To: to})
		warnings, err = s.dangling(ctx, tx, removal{key: email, mailbox: user.ID, off: user.Off})
		return err
	})
	if err != nil {
		return User{}, nil, err
	}
	return user, warnings, nil
}

// checkRename returns an error if a user cannot have an address.
func (s *Store) checkRename(ctx context.Context, tx *transaction, user User, to string) error {
	if user.canonical() == to {
		return fmt.Errorf("%w: %s has this address", ErrExists, to)
	}
	if s.isBound(user.Password.Reveal()) {
		return fmt.Errorf("%w: %s", ErrAddressInPassword, user.canonical())
	}
	users, err := lookup[User](ctx, s, tx, "email", lockRows, to)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("%w: user %s%s", ErrExists, to, offNote(s, users...))
	}
	_, aliases, err := s.lockSource(ctx, tx, to)
	if err != nil {
		return err
	}
	if len(aliases) > 0 {
		first := onFirst(aliases)[0]
		if first.Off {
			return fmt.Errorf("%w: alias from %s to %s%s", ErrExists, to, first.Destination, offNote(s, first))
		}
		return fmt.Errorf("%w: alias from %s to %s, which would take the mail", ErrExists, to, first.Destination)
	}
	return nil
}

// isBound reports whether the address of the user is part of a stored password, also of one behind a lock.
func (s *Store) isBound(stored string) bool {
	info, err := s.hasher.Inspect(stored)
	for info.Locked {
		if stored, err = s.hasher.Unlock(stored); err != nil {
			return false
		}
		info, err = s.hasher.Inspect(stored)
	}
	return err == nil && strings.HasPrefix(info.Scheme, "DIGEST-MD5") || strings.HasPrefix(strings.ToUpper(info.Label), "DIGEST-MD5")
}

// A renaming of a user concerns the address, and those with an extension that are not mailboxes of their own.
type renaming struct {
	from, to string
	own      map[string]bool // mailboxes with an extension
}

// isExtension reports whether an address is the old one with an extension.
func (r renaming) isExtension(addr string) bool {
	local, domain, ok := address.Cut(addr)
	bare, extension := route.CutExtension(local)
	return ok && extension != "" && address.Spell(bare, domain) == r.from
}

// apply returns the new form of an address, or "" if the renaming does not concern it. Where the new address has an
// extension itself, no address with a further one would come to it.
func (r renaming) apply(addr string, isSource bool) string {
	local, _, _ := address.Cut(addr)
	_, extension := route.CutExtension(local)
	at := strings.LastIndexByte(r.to, '@')
	_, toExtension := route.CutExtension(r.to[:at])
	switch {
	case addr == r.from:
		return r.to
	case !r.isExtension(addr) || r.own[addr]:
		return ""
	case toExtension == "":
		return address.Spell(r.to[:at]+extension, r.to[at+1:])
	case isSource:
		return ""
	}
	return r.to
}

// moveAliases changes the aliases from and to an address to another one. It locks what it reads: a snapshot may be older.
func (s *Store) moveAliases(ctx context.Context, tx *transaction, from, to string, domainID int64) error {
	r := renaming{from: from, to: to, own: map[string]bool{}}
	condition := "INSTR(" + s.lower("source") + ", ?) = 1 ORDER BY id"
	if s.isMariaDB() {
		condition += " FOR UPDATE"
	}
	sources, err := selectRows[Alias](ctx, s, tx, condition, from[:strings.LastIndexByte(from, '@')])
	if err != nil {
		return err
	}
	leading, err := s.leadingTo(ctx, tx, from, lockRows)
	if err != nil {
		return err
	}
	before, err := s.leadingTo(ctx, tx, to, lockRows)
	if err != nil {
		return err
	}
	var extended []string
	for _, row := range append(slices.Clone(sources), leading...) {
		for _, addr := range append(row.keys(), row.canonical()) {
			if r.isExtension(addr) {
				extended = append(extended, addr)
			}
		}
	}
	mailboxes, err := lookup[User](ctx, s, tx, "email", lockRows, route.Unique(extended)...)
	if err != nil {
		return err
	}
	for _, user := range mailboxes {
		r.own[user.canonical()] = true
	}
	if err := s.moveSources(ctx, tx, sources, r, domainID); err != nil {
		return err
	}
	for _, row := range leading {
		destinations, moved := row.Destinations(), false
		for i, d := range destinations {
			if now := r.apply(address.Key(d), false); now != "" {
				destinations[i], moved = now, true
			}
		}
		if moved {
			if _, err := s.redirect(ctx, tx, row, destinations); err != nil {
				return err
			}
		}
	}
	for i, row := range before {
		before[i].Source = cmp.Or(r.apply(row.canonical(), true), row.Source)
	}
	return s.mergeTwins(ctx, tx, before)
}

// moveSources changes the sources of aliases that a renaming concerns, unless the new ones are in use.
func (s *Store) moveSources(ctx context.Context, tx *transaction, rows []Alias, r renaming, domainID int64) error {
	var moved []Alias
	var fresh []string
	for _, row := range rows {
		if source := r.apply(row.canonical(), true); source != "" {
			moved = append(moved, row)
			if source != r.to { // which checkRename looked up
				fresh = append(fresh, source)
			}
		}
	}
	aliases, err := lookup[Alias](ctx, s, tx, "source", lockRows, route.Unique(fresh)...)
	if err != nil {
		return err
	}
	if len(aliases) > 0 {
		return fmt.Errorf("%w: alias from %s", ErrExists, aliases[0].Source+offNote(s, aliases...))
	}
	users, err := lookup[User](ctx, s, tx, "email", lockRows, route.Unique(fresh)...)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("%w: user %s", ErrExists, users[0].Email+offNote(s, users...))
	}
	for _, row := range moved {
		if err := s.moveRow(ctx, tx, tables.Aliases, "source", row.ID, row.Source, r.apply(row.canonical(), true), domainID); err != nil {
			return err
		}
	}
	return nil
}

// moveRow writes another address into a column of a row, and the id of its domain.
func (s *Store) moveRow(ctx context.Context, tx *transaction, table, column string, id int64, before, to string, domainID int64) error {
	return s.withTable(ctx, tx, table, func(t *tables.Table) error {
		if err := fits(t, column, to); err != nil {
			return err
		}
		query := tx.NewUpdate().Table(table).Set(column+" = ?", to).Set("domain_id = ?", domainID).Where("id = ?", id)
		if _, err := query.Exec(ctx); err != nil {
			return mapError(err)
		}
		tx.recordChange(table, column, id, before, to)
		return nil
	})
}

// mergeTwins removes destinations that stand twice for a source after a renaming. Some aliases led to new addresses
// before; their sources are the present ones. What led there stays.
func (s *Store) mergeTwins(ctx context.Context, tx *transaction, before []Alias) error {
	if len(before) == 0 {
		return nil
	}
	type pair struct {
		source, key string
		off         bool // a row that is switched off is no twin of one that is on
	}
	sources, rank := make([]string, len(before)), map[int64]int{}
	wanted, seen := map[pair]bool{}, map[pair]bool{}
	for i, row := range before {
		sources[i], rank[row.ID] = row.canonical(), -1
		for _, key := range row.keys() {
			wanted[pair{sources[i], key, row.Off}] = true
		}
	}
	rows, err := lookup[Alias](ctx, s, tx, "source", lockRows, route.Unique(sources)...)
	if err != nil {
		return err
	}
	slices.SortStableFunc(rows, func(a, b Alias) int { return cmp.Compare(rank[a.ID], rank[b.ID]) })
	var gone []Alias
	for _, row := range rows {
		destinations := row.Destinations()
		left := slices.DeleteFunc(slices.Clone(destinations), func(d string) bool {
			p := pair{row.canonical(), address.Key(d), row.Off}
			again := seen[p]
			seen[p] = wanted[p]
			return again
		})
		switch {
		case len(left) == 0 && len(destinations) > 0:
			gone = append(gone, row)
		case len(left) < len(destinations):
			if _, err := s.redirect(ctx, tx, row, left); err != nil {
				return err
			}
		}
	}
	return s.deleteRows(ctx, tx, gone)
}
