package passwd

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// Page returns the handler for people: a form on which they change their password. It serves
//
//	GET  /                             the form
//	POST /                             the form again with what is wrong, or 200 and that the password was changed
//	GET  /style.css, /script.js        how it looks, and what a script can do better
//	GET  /logo.png or /logo.svg        the logo of the [Operator], if there is one
//	GET  /.well-known/change-password  303 to the form, see https://www.w3.org/TR/change-password-url/
//
// and HEAD as well as GET. The fields of the form are user, curpass, newpass and repeat. A POST has the statuses of
// [Service.API] except 401, and these:
//
//	403 cross-origin   the form was not sent by this page, or by no browser: there is neither Origin nor Sec-Fetch-Site,
//	                   which text browsers do not send, nor a Referer of this host
//	415 bad-request    another content type than application/x-www-form-urlencoded
//	422 mismatch       the new password and its repetition are not the same
//	429 limited        too many wrong passwords for the account, or from the client
//
// The page is in the language that its address asks for (?lang=de), or else the browser: English, German, French, Spanish,
// Italian or Dutch. ?user=john@example.org fills in the address; another text there is ignored. The page needs no JavaScript
// and no cookie, loads nothing from elsewhere and repeats no password. Its links are relative: a proxy may serve it under any
// path that ends with a slash. Each has a passphrase of its own, which a person may ask it to show.
//
// The handler belongs behind TLS, because people type passwords, and on a listener of its own, because its limits count
// by the address of the client (see TrustedProxies in [Config]). Let the proxy that ends TLS send
// Strict-Transport-Security: only it knows whether the whole host can do without HTTP. The proxy should pass on the header
// Host, which is compared with the Origin of old browsers and the Referer of text browsers. Do not put an [http.ServeMux]
// in front, see [Service.API].
func (s *Service) Page() http.Handler {
	script := must(pageFiles.ReadFile("script.js"))
	return &page{
		service:      s,
		translations: must(readTranslations()),
		script:       script,
		scriptURL:    version(scriptPath, script),
	}
}

// version returns a relative URL that changes with the content.
func version(path string, content []byte) string {
	return fmt.Sprintf("%s?%.4x", strings.TrimPrefix(path, "/"), sha256.Sum256(content))
}

const (
	stylePath     = "/style.css"
	scriptPath    = "/script.js"
	wellKnownPath = "/.well-known/change-password"
)

//go:embed page.html script.js language/*.json
var pageFiles embed.FS

// page is the handler of Page.
type page struct {
	service      *Service
	translations translations
	script       []byte
	scriptURL    string
}

func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	face := p.service.face.Load()
	web.SetHeaders(w.Header(), "script-src 'self'", "img-src 'self'")
	// Without a ServeMux: see Service.API.
	switch path := r.URL.EscapedPath(); {
	case path == "/" && r.Method == http.MethodPost:
		p.servePost(w, r)
	case path == "/" && web.IsRead(r):
		p.write(w, r, http.StatusOK, verdict{}, userOf(r), "")
	case path == "/":
		web.RefuseMethod(w, "GET, HEAD, POST")
	case path == stylePath && web.IsRead(r):
		writeFile(w, "text/css; charset=utf-8", face.style)
	case path == scriptPath && web.IsRead(r):
		writeFile(w, "text/javascript; charset=utf-8", p.script)
	case face.logo != nil && path == face.logo.path && web.IsRead(r):
		// An SVG that is opened by itself is a page.
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox")
		writeFile(w, face.logo.contentType, face.Logo)
	case path == stylePath, path == scriptPath, face.logo != nil && path == face.logo.path:
		web.RefuseMethod(w, "GET, HEAD")
	case path == wellKnownPath && web.IsRead(r):
		w.Header().Set("Location", "../") // the page, also below another path
		w.WriteHeader(http.StatusSeeOther)
	case path == wellKnownPath:
		web.RefuseMethod(w, "GET, HEAD")
	default:
		web.Write(w, notFound.status, "text/plain; charset=utf-8", []byte(notFound.text+"\n"))
	}
}

// writeFile writes something whose URL changes with it.
func writeFile(w http.ResponseWriter, contentType string, content []byte) {
	w.Header().Set("Cache-Control", "public, max-age=86400")
	web.Write(w, http.StatusOK, contentType, content)
}

// servePost makes an attempt to change a password.
func (p *page) servePost(w http.ResponseWriter, r *http.Request) {
	client := web.ClientOf(r, p.service.config.TrustedProxies)
	arrival, event := time.Now(), Event{Channel: Page, Client: client}
	f, v, ok := p.read(w, r)
	if ok {
		event.Email, v = p.service.change(r.Context(), Page, arrival, client, f)
	}
	p.service.emit(r.Context(), arrival, event, v)
	setRetryAfter(w.Header(), v)
	p.write(w, r, v.status, v, f.user, event.Email)
}

var (
	crossOrigin = verdict{status: http.StatusForbidden, reason: "cross-origin", text: "The form was not sent by this page."}
	noOrigin    = verdict{status: http.StatusForbidden, reason: "cross-origin", text: "The browser does not tell where the form comes from: no Origin, Sec-Fetch-Site or Referer."}
	mismatch    = verdict{status: http.StatusUnprocessableEntity, reason: "mismatch", text: "The new password and its repetition are not the same."}
)

// read reads the form, or returns what is wrong with the request. It reads nothing of a request from another site.
func (p *page) read(w http.ResponseWriter, r *http.Request) (f form, v verdict, ok bool) {
	switch err := web.CheckOrigin(r); {
	case errors.Is(err, web.ErrNoOrigin):
		return f, noOrigin, false
	case err != nil:
		return f, crossOrigin, false
	}
	var repeat string
	v, ok = readFields(w, r, []web.BodyType{web.FormBody}, []web.Field{
		{Name: fieldUser, Value: &f.user},
		{Name: fieldCurrent, Value: &f.current, Bytes: true},
		{Name: fieldNew, Value: &f.replacement},
		{Name: fieldRepeat, Value: &repeat},
	})
	if ok && repeat != f.replacement {
		return f, mismatch, false
	}
	return f, v, ok
}

// userOf returns the address that a link to the page fills in, or "".
func userOf(r *http.Request) string {
	user := r.URL.Query().Get(fieldUser)
	if _, err := ispmail.Canonical(user); err != nil {
		return ""
	}
	return user
}

// The fields of the form, which are also the ids of the elements.
const (
	fieldUser    = "user"
	fieldCurrent = "curpass"
	fieldNew     = "newpass"
	fieldRepeat  = "repeat"
)

// write writes the page with the outcome of an attempt, or without one if the verdict is zero.
func (p *page) write(w http.ResponseWriter, r *http.Request, status int, v verdict, user, email string) {
	t := p.translations.choose(r.URL.Query().Get("lang"), r.Header.Values("Accept-Language"))
	config := p.service.config
	shown := view{
		translation: t,
		Site:        config.SiteName,
		Webmail:     config.WebmailURL,
		face:        p.service.face.Load(),
		Script:      p.scriptURL,
		MinLength:   config.MinLength,
		User:        user,
		Changed:     v == changed,
	}
	if shown.Changed {
		shown.Done = t.Text("changed-user", email)
	} else {
		shown.explain(v)
		shown.Paragraphs = shown.helpIn(t.Language)
		shown.Suggestion = p.service.policy.Suggestion()
		shown.Languages = p.translations.links(t, userOf(r))
	}
	header := w.Header()
	header.Set("Content-Language", t.Language)
	header.Set("Vary", "Accept-Language")
	var body bytes.Buffer
	_ = t.template.Execute(&body, &shown) // to memory, of fields that are there
	web.Write(w, status, "text/html; charset=utf-8", body.Bytes())
}

// A view is the data of the template. It has no password of anybody. It has fields, which cost the template less than methods.
type view struct {
	translation
	*face
	Site, Webmail string
	Script        string // its URL
	MinLength     int
	User          string // as it was typed, so that it can be corrected
	Done          string // the sentence that tells that the password was changed
	Changed       bool
	Heading       string // the short answer to a failed attempt
	Problem       string // the sentence that tells why it failed, or ""
	Field         string // that has to be corrected, or ""
	Wrong         struct{ User, Current, New, Repeat bool }
	Again         bool // the passwords have to be entered again, because none is sent back
	FirstAgain    bool // the current one is the first that is wanted, although it was not wrong
	Languages     []languageLink
	Suggestion    string   // a new password that nobody has
	Paragraphs    []string // of the help for who has forgotten the password, or none
}

// explain sets what the page says about a failed attempt.
func (v *view) explain(why verdict) {
	v.Field, v.Problem = v.problem(why)
	v.Wrong.User = v.Field == fieldUser
	v.Wrong.Current = v.Field == fieldCurrent
	v.Wrong.New = v.Field == fieldNew
	v.Wrong.Repeat = v.Field == fieldRepeat
	v.Again = v.Field != "" || why.retryAfter > 0 && why != outcomeUnknown
	v.FirstAgain = v.Wrong.New || v.Wrong.Repeat
	v.Heading = v.Text("not-changed")
	if why == outcomeUnknown {
		v.Heading = v.Text("not-known")
	}
}

func (v *view) problem(why verdict) (field, text string) {
	reason := why.reason
	switch {
	case why == verdict{}, v.Changed:
		return "", ""
	case why == badAddress:
		return fieldUser, v.Text("user-invalid")
	case why == badPassword:
		return fieldNew, v.Text("unusable")
	case why == longCurrent:
		return fieldCurrent, v.Text("unusable")
	case why.field != "" && strings.HasSuffix(why.text, web.Missing):
		return why.field, v.Text(why.field + "-missing")
	case why.field != "":
		return why.field, v.Text("unusable")
	case why == badCredentials:
		return fieldCurrent, v.Text(reason)
	case why == noOrigin:
		return "", v.Text("no-origin")
	case why == mismatch:
		return fieldRepeat, v.Text(reason)
	case reason == "policy-too-short":
		return fieldNew, v.Text(reason, v.MinLength)
	case strings.HasPrefix(reason, "policy-"):
		return fieldNew, v.Text(reason)
	case reason == "limited":
		minutes := int(math.Ceil(why.retryAfter.Minutes()))
		if minutes <= 1 {
			return "", v.Text("limited-minute")
		}
		return "", v.Text("limited-minutes", minutes)
	}
	return "", v.Text(reason)
}

// must is for what is part of the program.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
