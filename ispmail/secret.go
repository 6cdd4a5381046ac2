package ispmail

import (
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log/slog"
)

// A Secret holds a text that must not show up by accident. Package fmt with any verb, log/slog and encoders write
// "(secret)" or, at most, a memory address. Printers that follow pointers by reflection, such as the differences that testify
// shows, can find it. Otherwise only [Secret.Reveal] returns the text. Queries of bun and of database/sql read and write
// the text itself.
//
// The zero value holds "". Compare secrets by Reveal: two with the same text are not always == to each other.
type Secret struct {
	text *string // a pointer, because fmt prints unexported fields too
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

// String returns "(secret)".
func (Secret) String() string { return hidden }

// Format writes "(secret)", with any verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns "(secret)".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns "(secret)".
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// UnmarshalText takes the text, so that a request in JSON can hold a Secret.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// Scan reads the text from a database, NULL as "".
func (s *Secret) Scan(value any) error {
	var text sql.NullString
	err := text.Scan(value)
	*s = NewSecret(text.String)
	return err
}

// Value returns the text for a database.
func (s Secret) Value() (driver.Value, error) { return s.Reveal(), nil }
