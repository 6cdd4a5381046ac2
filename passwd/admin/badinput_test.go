package admin_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

// A filledRoute is a route of the code with a form that is right, on the rows of newFilled.
type filledRoute struct {
	admin.RouteOf
	target string
	fields url.Values
}

// good are right values of fields. A field of the code that is not here fails all tests of it.
var good = map[string]string{ //nolint:gosec // no secret of anybody
	"name": "new", "password": "a quite new secret of mine", "typed": "", "quota": "1G", "destinations": "jo@elsewhere.example", "address": "jo@example.org",
	"copy": "", "catchall": "", "next": "/changes", "language": "en", "q": "jane", "users": "", "aliases": "", "after": "", "severity": "", "domain": "", "page": "",
}

// freeText are the fields into which people type, with the id of the field on the page.
var freeText = map[string]string{"name": "name", "password": "password", "quota": "quota", "destinations": "destinations", "address": "address", "q": "q"}

// newFilled puts in a domain, a user and an alias, each with the id 1, and returns all routes but those for anybody.
func newFilled(t *testing.T, s *site) (routes []filledRoute) {
	t.Helper()
	s.domain("example.org")
	s.user("jane@example.org")
	s.alias("info@example.org", "jane@example.org")
	v := s.as("alice")
	for _, route := range admin.Routes() {
		if route.Open {
			continue
		}
		f := filledRoute{route, strings.TrimSuffix(strings.ReplaceAll(route.Pattern, "{id}", "1"), "{$}"), url.Values{}}
		for _, name := range route.Fields {
			value, known := good[name]
			switch {
			case name == "version":
				page := regexp.MustCompile(`^/(user|alias)/1`).FindString(f.target)
				if page == "" {
					page = "/domain/1/rename"
				}
				value, known = v.version(page), true
			case name == "name" && strings.HasPrefix(f.target, "/domain/1/delete"):
				value = "example.org"
			case name == "name" && (strings.HasSuffix(f.target, "/rename") || f.target == "/domain/new"):
				value = "new.example"
			}
			require.True(t, known, "%s has a field %s that no test knows", route.Pattern, name)
			f.fields.Set(name, value)
		}
		routes = append(routes, f)
	}
	return routes
}

// with returns the fields with another value of one of them, "" for none.
func (f filledRoute) with(name string, values ...string) url.Values {
	fields := url.Values{}
	for key, value := range f.fields {
		fields[key] = value
	}
	fields[name] = values
	return fields
}

func (f filledRoute) request(fields url.Values) *http.Request {
	if f.Method == http.MethodGet {
		return httptest.NewRequest(f.Method, f.target+"?"+fields.Encode(), nil)
	}
	var pairs []string
	for name, values := range fields {
		for _, value := range values {
			pairs = append(pairs, name, value)
		}
	}
	return request(f.target, pairs...)
}

// TestRoutesWork: what is right is done, so that the tests of what is wrong test something. Each route has a database of its own.
func TestRoutesWork(t *testing.T) {
	t.Parallel()
	for i := range newFilled(t, newSite(t)) {
		s := newSite(t)
		f := newFilled(t, s)[i]
		if f.target == "/user/1/unlock" {
			require.NoError(t, s.store.Lock(t.Context(), "jane@example.org"))
			f.fields.Set("version", s.as("alice").version("/user/1"))
		}
		before := s.rows()
		w := s.as("alice").do(f.request(f.fields))
		want := http.StatusSeeOther
		if f.Method == http.MethodGet || strings.HasSuffix(f.target, "/deletion") {
			want = http.StatusOK
		}
		assert.Equal(t, want, w.Code, "%s %s: %s", f.Method, f.target, w.Body.String())
		assert.Equal(t, want == http.StatusOK, slices.Equal(before, s.rows()), "%s %s: only what is done changes rows", f.Method, f.target)
	}
}

// TestBadInput sends what nobody should to every field of every route. Nothing is changed, one sentence says what is wrong beside the
// field, and what was typed stays, except passwords.
func TestBadInput(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		routes := newFilled(t, s)
		v := s.as("alice")
		before := s.rows()
		long := strings.Repeat("a", 4000)
		for _, f := range routes {
			for _, field := range f.Fields {
				assert.Equal(t, http.StatusBadRequest, v.do(f.request(f.with(field, "one", "two"))).Code, "%s: %s is doubled", f.target, field)
				assert.Equal(t, http.StatusBadRequest, v.do(f.request(f.with(field, "\xff\xfe"))).Code, "%s: %s is not UTF-8", f.target, field)
				id := freeText[field]
				if id == "" || f.Method == http.MethodGet && field == "name" { // which is only put into a form
					continue
				}
				if field == "q" && strings.HasPrefix(f.target, "/domain/") {
					id = "find"
				}
				bad := map[string]string{"a control character": "a\x00b\x1b[2J", "too long": long, "markup": `"><script>alert(1)</script>`, "bidi": "\u202egro.elpmaxe\u202c", "nothing but blanks": "  ", "missing": ""}
				for kind, value := range bad {
					what := f.target + " " + field + ": " + kind
					anything := field == "q" && kind != "too long" && (id != "q" || strings.TrimSpace(value) != "")
					optional := strings.TrimSpace(value) == "" && (field == "quota" && f.target == "/domain/1/user" || field == "password" && value == "" || f.target == "/recipients" && value == "")
					if anything || optional || field == "password" && (kind == "markup" || kind == "bidi") {
						continue
					}
					w := v.do(f.request(f.with(field, value)))
					text := w.Body.String()
					assert.Equal(t, http.StatusUnprocessableEntity, w.Code, what)
					assert.Regexp(t, `id="`+id+`"[^>]*aria-describedby="[^"]*\b`+id+`-error\b[^"]*" aria-invalid="true"`, text, "%s: it is said beside the field", what)
					assert.Contains(t, text, `class="error" id="`+id+`-error"`, what)
					assert.Contains(t, text, `<a href="#`+id+`">`, what)
					assert.NotContains(t, text, "<script", what)
					assert.NotContains(t, text, "\x1b", what)
					if kind == "too long" {
						assert.Equal(t, field != "password" && f.target != "/domain/1/delete", strings.Contains(text, long), "%s: what was typed stays", what)
					}
				}
			}
			if f.Method == http.MethodPost {
				r := f.request(f.fields)
				r.Header.Set("Content-Type", "application/json")
				assert.Equal(t, http.StatusUnsupportedMediaType, v.do(r).Code, f.target)
			}
		}
		for _, target := range []string{
			"/user/0", "/user/-1", "/user/x", "/user/01", "/user/9223372036854775808", "/user/1/", "/domain/1/x", "/alias/999", "/domain/1?after=x", "/domain/1?after=1.x",
			"/search?q=a&users=x", "/search?q=a&aliases=1", "/findings?severity=x", "/findings?domain=gone.example",
		} {
			assert.Equal(t, http.StatusNotFound, v.get(target).Code, target)
		}
		for _, target := range []string{"/findings?page=-1", "/findings?page=x", "/findings?page=999999999999", "/findings?page=9223372036854775807", "/findings?page=368934881474191033"} {
			assert.Equal(t, http.StatusOK, v.get(target).Code, target)
		}
		assert.Equal(t, before, s.rows())
	})
}

// TestEveryRoute: of all routes none works on an old page, after the session, from another origin or while the database is away. Nothing
// is changed by it, and what was typed is kept, except passwords.
func TestEveryRoute(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *site) {
		away := false
		s.open(func() (*ispmail.Store, error) {
			if away {
				return nil, ispmail.ErrUnavailable
			}
			return s.store, nil
		})
		routes := newFilled(t, s)
		v := s.as("alice")
		before := s.rows()
		for _, f := range routes {
			what := f.Method + " " + f.target
			if f.fields.Has("version") {
				w := v.do(f.request(f.with("version", "0")))
				assert.Equal(t, http.StatusConflict, w.Code, what)
				assert.Contains(t, w.Body.String(), "Somebody has changed this", what)
				assert.Equal(t, http.StatusConflict, v.do(f.request(f.with("version"))).Code, "%s: no version", what)
			}
			w := s.visitor().do(f.request(f.fields)) // a session that has ended is none
			if f.Method == http.MethodGet {
				assert.Equal(t, http.StatusSeeOther, w.Code, what)
				assert.True(t, strings.HasPrefix(w.Header().Get("Location"), "/login"), what)
			} else {
				assert.Equal(t, http.StatusForbidden, w.Code, what)
				assert.Contains(t, w.Body.String(), "Your session has ended", what)
				r := f.request(f.fields)
				r.Header.Set("Origin", "https://evil.example")
				r.Header.Set("Sec-Fetch-Site", "cross-site")
				w = v.do(r)
				assert.Equal(t, http.StatusForbidden, w.Code, what)
				assert.Contains(t, w.Body.String(), "For your safety", what)
			}
			away = true
			w = v.do(f.request(f.fields))
			away = false
			if f.Method == http.MethodGet && slices.Contains([]string{"/changes", "/domain/new"}, f.target) { // without the database
				assert.Equal(t, http.StatusOK, w.Code, what)
				continue
			}
			text := w.Body.String()
			assert.Equal(t, http.StatusServiceUnavailable, w.Code, what)
			assert.Contains(t, text, "The database does not answer", what)
			assert.NotContains(t, text, good["password"], what)
			if f.Method == http.MethodPost {
				assert.Contains(t, text, `action="`+f.target+`"`, what)
				for name := range f.fields {
					if freeText[name] != "" && name != "password" {
						assert.Regexp(t, `name="`+name+`"[^>]*(value="|>)`+regexp.QuoteMeta(f.fields.Get(name)), text, what)
					}
				}
			}
		}
		assert.Equal(t, before, s.rows())
	})
}

// TestPasswordAgain: who has typed a password gets no passphrase instead, because a form comes back without it.
func TestPasswordAgain(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	routes := newFilled(t, s)
	away := false
	s.open(func() (*ispmail.Store, error) {
		if away {
			return nil, ispmail.ErrUnavailable
		}
		return s.store, nil
	})
	v := s.as("alice")
	typed := regexp.MustCompile(`<input type="hidden" name="typed" value="1">`)
	tried := 0
	for _, f := range routes {
		if f.Method != http.MethodPost || !f.fields.Has("password") {
			continue
		}
		tried++
		before := s.rows()
		if f.fields.Has("version") {
			f.fields.Set("version", v.version("/user/1"))
		}
		away = true
		assert.Regexp(t, typed, v.do(f.request(f.fields)).Body.String(), "%s: the database is away", f.target)
		away = false
		assert.Regexp(t, typed, v.do(f.request(f.with("password", "short"))).Body.String(), "%s: the password is refused", f.target)
		if f.fields.Has("quota") {
			assert.Regexp(t, typed, v.do(f.request(f.with("quota", "x"))).Body.String(), "%s: another field is refused", f.target)
		}
		again := f.with("password", "")
		again.Set("typed", "1")
		w := v.do(f.request(again))
		assert.Equal(t, http.StatusUnprocessableEntity, w.Code, f.target)
		assert.Contains(t, w.Body.String(), "You had typed a password", f.target)
		assert.NotRegexp(t, typed, w.Body.String(), "%s: left empty once more, it is meant", f.target)
		assert.Equal(t, before, s.rows(), f.target)
		w = v.do(f.request(f.with("password", "")))
		require.Equal(t, http.StatusSeeOther, w.Code, f.target)
		assert.Regexp(t, passphrase, v.get(w.Header().Get("Location")).Body.String(), f.target)
	}
	assert.Equal(t, 2, tried)
}

// TestWarningsBesideFields: what the library warns of stands beside the field that it is about, each at its destination.
func TestWarningsBesideFields(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	newFilled(t, s)
	v := s.as("alice")
	text := v.done("/alias/1", "destinations", "gone@example.org, jane@example.org, lost@example.org", "version", v.version("/alias/1"))
	beside := regexp.MustCompile(`(?s)<ul class="warnings" id="destinations-warnings">(.*?)</ul>`).FindStringSubmatch(text)
	require.NotNil(t, beside, text)
	assert.Equal(t, 2, strings.Count(beside[1], "<li>"))
	assert.Regexp(t, `(?s)gone@example\.org.*lost@example\.org`, beside[1])
	assert.NotContains(t, beside[1], "jane@")
	assert.Contains(t, text, `aria-describedby="destinations-hint destinations-warnings"`)
	assert.Contains(t, text, `<a href="#destinations">`)

	text = v.done("/domain/1/alias", "name", "jane", "destinations", "jo@elsewhere.example")
	assert.Regexp(t, `(?s)<ul class="warnings" id="copy-warnings">.*The mailbox jane@example\.org gets no mail`, text)
	assert.Regexp(t, `id="copy"[^>]*aria-describedby="copy-warnings"`, text)

	s.alias("kim@example.org", "jo@elsewhere.example")
	text = v.done("/domain/1/user", "name", "kim", "password", "", "quota", "")
	assert.Regexp(t, `(?s)<ul class="warnings" id="address-warnings">.*The mailbox kim@example\.org gets no mail`, text)
	assert.Contains(t, text, `aria-describedby="address-warnings"`)

	w := v.post("/alias/1", "destinations", "jane@example.org\nno address\nlost@example.org", "version", v.version("/alias/1"))
	assert.Contains(t, w.Body.String(), "This is no address to which mail can go: no address")
	w = v.post("/domain/1/alias", "catchall", "1", "destinations", "jane@example.org")
	require.Equal(t, http.StatusSeeOther, w.Code)
	w = v.post("/domain/1/alias", "catchall", "1", "destinations", "jane@example.org")
	assert.Contains(t, w.Body.String(), "Change that one.")
	assert.NotContains(t, w.Body.String(), `href="#name"`, "there is no such field")
}
