package records

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
)

// readLine parses a line. If the line is wrong, it says in what way, as a predicate of the line: "is not UTF-8".
func readLine(text []byte) (l line, wrong string) {
	if !utf8.Valid(text) {
		return line{}, "is not UTF-8"
	}
	fields, wrong := readObject(text)
	if wrong != "" {
		return line{}, wrong
	}
	if wrong := readField(fields, "type", &l.Type); wrong != "" {
		return line{}, wrong
	}
	known, ok := lineFields[l.Type]
	if !ok {
		return line{}, fmt.Sprintf("is of the unknown type %.20q", l.Type)
	}
	for _, name := range known.must {
		if _, ok := fields[name]; !ok {
			return line{}, fmt.Sprintf("has no %q", name)
		}
	}
	targets := map[string]any{
		"version": &l.Version, "records": &l.Records, "id": &l.ID, "domain_id": &l.DomainID, "name": &l.Name, "email": &l.Email,
		"password": &l.Password, "new_password": &l.NewPassword, "quota": &l.Quota, "source": &l.Source, "destination": &l.Destination,
	}
	for _, name := range append(known.must, known.may...) {
		if wrong := readField(fields, name, targets[name]); wrong != "" {
			return line{}, wrong
		}
		delete(fields, name)
	}
	delete(fields, "type")
	if columns, ok := fields["columns"]; ok && lineFields[l.Type].columns {
		if l.columns, wrong = readColumns(columns); wrong != "" {
			return line{}, wrong
		}
		delete(fields, "columns")
	}
	for name := range fields {
		hint := ""
		if known.columns {
			hint = `; columns of other programs belong into "columns"`
		}
		return line{}, fmt.Sprintf("has the field %.20q, which a %s does not have%s", name, l.Type, hint)
	}
	if l.Type == "user" && (l.Password == nil) == (l.NewPassword == "") {
		return line{}, `needs either "password", the stored value, or "new_password"`
	}
	return l, ""
}

// readObject returns the fields of a JSON object. Package json would accept a field that is there twice.
func readObject(text []byte) (fields map[string]json.RawMessage, wrong string) {
	decoder := json.NewDecoder(bytes.NewReader(text))
	const broken = "is not a JSON object, or is cut"
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return nil, broken
	}
	fields = map[string]json.RawMessage{}
	for decoder.More() {
		token, err := decoder.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, broken
		}
		if _, again := fields[name]; again {
			return nil, fmt.Sprintf("has the field %.20q twice", name)
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, broken
		}
		fields[name] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, broken
	}
	if _, err := decoder.Token(); err == nil || !errors.Is(err, io.EOF) {
		return nil, "has something after the JSON object"
	}
	return fields, ""
}

// readField parses a field into target, if the field is there. It returns what is wrong with the line.
func readField(fields map[string]json.RawMessage, name string, target any) string {
	value, ok := fields[name]
	if !ok {
		return ""
	}
	if bytes.Equal(value, []byte("null")) || json.Unmarshal(value, target) != nil {
		kind := "a text"
		switch target.(type) {
		case *int, **int, *int64, **int64:
			kind = "a whole number"
		}
		return fmt.Sprintf("has the field %q, which is not %s", name, kind)
	}
	if unpaired(value, textOf(target)) {
		return fmt.Sprintf("has the field %q with an escape that is no character", name)
	}
	return ""
}

// unpaired reports whether a text has an escape that is an unpaired surrogate, for which package json reads U+FFFD. Some
// programs escape bytes that are not UTF-8 in that way.
func unpaired(value json.RawMessage, text string) bool {
	return !bytes.ContainsRune(value, utf8.RuneError) && strings.ContainsRune(text, utf8.RuneError)
}

// textOf returns the text in a target of readField, "" if the target is a number.
func textOf(target any) string {
	switch target := target.(type) {
	case *string:
		return *target
	case **string:
		return **target
	}
	return ""
}

// record returns the record of a line of one of the types "domain", "user" and "alias".
func (l line) record() ispmail.Record {
	switch l.Type {
	case "domain":
		return ispmail.Record{Domain: &ispmail.Domain{ID: l.ID, Name: *l.Name}, Columns: l.columns}
	case "user":
		user := &ispmail.User{ID: l.ID, DomainID: l.DomainID, Email: *l.Email, Quota: l.Quota}
		if l.Password != nil {
			user.Password = ispmail.NewSecret(*l.Password)
		}
		return ispmail.Record{User: user, NewPassword: ispmail.NewSecret(l.NewPassword), Columns: l.columns}
	}
	alias := &ispmail.Alias{ID: l.ID, DomainID: l.DomainID, Source: *l.Source, Destination: *l.Destination}
	return ispmail.Record{Alias: alias, Columns: l.columns}
}
