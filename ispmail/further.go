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

// inUTC goes before a statement in which MariaDB is to show and take TIMESTAMP in UTC. Elsewhere it would do so in the
// time zone of the connection, in which an hour a year is there twice.
const inUTC = "SET STATEMENT time_zone = '+00:00' FOR "

// A furtherReader reads columns of a table as they are, for Record.Columns.
type furtherReader struct {
	table     *tables.Table
	isMariaDB bool
	names     []string
	list      string // ", expression, expression" for a SELECT
	prefix    string // of the statement
}

// furtherReader returns a reader of those of some columns that the account may see.
func (s *Store) furtherReader(t *tables.Table, names []string) *furtherReader {
	r := &furtherReader{table: t, isMariaDB: s.isMariaDB()}
	var list strings.Builder
	for _, name := range names {
		c := t.Columns[name]
		if !c.Readable {
			continue
		}
		r.names = append(r.names, name)
		list.WriteString(", " + c.Exact(r.isMariaDB))
		if r.isMariaDB && c.Kind == "timestamp" {
			r.prefix = inUTC
		}
	}
	r.list = list.String()
	return r
}

// value returns the value of the column i, as the driver returned it.
func (r *furtherReader) value(i int, value any) any {
	if !r.isMariaDB {
		return values.Read("", value)
	}
	return values.Read(r.table.Columns[r.names[i]].Kind, value)
}

// byID returns the values of the columns of some rows by id.
func (r *furtherReader) byID(ctx context.Context, db bun.IDB, ids []int64) (map[int64]map[string]any, error) {
	all := make(map[int64]map[string]any, len(ids))
	for some := range slices.Chunk(ids, maxKeys) {
		if err := r.readInto(ctx, db, some, all); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// readInto adds the values of some rows to all.
func (r *furtherReader) readInto(ctx context.Context, db bun.IDB, ids []int64, all map[int64]map[string]any) error {
	query := r.prefix + "SELECT id? FROM " + r.table.Name + " WHERE id IN (?)"
	rows, err := db.QueryContext(ctx, query, bun.Safe(r.list), bun.List(ids))
	if err != nil {
		return mapError(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	var id int64
	raw := make([]any, len(r.names))
	targets := []any{&id}
	for i := range raw {
		targets = append(targets, &raw[i])
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return mapError(err)
		}
		all[id] = make(map[string]any, len(r.names))
		for i, name := range r.names {
			all[id][name] = r.value(i, raw[i])
		}
	}
	return mapError(rows.Err())
}

// different returns the first of the record's columns that a row holds otherwise, or "".
func (r *Record) different(row map[string]any) string {
	for _, name := range r.columnNames() {
		if got, read := row[name]; read && !values.Same(r.Columns[name], got) {
			return name
		}
	}
	return ""
}

// changedColumns reads back what was written to the columns of other programs, and returns for each record, by its place, why it
// did not stay as it was, or nil. A type, a character set, a trigger or a lax sql_mode may change a value silently.
func (s *Store) changedColumns(ctx context.Context, db bun.IDB, t *tables.Table, records []*Record, ids []int64) ([]error, error) {
	var names []string
	var some []int64
	seen := map[string]bool{}
	for i, r := range records {
		if r.Columns == nil {
			continue
		}
		some = append(some, ids[i])
		for name := range r.Columns {
			if !seen[name] {
				seen[name], names = true, append(names, name)
			}
		}
	}
	wrong := make([]error, len(records))
	if some == nil {
		return wrong, nil
	}
	slices.Sort(names)
	rows, err := s.furtherReader(t, names).byID(ctx, db, some)
	if err != nil {
		return nil, err
	}
	for i, r := range records {
		if name := r.different(rows[ids[i]]); name != "" {
			wrong[i] = fmt.Errorf("%w: %s.%s, which is %s, would hold another value", ErrTooLong, t.Name, name, t.Columns[name].Type)
		}
	}
	return wrong, nil
}
