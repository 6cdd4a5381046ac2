// Package tables reads which columns the three tables have on a server, as far as the account may see them.
package tables

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// The names of the tables.
const (
	Domains = "virtual_domains"
	Users   = "virtual_users"
	Aliases = "virtual_aliases"
)

// Needed are the columns that every release of the guide since Debian 7 has, by table. Statements of this module name these
// columns, and quota where there is one. They leave the columns of other programs alone.
var Needed = map[string][]string{
	Domains: {"id", "name"},
	Users:   {"id", "domain_id", "email", "password"},
	Aliases: {"id", "domain_id", "source", "destination"},
}

// IsNoLogin reports whether a stored password marks a row with which nobody logs in. Other programs use these marks.
func IsNoLogin(stored string) bool { return slices.Contains([]string{"", "~", "*", "!"}, stored) }

// A Table is what an account may see of a table. It is never changed, only replaced.
type Table struct {
	Name    string
	Columns map[string]Column // by name in lower case
	Select  string            // "SELECT id, ... FROM ... WHERE ", with the columns of this module

	// Of a table with columns of state, see WithState.
	On           string   // a condition for the rows that are switched on, "" if all are; Select ends with 1 for those that are off
	RowOn        string   // On without the state of the domain
	StateColumns []string // "virtual_users.active"

	mariaDB bool
}

// A Column is a column of a [Table].
type Column struct {
	Name      string
	Kind      string // int, varchar...
	Type      string // int(11) unsigned, varchar(150)...
	Chars     int64  // how many characters it holds, 0 for no limit
	Collation string // "" on SQLite
	FoldsCase bool   // the database takes Jim for jim when it compares the column
	Counted   bool   // the database counts the values up, as those of an id
	Required  bool   // NOT NULL and without a default
	Nullable  bool
	Readable  bool // the account has the right SELECT
	Generated bool // the database computes it, and it takes no value
	Stamped   bool // the database writes the time of a change of the row into it, and the account may read and set it
}

// A MisfitError says why this module cannot use a table.
type MisfitError struct{ text string }

func (e *MisfitError) Error() string { return e.text }

func misfit(format string, args ...any) error { return &MisfitError{fmt.Sprintf(format, args...)} }

// HasQuota reports whether this is the table of users and the account may read its column quota.
func (t *Table) HasQuota() bool {
	return t.Columns["quota"].Readable && t.Name == Users
}

// A WidthError says that a text is too long for its column.
type WidthError struct {
	Table, Column string
	Length        int64 // characters of the text
	Chars         int64 // characters that the column holds
}

func (e *WidthError) Error() string {
	return fmt.Sprintf("%d characters are too long for %s.%s, which holds %d", e.Length, e.Table, e.Column, e.Chars)
}

// Fits returns a [WidthError] if a text is too long for its column. MariaDB without a strict sql_mode would cut it.
func (t *Table) Fits(column, value string) error {
	c := t.Columns[column]
	if length := int64(utf8.RuneCountInString(value)); c.Chars > 0 && length > c.Chars {
		return &WidthError{t.Name, column, length, c.Chars}
	}
	return nil
}

// Max returns the highest number that the column holds. It is 0 for a column that is not of whole numbers, and
// math.MaxInt64 for BIGINT, signed or not.
func (c Column) Max() int64 {
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

// IsStar reports whether a stored password is a star behind its {SCHEME}, as passwd(5) has it for accounts without a login.
func IsStar(stored string) bool {
	_, payload, ok := strings.Cut(stored, "}")
	return ok && strings.HasPrefix(payload, "*")
}

// textKinds are the kinds of columns whose values are texts, or bytes, and equal only to themselves.
var textKinds = []string{"char", "varchar", "character", "nchar", "nvarchar", "text", "tinytext", "uuid", "binary", "varbinary", "blob"}

// IsText reports whether the column holds texts or bytes, such as UUIDs.
func (c Column) IsText() bool { return slices.Contains(textKinds, c.Kind) }

// IsBytes reports whether the column holds bytes.
func (c Column) IsBytes() bool {
	return slices.Contains([]string{"binary", "varbinary", "blob"}, c.Kind)
}

// NeedNumbers returns a [MisfitError] if the ids of the table are texts.
func (t *Table) NeedNumbers() error {
	for _, name := range []string{"id", "domain_id"} {
		if c := t.Columns[name]; c.IsText() {
			return misfit("%s.%s is of the type %s: passwords can be verified and changed, everything else needs ids that are whole numbers", t.Name, name, c.Type)
		}
	}
	return nil
}

// LostID returns a [MisfitError] for a row whose id cannot be found out.
func (t *Table) LostID() error {
	return misfit("the id of a new row of %s cannot be found out, because a trigger changes the row", t.Name)
}
