package passwd

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

const apiPath = "/api/password"

// API returns the handler for webmail programs. It serves one request:
//
//	POST /api/password
//	Content-Type: application/x-www-form-urlencoded
//
//	user=john@example.org&curpass=...&newpass=...
//
// or the same fields as strings of a JSON object (application/json). Fields are taken from the body only, byte for byte;
// other fields are ignored. The current password may be any bytes: what verifies is what was stored, in whatever encoding.
// JSON has text only, so one that is not UTF-8 needs the form. Once the change is stored for good, the answer is 200 with the body "OK". Otherwise it is a
// status from 400 on and a line of text that starts with the reason:
//
//	400 bad-request        a field is missing or doubled; the user is no address; the new password, or JSON, is not UTF-8
//	401 unauthorized       there are Config.Secrets, and the request has none of them
//	403 cross-origin       a browser has sent it: there is Origin or Sec-Fetch-Site
//	403 bad-credentials    there is no such user, or the current password is wrong
//	404 not-found          another path: paths are compared exactly, and never answered with a redirect
//	405 bad-request        another method than POST
//	413 bad-request        a body of more than 16 KiB
//	415 bad-request        another content type, another charset than UTF-8, or a Content-Encoding
//	422 policy-control     the new password holds a control character or another that nobody sees, see
//	                       [hash.ErrControlCharacter]
//	422 policy-too-short   the new password has fewer characters than Config.MinLength
//	422 policy-too-long    it has more bytes than Config.MaxLength, or than the scheme takes
//	422 policy-same        it is the current one
//	422 policy-common      it is one of the most common passwords
//	422 policy-address     it is made of the mail address
//	422 policy-site        it is made of Config.SiteName
//	422 policy-guessable   it is made of words, names, dates or runs on the keyboard that are tried first
//	422 policy-breached    Config.Breached says that it is in a list of stolen passwords
//	429 limited            too many wrong passwords for the account, or of the person; Retry-After tells for how long
//	503 busy               too many changes at the same time; nothing was changed
//	503 unavailable        the database could not do it; nothing was changed
//	503 outcome-unknown    the database went away during the change: either password may be the one that counts
//
// A program that has one of Config.Secrets, or comes through a unix socket, may name the person for whom it asks in the header
// X-Forwarded-For, by the rule of the page: the last address that is not of Config.TrustedProxies counts. Then wrong passwords
// are also counted by the address of the person, with the limits that a client of the page has, and [Event] has it. Without the
// header, or from other programs, they are counted by the account alone.
//
// A client that accepts application/json gets an object instead: {"reason":"ok"}, or problem details (RFC 9457) with the
// member "reason", and Config.MinLength as "minlength" with policy-too-short. A request that is not HTTP, or has headers of many
// kilobytes, is answered by net/http itself, without a reason.
//
// Without secrets in [Config] the handler belongs on a loopback address or a unix socket.
func (s *Service) API() http.Handler { return http.HandlerFunc(s.serveAPI) }

func (s *Service) serveAPI(w http.ResponseWriter, r *http.Request) {
	arrival, event := time.Now(), Event{Channel: API}
	person, v, ok := s.admitAPI(r)
	event.Client = person
	var f form
	if ok {
		f, v, ok = s.readAPI(w, r)
	}
	if ok {
		event.Email, v = s.change(r.Context(), API, arrival, person, f)
	}
	s.emit(r.Context(), arrival, event, v)

	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	switch v.status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Basic realm="ispmail-passwd", charset="UTF-8"`)
	case http.StatusMethodNotAllowed:
		header.Set("Allow", http.MethodPost)
	}
	setRetryAfter(header, v)
	contentType, body := plainAnswer(v)
	if acceptsJSON(r) {
		contentType, body = s.jsonAnswer(v)
	}
	header.Set("Content-Type", contentType)
	w.WriteHeader(v.status)
	_, _ = io.WriteString(w, body) //nolint:gosec // texts of ours, as text or JSON; the client may have gone
}

// admitAPI looks at who asks and for what. It returns the person whom a program that is to be trusted names, or what is wrong
// with the request.
func (s *Service) admitAPI(r *http.Request) (person netip.Addr, v verdict, ok bool) {
	refuse := func(v verdict) (netip.Addr, verdict, bool) { return netip.Addr{}, v, false }
	secrets := *s.secrets.Load()
	switch {
	case r.URL.EscapedPath() != apiPath:
		return refuse(notFound)
	case r.Method != http.MethodPost:
		return refuse(badRequest(http.StatusMethodNotAllowed, "Use POST."))
	case r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "":
		// A browser sends one of the two with every POST. That a page of whatever origin reaches the API is an accident or an attack.
		return refuse(verdict{status: http.StatusForbidden, reason: "cross-origin", text: "The API is for programs, and not for browsers."})
	case !secrets.admit(r):
		return refuse(verdict{status: http.StatusUnauthorized, reason: "unauthorized", text: "This needs the secret of a webmail."})
	}
	// Whoever is on the machine can reach a loopback address, and could use up the attempts of anybody.
	if len(secrets) > 0 || web.IsSocket(r) {
		person = web.PersonOf(r, s.config.TrustedProxies)
	}
	return person, verdict{}, true
}

// readAPI reads the form of an API request, or returns what is wrong with it.
func (s *Service) readAPI(w http.ResponseWriter, r *http.Request) (form, verdict, bool) {
	var f form
	names := s.config.Fields
	v, ok := readFields(w, r, []web.BodyType{web.FormBody, web.JSONBody}, []web.Field{
		{Name: names.User, Value: &f.user},
		{Name: names.Current, Value: &f.current, Bytes: true},
		{Name: names.New, Value: &f.replacement},
	})
	return f, v, ok
}

func plainAnswer(v verdict) (contentType, body string) {
	body = v.reason + ": " + v.text + "\n"
	if v == changed {
		body = "OK" // Roundcube compares with /^ok$/i
	}
	return "text/plain; charset=utf-8", body
}

func (s *Service) jsonAnswer(v verdict) (contentType, body string) {
	if v == changed {
		return "application/json", `{"reason":"ok"}`
	}
	problem := map[string]any{"title": http.StatusText(v.status), "status": v.status, "detail": v.text, "reason": v.reason}
	if v.reason == "policy-too-short" {
		problem["minlength"] = s.config.MinLength
	}
	text, _ := json.Marshal(problem) // strings and numbers: this cannot fail
	return "application/problem+json", string(text)
}

// acceptsJSON reports whether a request asks for JSON by name. Roundcube sends no header Accept at all.
func acceptsJSON(r *http.Request) bool {
	accept := strings.ToLower(strings.Join(r.Header.Values("Accept"), ","))
	return strings.Contains(accept, "application/json") || strings.Contains(accept, "application/problem+json")
}

func setRetryAfter(header http.Header, v verdict) {
	if v.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(wholeSeconds(v.retryAfter)))
	}
}
