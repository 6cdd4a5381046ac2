package ispmail

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A model is a Domain, a User or an Alias.
type model interface {
	tableName() string
	key() int64
	rowID() any        // the id as the table has it
	canonical() string // the canonical form of its name, address or source, or ""
	lookupKey() string // the same, but for a user "@domain" too, which Postfix looks up and nobody logs in with
	off() bool         // it is switched off
}

func (Domain) tableName() string { return tables.Domains }
func (User) tableName() string   { return tables.Users }
func (Alias) tableName() string  { return tables.Aliases }

func (d Domain) key() int64 { return d.ID }
func (u User) key() int64   { return u.ID }
func (a Alias) key() int64  { return a.ID }

func (d Domain) off() bool { return d.Off }
func (u User) off() bool   { return u.Off }
func (a Alias) off() bool  { return a.Off }

func (d Domain) canonical() string {
	name, _ := address.Domain(d.Name)
	return name
}

func (u User) canonical() string {
	email, _ := Canonical(u.Email)
	return email
}

func (a Alias) canonical() string { return address.SourceOrNone(a.Source) }

func (d Domain) lookupKey() string { return d.canonical() }
func (u User) lookupKey() string   { return address.SourceOrNone(u.Email) }
func (a Alias) lookupKey() string  { return a.canonical() }

// A lockMode says whether a read locks the rows.
type lockMode bool

const (
	readRows lockMode = false
	// lockRows keeps rows unchanged until the transaction ends. On MariaDB, gap locks also keep others from adding any,
	// and the read sees the current rows instead of the snapshot. On SQLite there is nothing to do, because it runs one
	// writing transaction at a time.
	lockRows lockMode = true
)

// locked returns a condition, the end of a SELECT, that locks the rows.
func (s *Store) locked(condition string) string {
	if s.isMariaDB() {
		return condition + " FOR UPDATE"
	}
	return condition
}

// maxKeys bounds the texts in one statement. MariaDB turns a list of more than 1000 into a table
// (in_predicate_conversion_threshold), for which other rules for collations hold.
const maxKeys = 1000

// lookup returns, by id, the rows whose column holds one of some canonical values in any spelling. The database may
// find more rows, because its collation takes other letters or trailing blanks for equal. lookup drops those.
func lookup[T model](ctx context.Context, s *Store, db bun.IDB, column string, lock lockMode, values ...string) ([]T, error) {
	found, _, err := lookupAll[T](ctx, s, db, column, lock, values...)
	return found, err
}

// lookupAll is lookup that also returns those of the dropped rows that hold no valid name.
func lookupAll[T model](ctx context.Context, s *Store, db bun.IDB, column string, lock lockMode, values ...string) (found, unfit []T, err error) {
	var of T
	text, err := s.anySpelling(ctx, db, of.tableName(), column)
	if err != nil {
		return nil, nil, err
	}
	if lock {
		if err := s.catalog.get(of.tableName()).NeedNumbers(); err != nil {
			return nil, nil, mapError(err)
		}
	}
	condition := text + " IN (?) ORDER BY id"
	if lock {
		condition = s.locked(condition)
	}
	wanted := make(map[string]bool, len(values))
	var texts []string
	for _, value := range values {
		wanted[value] = true
		texts = append(texts, address.Spellings(value)...)
	}
	for some := range slices.Chunk(texts, maxKeys) {
		rows, err := selectRows[T](ctx, s, db, condition, bun.List(some))
		if isForeignText(err) {
			// The character set of the column cannot hold one of the texts, but may hold the others.
			some = slices.DeleteFunc(some, func(text string) bool { return !address.IsASCII(text) })
			rows, err = selectRows[T](ctx, s, db, condition, bun.List(some))
		}
		if err != nil {
			return nil, nil, err
		}
		for _, r := range rows {
			switch name := r.lookupKey(); {
			case wanted[name]:
				found = append(found, r)
			case name == "":
				unfit = append(unfit, r)
			}
		}
	}
	if len(texts) > maxKeys {
		slices.SortFunc(found, func(a, b T) int { return cmp.Compare(a.key(), b.key()) })
	}
	return found, unfit, nil
}

// selectRows returns the rows that match a condition, the end of a SELECT. All reads of rows go through it. It uses bun
// only to insert the arguments: bun's query builder and scanner would slow a look-up down by a tenth.
func selectRows[T model](ctx context.Context, s *Store, db bun.IDB, condition string, args ...any) (found []T, err error) {
	var of T
	err = s.withTable(ctx, db, of.tableName(), func(t *tables.Table) error {
		found = nil
		if t.Name != tables.Users {
			if err := t.NeedNumbers(); err != nil {
				return mapError(err)
			}
		}
		rows, err := db.QueryContext(ctx, t.Select+condition, args...)
		if err != nil {
			return mapError(err)
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		for rows.Next() {
			var r T
			if err := rows.Scan(scanTargets(&r, t)...); err != nil {
				return mapError(err)
			}
			found = append(found, r)
		}
		return mapError(rows.Err())
	})
	if tx, ok := db.(*transaction); ok && of.tableName() == tables.Domains && s.onNode() && strings.HasSuffix(condition, "FOR UPDATE") {
		for _, row := range found {
			tx.guard(any(row).(Domain)) //nolint:forcetypeassert // the rows of its table
		}
	}
	return found, err
}

// orZero scans NULL, which tables of other programs may hold, as the zero value.
type orZero[T any] struct{ to *T }

func (z orZero[T]) Scan(value any) error {
	var v sql.Null[T]
	err := v.Scan(value)
	*z.to = v.V
	return err
}

// orNil scans NULL and everything that is no number as nil, because nobody needs a quota to log in.
type orNil struct{ to **int64 }

func (z orNil) Scan(value any) error {
	var v sql.Null[int64]
	if err := v.Scan(value); err == nil && v.Valid {
		*z.to = &v.V
	}
	return nil
}

// scanTargets returns pointers to the fields that the columns of a [tables.Table.Select] fill.
func scanTargets(row any, t *tables.Table) []any {
	var all []any
	var off *bool
	switch r := row.(type) {
	case *Domain:
		all, off = []any{tables.ID{Table: t.Name, Column: "id", To: &r.ID}, orZero[string]{&r.Name}}, &r.Off
	case *User:
		all, off = []any{userID{t, r}, domainID{t, &r.DomainID}, orZero[string]{&r.Email}, &r.Password, orNil{&r.Quota}}, &r.Off
		if !t.HasQuota() {
			all = all[:4]
		}
	case *Alias:
		all, off = []any{tables.ID{Table: t.Name, Column: "id", To: &r.ID}, domainID{t, &r.DomainID}, orZero[string]{&r.Source}, orZero[string]{&r.Destination}}, &r.Off
	}
	if t.On != "" {
		all = append(all, off)
	}
	return all
}
