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
	Nullable  bool   // it may hold NULL
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
		ColumnExpr(`NOT "notnull" AS nullable`).
		TableExpr("pragma_table_info(?)", name)
	if s.isMariaDB() {
		// A generated column gets no value, and an ENUM without a default has its first value as one.
		query = db.NewSelect().
			ColumnExpr("column_name AS name").ColumnExpr("data_type AS kind").ColumnExpr("column_type AS type").
			ColumnExpr("COALESCE(character_maximum_length, 0) AS chars").ColumnExpr("COALESCE(collation_name, '') AS collation").
			ColumnExpr("FIND_IN_SET('select', privileges) > 0 AS readable").
			ColumnExpr("is_nullable = 'NO' AND column_default IS NULL AND data_type <> 'enum' AND extra NOT REGEXP ? AS required",
				"auto_increment|VIRTUAL|PERSISTENT|GENERATED").
			ColumnExpr("is_nullable = 'YES' AS nullable").
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
