package ispmail

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// CheckState returns what is wrong with the form of settings for [Config.State]. Whether the columns are there, [New] finds out.
func CheckState(state []string) error {
	_, err := parseState(state)
	return err
}

func parseState(state []string) (switches []tables.Switch, err error) {
	for _, text := range state {
		s, err := tables.ParseSwitch(text)
		if err != nil {
			return nil, fmt.Errorf("ispmail: the column of state %.100q: %w", text, err)
		}
		switches = append(switches, s)
	}
	return switches, nil
}

// State returns the columns that switch rows on and off, each with its table, in the form of [Config.State].
func (s *Store) State() []string {
	texts := make([]string, len(s.state))
	for i, column := range s.state {
		texts[i] = column.String()
	}
	return texts
}

// UnnamedState returns columns whose names say that they switch rows on and off, such as active or deleted_at, and that
// [Config.State] does not name, in the form of Config.State. They are not heeded. Columns that the account may not see are
// not among them: with grants on columns, MariaDB shows only these.
func (s *Store) UnnamedState(ctx context.Context) ([]string, error) {
	var texts []string
	err := s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		seen, err := visibleTables(ctx, db)
		for _, t := range seen {
			for _, column := range t.Unnamed(s.state) {
				texts = append(texts, column.String())
			}
		}
		return err
	})
	return texts, err
}

// visibleTables returns those of the three tables on which the account has a right. Domains come first.
func visibleTables(ctx context.Context, db bun.IDB) (seen []*tables.Table, err error) {
	for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
		t, err := tables.Read(ctx, db, name)
		if code := errorCode(err); code == mariaTableDenied || code == mariaColumnDenied {
			continue
		}
		if err != nil {
			return nil, mapError(err)
		}
		seen = append(seen, t)
	}
	return seen, nil
}

// findState finds the tables of the columns of Config.State. It reads them now, because a store that cannot see a column
// must not begin to work without it.
func (s *Store) findState(ctx context.Context, state []tables.Switch) error {
	seen, err := visibleTables(ctx, s.db)
	if err != nil {
		return err
	}
	for _, column := range state {
		found := false
		for _, t := range seen {
			if of, ok := column.On(t); ok {
				found = true
				if !slices.Contains(s.state, of) {
					s.state = append(s.state, of)
				}
			}
		}
		if !found {
			return s.whyNoState(ctx, column)
		}
	}
	for _, t := range seen {
		if err := s.remember(t); err != nil {
			return err
		}
	}
	return nil
}

// toAccount is the end of a GRANT to the account in use, "" if the server does not say which that is.
func (s *Store) toAccount(ctx context.Context) string {
	var account string
	if err := s.db.NewRaw("SELECT CURRENT_USER()").Scan(ctx, &account); err != nil {
		return ""
	}
	at := strings.LastIndexByte(account, '@')
	if at < 0 || strings.Contains(account, "'") {
		return ""
	}
	return fmt.Sprintf(" TO '%s'@'%s'", account[:at], account[at+1:])
}

// whyNoState returns why a column of state cannot be seen: it is not there, or the account lacks the right.
func (s *Store) whyNoState(ctx context.Context, column tables.Switch) error {
	names := []string{column.Table}
	if column.Table == "" {
		names = []string{tables.Domains, tables.Users, tables.Aliases}
	}
	for _, name := range names {
		_, err := s.db.NewSelect().Column(column.Column).Table(name).Limit(1).Exec(ctx)
		switch code := errorCode(err); {
		case code == mariaColumnDenied, code == mariaTableDenied && column.Table != "":
			// MariaDB does not tell such an account whether there is a column.
			text := fmt.Sprintf("the column of state %s cannot be seen: if %s has it, the account needs GRANT SELECT (%s) ON %s.%s%s",
				column.Column, name, column.Column, s.database, name, s.toAccount(ctx))
			return &databaseError{kind: ErrDenied, text: text, cause: err}
		case err != nil && isBroken(err):
			return mapError(err)
		}
	}
	where := column.Table
	if where == "" {
		where = "none of the tables that the account may read"
	}
	has := map[bool]string{true: "has a column", false: "has no column"}[column.Table == ""]
	return fmt.Errorf("%w: %s %s %s, which is named as a column of state", ErrSchema, where, has, column.Column)
}

// remember stores what is known of a table, with its state.
func (s *Store) remember(t *tables.Table) error {
	if len(s.state) > 0 {
		with, err := t.WithState(s.state, s.catalog.get(tables.Domains))
		if err != nil {
			return mapError(err)
		}
		t = with
	}
	s.catalog.put(t)
	return nil
}

// rowsOn returns the condition for the rows of a table that are switched on, "" if all are.
func (s *Store) rowsOn(table string) string {
	if t := s.catalog.get(table); t != nil && len(s.state) > 0 {
		return t.On
	}
	return ""
}

// onlyOn returns the rows that are switched on.
func onlyOn[T model](rows []T) []T {
	if !slices.ContainsFunc(rows, T.off) {
		return rows
	}
	return slices.DeleteFunc(slices.Clone(rows), T.off)
}

// hasOn reports whether one of the rows is switched on.
func hasOn[T model](rows []T) bool {
	return slices.ContainsFunc(rows, func(r T) bool { return !r.off() })
}

// onFirst orders rows that are switched on before those that are not.
func onFirst[T model](rows []T) []T {
	if !slices.ContainsFunc(rows, T.off) {
		return rows
	}
	return slices.Concat(onlyOn(rows), slices.DeleteFunc(slices.Clone(rows), func(r T) bool { return !r.off() }))
}

// offNote says that all rows are switched off, and by which columns, as the end of an error. It is "" if one is on.
func offNote[T model](s *Store, rows ...T) string {
	if hasOn(rows) || len(rows) == 0 {
		return ""
	}
	note := ", which is switched off"
	if t := s.catalog.get(rows[0].tableName()); t != nil && len(t.StateColumns) > 0 {
		note += " (" + strings.Join(t.StateColumns, ", ") + ")"
	}
	return note
}

// keepsState returns an error if a record is switched off and would be added as a row that is on, because it has no column
// that says so.
func (s *Store) keepsState(ctx context.Context, r Record) error {
	if !r.off() {
		return nil
	}
	row, _ := r.rowOfFields()
	for name := range r.Columns {
		row = row.with(strings.ToLower(name), nil)
	}
	if s.columns != nil {
		row = s.withColumns(ctx, r.tableName(), row)
	}
	for _, column := range row.columns {
		if column != "quota" && !slices.Contains(tables.Needed[r.tableName()], column) {
			return nil
		}
	}
	return fmt.Errorf("%w: it is switched off, and has no column that says so", ErrRecord)
}

// tellsState reports whether Columns of a record have all columns of state of its table, so that they are compared.
func (s *Store) tellsState(r *Record) bool {
	tells := false
	for _, column := range s.state {
		if column.Table == r.tableName() {
			if _, tells = r.Columns[column.Column]; !tells {
				return false
			}
		}
	}
	return tells
}

// errSwitchedOff is the cause in the log of a login that was refused.
var errSwitchedOff = errors.New("the row or its domain is switched off")
