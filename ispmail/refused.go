package ispmail

import (
	"context"
	"fmt"
	"strings"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// refusedRow turns the error of an INSERT into one of this package. offered means that the id is that of Config.Columns.
func (s *Store) refusedRow(ctx context.Context, tx *transaction, t *tables.Table, row newRow, offered bool, err error) error {
	switch errorCode(err) {
	case sqliteNoParent:
		return fmt.Errorf("%w: %w", ErrNoDomain, err)
	case mariaNoNumber, mariaNoNumberLeft:
		return usedUp(tx, t, err)
	case mariaDuplicate, sqliteKey, sqliteUnique:
		key := s.duplicateOf(ctx, tx, t.Name, err)
		_, given := row.value("id").(int64)
		switch {
		case key.isOfIDs() && t.Columns["id"].Counted && !given:
			return usedUp(tx, t, err)
		case key.isOfIDs() && (offered || !given):
			return tx.noteFailure(&databaseError{kind: ErrSchema, text: t.Name + ".id of the new row is that of another one: its default, a trigger or the program gives an id twice", cause: err})
		case key.isOfSources():
			return fmt.Errorf("%w: a unique key%s of %s allows one row for each source, and so one destination: %w", ErrExists, key.name, t.Name, err)
		}
	}
	return mapError(err)
}

// usedUp says that there is no further id.
func usedUp(tx *transaction, t *tables.Table, err error) error {
	text := fmt.Sprintf("%s.id has no numbers left, as its type %s ends at %d: make the column larger", t.Name, t.Columns["id"].Type, t.Columns["id"].Max())
	return tx.noteFailure(&databaseError{kind: ErrSchema, text: text, cause: err})
}

// A duplicate is the unique key that refused a row.
type duplicate struct {
	name    string   // with a blank before it, "" on SQLite
	columns []string // in lower case
}

// duplicateOf returns the unique key that refused a row, given the error of the driver.
func (s *Store) duplicateOf(ctx context.Context, db bun.IDB, table string, err error) (key duplicate) {
	if !s.isMariaDB() {
		// "UNIQUE constraint failed: virtual_aliases.domain_id, virtual_aliases.source"
		_, list, _ := strings.Cut(err.Error(), "constraint failed: ")
		_, list, _ = strings.Cut(list, "constraint failed: ")
		list, _, _ = strings.Cut(list, " (")
		for column := range strings.SplitSeq(list, ", ") {
			_, column, _ = strings.Cut(column, ".")
			key.columns = append(key.columns, strings.ToLower(column))
		}
		return key
	}
	// "Duplicate entry '...' for key 'source'". The entry may hold anything.
	text := strings.TrimSuffix(err.Error(), "'")
	name := text[strings.LastIndexByte(text, '\'')+1:]
	key.name = " " + name
	if key.columns = s.catalog.key(table + " " + name); key.columns != nil {
		return key
	}
	query := db.NewSelect().ColumnExpr("LOWER(column_name)").TableExpr("information_schema.statistics").
		Where("table_schema = DATABASE()").Where("table_name = ?", table).Where("index_name = ?", name).Where("non_unique = 0")
	if query.Scan(ctx, &key.columns) == nil { // without the columns, nothing is said about the key
		s.catalog.putKey(table+" "+name, key.columns)
	}
	return key
}

// isOfIDs reports whether the key is that of the ids.
func (d duplicate) isOfIDs() bool { return len(d.columns) == 1 && d.columns[0] == "id" }

// isOfSources reports whether the key allows one row for a source.
func (d duplicate) isOfSources() bool {
	source := false
	for _, column := range d.columns {
		switch column {
		case "destination":
			return false
		case "source":
			source = true
		}
	}
	return source
}

// key returns the remembered columns of a unique key, nil if there are none. An import may meet a key many times.
func (c *catalog) key(name string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.keys[name]
}

func (c *catalog) putKey(name string, columns []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.keys == nil {
		c.keys = map[string][]string{}
	}
	c.keys[name] = columns
}
