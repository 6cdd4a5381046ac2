package records

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

// base64Field is the one field of the object that stands for bytes.
const base64Field = "base64"

// columnsOf returns [ispmail.Record.Columns] for a line. The error is a few words about the record.
func columnsOf(r ispmail.Record) (map[string]json.RawMessage, error) {
	if len(r.Columns) == 0 {
		return nil, nil
	}
	all := make(map[string]json.RawMessage, len(r.Columns))
	for name, value := range r.Columns {
		value, err := values.Normal(value)
		if err != nil {
			return nil, fmt.Errorf("has a value in the column %s that no file holds: %w", name, err)
		}
		text, isText := value.(string)
		if isText && !utf8.ValidString(text) || !utf8.ValidString(name) {
			return nil, fmt.Errorf("holds text that is not UTF-8 in the column %q", name)
		}
		if all[name], err = marshal(value); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// marshal returns a value as JSON.
func marshal(value any) (json.RawMessage, error) {
	switch v := value.(type) {
	case []byte:
		return json.RawMessage(`{"` + base64Field + `":"` + base64.StdEncoding.EncodeToString(v) + `"}`), nil
	case nil:
		return json.RawMessage("null"), nil
	case string:
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		err := encoder.Encode(v)
		return bytes.TrimSpace(text.Bytes()), err
	}
	return json.RawMessage(values.Text(value)), nil
}

// readColumns parses the field "columns" of a line. It returns what is wrong with the line.
func readColumns(text json.RawMessage) (columns map[string]any, wrong string) {
	fields, wrong := readObject(text)
	if wrong != "" {
		if strings.HasPrefix(wrong, "has the field") {
			return nil, wrong + ` in "columns"`
		}
		return nil, `has the field "columns", which is not an object`
	}
	columns = make(map[string]any, len(fields))
	for name := range fields {
		lower := strings.ToLower(name)
		if _, twice := columns[lower]; twice {
			return nil, fmt.Sprintf(`has the column %.20q twice in "columns"`, lower)
		}
		value, ok := unmarshal(fields[name])
		if !ok {
			return nil, fmt.Sprintf(`has the column %.20q, which is not null, a text, a number or {"base64":"..."}`, name)
		}
		if s, isText := value.(string); unpaired(text, name) || isText && unpaired(fields[name], s) {
			return nil, fmt.Sprintf("has the column %.20q with an escape that is no character", name)
		}
		columns[lower] = value
	}
	return columns, ""
}

// unmarshal returns the value of a column.
func unmarshal(text json.RawMessage) (value any, ok bool) {
	switch text[0] {
	case 'n':
		return nil, true
	case '"':
		var s string
		err := json.Unmarshal(text, &s)
		return s, err == nil
	case '{':
		fields, wrong := readObject(text)
		var encoded string
		if wrong != "" || len(fields) != 1 || fields[base64Field] == nil || readField(fields, base64Field, &encoded) != "" {
			return nil, false
		}
		b, err := base64.StdEncoding.DecodeString(encoded)
		return b, err == nil
	}
	value, err := values.Normal(json.Number(text))
	return value, err == nil
}

// quotaOf returns the quota of a user, nil if there is none.
func quotaOf(r ispmail.Record) any {
	if r.User.Quota != nil {
		return *r.User.Quota
	}
	return normalColumns(r.Columns)["quota"]
}

// differingColumns returns the columns of two records that differ, of those that both have, sorted. The quota of a user is
// none of them.
func differingColumns(before, after ispmail.Record) (names []string) {
	old := normalColumns(before.Columns)
	for name, value := range normalColumns(after.Columns) {
		if was, both := old[name]; both && !same(was, value) && (name != "quota" || after.User == nil) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// same reports whether one of two values could become the other without loss.
func same(a, b any) bool { return values.Same(a, b) || values.Same(b, a) }

// normalColumns returns columns with their names in lower case and their values in the form in which they are compared.
func normalColumns(columns map[string]any) map[string]any {
	all := make(map[string]any, len(columns))
	for name, value := range columns {
		if normal, err := values.Normal(value); err == nil {
			all[strings.ToLower(name)] = normal
		}
	}
	return all
}
