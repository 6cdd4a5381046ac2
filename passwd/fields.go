package passwd

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"
)

// maxBody is far more than the fields can need, each octet escaped as three.
const maxBody = 16 << 10

var notFound = verdict{status: http.StatusNotFound, reason: "not-found", text: "There is nothing here."}

func badRequest(status int, text string) verdict {
	return verdict{status: status, reason: "bad-request", text: text}
}

const (
	isMissing = "is missing."
	isNotUTF8 = "is not UTF-8."
)

func badField(name, problem string) (verdict, bool) {
	v := badRequest(http.StatusBadRequest, "The field "+name+" "+problem)
	v.field = name
	return v, false
}

// A field of a request, and where its value goes.
type field struct {
	name  string
	value *string
	bytes bool // any bytes will do, as for a password that is verified as it is; else it must be UTF-8
}

// readFields reads the fields of a request from its body, which must be of one of some types. Each field must be there once
// and have a value. Other fields are ignored.
func readFields(w http.ResponseWriter, r *http.Request, types []bodyType, fields []field) (verdict, bool) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return badRequest(http.StatusRequestEntityTooLarge, "The body is too large."), false
	}
	if err != nil {
		return badRequest(http.StatusBadRequest, "The body did not arrive."), false
	}
	values, v, ok := parseBody(r.Header, types, body)
	if !ok {
		return v, false
	}
	for _, field := range fields {
		switch got := values[field.name]; {
		case len(got) == 0 || len(got) == 1 && got[0] == "":
			return badField(field.name, isMissing)
		case len(got) > 1:
			return badField(field.name, "is there more than once.")
		case !field.bytes && strings.ContainsRune(got[0], utf8.RuneError):
			// U+FFFD itself is what remains of text that was none.
			return badField(field.name, isNotUTF8)
		default:
			*field.value = got[0]
		}
	}
	return verdict{}, true
}
