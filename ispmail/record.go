package ispmail

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"strings"
	"unicode/utf8"
)

// A Record is a domain, a user or an alias on its way into a database or out of one. Exactly one of the three is set.
type Record struct {
	Domain *Domain
	User   *User
	Alias  *Alias
	// NewPassword is the password of a user whose User.Password, the stored value, is empty: Import hashes it. It is a
	// secret. String and slog leave it out.
	NewPassword string
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

// LogValue keeps passwords out of logs.
func (r Record) LogValue() slog.Value { return slog.StringValue(r.String()) }

// ErrFormat says that a file is not one of records as WriteRecords writes them, or is cut.
var ErrFormat = errors.New("ispmail: not a file of records")

// maxLine is the number of bytes of a line, far above what a row of any schema needs.
const maxLine = 1 << 20

// A line is what all lines of a file of records are made of. Each type has its own fields, see lineFields.
type line struct {
	Type        string  `json:"type"`
	Version     int     `json:"version,omitempty"`
	Records     *int    `json:"records,omitempty"`
	ID          int64   `json:"id,omitempty"`
	DomainID    int64   `json:"domain_id,omitempty"`
	Name        *string `json:"name,omitempty"`
	Email       *string `json:"email,omitempty"`
	Password    *string `json:"password,omitempty"`
	NewPassword string  `json:"new_password,omitempty"`
	Quota       *int64  `json:"quota,omitempty"`
	Source      *string `json:"source,omitempty"`
	Destination *string `json:"destination,omitempty"`
}

const recordsVersion = 1

// lineFields are the fields that a line of a type must have, and those that it may have.
var lineFields = map[string]struct{ must, may []string }{
	"records": {must: []string{"version"}},
	"domain":  {must: []string{"name"}, may: []string{"id"}},
	"user":    {must: []string{"email"}, may: []string{"id", "domain_id", "password", "new_password", "quota"}},
	"alias":   {must: []string{"source", "destination"}, may: []string{"id", "domain_id"}},
	"end":     {must: []string{"records"}},
}

// WriteRecords writes records as JSON lines (https://jsonlines.org), in UTF-8, each a line such as
//
//	{"type":"domain","id":1,"name":"example.org"}
//	{"type":"user","id":1,"domain_id":1,"email":"john@example.org","password":"{SHA256-CRYPT}$5$...","quota":0}
//	{"type":"alias","id":1,"domain_id":1,"source":"jack@example.org","destination":"john@example.org"}
//
// between {"type":"records","version":1} and a last line with their number, by which ReadRecords knows that none is
// missing. The file holds the passwords of all users as they are stored: keep it where only you can read it.
//
// It returns the errors of the records, of w, and ErrFormat for a text that is not UTF-8, which JSON cannot hold.
func WriteRecords(w io.Writer, records iter.Seq2[Record, error]) error {
	buffered := bufio.NewWriter(w)
	encoder := json.NewEncoder(buffered)
	encoder.SetEscapeHTML(false)
	write := func(l line) error { return encoder.Encode(l) } //nolint:gosec // the stored passwords are what it is for
	if err := write(line{Type: "records", Version: recordsVersion}); err != nil {
		return err
	}
	n := 0
	for record, err := range records {
		if err != nil {
			return err
		}
		l, err := lineOf(record)
		if err != nil {
			return err
		}
		if err := write(l); err != nil {
			return err
		}
		n++
	}
	if err := write(line{Type: "end", Records: &n}); err != nil {
		return err
	}
	return buffered.Flush()
}

func lineOf(r Record) (l line, err error) {
	switch {
	case r.Domain != nil:
		l = line{Type: "domain", ID: r.Domain.ID, Name: &r.Domain.Name}
	case r.User != nil:
		u := r.User
		l = line{Type: "user", ID: u.ID, DomainID: u.DomainID, Email: &u.Email, Password: &u.Password, NewPassword: r.NewPassword, Quota: u.Quota}
		if r.NewPassword != "" {
			l.Password = nil
		}
	case r.Alias != nil:
		l = line{Type: "alias", ID: r.Alias.ID, DomainID: r.Alias.DomainID, Source: &r.Alias.Source, Destination: &r.Alias.Destination}
	default:
		return line{}, fmt.Errorf("%w: an empty record", ErrFormat)
	}
	for _, text := range []*string{l.Name, l.Email, l.Password, &l.NewPassword, l.Source, l.Destination} {
		if text != nil && !utf8.ValidString(*text) {
			return line{}, fmt.Errorf("%w: the %s with the id %d holds text that is not UTF-8", ErrFormat, l.Type, l.ID)
		}
	}
	return l, nil
}

// ReadRecords reads what WriteRecords writes. A file that somebody made by other means needs no ids, and neither the first
// nor the last line; instead of "password", a user may have "new_password", which Import hashes. Records have their line
// as Origin. It ends with ErrFormat at the first line that is not right, with its number and never its text, as that
// may hold a password.
func ReadRecords(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		number, records := 0, 0
		begun, ended := false, false // with the first and the last line of WriteRecords
		fail := func(reason string) { yield(Record{}, fmt.Errorf("%w: line %d %s", ErrFormat, number, reason)) }
		for scanner.Scan() {
			number++
			if ended {
				fail("comes after the end")
				return
			}
			l, reason := readLine(scanner.Bytes())
			switch {
			case reason != "":
				fail(reason)
				return
			case l.Type == "records" && number > 1:
				fail(`is of the type "records", which only the first line may be`)
				return
			case l.Type == "records" && l.Version != recordsVersion:
				fail(fmt.Sprintf("says that the file is of version %d; this program reads version %d", l.Version, recordsVersion))
				return
			case l.Type == "records":
				begun = true
			case l.Type == "end" && *l.Records != records:
				fail(fmt.Sprintf("says that there are %d records before it, but there are %d", *l.Records, records))
				return
			case l.Type == "end":
				ended = true
			default:
				records++
				record := l.record()
				record.Origin = fmt.Sprintf("line %d", number)
				if !yield(record, nil) {
					return
				}
			}
		}
		switch err := scanner.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			number++
			fail(fmt.Sprintf("is longer than %d bytes", maxLine))
		case err != nil:
			yield(Record{}, err)
		case begun && !ended:
			number++
			fail("is missing: the file is cut")
		case number == 0: // as a shell leaves it where an export failed
			number++
			fail("is missing: the file is empty")
		}
	}
}

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

func (l line) record() Record {
	switch l.Type {
	case "domain":
		return Record{Domain: &Domain{ID: l.ID, Name: *l.Name}}
	case "user":
		user := &User{ID: l.ID, DomainID: l.DomainID, Email: *l.Email, Quota: l.Quota}
		if l.Password != nil {
			user.Password = *l.Password
		}
		return Record{User: user, NewPassword: l.NewPassword}
	}
	return Record{Alias: &Alias{ID: l.ID, DomainID: l.DomainID, Source: *l.Source, Destination: *l.Destination}}
}
