package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// A BodyType is a content type that is read.
type BodyType string

// The types.
const (
	FormBody BodyType = "application/x-www-form-urlencoded"
	JSONBody BodyType = "application/json"
)

// charsets are the names of UTF-8, and of a part of it. Neither type of body has the parameter, but programs send it.
var charsets = []string{"", "utf-8", "utf8", "us-ascii", "ascii"}

// charsetOf finds the parameter charset. Package mime takes no type whose parameters have a small fault, such as no value.
var charsetOf = regexp.MustCompile(`(?i);\s*charset\s*=\s*["']?([^;"']*)`)

// parseBody returns the values of each field of a body. If the header says something that is not supported, or the body is
// malformed, it returns what.
func parseBody(header http.Header, types []BodyType, body []byte) (url.Values, *Fault) {
	contentTypes := header.Values("Content-Type")
	if len(contentTypes) == 0 && len(body) == 0 {
		return nil, nil // what a plugin without settings sends: what it lacks is fields
	}
	unsupported := func(text string) (url.Values, *Fault) {
		return nil, &Fault{Status: http.StatusUnsupportedMediaType, Text: text}
	}
	send := "Send " + string(types[0]) + "."
	if len(types) > 1 {
		send = "Send " + string(types[0]) + " or " + string(types[1]) + "."
	}
	switch len(contentTypes) {
	case 0:
		return unsupported("There is no Content-Type. " + send)
	case 1:
	default:
		return unsupported("There is more than one Content-Type. " + send)
	}
	media, _, _ := strings.Cut(contentTypes[0], ";")
	kind := BodyType(strings.ToLower(strings.TrimSpace(media)))
	if !slices.Contains(types, kind) {
		return unsupported("This content type is not supported. " + send)
	}
	for _, charset := range charsetOf.FindAllStringSubmatch(contentTypes[0], -1) {
		if !slices.Contains(charsets, strings.ToLower(strings.TrimSpace(charset[1]))) {
			return unsupported("This charset is not supported. Send UTF-8.")
		}
	}
	for coding := range strings.SplitSeq(strings.Join(header.Values("Content-Encoding"), ","), ",") {
		if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
			return unsupported("This Content-Encoding is not supported. Send the body as it is.")
		}
	}
	if kind == JSONBody {
		return parseJSON(body)
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, &Fault{Status: http.StatusBadRequest, Text: "The form is malformed."}
	}
	return values, nil
}

var (
	badJSON = &Fault{Status: http.StatusBadRequest, Text: "The JSON is malformed."}
	// noUTF8 is about RFC 8259, section 8.1. A password that is not UTF-8 can come in a form.
	noUTF8 = &Fault{Status: http.StatusBadRequest, Text: "The JSON is not UTF-8."}
)

// parseJSON reads the members of an object that are strings. Other members become "". Unlike [json.Unmarshal] it keeps both
// values of a name that is there twice.
func parseJSON(body []byte) (url.Values, *Fault) {
	body = bytes.TrimPrefix(body, []byte("\ufeff")) // which RFC 8259 lets parsers ignore
	if !utf8.Valid(body) {
		return nil, noUTF8
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, badJSON
	}
	values := url.Values{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, badJSON
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, badJSON
		}
		var text string
		if json.Unmarshal(value, &text) == nil && hasHalf(value, text) {
			return nil, noUTF8
		}
		values.Add(name.(string), text)
	}
	if _, err := decoder.Token(); err != nil {
		return nil, badJSON
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, badJSON // there is something after the object
	}
	return values, nil
}

var escapedFFFD = regexp.MustCompile(`(?i)\\ufffd`)

// hasHalf reports whether a string in JSON has half of a surrogate pair, an escape that is no character. Package json puts
// U+FFFD in its place.
func hasHalf(value []byte, text string) bool {
	given := bytes.Count(value, []byte("\ufffd")) + len(escapedFFFD.FindAll(bytes.ReplaceAll(value, []byte(`\\`), nil), -1))
	return strings.Count(text, "\ufffd") > given
}
