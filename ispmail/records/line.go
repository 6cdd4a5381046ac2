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

// readLine returns what is wrong with a line as a predicate, "" if nothing is.
func readLine(text []byte) (l line, wrong string) {
	if !utf8.Valid(text) {
		return line{}, "is not UTF-8"
	}
	fields, wrong := readObject(text)
	if wrong != "" {
		return line{}, wrong
	}
	if wrong := field(fields, "type", &l.Type); wrong != "" {
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
		if wrong := field(fields, name, targets[name]); wrong != "" {
			return line{}, wrong
		}
		delete(fields, name)
	}
	delete(fields, "type")
	for name := range fields {
		return line{}, fmt.Sprintf("has the field %.20q, which a %s does not have", name, l.Type)
	}
	if l.Type == "user" && (l.Password == nil) == (l.NewPassword == "") {
		return line{}, `needs either "password", the stored value, or "new_password"`
	}
	return l, ""
}

// readObject returns the fields of a JSON object. Of a field that is there twice, package json would take the last.
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

// field reads one field, if it is there, and returns what is wrong with it.
func field(fields map[string]json.RawMessage, name string, target any) string {
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
	// Package json reads half of a surrogate pair as U+FFFD. Some programs write bytes that are not UTF-8 that way.
	if !bytes.ContainsRune(value, utf8.RuneError) && strings.ContainsRune(textOf(target), utf8.RuneError) {
		return fmt.Sprintf("has the field %q with an escape that is no character", name)
	}
	return ""
}

// textOf returns what was read into a field, "" if it is a number.
func textOf(target any) string {
	switch target := target.(type) {
	case *string:
		return *target
	case **string:
		return **target
	}
	return ""
}

func (l line) record() ispmail.Record {
	switch l.Type {
	case "domain":
		return ispmail.Record{Domain: &ispmail.Domain{ID: l.ID, Name: *l.Name}}
	case "user":
		user := &ispmail.User{ID: l.ID, DomainID: l.DomainID, Email: *l.Email, Quota: l.Quota}
		if l.Password != nil {
			user.Password = ispmail.NewSecret(*l.Password)
		}
		return ispmail.Record{User: user, NewPassword: ispmail.NewSecret(l.NewPassword)}
	}
	return ispmail.Record{Alias: &ispmail.Alias{ID: l.ID, DomainID: l.DomainID, Source: *l.Source, Destination: *l.Destination}}
}
