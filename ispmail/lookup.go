package ispmail

import (
	"context"
	"slices"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

type lockMode bool

const (
	readRows lockMode = false
	// lockRows keeps the rows as they are until the transaction ends, and on MariaDB keeps others from adding any. On
	// SQLite there is nothing to do: a transaction that writes is alone.
	lockRows lockMode = true
)

// lookup returns the rows whose column holds a canonical value in any of its spellings, by id. The collation of the
// column finds more than that: other letters with the same base, trailing blanks. They are left out here.
func lookup[T interface{ canonical() string }](ctx context.Context, db bun.IDB, column, canonical string, lock lockMode) ([]T, error) {
	for _, spelling := range spellings(canonical) {
		var rows []T
		query := db.NewSelect().Model(&rows).Where("? = ?", bun.Ident(column), spelling).Order("id")
		if lock && db.Dialect().Name() == dialect.MySQL {
			query.For("UPDATE")
		}
		err := query.Scan(ctx)
		if isForeignText(err) {
			continue
		}
		if err != nil {
			return nil, mapError(err)
		}
		rows = slices.DeleteFunc(rows, func(row T) bool { return row.canonical() != canonical })
		if len(rows) > 0 {
			return rows, nil
		}
	}
	return nil, nil
}

// The canonical form of a row, "" if it has none.

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
