package ispmail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/uptrace/bun"
)

const (
	domainTable = "virtual_domains"
	userTable   = "virtual_users"
	aliasTable  = "virtual_aliases"
)

// needed are the columns that every release of the guide since Debian 7 has. Statements name these, and quota where
// there is one, and no other column: what other programs added is theirs.
var needed = map[string][]string{
	domainTable: {"id", "name"},
	userTable:   {"id", "domain_id", "email", "password"},
	aliasTable:  {"id", "domain_id", "source", "destination"},
}

// telling is the column by which a row is known to be the one that was inserted.
var telling = map[string]string{domainTable: "name", userTable: "password", aliasTable: "source"}

// A table is what the account may see of the columns of a table. It is never changed, only replaced.
type table struct {
	name    string
	columns map[string]column
	query   string // a SELECT of the columns that this package knows, up to the condition
}

type column struct {
	Name      string
	Kind      string // int, varchar...
	Type      string // int(11) unsigned, varchar(150)...
	Chars     int64  // 0 = any number
	Collation string // of MariaDB
	Required  bool   // NOT NULL and without a default
	Readable  bool   // the account may select it
}

// A catalog remembers the tables. Each is looked at when it is first needed and again when something does not fit any
// more, so that an account needs no rights for tables that it does not use, and a column that changes needs no restart.
type catalog struct {
	mu     sync.Mutex
	tables map[string]*table
}

func (c *catalog) get(name string) *table {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tables[name]
}

func (c *catalog) put(t *table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tables == nil {
		c.tables = map[string]*table{}
	}
	c.tables[t.name] = t
}

// withTable runs fn with what is known of a table. If fn fails as it would with knowledge that is out of date, the table
// is looked at again, and if it is another now, fn runs once more.
func (s *Store) withTable(ctx context.Context, db bun.IDB, name string, fn func(*table) error) error {
	known := s.catalog.get(name)
	if known == nil || s.lax { // a server that is not strict would cut what a column does not hold any more
		t, err := s.lookAt(ctx, db, name)
		if err != nil {
			return err
		}
		return fn(t)
	}
	err := fn(known)
	if !mayBeOutdated(err) {
		return err
	}
	if now, e := s.lookAt(ctx, db, name); e == nil && !maps.Equal(now.columns, known.columns) {
		return fn(now)
	}
	return err
}

func mayBeOutdated(err error) bool {
	return errors.Is(err, ErrTooLong) || errors.Is(err, ErrNoQuota) || errors.Is(err, ErrSchema) || errorCode(err) == mariaColumnDenied
}

// lookAt asks the database for the columns of a table. With grants on columns, MariaDB shows only these.
func (s *Store) lookAt(ctx context.Context, db bun.IDB, name string) (*table, error) {
	var columns []column
	query := db.NewSelect().
		ColumnExpr("name").ColumnExpr("rtrim(lower(substr(type, 1, instr(type || '(', '(') - 1))) AS kind").ColumnExpr("type").
		ColumnExpr("1 AS readable").
		ColumnExpr(`"notnull" AND dflt_value IS NULL AND pk = 0 AS required`).
		TableExpr("pragma_table_info(?)", name)
	if s.isMariaDB() {
		// A generated column gets no value, and an ENUM without a default has its first value as one.
		query = db.NewSelect().
			ColumnExpr("column_name AS name").ColumnExpr("data_type AS kind").ColumnExpr("column_type AS type").
			ColumnExpr("COALESCE(character_maximum_length, 0) AS chars").ColumnExpr("COALESCE(collation_name, '') AS collation").
			ColumnExpr("FIND_IN_SET('select', privileges) > 0 AS readable").
			ColumnExpr("is_nullable = 'NO' AND column_default IS NULL AND data_type <> 'enum' AND extra NOT REGEXP ? AS required",
				"auto_increment|VIRTUAL|PERSISTENT|GENERATED").
			TableExpr("information_schema.columns").Where("table_schema = DATABASE()").Where("table_name = ?", name)
	}
	if err := query.Scan(ctx, &columns); err != nil {
		return nil, mapError(err)
	}
	if len(columns) == 0 {
		return nil, s.whyUnseen(ctx, db, name)
	}
	t := &table{name: name, columns: map[string]column{}}
	for _, c := range columns {
		t.columns[strings.ToLower(c.Name)] = c
	}
	if !s.isMariaDB() {
		if err := t.readChecks(ctx, db); err != nil {
			return nil, err
		}
	}
	if err := t.check(); err != nil {
		return nil, err
	}
	selected := needed[name]
	if t.hasQuota() {
		selected = append(slices.Clone(selected), "quota")
	}
	t.query = "SELECT " + strings.Join(selected, ", ") + " FROM " + name + " WHERE "
	s.catalog.put(t)
	return t, nil
}

// lengthCheck is how CreateSchema says how many characters a column of SQLite holds.
var lengthCheck = regexp.MustCompile(`(?i)CHECK \(length\((\w+)\) <= (\d{1,9})\)`)

func (t *table) readChecks(ctx context.Context, db bun.IDB) error {
	var created string
	if err := db.QueryRowContext(ctx, "SELECT sql FROM sqlite_master WHERE name = ?", t.name).Scan(&created); err != nil {
		return mapError(err)
	}
	for _, found := range lengthCheck.FindAllStringSubmatch(created, -1) {
		name := strings.ToLower(found[1])
		c := t.columns[name]
		c.Chars, _ = strconv.ParseInt(found[2], 10, 64)
		t.columns[name] = c
	}
	return nil
}

// whyUnseen returns the error of a table of which no column is to be seen: the table itself knows best.
func (s *Store) whyUnseen(ctx context.Context, db bun.IDB, name string) error {
	if _, err := db.NewSelect().ColumnExpr("1").Table(name).Limit(1).Exec(ctx); err != nil {
		return mapError(err)
	}
	return fmt.Errorf("%w: the columns of %s are not to be seen", ErrSchema, name)
}

func (t *table) check() error {
	var missing []string
	for _, name := range needed[t.name] {
		c, ok := t.columns[name]
		if !ok || !c.Readable {
			missing = append(missing, name)
		} else if strings.HasSuffix(name, "id") && c.max() == 0 {
			return fmt.Errorf("%w: %s.%s is of the type %s, ids must be whole numbers", ErrSchema, t.name, name, c.Type)
		}
	}
	if missing != nil {
		return fmt.Errorf("%w: %s has no column %s that the account may see", ErrSchema, t.name, strings.Join(missing, ", "))
	}
	return nil
}

// hasQuota tells whether a user's quota can be read.
func (t *table) hasQuota() bool {
	return t.columns["quota"].Readable && t.name == userTable
}

// fits returns ErrTooLong if a text is too long for its column. A server that is not strict would cut it.
func (t *table) fits(column, value string) error {
	c := t.columns[column]
	if length := int64(utf8.RuneCountInString(value)); c.Chars > 0 && length > c.Chars {
		return fmt.Errorf("%w: %d characters are too long for %s.%s, which holds %d", ErrTooLong, length, t.name, column, c.Chars)
	}
	return nil
}

// fitsQuota is fits for a quota in bytes. Where there is no such column, there is no limit, which is 0.
func (t *table) fitsQuota(bytes int64) error {
	if !t.hasQuota() {
		if bytes == 0 {
			return nil
		}
		return ErrNoQuota
	}
	// A server that is not strict would take the nearest number that fits.
	if highest := t.columns["quota"].max(); bytes < 0 || highest > 0 && bytes > highest {
		return fmt.Errorf("%w: quota %d, virtual_users.quota holds 0 to %d", ErrTooLong, bytes, highest)
	}
	return nil
}

// max returns the highest number that the column holds, 0 if it holds no whole numbers.
func (c column) max() int64 {
	var bits int
	switch c.Kind {
	case "tinyint":
		bits = 7
	case "smallint":
		bits = 15
	case "mediumint":
		bits = 23
	case "int":
		bits = 31
	case "bigint", "integer": // integer is SQLite's
		return math.MaxInt64
	default:
		return 0
	}
	if strings.Contains(c.Type, "unsigned") {
		bits++
	}
	return 1<<bits - 1
}

// A newRow is a row that is to be inserted: the *Domain, *User or *Alias that Config.Columns is asked about, and the values
// of the columns that this package knows.
type newRow struct {
	of     any
	values map[string]any
}

// insert adds rows of a table, in as few statements as possible, and returns the id of the first one. If it fails, some
// may be there.
func (s *Store) insert(ctx context.Context, tx *transaction, name string, rows ...newRow) (id int64, err error) {
	const (
		maxRows = 1000    // of a statement
		maxText = 1 << 20 // bytes of a statement, a fraction of any max_allowed_packet
	)
	all := make([]map[string]any, len(rows))
	for i, row := range rows {
		all[i] = s.withColumns(ctx, name, row)
	}
	for from := 0; from < len(all); {
		to, text := from, 0
		for to < len(all) && to-from < maxRows && text < maxText && sameKeys(all[from], all[to]) {
			for _, value := range all[to] {
				if value, ok := value.(string); ok {
					text += len(value)
				}
			}
			to++
		}
		first, err := s.insertAlike(ctx, tx, name, all[from:to])
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

// withColumns returns the values of a row with those of Config.Columns.
func (s *Store) withColumns(ctx context.Context, name string, row newRow) map[string]any {
	if s.columns == nil {
		return row.values
	}
	all := map[string]any{}
	for column, value := range s.columns(ctx, row.of) {
		if column = strings.ToLower(column); !slices.Contains(needed[name], column) {
			all[column] = value
		}
	}
	maps.Copy(all, row.values)
	return all
}

func sameKeys(a, b map[string]any) bool {
	if len(a) != len(b) {
		return false
	}
	for key := range a {
		if _, ok := b[key]; !ok {
			return false
		}
	}
	return true
}

// insertAlike adds rows with the same columns by one statement.
func (s *Store) insertAlike(ctx context.Context, tx *transaction, name string, rows []map[string]any) (id int64, err error) {
	err = s.withTable(ctx, tx, name, func(t *table) error {
		full, missing, err := t.complete(rows)
		if err != nil {
			return err
		}
		noDefault := fmt.Errorf("%w: %s has no default, supply a value by Config.Columns", ErrSchema, strings.Join(missing, ", "))
		if missing != nil && (s.lax || !s.isMariaDB()) {
			return noDefault
		}
		query, args := insertQuery(name, full)
		result, err := tx.ExecContext(ctx, query, args...)
		if missing != nil && errorCode(err) == mariaNoDefault { // else a trigger has filled them in
			return tx.ran(&databaseError{kind: noDefault, cause: err})
		}
		if err != nil {
			return mapError(err)
		}
		id, err = result.LastInsertId() // RETURNING would need MariaDB 10.5
		if !s.isMariaDB() {
			id -= int64(len(rows)) - 1 // SQLite tells the last one, MariaDB the first one
		}
		return mapError(err)
	})
	if err != nil {
		return 0, err
	}
	if given, ok := rows[0]["id"].(int64); ok {
		id = given
	}
	// Not the id alone: after a crash, InnoDB gives that of a lost row to the next one.
	tx.changed(name, telling[name], id, nil, rows[0][telling[name]])
	return id, nil
}

func insertQuery(name string, rows []map[string]any) (query string, args []any) {
	columns := slices.Sorted(maps.Keys(rows[0]))
	args = make([]any, 0, len(columns)*(len(rows)+1))
	for _, column := range columns {
		args = append(args, bun.Ident(column))
	}
	for _, row := range rows {
		for _, column := range columns {
			args = append(args, row[column])
		}
	}
	tuple := "(" + strings.Repeat(", ?", len(columns))[2:] + ")"
	return "INSERT INTO " + name + " " + tuple + " VALUES " + strings.Repeat(", "+tuple, len(rows))[2:], args
}

// complete returns the rows, which have the same columns, with a quota if the table wants one, and the columns for which a
// value is missing. It returns ErrTooLong if a text does not fit.
func (t *table) complete(rows []map[string]any) (full []map[string]any, missing []string, err error) {
	quota := t.columns["quota"].Required && t.name == userTable && rows[0]["quota"] == nil
	for column, c := range t.columns {
		_, ok := rows[0][column]
		if !ok && c.Required && (column != "quota" || !quota) {
			missing = append(missing, t.name+"."+column)
		}
	}
	slices.Sort(missing)
	full = make([]map[string]any, len(rows))
	for i, row := range rows {
		for column, value := range row {
			if text, ok := value.(string); ok {
				if err := t.fits(column, text); err != nil {
					return nil, nil, err
				}
			}
		}
		if full[i] = row; quota {
			full[i] = maps.Clone(row)
			full[i]["quota"] = 0 // no limit
		}
	}
	return full, missing, nil
}
