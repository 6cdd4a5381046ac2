package ispmail

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// A ColumnError says which columns of other programs keep a row from being written. errors.Is takes it for [ErrSchema].
type ColumnError struct {
	// Table is the name of the table.
	Table string
	// Columns are the names of the columns, in lower case and sorted. There is at least one.
	Columns []string
	// Reason says what is wrong with them.
	Reason ColumnReason
}

// A ColumnReason is the reason of a [ColumnError].
type ColumnReason string

// Values of ColumnReason.
const (
	// ColumnNeeded: the columns have no default, so that each row needs a value for them, by [Config.Columns] or
	// [Record.Columns].
	ColumnNeeded ColumnReason = "no default, supply a value by Config.Columns"
	// ColumnUnknown: a record has a value for the columns, and the table has no such columns.
	ColumnUnknown ColumnReason = "no such column, and the record has a value for it"
	// ColumnGenerated: a record has a value for the columns, which the database computes.
	ColumnGenerated ColumnReason = "computed by the database, and the record has a value for it"
)

// Names returns the columns with the table before each: "virtual_users.maildir, virtual_users.created_at".
func (e *ColumnError) Names() string {
	return e.Table + "." + strings.Join(e.Columns, ", "+e.Table+".")
}

// Error names the columns.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("%v: %s: %s", ErrSchema, e.Names(), e.Reason)
}

// Is reports whether target is [ErrSchema].
func (e *ColumnError) Is(target error) bool { return target == ErrSchema }

// FurtherColumns returns the columns of other programs that take values, by the name of the table: all that are neither
// in the guide nor computed by the database. Their names are in lower case and sorted. [Config.Columns] can supply
// values for them; [Store.Export] reads those that the account may see.
func (s *Store) FurtherColumns(ctx context.Context) (columns map[string][]string, err error) {
	columns = map[string][]string{}
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		for _, name := range []string{tables.Domains, tables.Users, tables.Aliases} {
			t, err := s.readColumns(ctx, db, name)
			if err != nil {
				return err
			}
			columns[name] = t.Further()
		}
		return nil
	})
	return columns, err
}

// checkColumns brings Columns of the record into the form in which it is written and compared: names in lower case, one
// type for each kind of value.
func (r *Record) checkColumns() error {
	if len(r.Columns) == 0 {
		r.Columns = nil
		return nil
	}
	ours := &tables.Table{Name: r.tableName()}
	columns := make(map[string]any, len(r.Columns))
	for column, value := range r.Columns {
		name := strings.ToLower(column)
		if _, twice := columns[name]; twice {
			return fmt.Errorf("%w: it has the column %s twice", ErrRecord, name)
		}
		if ours.IsOurs(name) && !r.holdsMore(name, value) {
			return fmt.Errorf("%w: the column %s has a field of its own", ErrRecord, name)
		}
		normal, err := values.Normal(value)
		if err != nil {
			return fmt.Errorf("%w: the column %s has a value that no column holds: %w", ErrRecord, name, err)
		}
		columns[name] = normal
	}
	r.Columns = columns
	return nil
}

// holdsMore reports whether a value of one of the guide's columns is one that its field cannot hold: NULL, a quota that
// is no number, or a domain id of 0, which the field has for NULL.
func (r *Record) holdsMore(name string, value any) bool {
	row, _ := r.rowOfFields()
	switch name {
	case "id":
		return false
	case "quota":
		return r.User != nil && r.User.Quota == nil
	case "domain_id":
		return row.value(name) == int64(0)
	}
	return value == nil && row.value(name) == ""
}

// addColumns returns a row with the values of Columns, which checkColumns has checked. It names the columns that the table
// lacks in a [ColumnError].
func (r *Record) addColumns(row newRow, t *tables.Table) (newRow, error) {
	if r.Columns == nil {
		return row, nil
	}
	unknown := &ColumnError{Table: t.Name, Reason: ColumnUnknown}
	generated := &ColumnError{Table: t.Name, Reason: ColumnGenerated}
	names := make([]string, 0, len(row.columns)+len(r.Columns))
	all := make([]any, 0, cap(names))
	for i, name := range row.columns {
		if _, replaced := r.Columns[name]; !replaced {
			names, all = append(names, name), append(all, row.values[i])
		}
	}
	for _, name := range r.columnNames() {
		c, there := t.Columns[name]
		switch {
		case !there && name == "quota" && t.Name == tables.Users:
			return newRow{}, ErrNoQuota
		case !there:
			unknown.Columns = append(unknown.Columns, name)
		case c.Generated:
			generated.Columns = append(generated.Columns, name)
		}
		if err := takes(t, name, r.Columns[name]); there && err != nil {
			return newRow{}, err
		}
		row.utc = row.utc || c.Kind == "timestamp"
		names, all = append(names, name), append(all, r.Columns[name])
	}
	for _, e := range []*ColumnError{unknown, generated} {
		if e.Columns != nil {
			return newRow{}, e
		}
	}
	row.columns, row.values = names, all
	return row, nil
}

// columnNames returns the names in Columns, sorted.
func (r *Record) columnNames() []string {
	names := make([]string, 0, len(r.Columns))
	for name := range r.Columns {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// takes returns ErrTooLong for a value of another program that a column can be seen not to take. What else the database
// would change or refuse is found when it is written.
func takes(t *tables.Table, column string, value any) error {
	c := t.Columns[column]
	if value == nil && !c.Nullable {
		return fmt.Errorf("%w: NULL in %s.%s", ErrTooLong, t.Name, column)
	}
	text, isText := value.(string)
	switch {
	case isText && c.Chars > 0:
		return fits(t, column, text)
	case isText && t.IsTyped() && c.Max() > 0 && !isWhole(text):
		return fmt.Errorf("%w: a text that is no whole number in %s.%s, which is %s", ErrTooLong, t.Name, column, c.Type)
	}
	return nil
}

// isWhole reports whether a text is a whole number.
func isWhole(text string) bool {
	digits := strings.TrimPrefix(text, "-")
	return digits != "" && strings.Trim(digits, "0123456789") == ""
}
