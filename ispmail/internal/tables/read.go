package tables

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
)

// Read asks the database for the columns of a table. If the account has grants only on columns, MariaDB shows only these.
// The error is a [MisfitError] or the driver's.
func Read(ctx context.Context, db bun.IDB, name string) (*Table, error) {
	isMariaDB := db.Dialect().Name() == dialect.MySQL
	query := db.NewSelect().
		ColumnExpr("name").ColumnExpr("rtrim(lower(substr(type, 1, instr(type || '(', '(') - 1))) AS kind").ColumnExpr("type").
		ColumnExpr("1 AS readable").
		ColumnExpr("("+countedBySQLite+") AS counted", name).
		// A key that is no INTEGER PRIMARY KEY is not counted, and becomes NULL if nobody sets it.
		ColumnExpr("dflt_value IS NULL AND iif(pk = 0, \"notnull\" AND hidden = 0, NOT ("+countedBySQLite+") AND NOT ("+hasTrigger+")) AS required", name, name).
		ColumnExpr(`NOT "notnull" AS nullable`).
		ColumnExpr("hidden > 0 AS generated").
		TableExpr("pragma_table_xinfo(?)", name)
	if isMariaDB {
		// A generated column takes no value. An ENUM that is NOT NULL has its first value as a default.
		query = db.NewSelect().
			ColumnExpr("column_name AS name").ColumnExpr("data_type AS kind").ColumnExpr("column_type AS type").
			ColumnExpr("COALESCE(character_maximum_length, 0) AS chars").ColumnExpr("COALESCE(collation_name, '') AS collation").
			ColumnExpr("COALESCE(collation_name LIKE ?, 0) AS folds_case", "%\\_ci").ColumnExpr("extra LIKE '%auto_increment%' AS counted").
			ColumnExpr("FIND_IN_SET('select', privileges) > 0 AS readable").
			ColumnExpr("is_nullable = 'NO' AND column_default IS NULL AND data_type <> 'enum' AND extra NOT REGEXP ? AS required",
				"auto_increment|VIRTUAL|PERSISTENT|GENERATED").
			ColumnExpr("extra LIKE '%on update%' AND FIND_IN_SET('select', privileges) > 0 AND FIND_IN_SET('update', privileges) > 0 AS stamped").
			ColumnExpr("is_nullable = 'YES' AS nullable").ColumnExpr("extra REGEXP 'VIRTUAL|PERSISTENT|GENERATED' AS generated").
			TableExpr("information_schema.columns").Where("table_schema = DATABASE()").Where("table_name = ?", name)
	}
	var columns []Column
	if err := query.Scan(ctx, &columns); err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		return nil, whyUnseen(ctx, db, name)
	}
	t := &Table{Name: name, Columns: map[string]Column{}, mariaDB: isMariaDB}
	for _, c := range columns {
		t.Columns[strings.ToLower(c.Name)] = c
	}
	if !isMariaDB {
		if err := t.readStatement(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	selected := Needed[name]
	if t.HasQuota() {
		selected = append(slices.Clone(selected), "quota")
	}
	t.Select = "SELECT " + strings.Join(selected, ", ") + " FROM " + name + " WHERE "
	return t, nil
}

// lengthCheck matches the CHECK constraint by which the schema for SQLite limits the length of a column.
var lengthCheck = regexp.MustCompile(`(?i)CHECK \(length\((\w+)\) <= (\d{1,9})\)`)

// Conditions about tables of SQLite. The database counts up only an id that stands for the rowid. Such a key has no index
// of its own (https://www.sqlite.org/lang_createtable.html#rowid). A trigger may set a key that is not counted.
const (
	countedBySQLite = "pk = 1 AND NOT EXISTS (SELECT 1 FROM pragma_index_list(?) WHERE origin = 'pk')"
	hasTrigger      = "EXISTS (SELECT 1 FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = ?)"
)

// noCase matches the definition of a column of SQLite that compares without regard to case.
var noCase = regexp.MustCompile("(?i)[(,\\s][\"\\[`]?(name|email|source)[\"\\]`]?\\s[^,]*?\\bCOLLATE\\s+[\"'`]?NOCASE\\b")

// readStatement sets what only the CREATE TABLE of SQLite tells: the length of the columns, as a type has none, and which
// of them fold case.
func (t *Table) readStatement(ctx context.Context, db bun.IDB) error {
	var created string
	if err := db.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE name = ?", t.Name).Scan(&created); err != nil {
		return err
	}
	for _, found := range lengthCheck.FindAllStringSubmatch(created, -1) {
		name := strings.ToLower(found[1])
		c := t.Columns[name]
		c.Chars, _ = strconv.ParseInt(found[2], 10, 64)
		t.Columns[name] = c
	}
	for _, name := range FoldsCase(created) {
		if c, ok := t.Columns[name]; ok {
			c.FoldsCase = true
			t.Columns[name] = c
		}
	}
	return nil
}

// FoldsCase returns the columns that fold case, of a CREATE TABLE of SQLite. It knows the columns by which rows are looked
// up, and may miss one that is written in an odd way. Such a column is only looked up more slowly.
func FoldsCase(created string) (columns []string) {
	for _, found := range noCase.FindAllStringSubmatch(created, -1) {
		columns = append(columns, strings.ToLower(found[1]))
	}
	return columns
}

// whyUnseen returns why no column of a table can be seen. A SELECT on the table tells whether the table or a right is missing.
func whyUnseen(ctx context.Context, db bun.IDB, name string) error {
	if _, err := db.NewSelect().ColumnExpr("1").Table(name).Limit(1).Exec(ctx); err != nil {
		return err
	}
	return misfit("the columns of %s are not to be seen", name)
}

// check returns a [MisfitError] if a needed column is missing, or an id is neither a whole number nor a text, see
// [Table.NeedNumbers].
func (t *Table) check() error {
	var missing []string
	for _, name := range Needed[t.Name] {
		c, ok := t.Columns[name]
		if !ok || !c.Readable {
			missing = append(missing, name)
		} else if strings.HasSuffix(name, "id") && c.Max() == 0 && !c.IsText() {
			return misfit("%s.%s is of the type %s, ids must be whole numbers", t.Name, name, c.Type)
		}
	}
	if missing != nil {
		return misfit("%s has no column %s that the account may see", t.Name, strings.Join(missing, ", "))
	}
	return nil
}
