package ispmail

import (
	"context"
	"database/sql"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// identity has the columns that tell an inserted row from all others of its table.
var identity = map[string][]string{tables.Domains: {"name"}, tables.Users: {"email"}, tables.Aliases: {"source", "destination"}}

// insertedID returns the id of a row that was just inserted. last is what the driver takes for it: a number that means
// nothing if the id comes from a default, a trigger or a sequence, or if the table is a view.
func (s *Store) insertedID(ctx context.Context, tx *transaction, t *tables.Table, row newRow, last int64) (int64, error) {
	if id, ok := row.value("id").(int64); ok {
		return id, nil
	}
	condition := "id = ?"
	if s.isMariaDB() {
		condition += " FOR UPDATE" // the row is locked already; so the read takes no snapshot
	}
	id, found, err := s.findInserted(ctx, tx, t, row, condition, last)
	if err != nil || found {
		return id, err
	}
	var parts []string
	var args []any
	for _, column := range identity[t.Name] {
		parts = append(parts, column+" = ?")
		args = append(args, row.value(column))
	}
	id, found, err = s.findInserted(ctx, tx, t, row, strings.Join(parts, " AND "), args...)
	if err == nil && !found {
		err = mapError(t.LostID())
	}
	return id, err
}

// findInserted returns the highest id of the rows that match a condition and hold the texts of a row.
func (s *Store) findInserted(ctx context.Context, tx *transaction, t *tables.Table, row newRow, condition string, args ...any) (id int64, found bool, err error) {
	columns := identity[t.Name]
	rows, err := tx.QueryContext(ctx, "SELECT id, "+strings.Join(columns, ", ")+" FROM "+t.Name+" WHERE "+condition, args...)
	if err != nil {
		return 0, false, mapError(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	for rows.Next() {
		var number any
		texts := make([]sql.NullString, len(columns))
		targets := []any{&number}
		for i := range texts {
			targets = append(targets, &texts[i])
		}
		if err := rows.Scan(targets...); err != nil {
			return 0, false, mapError(err)
		}
		same := true
		for i, column := range columns {
			same = same && texts[i].String == row.value(column)
		}
		if !same {
			continue
		}
		var this int64
		if err := (tables.ID{Table: t.Name, Column: "id", To: &this}).Scan(number); err != nil {
			return 0, false, mapError(err)
		}
		if !found || this > id {
			id, found = this, true
		}
	}
	return id, found, mapError(rows.Err())
}
