package web

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// A Fault is what is wrong with a request. It holds nothing of the request.
type Fault struct {
	Status int
	Text   string // a sentence
	Field  string // that has to be corrected, or ""
}

// Missing ends the Text of a [Fault] about a field that is not there, or empty.
const Missing = "is missing."

func badField(name, problem string) *Fault {
	return &Fault{Status: http.StatusBadRequest, Text: "The field " + name + " " + problem, Field: name}
}

// A Field of a request, and where its value goes.
type Field struct {
	Name  string
	Value *string
	Bytes bool // any bytes will do, as for a password that is verified as it is; else it must be UTF-8
	Empty bool // it may be empty, or not be there
}

// ReadFields reads the fields of a request from its body, which must be of one of some types and of at most max bytes. Each
// field must be there once and have a value, unless it may be Empty. Other fields are ignored. It returns nil if nothing is wrong.
func ReadFields(w http.ResponseWriter, r *http.Request, max int64, types []BodyType, fields []Field) *Fault {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, max))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return &Fault{Status: http.StatusRequestEntityTooLarge, Text: "The body is too large."}
	}
	if err != nil {
		return &Fault{Status: http.StatusBadRequest, Text: "The body did not arrive."}
	}
	values, fault := parseBody(r.Header, types, body)
	if fault != nil {
		return fault
	}
	return SetFields(values, fields)
}

// SetFields gives the fields their values, as [ReadFields] does, from a body or a URL that has been read already.
func SetFields(values url.Values, fields []Field) *Fault {
	for _, field := range fields {
		if len(values[field.Name]) > 1 {
			return badField(field.Name, "is there more than once.")
		}
		if fault := field.Set(values.Get(field.Name)); fault != nil {
			return fault
		}
	}
	return nil
}

// Set gives the field a value. It returns nil if nothing is wrong with that.
func (f Field) Set(value string) *Fault {
	switch {
	case value == "" && !f.Empty:
		return badField(f.Name, Missing)
	case !f.Bytes && strings.ContainsRune(value, utf8.RuneError):
		// U+FFFD itself is what remains of text that was none.
		return badField(f.Name, "is not UTF-8.")
	}
	*f.Value = value
	return nil
}
