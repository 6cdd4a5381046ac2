// Package tables knows what the three tables are like on a server: their columns, as far as an account may see them.
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

// Needed are the columns that every release of the guide since Debian 7 has. Statements name these, and quota where
// there is one, and no other column: what other programs added is theirs.
var Needed = map[string][]string{
	Domains: {"id", "name"},
	Users:   {"id", "domain_id", "email", "password"},
	Aliases: {"id", "domain_id", "source", "destination"},
}

// A Table is what an account may see of the columns of a table. It is never changed, only replaced.
type Table struct {
	Name    string
	Columns map[string]Column // by name in lower case
	Select  string            // a SELECT of the columns that this module knows, up to the condition
}

// A Column is a column of a [Table].
type Column struct {
	Name      string
	Kind      string // int, varchar...
	Type      string // int(11) unsigned, varchar(150)...
	Chars     int64  // that it holds, 0 for any number
	Collation string // of MariaDB
	Required  bool   // NOT NULL and without a default
	Nullable  bool   // it may hold NULL
	Readable  bool   // the account may select it
}

// A MisfitError says in what way a table is not as this module needs it.
type MisfitError struct{ text string }

func (e *MisfitError) Error() string { return e.text }

func misfit(format string, args ...any) error { return &MisfitError{fmt.Sprintf(format, args...)} }

// HasQuota reports whether the quota of a user can be read.
func (t *Table) HasQuota() bool {
	return t.Columns["quota"].Readable && t.Name == Users
}

// A WidthError says that a text is too long for its column.
type WidthError struct {
	Table, Column string
	Length, Chars int64
}

func (e *WidthError) Error() string {
	return fmt.Sprintf("%d characters are too long for %s.%s, which holds %d", e.Length, e.Table, e.Column, e.Chars)
}

// Fits returns a [WidthError] if a text is too long for its column. A server that is not strict would cut it.
func (t *Table) Fits(column, value string) error {
	c := t.Columns[column]
	if length := int64(utf8.RuneCountInString(value)); c.Chars > 0 && length > c.Chars {
		return &WidthError{t.Name, column, length, c.Chars}
	}
	return nil
}

// Max returns the highest number that the column holds, 0 if it holds no whole numbers.
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

// IsNoLogin reports whether a stored password is one of those that other programs give to rows that are nobody's login.
func IsNoLogin(stored string) bool { return slices.Contains([]string{"", "~", "*", "!"}, stored) }
