package ispmail

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// RenameDomain gives a domain another name in all addresses: those of its users, and sources and destinations of
// aliases anywhere. Ids, stored passwords and quotas stay. A source that leads to a new address already keeps one alias.
// Mail for the old name is then refused. It returns warnings about aliases that led to the new name, on another server,
// before, and lead nowhere now.
//
// The mail on disk does not move, as for [Store.RenameUser]. A domain of 100,000 users takes some seconds, which
// [Config.Timeout] and the statement timeout of the server must allow.
//
// It returns [ErrNotFound], [ErrInvalidAddress], [ErrTooLong], [ErrExists] if the new name is the old one or is in use
// for a domain or in an address, [ErrAliasLoop] if an alias would lead to itself, [ErrAddressInPassword] if a user has a
// {DIGEST-MD5} password, and [ErrReferenced] if a table of another program refers to an old name or address.
func (s *Store) RenameDomain(ctx context.Context, name, to string) (Domain, []Warning, error) {
	name, err := canonicalDomainIn("domain", name)
	if err != nil {
		return Domain{}, nil, err
	}
	to, err = canonicalDomainIn("new name", to)
	if err != nil {
		return Domain{}, nil, err
	}
	var domain Domain
	var warnings []Warning
	err = s.writeAll(ctx, func(ctx context.Context, tx *transaction) error {
		if err := s.administer(ctx, tx, tables.Domains, tables.Users, tables.Aliases); err != nil {
			return err
		}
		if err := s.claimNames(ctx, tx); err != nil {
			return err
		}
		rows, err := lookup[Domain](ctx, s, tx, "name", lockRows, name, to)
		if err != nil {
			return err
		}
		var ids []int64
		for _, row := range onFirst(rows) {
			switch {
			case row.canonical() == to:
				return fmt.Errorf("%w: domain %s%s", ErrExists, to, offNote(s, row))
			case ids == nil:
				domain = row
			}
			ids = append(ids, row.ID)
		}
		if ids == nil {
			return fmt.Errorf("%w: domain %s", ErrNotFound, name)
		}
		leading, err := s.checkRenameDomain(ctx, tx, name, to)
		if err != nil {
			return err
		}
		if err := s.renameRows(ctx, tx, rows, name, to, leading); err != nil {
			return err
		}
		domain.Name = to
		tx.emit(Change{Kind: DomainChanged, Domain: name, To: to})
		warnings, err = s.lostAt(ctx, tx, onlyOn(leading), to)
		return err
	})
	if err != nil {
		return Domain{}, nil, err
	}
	return domain, warnings, nil
}

// endsWithDomain returns a condition for texts of a column that end with a spelling of a domain. It compares bytes,
// because a collation would take other letters for equal.
func (s *Store) endsWithDomain(column, spelling string) (condition string, args []any) {
	length := utf8.RuneCountInString(spelling) + 1
	if s.isMariaDB() {
		// As bytes, the value has no character set and no collation, whatever the connection has.
		return "CAST(LOWER(RIGHT(CONVERT(" + column + " USING utf8mb4), ?)) AS BINARY) = ?", []any{length, []byte("@" + spelling)}
	}
	return "LOWER(SUBSTR(" + column + ", -?)) = ? COLLATE BINARY", []any{length, "@" + spelling}
}

// checkRenameDomain returns an error if a domain cannot have a name, and else the aliases that lead to that name.
func (s *Store) checkRenameDomain(ctx context.Context, tx *transaction, name, to string) ([]Alias, error) {
	for _, c := range []struct{ table, column string }{{tables.Users, "email"}, {tables.Aliases, "source"}} {
		for _, spelling := range address.Spellings(to) {
			condition, args := s.endsWithDomain(c.column, spelling)
			var found []string
			query := tx.NewSelect().Column(c.column).Table(c.table).Where(condition, args...).Limit(1)
			if s.isMariaDB() {
				query.For("UPDATE") // a snapshot may be older
			}
			err := query.Scan(ctx, &found)
			if err != nil && !isForeignText(err) {
				return nil, mapError(err)
			}
			if len(found) > 0 {
				return nil, fmt.Errorf("%w: %s in %s", ErrExists, found[0], c.table)
			}
		}
	}
	if err := s.checkBound(ctx, tx, name); err != nil {
		return nil, err
	}
	// CreateAlias refuses an alias to itself, so this must not make one.
	rows, err := s.leadingTo(ctx, tx, "@"+to, lockRows)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		source := row.canonical()
		if address.DomainOf(source) != name || !row.leadsTo(strings.TrimSuffix(source, name)+to) {
			continue
		}
		users, err := lookup[User](ctx, s, tx, "email", lockRows, source)
		if err != nil {
			return nil, err
		}
		if !hasOn(users) {
			return nil, fmt.Errorf("%w: %s leads to %s, and would lead to itself", ErrAliasLoop, source, row.Destination)
		}
	}
	return rows, nil
}

// lostAt returns warnings about those of some aliases that lead nowhere after a domain was renamed.
func (s *Store) lostAt(ctx context.Context, tx *transaction, rows []Alias, to string) (warnings []Warning, err error) {
	var t route.Tables
	if err := s.loadAll(ctx, tx, &t, targetsOf(rows)); err != nil {
		return nil, err
	}
	for _, w := range waysOf(rows) {
		key := address.Key(w.to)
		if !address.InDomain(key, to) {
			continue
		}
		code, err := s.fate(ctx, tx, &t, w.alias.canonical(), key)
		if err != nil {
			return nil, err
		}
		if code != "" {
			warnings = append(warnings, warnAlias(code, w.alias, w.to))
		}
	}
	return warnings, nil
}

// checkBound returns an error if a user of a domain has a stored password that belongs to the address.
func (s *Store) checkBound(ctx context.Context, tx *transaction, name string) error {
	for _, spelling := range address.Spellings(name) {
		condition, args := s.endsWithDomain("email", spelling)
		condition += " AND (UPPER(password) LIKE '%{DIGEST-MD5%' OR password NOT LIKE '{%')" // or whatever the default scheme is
		if s.isMariaDB() {
			condition += " FOR UPDATE"
		}
		users, err := selectRows[User](ctx, s, tx, condition, args...)
		if err != nil && !isForeignText(err) {
			return err
		}
		for _, user := range users {
			if s.isBound(user.Password.Reveal()) {
				return fmt.Errorf("%w: %s", ErrAddressInPassword, user.Email)
			}
		}
	}
	return nil
}

// renameRows changes the rows of a domain, and all destinations in it. The sources of the aliases that led to the new name
// before may change too, also in leading.
func (s *Store) renameRows(ctx context.Context, tx *transaction, rows []Domain, name, to string, leading []Alias) error {
	ids := make([]int64, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	err := s.withTable(ctx, tx, tables.Domains, func(t *tables.Table) error {
		if err := fits(t, "name", to); err != nil {
			return err
		}
		_, err := tx.NewUpdate().Table(tables.Domains).Set("name = ?", to).Where("id IN (?)", bun.List(ids)).Exec(ctx)
		return mapError(err)
	})
	if err != nil {
		return err
	}
	for _, row := range rows {
		tx.recordChange(tables.Domains, "name", row.ID, row.Name, to)
	}
	for _, spelling := range address.Spellings(name) {
		for _, c := range []struct{ table, column string }{{tables.Users, "email"}, {tables.Aliases, "source"}} {
			condition, args := s.endsWithDomain(c.column, spelling)
			if err := s.replaceDomain(ctx, tx, c.table, c.column, spelling, to, condition, args); err != nil {
				return err
			}
		}
	}
	if err := s.renameDestinations(ctx, tx, name, to); err != nil {
		return err
	}
	for i, row := range leading {
		if source := row.canonical(); address.InDomain(source, name) {
			leading[i].Source = strings.TrimSuffix(source, name) + to
		}
	}
	return s.mergeTwins(ctx, tx, leading)
}

// replaceDomain replaces the domain at the end of the texts of a column.
func (s *Store) replaceDomain(ctx context.Context, tx *transaction, table, column, spelling, to, condition string, args []any) error {
	length := utf8.RuneCountInString(spelling)
	longer := int64(utf8.RuneCountInString(to) - length)
	return s.withTable(ctx, tx, table, func(t *tables.Table) error {
		if width := t.Columns[column].Chars; width > 0 && longer > 0 {
			var longest int64 // checked here, because a lax server would cut the text
			size := "LENGTH"
			if s.isMariaDB() {
				size = "CHAR_LENGTH"
			}
			err := tx.NewSelect().ColumnExpr("COALESCE(MAX("+size+"("+column+")), 0)").Table(table).Where(condition, args...).Scan(ctx, &longest)
			if isForeignText(err) {
				return nil
			}
			if err != nil {
				return mapError(err)
			}
			if longest+longer > width {
				return fmt.Errorf("%w: %w", ErrTooLong, &tables.WidthError{Table: table, Column: column, Length: longest + longer, Chars: width})
			}
		}
		now := "SUBSTR(" + column + ", 1, LENGTH(" + column + ") - ?) || ?"
		if s.isMariaDB() {
			now = "CONCAT(LEFT(" + column + ", CHAR_LENGTH(" + column + ") - ?), ?)"
		}
		_, err := tx.NewUpdate().Table(table).Set(column+" = "+now, length, to).Where(condition, args...).Exec(ctx)
		if isForeignText(err) {
			return nil
		}
		return mapError(err)
	})
}

// renameDestinations renames a domain in destinations: rows with one destination by one statement, those with several
// one by one.
func (s *Store) renameDestinations(ctx context.Context, tx *transaction, name, to string) error {
	for _, spelling := range address.Spellings(name) {
		condition, args := s.endsWithDomain("destination", spelling)
		single := condition + " AND INSTR(destination, ',') = 0 AND INSTR(destination, ';') = 0 AND INSTR(destination, ' ') = 0"
		if err := s.replaceDomain(ctx, tx, tables.Aliases, "destination", spelling, to, single, args); err != nil {
			return err
		}
	}
	rows, err := s.leadingTo(ctx, tx, "@"+name, lockRows)
	if err != nil {
		return err
	}
	for _, row := range rows {
		destinations, moved := row.Destinations(), false
		for i, d := range destinations {
			if key := address.Key(d); address.InDomain(key, name) {
				destinations[i], moved = strings.TrimSuffix(key, name)+to, true
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
