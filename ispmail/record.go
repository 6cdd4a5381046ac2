package ispmail

import (
	"fmt"
	"io"
	"log/slog"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Record is a domain, a user or an alias for [Store.Import] and [Store.Restore] or from [Store.Export]. Exactly one
// of the three is set.
type Record struct {
	// Domain is set if the record is a domain.
	Domain *Domain
	// User is set if the record is a user.
	User *User
	// Alias is set if the record is an alias.
	Alias *Alias
	// Columns holds the columns of other programs by name, in lower case from Export. A value is nil for NULL, a string, an
	// int64, a float64, a json.Number for a number that neither of them holds exactly, such as a DECIMAL, or a []byte
	// for BLOB and BIT. Times are texts, those of TIMESTAMP in UTC.
	//
	// It also holds what the guide's columns can hold and the fields cannot: NULL in place of "", and a quota that is no
	// number, or one beyond an int64.
	//
	// Import and Restore take bool and other whole numbers too. A column goes before one of [Config.Columns].
	Columns map[string]any `json:"-" xml:"-" yaml:"-"`
	// NewPassword is a password that Import hashes. It requires a User with an empty Password, the stored value.
	NewPassword Secret `json:"-" xml:"-" yaml:"-"`
	// Origin says where the record comes from, such as "line 7", for error messages. It may be empty.
	Origin string
}

// String names the record without secrets: "user john@example.org".
func (r Record) String() string {
	switch {
	case r.Domain != nil:
		return "domain " + r.Domain.Name
	case r.User != nil:
		return "user " + r.User.Email
	case r.Alias != nil:
		return "alias from " + r.Alias.Source + " to " + r.Alias.Destination
	}
	return "empty record"
}

// Format keeps passwords out of the output of package fmt, with any verb.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue keeps passwords out of logs.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// tableName returns the table of the record, or "" if the record is empty.
func (r Record) tableName() string {
	switch {
	case r.Domain != nil:
		return tables.Domains
	case r.User != nil:
		return tables.Users
	case r.Alias != nil:
		return tables.Aliases
	}
	return ""
}

// off reports whether the row of the record was switched off.
func (r Record) off() bool {
	return r.Domain != nil && r.Domain.Off || r.User != nil && r.User.Off || r.Alias != nil && r.Alias.Off
}

// rowOfFields returns the record without Columns as a row to insert, and its id.
func (r Record) rowOfFields() (row newRow, id int64) {
	switch {
	case r.Domain != nil:
		return r.Domain.newRow(), r.Domain.ID
	case r.User != nil:
		return r.User.newRow(), r.User.ID
	case r.Alias != nil:
		return r.Alias.newRow(), r.Alias.ID
	}
	return newRow{}, 0
}

// checkTexts returns an error for a text that is not UTF-8, in the fields, which are the row, or in Columns. bun would
// change it.
func (r *Record) checkTexts(row newRow) error {
	for i, value := range row.values {
		if text, ok := value.(string); ok && !utf8.ValidString(text) {
			return fmt.Errorf("%w: %s is not UTF-8", ErrRecord, row.columns[i])
		}
	}
	for _, name := range r.columnNames() {
		if text, ok := r.Columns[name].(string); ok && !utf8.ValidString(text) {
			return fmt.Errorf("%w: the text in the column %s is not UTF-8", ErrRecord, name)
		}
	}
	return nil
}

// wrap adds the origin and the name of the record to an error.
func (r Record) wrap(err error) error {
	if r.Origin != "" {
		return fmt.Errorf("%s, %s: %w", r.Origin, r, err)
	}
	return fmt.Errorf("%s: %w", r, err)
}
