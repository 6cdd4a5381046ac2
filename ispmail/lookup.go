package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"iter"
	"math"
	"slices"

	"github.com/uptrace/bun"
)

// A row is a row of one of the three tables.
type row interface {
	table() string
	key() int64
	canonical() string // of its name, address or source; "" if it has none
}

func (Domain) table() string { return domainTable }
func (User) table() string   { return userTable }
func (Alias) table() string  { return aliasTable }

func (d Domain) key() int64 { return d.ID }
func (u User) key() int64   { return u.ID }
func (a Alias) key() int64  { return a.ID }

func (d Domain) canonical() string {
	name, _ := canonicalDomain(d.Name)
	return name
}

func (u User) canonical() string {
	email, _ := Canonical(u.Email)
	return email
}

func (a Alias) canonical() string {
	source, _ := canonicalSource(a.Source)
	return source
}

type lockMode bool

const (
	readRows lockMode = false
	// lockRows keeps the rows as they are until the transaction ends, and on MariaDB keeps others from adding any. It
	// also reads what is there now rather than what was there when the transaction began to read. On SQLite there is
	// nothing to do: a transaction that writes is alone.
	lockRows lockMode = true
)

// lookup returns the rows whose column holds a canonical value in any of its spellings, by id. The collation of the
// column finds more than that: other letters with the same base, trailing blanks. They are left out here.
func lookup[T row](ctx context.Context, s *Store, db bun.IDB, column, canonical string, lock lockMode) ([]T, error) {
	condition := column + " = ? ORDER BY id"
	if bool(lock) && s.isMariaDB() {
		condition += " FOR UPDATE"
	}
	var found []T
	for _, spelling := range spellings(canonical) {
		rows, err := selectRows[T](ctx, s, db, condition, spelling)
		if isForeignText(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, r := range rows {
			known := slices.ContainsFunc(found, func(f T) bool { return f.key() == r.key() })
			if !known && r.canonical() == canonical {
				found = append(found, r)
			}
		}
	}
	slices.SortFunc(found, func(a, b T) int { return cmp.Compare(a.key(), b.key()) })
	return found, nil
}

// selectRows returns the rows for which a condition, the end of a SELECT, holds. It is the way of every read: bun fills in
// the arguments, while its query builder and its scanner would make a find by a tenth slower.
func selectRows[T row](ctx context.Context, s *Store, db bun.IDB, condition string, args ...any) (found []T, err error) {
	var of T
	err = s.withTable(ctx, db, of.table(), func(t *table) error {
		found = nil
		rows, err := db.QueryContext(ctx, t.query+condition, args...)
		if err != nil {
			return mapError(err)
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		for rows.Next() {
			var r T
			if err := rows.Scan(fields(&r, t.hasQuota())...); err != nil {
				return mapError(err)
			}
			found = append(found, r)
		}
		return mapError(rows.Err())
	})
	return found, err
}

// orZero takes NULL, which other programs may have let in, for the zero value.
type orZero[T any] struct{ to *T }

func (z orZero[T]) Scan(value any) error {
	var v sql.Null[T]
	err := v.Scan(value)
	*z.to = v.V
	return err
}

// orNil takes NULL and what is no number for no quota at all: nobody needs it to log in.
type orNil struct{ to **int64 }

func (z orNil) Scan(value any) error {
	var v sql.Null[int64]
	if err := v.Scan(value); err == nil && v.Valid {
		*z.to = &v.V
	}
	return nil
}

// fields are where the columns of table.query go.
func fields(row any, quota bool) []any {
	switch r := row.(type) {
	case *Domain:
		return []any{&r.ID, orZero[string]{&r.Name}}
	case *User:
		all := []any{&r.ID, orZero[int64]{&r.DomainID}, orZero[string]{&r.Email}, orZero[string]{&r.Password}, orNil{&r.Quota}}
		if !quota {
			all = all[:4]
		}
		return all
	case *Alias:
		return []any{&r.ID, orZero[int64]{&r.DomainID}, orZero[string]{&r.Source}, orZero[string]{&r.Destination}}
	}
	return nil
}

// Pages of a list. The first one is small: whoever only looks at the beginning has it soon.
const (
	firstPage = 100
	pageSize  = 1000
)

// list returns the rows of a domain, or all if domain is "", page after page by id. It keeps one page in memory and no
// connection between pages.
func list[T row](ctx context.Context, s *Store, domain string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var domainIDs []int64
		if domain != "" {
			domains, err := s.domains(ctx, domain)
			if err != nil {
				yield(none, err)
				return
			}
			for _, d := range domains {
				domainIDs = append(domainIDs, d.ID)
			}
		}
		limit := firstPage
		for after := int64(math.MinInt64); ; limit = pageSize {
			var rows []T
			err := s.read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
				if domainIDs == nil {
					rows, err = selectRows[T](ctx, s, db, "id > ? ORDER BY id LIMIT ?", after, limit)
				} else {
					rows, err = selectRows[T](ctx, s, db, "domain_id IN (?) AND id > ? ORDER BY id LIMIT ?", bun.List(domainIDs), after, limit)
				}
				return err
			})
			if err != nil {
				yield(none, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < limit {
				return
			}
			after = rows[len(rows)-1].key()
		}
	}
}
