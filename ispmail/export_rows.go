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
		page, bytes, err := exportPage[T](ctx, s, t, reader, query, record, after, size)
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := yield(r); err != nil {
				return err
			}
		}
		if len(page) < size {
			return nil
		}
		_, after = page[len(page)-1].rowOfFields()
		size = min(pageSize, max(1, size*pageBytes/max(1, bytes)))
	}
}

// exportPage returns some rows, and how many bytes their columns of other programs take.
func exportPage[T model](ctx context.Context, s *Store, t *tables.Table, reader *furtherReader, query string, record func(*T) Record, after int64, size int) (page []Record, bytes int, err error) {
	err = s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		rows, err := db.QueryContext(ctx, query, bun.Safe(reader.list), after, size)
		if err != nil {
			return mapError(err)
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		further := make([]any, len(reader.names))
		for rows.Next() {
			row := new(T)
			targets := scanTargets(row, t)
			for i := range further {
				targets = append(targets, &further[i])
			}
			if err := rows.Scan(targets...); err != nil {
				return mapError(err)
			}
			r := record(row)
			for i, name := range reader.names {
				value := reader.value(i, further[i])
				if t.IsOurs(name) && !r.needsColumn(name, value) {
					continue
				}
				if r.Columns == nil {
					r.Columns = make(map[string]any, len(reader.names))
				}
				r.Columns[name] = value
				bytes += values.Size(value)
			}
			page = append(page, r)
		}
		return mapError(rows.Err())
	})
	return page, bytes, err
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
