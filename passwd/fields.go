package passwd

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// maxBody is far more than the fields can need, each octet escaped as three.
const maxBody = 16 << 10

var notFound = verdict{status: http.StatusNotFound, reason: "not-found", text: "There is nothing here."}

func badRequest(status int, text string) verdict {
	return verdict{status: status, reason: "bad-request", text: text}
}

const isMissing = "is missing."

func badField(name, problem string) (verdict, bool) {
	v := badRequest(http.StatusBadRequest, "The field "+name+" "+problem)
	v.field = name
	return v, false
}

// A field of a request, and where its value goes.
type field struct {
	name  string
	value *string
}

// readFields reads the fields of a request from its body, a form or JSON. Each field must be there once and have a value.
// Other fields are ignored.
func readFields(w http.ResponseWriter, r *http.Request, fields []field) (verdict, bool) {
	fail := func(status int, text string) (verdict, bool) { return badRequest(status, text), false }
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return fail(http.StatusRequestEntityTooLarge, "The body is too large.")
	}
	if err != nil {
		return fail(http.StatusBadRequest, "The body did not arrive.")
	}
	values, supported, err := parseBody(r.Header, body)
	switch {
	case !supported:
		return fail(http.StatusUnsupportedMediaType, "Send application/x-www-form-urlencoded or application/json.")
	case err != nil:
		return fail(http.StatusBadRequest, "The form is malformed.")
	}
	for _, field := range fields {
		switch got := values[field.name]; {
		case len(got) == 0 || len(got) == 1 && got[0] == "":
			return badField(field.name, isMissing)
		case len(got) > 1:
			return badField(field.name, "is there more than once.")
		case strings.ContainsRune(got[0], utf8.RuneError) || strings.IndexByte(got[0], 0) >= 0:
			// U+FFFD itself is what remains of text that was none; so it is for half of a surrogate pair in JSON.
			return badField(field.name, "is not UTF-8 or holds a NUL byte.")
		default:
			*field.value = got[0]
		}
	}
	return verdict{}, true
}

// parseBody returns the values of each field. A body of another type is not supported.
func parseBody(header http.Header, body []byte) (values url.Values, supported bool, err error) {
	contentTypes := header.Values("Content-Type")
	if len(contentTypes) == 0 && len(body) == 0 {
		return nil, true, nil // what a plugin without settings sends: what it lacks is fields
	}
	if len(contentTypes) != 1 || header.Get("Content-Encoding") != "" {
		return nil, false, nil
	}
	media, parameters, err := mime.ParseMediaType(contentTypes[0])
	charset := parameters["charset"]
	if err != nil || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return nil, false, nil
	}
	switch media {
	case "application/x-www-form-urlencoded":
		values, err = url.ParseQuery(string(body))
	case "application/json":
		values, err = parseJSON(body)
	default:
		return nil, false, nil
	}
	return values, true, err
}

// parseJSON reads the members of an object that are strings. Other members become "". Unlike [json.Unmarshal] it keeps both
// values of a name that is there twice.
func parseJSON(body []byte) (url.Values, error) {
	errMalformed := errors.New("malformed")
	if !utf8.Valid(body) {
		return nil, errMalformed
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, errMalformed
	}
	values := url.Values{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		text, _ := value.(string)
		values.Add(name.(string), text)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errMalformed // there is something after the object
	}
	return values, nil
}
