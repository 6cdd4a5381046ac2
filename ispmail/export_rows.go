package ispmail

import (
	"context"
	"math"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// pageBytes is about what a page of an export may take: fewer rows if they hold much.
const pageBytes = 8 << 20

// exportTable yields the rows of a table by id, in pages.
func exportTable[T model](ctx context.Context, s *Store, record func(*T) Record, yield func(Record) error) error {
	var of T
	var t *tables.Table
	err := s.read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
		t, err = s.readColumns(ctx, db, of.tableName()) // not those remembered: a column may have come
		return err
	})
	if err != nil {
		return err
	}
	reader := s.furtherReader(t, append(t.Further(), mayHoldMore(t, s.isMariaDB())...))
	from := " FROM " + t.Name + " WHERE "
	query := reader.prefix + strings.TrimSuffix(t.Select, from) + "?" + from + "id > ? ORDER BY id LIMIT ?"
	after := int64(math.MinInt64)
	for size := firstPage; ; {
		page := exportPage[T]{reader: reader, record: record, rows: make([]T, 0, size)}
		if err := s.read(ctx, func(ctx context.Context, db bun.IDB) error { return page.read(ctx, db, query, after, size) }); err != nil {
			return err
		}
		for i := range page.rows {
			r := record(&page.rows[i])
			if page.columns != nil {
				r.Columns = page.columns[i]
			}
			if err := yield(r); err != nil {
				return err
			}
		}
		if len(page.rows) < size {
			return nil
		}
		after = page.rows[len(page.rows)-1].key()
		size = min(pageSize, max(1, size*pageBytes/max(1, page.bytes)))
	}
}

// An exportPage is a part of the rows of a table.
type exportPage[T model] struct {
	reader  *furtherReader
	record  func(*T) Record
	rows    []T
	columns []map[string]any // of each row, nil if the table has no such columns
	bytes   int              // that they take, about
}

func (p *exportPage[T]) read(ctx context.Context, db bun.IDB, query string, after int64, size int) error {
	rows, err := db.QueryContext(ctx, query, bun.Safe(p.reader.list), after, size)
	if err != nil {
		return mapError(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	further := make([]any, len(p.reader.names))
	for rows.Next() {
		var row T
		targets := scanTargets(&row, p.reader.table)
		for i := range further {
			targets = append(targets, &further[i])
		}
		if err := rows.Scan(targets...); err != nil {
			return mapError(err)
		}
		p.rows = append(p.rows, row)
		if len(further) > 0 {
			p.columns = append(p.columns, p.columnsOf(&row, further))
		}
	}
	return mapError(rows.Err())
}

// columnsOf returns Record.Columns of a row, nil if it has none.
func (p *exportPage[T]) columnsOf(row *T, further []any) (columns map[string]any) {
	r := p.record(row)
	for i, name := range p.reader.names {
		value := p.reader.value(i, further[i])
		if p.reader.table.IsOurs(name) && !r.needsColumn(name, value) {
			continue
		}
		if columns == nil {
			columns = make(map[string]any, len(p.reader.names))
		}
		columns[name] = value
		p.bytes += values.Size(value)
	}
	return columns
}

// mayHoldMore returns those of the guide's columns that may hold values for which the fields of a row have no place.
func mayHoldMore(t *tables.Table, isMariaDB bool) (names []string) {
	for _, name := range tables.Needed[t.Name][1:] {
		if t.Columns[name].Nullable {
			names = append(names, name)
		}
	}
	if quota := t.Columns["quota"]; t.HasQuota() && (!isMariaDB || quota.Max() == 0 || strings.Contains(quota.Type, "bigint") && strings.Contains(quota.Type, "unsigned")) {
		names = append(names, "quota")
	}
	return names
}

// needsColumn reports whether a value of one of the guide's columns has no place in the fields of the record.
func (r *Record) needsColumn(name string, value any) bool {
	if name == "quota" {
		return value != nil && r.User.Quota == nil
	}
	return value == nil && name != "domain_id" || name == "domain_id" && value == int64(0)
}
