package passwd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// visit sends a request to the page as a browser does.
func visit(page http.Handler, method, target, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", formType)
		r.Header.Set("Origin", "http://"+r.Host)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, change := range change {
		change(r)
	}
	w := httptest.NewRecorder()
	page.ServeHTTP(w, r)
	return w
}

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// fill fills in the form of the page.
func fill(user, current, replacement, repeat string) string {
	return form("user", user, "curpass", current, "newpass", replacement, "repeat", repeat)
}

var filled = fill("John@Example.org", current, replacement, replacement)

// document is a parsed page.
type document struct{ *html.Node }

func parsePage(t *testing.T, w *httptest.ResponseRecorder) document {
	t.Helper()
	root, err := html.Parse(strings.NewReader(w.Body.String()))
	require.NoError(t, err)
	return document{root}
}

// with returns the elements that have an attribute, and any value of it if that is "".
func (d document) with(name, value string) (found []document) {
	for n := range d.Descendants() {
		for _, a := range n.Attr {
			if a.Key == name && (value == "" || a.Val == value) {
				found = append(found, document{n})
			}
		}
	}
	return found
}

func (d document) attr(name string) string {
	for _, a := range d.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// language returns the language that the page says it is in.
func (d document) language() string { return d.with("lang", "")[0].attr("lang") }

func (d document) text() string {
	var text strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	// Not strings.Fields, which takes the no-break spaces of French for others.
	return strings.Join(strings.FieldsFunc(text.String(), func(r rune) bool { return strings.ContainsRune(" \t\n", r) }), " ")
}

func TestPageForm(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{
		Changer: &changer{}, SiteName: "Example & Sons", WebmailURL: "https://example.org/webmail/?a=b&c", MinLength: 17,
	}).Page()
	w := visit(page, http.MethodGet, "/?curpass=canary&newpass=canary", "")
	assert.Equal(t, http.StatusOK, w.Code)
	d := parsePage(t, w)
	assert.Equal(t, "Change your password – Example & Sons", document{d.with("lang", "en")[0].FirstChild}.text())
	assert.NotContains(t, suggestions.ReplaceAllString(w.Body.String(), ""), "canary", "of the query nothing else is read")
	assert.NotRegexp(t, `(?i) on\w+=|javascript:`, w.Body.String(), "there is one script, a file")
	scripts := d.with("src", "")
	require.Len(t, scripts, 1)
	assert.Empty(t, scripts[0].text())
	assert.Equal(t, 1, strings.Count(w.Body.String(), "<script"))
	script := visit(page, http.MethodGet, "/"+scripts[0].attr("src"), "")
	assert.Equal(t, http.StatusOK, script.Code)
	assert.Equal(t, "text/javascript; charset=utf-8", script.Header().Get("Content-Type"))
	assert.Equal(t, "public, max-age=86400", script.Header().Get("Cache-Control"))
	assert.Regexp(t, `^script\.js\?[0-9a-f]{8}$`, scripts[0].attr("src"), "it changes with what it holds")
	assert.NotRegexp(t, `innerHTML|insertAdjacentHTML|eval|document\.write|fetch|XMLHttpRequest`, script.Body.String())
	assert.Empty(t, d.with("style", ""), "the policy forbids it")
	assert.Empty(t, d.with("role", "alert"))
	assert.Len(t, d.with("method", "post"), 1)

	for id, autocomplete := range map[string]string{
		"user": "username", "curpass": "current-password", "newpass": "new-password", "repeat": "new-password",
	} {
		input := d.with("id", id)[0]
		assert.Equal(t, id, input.attr("name"))
		assert.Equal(t, autocomplete, input.attr("autocomplete"))
		assert.Equal(t, "none", input.attr("autocapitalize"))
		assert.Equal(t, "false", input.attr("spellcheck"))
		assert.Empty(t, input.attr("value"))
		assert.NotEmpty(t, d.with("for", id)[0].text())
	}
	assert.Contains(t, d.with("id", "newpass-hint")[0].text(), "17")
	assert.Equal(t, "newpass-hint newpass-length", d.with("id", "newpass")[0].attr("aria-describedby"))
	for _, useless := range d.with("data-script", "") {
		assert.True(t, slices.ContainsFunc(useless.Attr, func(a html.Attribute) bool { return a.Key == "hidden" }), "without a script it does nothing")
	}
	assert.NotEmpty(t, d.with("data-script", ""))

	links := d.with("href", "")
	require.Len(t, links, 2+6)
	assert.Equal(t, "https://example.org/webmail/?a=b&c", links[1].attr("href"))
	w = visit(page, http.MethodGet, "/"+links[0].attr("href"), "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "public, max-age=86400", w.Header().Get("Cache-Control"))
	assert.NotContains(t, w.Body.String(), "url(")
	assert.NotContains(t, w.Body.String(), "@import")

	d = parsePage(t, visit(newService(t, passwd.Config{Changer: &changer{}}).Page(), http.MethodGet, "/", ""))
	assert.Len(t, d.with("href", ""), 1+6, "no webmail, no link")
}

// TestScript: the script of the page keeps nothing, sends nothing, and makes neither code, markup nor objects of what is typed.
func TestScript(t *testing.T) {
	t.Parallel()
	script := regexp.MustCompile(`(?m)//.*$`).ReplaceAllString(readFile(t, "script.js"), "")
	assert.Contains(t, script, "newpass.value")
	assert.NotRegexp(t, `(?i)storage|cookie|indexedDB|caches|fetch|XMLHttpRequest|WebSocket|sendBeacon|import|eval|Function\(|innerHTML|outerHTML|insertAdjacent|document\.write|JSON|Object\.|__proto__`, script)
}

// TestPageHeaders are on every answer.
func TestPageHeaders(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for name, w := range map[string]*httptest.ResponseRecorder{
		"form":    visit(page, http.MethodGet, "/", ""),
		"changed": visit(page, http.MethodPost, "/", filled),
		"refused": visit(page, http.MethodPost, "/", ""),
		"foreign": visit(page, http.MethodPost, "/", filled, setHeader("Sec-Fetch-Site", "cross-site")),
		"nothing": visit(page, http.MethodGet, "/nothing", ""),
		"method":  visit(page, http.MethodPut, "/", ""),
		"style":   visit(page, http.MethodGet, "/style.css", ""),
		"script":  visit(page, http.MethodGet, "/script.js", ""),
		"known":   visit(page, http.MethodGet, "/.well-known/change-password", ""),
	} {
		header := w.Header()
		assert.Equal(t, "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; script-src 'self'; img-src 'self'",
			header.Get("Content-Security-Policy"), name)
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "same-origin", header.Get("Referrer-Policy"), name)
		assert.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"), name)
		assert.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"), name)
		if name != "known" {
			assert.Contains(t, header.Get("Content-Type"), "; charset=utf-8", name)
		}
		assert.Empty(t, header.Values("Set-Cookie"), name)
		if name != "style" && name != "script" {
			assert.Equal(t, "no-store", header.Get("Cache-Control"), name)
		}
		if strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			assert.Equal(t, "en", header.Get("Content-Language"), name)
			assert.Equal(t, "Accept-Language", header.Get("Vary"), name)
		}
	}
}

func TestPagePaths(t *testing.T) {
	t.Parallel()
	c := &changer{}
	page := newService(t, passwd.Config{Changer: c}).Page()
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/", 200, ""},
		{"HEAD", "/", 200, ""},
		{"GET", "/style.css", 200, ""},
		{"HEAD", "/style.css", 200, ""},
		{"GET", "/script.js", 200, ""},
		{"POST", "/script.js", 405, "GET, HEAD"},
		{"GET", "/script.js/", 404, ""},
		{"GET", "//script.js", 404, ""},
		{"GET", "/.well-known/change-password", 303, ""},
		{"HEAD", "/.well-known/change-password", 303, ""},
		{"GET", "/.well-known/change-password?user=x", 303, ""},
		{"POST", "/.well-known/change-password", 405, "GET, HEAD"},
		{"GET", "/.well-known/change-password/", 404, ""},
		{"GET", "/.well-known/", 404, ""},
		{"GET", "/.well-known/resource-that-should-not-exist-whose-status-code-should-not-be-200", 404, ""},
		{"PUT", "/", 405, "GET, HEAD, POST"},
		{"DELETE", "/", 405, "GET, HEAD, POST"},
		{"OPTIONS", "/", 405, "GET, HEAD, POST"},
		{"POST", "/style.css", 405, "GET, HEAD"},
		{"GET", "//", 404, ""},
		{"POST", "//", 404, ""},
		{"GET", "/./", 404, ""},
		{"POST", "/index.html", 404, ""},
		{"GET", "/%2F", 404, ""},
		{"GET", "/style.css/", 404, ""},
		{"GET", "/page.html", 404, ""},
		{"POST", "/api/password", 404, ""},
	} {
		w := visit(page, tt.method, tt.target, filled)
		assert.Equal(t, tt.status, w.Code, "%s %s", tt.method, tt.target)
		assert.Equal(t, tt.allow, w.Header().Get("Allow"), "%s %s", tt.method, tt.target)
		assert.Equal(t, tt.status == 303, w.Header().Get("Location") != "")
	}
	assert.Empty(t, c.calls)

	server := httptest.NewServer(page)
	defer server.Close()
	response, err := server.Client().Head(server.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Positive(t, response.ContentLength)
}

// TestPageWellKnown follows the redirect of the page at the top of a host and below a path.
func TestPageWellKnown(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for _, path := range []string{"", "/password"} {
		server := httptest.NewServer(http.StripPrefix(path, page))
		defer server.Close()
		response, err := server.Client().Get(server.URL + path + "/.well-known/change-password")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Equal(t, path+"/", response.Request.URL.Path)
	}
}

func TestPageCrossOrigin(t *testing.T) {
	t.Parallel()
	const own, other = "http://example.com", "https://evil.example"
	for _, tt := range []struct {
		origin, site, referer string
		ok                    bool
	}{
		{own, "same-origin", "", true},
		{own, "", "", true}, // a browser without Sec-Fetch-Site, or a site without TLS
		{"", "same-origin", "", true},
		{"", "", "", false},
		{"null", "", "", false},
		{other, "", "", false},
		{"http://example.com.evil.example", "", "", false},
		{"http://example.com:8080", "", "", false},
		{other, "cross-site", "", false},
		{"http://www.example.com", "same-site", "", false},
		{own, "cross-site", "", false},
		{"null", "cross-site", "", false},
		{"", "", own + "/", true}, // a text browser
		{"", "", "https://example.com/password/?x#y", true},
		{"", "", other + "/", false},
		{"", "", other + "/?" + own, false},
		{"", "", "https://example.com@evil.example/", false},
		{"", "", "https://example.com.evil.example/", false},
		{"", "", "http://example.com:8080/", false},
		{"", "", "file://example.com/", false},
		{"", "", "example.com", false},
		{"", "", "%", false},
		{other, "", own, false},
		{"null", "", own, false},
		{"", "cross-site", own, false},
		{"", "same-site", own, false},
	} {
		c := &changer{}
		var events []passwd.Event
		page := newService(t, passwd.Config{
			Changer: c, OnEvent: func(_ context.Context, e passwd.Event) { events = append(events, e) },
		}).Page()
		w := visit(page, http.MethodPost, "/", filled, func(r *http.Request) {
			for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site, "Referer": tt.referer} {
				if r.Header.Set(name, value); value == "" {
					r.Header.Del(name)
				}
			}
		})
		require.Len(t, events, 1)
		if tt.ok {
			assert.Equal(t, http.StatusOK, w.Code, "%+v", tt)
			assert.Len(t, c.calls, 1)
			continue
		}
		assert.Equal(t, http.StatusForbidden, w.Code, "%+v", tt)
		assert.Equal(t, "cross-origin", events[0].Reason)
		assert.Empty(t, events[0].Email)
		assert.NotContains(t, strings.ToLower(w.Body.String()), "john", "nothing of the request is looked at")
		assert.Empty(t, c.calls)
	}
}

// TestTextBrowsers sends the headers of lynx 2.9.0dev.12 and w3m 0.5.3, of which none says Origin.
func TestTextBrowsers(t *testing.T) {
	t.Parallel()
	for name, headers := range map[string]map[string]string{
		"lynx": {
			"Accept": "text/html, text/plain, text/sgml, text/css, */*;q=0.01", "Accept-Encoding": "gzip, compress, bzip2", "Accept-Language": "en",
			"Pragma": "no-cache", "Cache-Control": "no-cache", "User-Agent": "Lynx/2.9.0dev.12 libwww-FM/2.14 SSL-MM/1.4.1 GNUTLS/3.7.8",
		},
		"w3m": {
			"Accept": "text/html, text/*;q=0.5, image/*, application/*, x-scheme-handler/*", "Accept-Encoding": "gzip, compress, bzip, bzip2, deflate",
			"Accept-Language": "en;q=1.0", "User-Agent": "w3m/0.5.3+git20230121",
		},
	} {
		for referer, want := range map[string]int{"http://example.com/": http.StatusOK, "http://evil.example/": http.StatusForbidden, "": http.StatusForbidden} {
			c := &changer{}
			w := visit(newService(t, passwd.Config{Changer: c}).Page(), http.MethodPost, "/", filled, func(r *http.Request) {
				r.Header = http.Header{"Content-Type": {formType}}
				for header, value := range headers {
					r.Header.Set(header, value)
				}
				if referer != "" {
					r.Header.Set("Referer", referer)
				}
			})
			assert.Equal(t, want, w.Code, "%s %q", name, referer)
			assert.Equal(t, want == http.StatusOK, len(c.calls) == 1)
			assert.Equal(t, referer == "", strings.Contains(w.Body.String(), "let it send the Referer"))
		}
	}
}

// TestPageMismatchFirst finds that the repetition is compared before anything is charged.
func TestPageMismatchFirst(t *testing.T) {
	t.Parallel()
	c := &changer{}
	page := newService(t, passwd.Config{Changer: c}).Page()
	for range 30 {
		w := visit(page, http.MethodPost, "/", fill("john@example.org", current, replacement, replacement+" "))
		require.Equal(t, http.StatusUnprocessableEntity, w.Code)
	}
	assert.Empty(t, c.calls)
	assert.Equal(t, http.StatusOK, visit(page, http.MethodPost, "/", filled).Code)
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
}

// TestPageClient counts by the address that a trusted proxy tells.
func TestPageClient(t *testing.T) {
	t.Parallel()
	var client netip.Addr
	page := newService(t, passwd.Config{
		Changer: &changer{err: ispmail.ErrBadCredentials}, Floor: 1,
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		OnEvent:        func(_ context.Context, e passwd.Event) { client = e.Client },
	}).Page()
	attempt := func(account int, forwarded string) int {
		body := fill(fmt.Sprintf("user%d@example.org", account), current, replacement, replacement)
		return visit(page, http.MethodPost, "/", body, setHeader("X-Forwarded-For", forwarded)).Code
	}
	for account := range 20 {
		require.Equal(t, http.StatusForbidden, attempt(account, fmt.Sprintf("198.51.100.1, 2001:db8::%d", account)))
	}
	assert.Equal(t, netip.MustParseAddr("2001:db8::19"), client, "the whole address")
	assert.Equal(t, http.StatusTooManyRequests, attempt(21, "2001:db8::ffff"))
	assert.Equal(t, http.StatusForbidden, attempt(21, "2001:db8:1::ffff"))
}

func BenchmarkPage(b *testing.B) {
	service, err := passwd.New(passwd.Config{Changer: &changer{}})
	require.NoError(b, err)
	page := service.Page()
	b.ReportAllocs()
	for b.Loop() {
		visit(page, http.MethodGet, "/", "", setHeader("Accept-Language", "de-AT, de;q=0.9, en;q=0.5"))
	}
}
