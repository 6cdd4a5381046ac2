package ispmail

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
)

// A Secret holds a text that must not show up by accident: package fmt with any verb, log/slog and encoders print "(secret)",
// or an address where they may not ask. Only Reveal tells. The zero value holds "". Queries of bun and of database/sql read and
// write the text itself. Compare by Reveal: equal secrets need not be == to each other.
type Secret struct {
	text *string // behind a pointer, because fmt prints fields that are not exported
}

// NewSecret returns a secret that holds a text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{&text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

const hidden = "(secret)"

// String hides the text.
func (Secret) String() string { return hidden }

// Format hides the text, whatever the verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue hides the text.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the text.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Scan reads the text from a database, NULL as "".
func (s *Secret) Scan(value any) error {
	var text sql.NullString
	err := text.Scan(value)
	*s = NewSecret(text.String)
	return err
}

// Value is the text for a database.
func (s Secret) Value() (driver.Value, error) { return s.Reveal(), nil }
