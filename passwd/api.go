package passwd

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	apiPath = "/api/password"
	// maxBody is far more than the three fields can need, each octet escaped as three.
	maxBody = 16 << 10
)

// API returns the handler for webmail programs. It serves one request:
//
//	POST /api/password
//	Content-Type: application/x-www-form-urlencoded
//
//	user=john@example.org&curpass=...&newpass=...
//
// The answer is 200 with the body "OK", after the change is stored for good, or else a status from 400 on with one line
// of text that starts with the reason:
//
//	400 bad-request        a field is missing, doubled, not UTF-8 or holds a NUL byte; the user is no address
//	403 bad-credentials    there is no such user, or the current password is wrong
//	404 not-found          another path: paths are compared exactly, and never answered with a redirect
//	405 bad-request        another method than POST
//	413 bad-request        a body of more than 16 KiB
//	415 bad-request        another content type
//	422 policy-too-short   the new password has fewer characters than Config.MinLength
//	422 policy-too-long    the new password has more than 256 bytes, or more than 72 if the scheme is BLF-CRYPT
//	503 unavailable        the database could not do it; nothing was changed
//	503 outcome-unknown    the database went away during the change: either password may be the one that counts
//
// Fields are taken from the body only, as the bytes that they are; other fields are ignored.
//
// The handler knows no client and no limit: it belongs on a loopback address or a unix socket.
func (s *Service) API() http.Handler { return http.HandlerFunc(s.serveAPI) }

func (s *Service) serveAPI(w http.ResponseWriter, r *http.Request) {
	var email string
	fields, v, ok := readForm(w, r)
	if ok {
		email, v = s.change(r.Context(), fields)
	}
	s.log(r.Context(), email, v)
	header := w.Header()
	header.Set("Content-Type", "text/plain; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	switch v.status {
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", "10")
	}
	w.WriteHeader(v.status)
	body := v.reason + ": " + v.text + "\n"
	if v == changed {
		body = "OK" // Roundcube compares with /^ok$/i
	}
	_, _ = io.WriteString(w, body) // the client may have gone
}

// form holds the three fields of a change.
type form struct{ user, current, replacement string }

// readForm reads the fields of an API request, or tells what is wrong with it.
func readForm(w http.ResponseWriter, r *http.Request) (form, verdict, bool) {
	fail := func(status int, text string) (form, verdict, bool) {
		return form{}, verdict{status, "bad-request", text}, false
	}
	if r.URL.EscapedPath() != apiPath {
		return form{}, verdict{http.StatusNotFound, "not-found", "There is nothing here."}, false
	}
	if r.Method != http.MethodPost {
		return fail(http.StatusMethodNotAllowed, "Use POST.")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return fail(http.StatusRequestEntityTooLarge, "The body is too large.")
	}
	if err != nil {
		return fail(http.StatusBadRequest, "The body did not arrive.")
	}
	// A plugin without settings sends nothing at all, not even a content type. What it lacks is fields.
	if contentType := r.Header.Get("Content-Type"); contentType != "" || len(body) > 0 {
		if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/x-www-form-urlencoded" {
			return fail(http.StatusUnsupportedMediaType, "Send application/x-www-form-urlencoded.")
		}
	}
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return fail(http.StatusBadRequest, "The form is malformed.")
	}
	var f form
	for _, field := range []struct {
		name  string
		value *string
	}{{"user", &f.user}, {"curpass", &f.current}, {"newpass", &f.replacement}} {
		switch got := values[field.name]; {
		case len(got) == 0 || len(got) == 1 && got[0] == "":
			return fail(http.StatusBadRequest, "The field "+field.name+" is missing.")
		case len(got) > 1:
			return fail(http.StatusBadRequest, "The field "+field.name+" is there more than once.")
		case !utf8.ValidString(got[0]) || strings.IndexByte(got[0], 0) >= 0:
			return fail(http.StatusBadRequest, "The field "+field.name+" is not UTF-8 or holds a NUL byte.")
		default:
			*field.value = got[0]
		}
	}
	if len(f.current) > maxCurrent {
		return fail(http.StatusBadRequest, "The field curpass is too long.")
	}
	return f, verdict{}, true
}
