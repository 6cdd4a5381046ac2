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
// one. Mail for the old address is then refused, unless a catch-all takes it or [Store.CreateAlias] makes it an alias.
//
// The mail on disk does not move. Dovecot looks for that of the new address, and may find what an earlier user of that
// address left. Move the files, and end open sessions.
//
// It returns [ErrNotFound], [ErrAmbiguous], [ErrInvalidAddress], [ErrNoDomain], [ErrTooLong], [ErrExists] if the new
// address is the old one or belongs to a user or an alias, and [ErrAddressInPassword] for a {DIGEST-MD5} password.
func (s *Store) RenameUser(ctx context.Context, email, to string) (User, error) {
	email, err := Canonical(email)
	if err != nil {
		return User{}, err
	}
	to, err = canonicalIn("new address", to)
	if err != nil {
		return User{}, err
	}
	var user User
	err = s.write(ctx, func(ctx context.Context, tx *transaction) error {
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
		return nil
	})
	if err != nil {
		return User{}, err
	}
	return user, nil
}

// checkRename returns an error if a user cannot have an address.
func (s *Store) checkRename(ctx context.Context, tx *transaction, user User, to string) error {
	if user.canonical() == to {
		return fmt.Errorf("%w: %s has this address", ErrExists, to)
	}
	if s.isBound(user.Password.Reveal()) {
		return fmt.Errorf("%w: %s", ErrAddressInPassword, user.canonical())
	}
	users, err := lookup[User](ctx, s, tx, "email", s.unlessHeld(tx, address.DomainOf(to)), to)
	if err != nil {
		return err
	}
	if len(users) > 0 {
		return fmt.Errorf("%w: user %s", ErrExists, to)
	}
	_, aliases, err := s.lockSource(ctx, tx, to)
	if err != nil {
		return err
	}
	if len(aliases) > 0 {
		return fmt.Errorf("%w: alias from %s to %s, which would take the mail", ErrExists, to, aliases[0].Destination)
	}
	return nil
}

// isBound reports whether the address of the user is part of a stored password.
func (s *Store) isBound(stored string) bool {
	info, _ := s.hasher.Inspect(stored)
	return strings.HasPrefix(strings.ToUpper(info.Label), "DIGEST-MD5")
}

// renamed returns the new form of an address when from is renamed to to, or "" if the address is neither from nor an
// extension of it.
func renamed(addr, from, to string) string {
	if addr == from {
		return to
	}
	local, domain, ok := address.Cut(addr)
	if !ok {
		return ""
	}
	bare, extension := route.CutExtension(local)
	if extension == "" || bare+"@"+domain != from {
		return ""
	}
	at := strings.LastIndexByte(to, '@')
	return to[:at] + extension + to[at:]
}

// moveAliases changes the aliases from and to an address to another one.
func (s *Store) moveAliases(ctx context.Context, tx *transaction, from, to string, domainID int64) error {
	at := strings.LastIndexByte(from, '@')
	rows, err := selectRows[Alias](ctx, s, tx, "INSTR(LOWER(source), ?) = 1 ORDER BY id", from[:at])
	if err != nil {
		return err
	}
	for _, row := range rows {
		source := renamed(row.canonical(), from, to)
		if source == "" {
			continue
		}
		if source != to { // it has an extension, which checkRename did not look up
			if taken, err := lookup[Alias](ctx, s, tx, "source", readRows, source); err != nil || len(taken) > 0 {
				return cmp.Or(err, fmt.Errorf("%w: alias from %s", ErrExists, source))
			}
		}
		if err := s.moveRow(ctx, tx, tables.Aliases, "source", row.ID, row.Source, source, domainID); err != nil {
			return err
		}
	}
	leading, err := s.leadingTo(ctx, tx, from)
	if err != nil {
		return err
	}
	for _, row := range leading {
		destinations, moved := row.Destinations(), false
		for i, d := range destinations {
			if now := renamed(address.SourceOrNone(d), from, to); now != "" {
				destinations[i], moved = now, true
			}
		}
		if moved {
			if _, err := s.redirect(ctx, tx, row, destinations); err != nil {
				return err
			}
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
