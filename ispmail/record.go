package ispmail

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A Record is a domain, a user or an alias on its way into a database or out of one. Exactly one of the three is set.
type Record struct {
	Domain *Domain
	User   *User
	Alias  *Alias
	// NewPassword is the password of a user whose User.Password, the stored value, is empty: Import hashes it. It is a
	// secret. String and slog leave it out.
	NewPassword Secret `json:"-" xml:"-" yaml:"-"`
	// Origin says where the record comes from, for messages, such as "line 7". It may be empty.
	Origin string
}

// String names the record, without secrets: "user john@example.org".
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

// Format keeps passwords out of what package fmt prints, whatever the verb.
func (r Record) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue keeps passwords out of logs.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// tableName returns the table of a record, "" if it is empty.
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

// newRow returns the record as a new row, and its id.
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

// wrap names the record in an error.
func (r Record) wrap(err error) error {
	if r.Origin != "" {
		return fmt.Errorf("%s, %s: %w", r.Origin, r, err)
	}
	return fmt.Errorf("%s: %w", r, err)
}
