// Package records writes domains, users and aliases to files of JSON lines (https://jsonlines.org), and reads them.
//
// [Write] takes what [ispmail.Store.Export] yields. [Read] yields what [ispmail.Store.Restore] and [ispmail.Store.Import]
// take.
//
// Columns of other programs, [ispmail.Record.Columns], are one more field of a line, an object:
//
//	{"type":"domain","id":1,"name":"example.org","columns":{"active":1,"price":12.50,"note":null,"key":{"base64":"AAEC"}}}
//
// A text and null stand for themselves, and a number for just its digits. An object with the one field "base64" holds
// bytes that are no text. A file without such columns is as it was before there was this field, and a program that does
// not know the field refuses the line.
package records

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
)

// ErrFormat says that a file is not a whole file of records, or that a record cannot be written to one.
var ErrFormat = errors.New("records: not a file of records")

// maxLine is the highest number of bytes of a line. It is for columns of other programs, of which MariaDB takes
// no more by default; the guide's take less than 1 KiB.
const maxLine = 16 << 20

// version is the version of the format.
const version = 1

// A line is one line of a file of records. Each type of line has fields of its own, see lineFields.
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

	Columns map[string]json.RawMessage `json:"columns,omitempty"` // to be written
	columns map[string]any             // that were read
}

// lineFields are the fields that a line must have and may have, by its type, and whether it may have "columns".
var lineFields = map[string]struct {
	must, may []string
	columns   bool
}{
	"records": {must: []string{"version"}},
	"domain":  {must: []string{"name"}, may: []string{"id"}, columns: true},
	"user":    {must: []string{"email"}, may: []string{"id", "domain_id", "password", "new_password", "quota"}, columns: true},
	"alias":   {must: []string{"source", "destination"}, may: []string{"id", "domain_id"}, columns: true},
	"end":     {must: []string{"records"}},
}

// Write writes records to a file, one line of JSON in UTF-8 for each:
//
//	{"type":"domain","id":1,"name":"example.org"}
//	{"type":"user","id":1,"domain_id":1,"email":"john@example.org","password":"{SHA256-CRYPT}$5$...","quota":0}
//	{"type":"alias","id":1,"domain_id":1,"source":"jack@example.org","destination":"john@example.org"}
//
// The first line is {"type":"records","version":1}. The last line, {"type":"end","records":3}, holds the number of records,
// so that [Read] notices when the file is cut.
//
// The file holds the stored passwords of all users: keep it where only you can read it.
//
// The errors are those of records and of w, and [ErrFormat] for an empty record, for a line that Read would refuse as too
// long, and for text that is not UTF-8 and numbers that are none, which JSON cannot hold.
func Write(w io.Writer, records iter.Seq2[ispmail.Record, error]) error {
	buffered := bufio.NewWriter(w)
	counted := &counter{w: buffered}
	encoder := json.NewEncoder(counted)
	encoder.SetEscapeHTML(false)
	write := func(l line) error { return encoder.Encode(l) } //nolint:gosec // the stored passwords are what it is for
	if err := write(line{Type: "records", Version: version}); err != nil {
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
		before := counted.n
		if err := write(l); err != nil {
			return err
		}
		if counted.n-before > maxLine {
			return fmt.Errorf("%w: the %s with the id %d takes more than %d bytes", ErrFormat, l.Type, l.ID, maxLine)
		}
		n++
	}
	if err := write(line{Type: "end", Records: &n}); err != nil {
		return err
	}
	return buffered.Flush()
}

// A counter counts what it passes on.
type counter struct {
	w io.Writer
	n int
}

func (c *counter) Write(text []byte) (int, error) {
	c.n += len(text)
	return c.w.Write(text)
}

// lineOf returns the line of a record.
func lineOf(r ispmail.Record) (l line, err error) {
	switch {
	case r.Domain != nil:
		l = line{Type: "domain", ID: r.Domain.ID, Name: &r.Domain.Name}
	case r.User != nil:
		u := r.User
		password := u.Password.Reveal()
		l = line{Type: "user", ID: u.ID, DomainID: u.DomainID, Email: &u.Email, Password: &password, NewPassword: r.NewPassword.Reveal(), Quota: u.Quota}
		if l.NewPassword != "" {
			l.Password = nil
		}
	case r.Alias != nil:
		l = line{Type: "alias", ID: r.Alias.ID, DomainID: r.Alias.DomainID, Source: &r.Alias.Source, Destination: &r.Alias.Destination}
	default:
		return line{}, fmt.Errorf("%w: an empty record", ErrFormat)
	}
	texts := map[string]*string{
		"name": l.Name, "email": l.Email, "password": l.Password, "new_password": &l.NewPassword, "source": l.Source, "destination": l.Destination,
	}
	for name, text := range texts {
		if text != nil && !utf8.ValidString(*text) {
			return line{}, fmt.Errorf("%w: the %s with the id %d holds text that is not UTF-8 in the column %q", ErrFormat, l.Type, l.ID, name)
		}
	}
	if l.Columns, err = columnsOf(r); err != nil {
		return line{}, fmt.Errorf("%w: the %s with the id %d %w", ErrFormat, l.Type, l.ID, err)
	}
	return l, nil
}

// Read yields the records of a file that [Write] wrote, or that somebody wrote by hand. The Origin of each record is its line:
// "line 7".
//
// A file that was written by hand needs neither the first line nor the last, and no ids. A user may have "new_password", which
// [ispmail.Store.Import] hashes, in place of "password", the stored value. A line has at most 16 MiB. A byte order mark, line
// ends with a carriage return and blank lines at the end, as some editors write them, are no part of the text.
//
// At the first wrong line, Read ends with [ErrFormat]. The error tells the number of the line, but not its text, which may hold
// a password.
func Read(r io.Reader) iter.Seq2[ispmail.Record, error] {
	return func(yield func(ispmail.Record, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		number, records, blank := 0, 0, 0
		begun, ended := false, false // whether the first and the last line of Write were read
		fail := func(reason string) { yield(ispmail.Record{}, fmt.Errorf("%w: line %d %s", ErrFormat, number, reason)) }
		for scanner.Scan() {
			number++
			text := bytes.TrimPrefix(scanner.Bytes(), []byte("\ufeff"))
			if len(bytes.TrimSpace(text)) == 0 {
				blank++
				continue
			}
			if blank > 0 {
				number -= blank
				fail("is blank, and others follow")
				return
			}
			if number == 1 && isUTF16(text) {
				fail("is UTF-16: save the file as UTF-8")
				return
			}
			if ended {
				fail("comes after the end")
				return
			}
			l, reason := readLine(text)
			switch {
			case reason != "":
				fail(reason)
				return
			case l.Type == "records" && number > 1:
				fail(`is of the type "records", which only the first line may be`)
				return
			case l.Type == "records" && l.Version != version:
				fail(fmt.Sprintf("says that the file is of version %d; this program reads version %d", l.Version, version))
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
			yield(ispmail.Record{}, err)
		case begun && !ended:
			number += 1 - blank
			fail("is missing: the file is cut")
		case number == blank: // a shell creates the file of a redirected export even if the export fails
			number = 1
			fail("is missing: the file is empty")
		}
	}
}

// isUTF16 reports whether a file begins with a byte order mark of UTF-16, or with an ASCII character in it.
func isUTF16(text []byte) bool {
	return bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) ||
		len(text) > 1 && (text[0] == 0) != (text[1] == 0)
}
