package ispmail

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/schema"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// A newRow is a row to insert: columns with their values, and the *Domain, *User or *Alias that Config.Columns
// receives.
type newRow struct {
	of      any
	columns []string // shared by rows: copy before a change
	values  []any
	utc     bool // texts for TIMESTAMP are in UTC
}

// value returns the value of a column, or nil if the row does not have the column.
func (r newRow) value(column string) any {
	if i := slices.Index(r.columns, column); i >= 0 {
		return r.values[i]
	}
	return nil
}

// with returns the row with a value for a column.
func (r newRow) with(column string, value any) newRow {
	r = r.without(column)
	r.columns = append(slices.Clip(r.columns), column)
	r.values = append(slices.Clip(r.values), value)
	return r
}

// without returns the row without a column.
func (r newRow) without(column string) newRow {
	if i := slices.Index(r.columns, column); i >= 0 {
		r.columns = slices.Delete(slices.Clone(r.columns), i, i+1)
		r.values = slices.Delete(slices.Clone(r.values), i, i+1)
	}
	return r
}

// insert adds a row to a table and returns its id.
func (s *Store) insert(ctx context.Context, tx *transaction, name string, row newRow) (id int64, err error) {
	return s.insertRows(ctx, tx, name, true, row)
}

// insertRows adds rows to a table in as few statements as possible. It returns the id of the first one if needID is set,
// and otherwise maybe 0. If it fails, some rows may have been added.
func (s *Store) insertRows(ctx context.Context, tx *transaction, name string, needID bool, rows ...newRow) (id int64, err error) {
	const (
		maxRows = 1000    // of a statement
		maxText = 1 << 20 // bytes of a statement, a fraction of any max_allowed_packet
	)
	all := rows
	if s.columns != nil {
		all = make([]newRow, len(rows))
		for i, row := range rows {
			all[i] = s.withColumns(ctx, name, row)
		}
	}
	for from := 0; from < len(all); {
		to, text := from, 0
		for to < len(all) && to-from < maxRows && text < maxText && all[from].utc == all[to].utc && slices.Equal(all[from].columns, all[to].columns) {
			for _, value := range all[to].values {
				switch value := value.(type) {
				case string:
					text += len(value)
				case []byte:
					text += 2 * len(value)
				}
			}
			to++
		}
		offered := rows[from].value("id") == nil && all[from].value("id") != nil
		first, err := s.insertAlike(ctx, tx, name, all[from:to], offered, needID && from == 0)
		if err != nil {
			return 0, err
		}
		if from == 0 {
			id = first
		}
		from = to
	}
	return id, nil
}

// withColumns returns a row with the values of Config.Columns.
func (s *Store) withColumns(ctx context.Context, name string, row newRow) newRow {
	further := s.columns(ctx, row.of)
	names := make([]string, 0, len(further))
	for column := range further {
		names = append(names, column)
	}
	slices.Sort(names) // rows with the same columns need the same order
	for _, column := range names {
		lower := strings.ToLower(column)
		switch {
		case slices.Contains(row.columns, lower):
		case lower == "id":
			row = row.with(lower, further[column]) // insertAlike leaves it out again unless the table needs it
		case !slices.Contains(tables.Needed[name], lower):
			row = row.with(lower, further[column])
		}
	}
	return row
}

// insertAlike adds rows with the same columns by one statement, as insertRows does. offered means that their ids are those of
// Config.Columns.
func (s *Store) insertAlike(ctx context.Context, tx *transaction, name string, rows []newRow, offered, needID bool) (id int64, err error) {
	if err := s.administer(ctx, tx, name); err != nil {
		return 0, err
	}
	err = s.withTable(ctx, tx, name, func(t *tables.Table) error {
		if offered && !t.Columns["id"].Required {
			rows = slices.Clone(rows)
			for i := range rows {
				rows[i] = rows[i].without("id")
			}
		}
		full, missing, err := complete(t, rows)
		if err != nil {
			return err
		}
		noDefault := &ColumnError{Table: name, Columns: missing, Reason: ColumnNeeded}
		if missing != nil && (s.lax || !s.isMariaDB()) {
			return noDefault
		}
		statement := "INSERT INTO " + name + " ?"
		if full[0].utc && s.isMariaDB() {
			statement = inUTC + statement
		}
		result, err := tx.ExecContext(ctx, statement, insertion{t, full})
		if missing != nil && errorCode(err) == mariaNoDefault { // otherwise a trigger has supplied them
			return tx.noteFailure(&databaseError{kind: noDefault, cause: err})
		}
		if err != nil {
			return s.refusedRow(ctx, tx, t, rows[0], offered, err)
		}
		if !needID && tx.hasEvidence() {
			return nil
		}
		last, err := result.LastInsertId() // RETURNING needs MariaDB 10.5
		if err != nil {
			return mapError(err)
		}
		if !s.isMariaDB() {
			last -= int64(len(rows)) - 1 // SQLite returns the id of the last row, MariaDB that of the first
		}
		id, err = s.insertedID(ctx, tx, t, rows[0], last)
		if misfit, ok := errors.AsType[*tables.MisfitError](err); ok {
			return tx.noteFailure(&databaseError{kind: ErrSchema, cause: misfit}) // the row is there, and must not be committed
		}
		return err
	})
	if err != nil {
		return 0, err
	}
	if id == 0 {
		return 0, nil
	}
	// The id alone is no evidence: InnoDB may reuse the id of a row that was lost in a crash.
	tx.recordChange(name, witnessColumn[name], id, nil, rows[0].value(witnessColumn[name]))
	return id, nil
}

// An insertion writes the columns and values of rows with the same columns. It is one argument, because bun is slow to
// find thousands of question marks.
type insertion struct {
	table *tables.Table
	rows  []newRow
}

func (in insertion) AppendQuery(gen schema.QueryGen, query []byte) ([]byte, error) {
	rows := in.rows
	query = slices.Grow(query, 128*len(rows)) // about what a user takes
	before := "("
	for _, column := range rows[0].columns {
		name := cmp.Or(in.table.Columns[column].Name, column) // SQLite knows capitals of ASCII only
		query = gen.AppendName(append(query, before...), name)
		before = ", "
	}
	query = append(query, ") VALUES"...)
	for i, row := range rows {
		before = " ("
		if i > 0 {
			before = ", ("
		}
		for _, value := range row.values {
			query = append(query, before...)
			switch v := value.(type) {
			case string:
				if strings.IndexByte(v, 0) >= 0 {
					value = withNUL(gen, v)
				}
				query = gen.Append(query, value)
			case float64: // with an exponent, so that no column takes it for a whole number
				query = append(query, floatLiteral(v)...)
			case json.Number:
				if gen.Dialect().Name() == dialect.SQLite { // which would read it as a float64; a column of numbers still takes it for one
					query = gen.Append(query, string(v))
				} else {
					query = append(query, v...)
				}
			default:
				query = gen.Append(query, value)
			}
			before = ", "
		}
		query = append(query, ')')
	}
	return query, nil
}

// floatLiteral returns a number as SQL. The infinite ones, which only SQLite knows, are out of the range of a literal.
func floatLiteral(f float64) string {
	if math.IsInf(f, 0) {
		return values.Text(f)
	}
	return strconv.FormatFloat(f, 'e', -1, 64)
}

// withNUL returns a text with NUL bytes as hexadecimal, because bun drops them for MariaDB and has no literal for
// SQLite.
func withNUL(gen schema.QueryGen, text string) schema.QueryWithArgs {
	if gen.Dialect().Name() == dialect.MySQL {
		return bun.SafeQuery("CONVERT(? USING utf8mb4)", []byte(text))
	}
	return bun.SafeQuery("CAST(? AS TEXT)", []byte(text))
}

// complete returns the rows, which have the same columns, with a quota of 0 if the table requires one, and the columns
// that still lack a value. It returns ErrTooLong if a text does not fit.
func complete(t *tables.Table, rows []newRow) (full []newRow, missing []string, err error) {
	noLimit := t.Columns["quota"].Required && t.Name == tables.Users && rows[0].value("quota") == nil
	for column, c := range t.Columns {
		if c.Required && !slices.Contains(rows[0].columns, column) && (column != "quota" || !noLimit) {
			missing = append(missing, column)
		}
	}
	slices.Sort(missing)
	full = rows
	if noLimit {
		full = make([]newRow, len(rows))
	}
	for i, row := range rows {
		for j, value := range row.values {
			if text, ok := value.(string); ok {
				if err := fits(t, row.columns[j], text); err != nil {
					return nil, nil, err
				}
			}
		}
		if noLimit {
			full[i] = row.with("quota", 0)
		}
	}
	return full, missing, nil
}
