package ispmail

import (
	"fmt"
	"io"
	"log/slog"

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

// newRow returns the record as a row to insert, and its id.
func (r Record) newRow() (row newRow, id int64) {
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

// wrap adds the origin and the name of the record to an error.
func (r Record) wrap(err error) error {
	if r.Origin != "" {
		return fmt.Errorf("%s, %s: %w", r.Origin, r, err)
	}
	return fmt.Errorf("%s: %w", r, err)
}
