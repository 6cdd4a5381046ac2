// Package records keeps domains, users and aliases in files of JSON lines (https://jsonlines.org).
//
// [Write] writes what [ispmail.Store.Export] yields. [Read] reads it for [ispmail.Store.Restore] and [ispmail.Store.Import].
package records

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/ispmail"
)

// ErrFormat says that a file is not one of records as Write writes them, or is cut.
var ErrFormat = errors.New("records: not a file of records")

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

// Write writes records as JSON lines (https://jsonlines.org), in UTF-8, each a line such as
//
//	{"type":"domain","id":1,"name":"example.org"}
//	{"type":"user","id":1,"domain_id":1,"email":"john@example.org","password":"{SHA256-CRYPT}$5$...","quota":0}
//	{"type":"alias","id":1,"domain_id":1,"source":"jack@example.org","destination":"john@example.org"}
//
// between {"type":"records","version":1} and a last line with their number, by which Read knows that none is
// missing. The file holds the passwords of all users as they are stored: keep it where only you can read it.
//
// It returns the errors of the records, of w, and ErrFormat for a text that is not UTF-8, which JSON cannot hold.
func Write(w io.Writer, records iter.Seq2[ispmail.Record, error]) error {
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
	for _, text := range []*string{l.Name, l.Email, l.Password, &l.NewPassword, l.Source, l.Destination} {
		if text != nil && !utf8.ValidString(*text) {
			return line{}, fmt.Errorf("%w: the %s with the id %d holds text that is not UTF-8", ErrFormat, l.Type, l.ID)
		}
	}
	return l, nil
}

// Read reads what Write writes. A file that somebody made by other means needs no ids, and neither the first
// nor the last line; instead of "password", a user may have "new_password", which Import hashes. Records have their line
// as Origin. It ends with ErrFormat at the first line that is not right, with its number and never its text, as that
// may hold a password.
func Read(r io.Reader) iter.Seq2[ispmail.Record, error] {
	return func(yield func(ispmail.Record, error) bool) {
		scanner := bufio.NewScanner(r)
		scanner.Buffer(nil, maxLine)
		number, records := 0, 0
		begun, ended := false, false // with the first and the last line of Write
		fail := func(reason string) { yield(ispmail.Record{}, fmt.Errorf("%w: line %d %s", ErrFormat, number, reason)) }
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
			yield(ispmail.Record{}, err)
		case begun && !ended:
			number++
			fail("is missing: the file is cut")
		case number == 0: // as a shell leaves it where an export failed
			number++
			fail("is missing: the file is empty")
		}
	}
}
