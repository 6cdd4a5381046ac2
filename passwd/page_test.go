package passwd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/ispmail/go-ispmail/hash"
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

func (d document) text() string {
	var text strings.Builder
	for n := range d.Descendants() {
		if n.Type == html.TextNode {
			text.WriteString(n.Data)
		}
	}
	return strings.Join(strings.Fields(text.String()), " ")
}

func TestPageForm(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{
		Changer: &changer{}, SiteName: "Example & Sons", WebmailURL: "https://example.org/webmail/?a=b&c", MinLength: 17,
	}).Page()
	w := visit(page, http.MethodGet, "/?user=a@b.c&curpass=x", "")
	assert.Equal(t, http.StatusOK, w.Code)
	d := parsePage(t, w)
	assert.Equal(t, "Change your password – Example & Sons", document{d.with("lang", "en")[0].FirstChild}.text())
	assert.NotContains(t, w.Body.String(), "a@b.c", "of the query nothing is read")
	assert.NotContains(t, w.Body.String(), "<script")
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
	assert.Equal(t, "newpass-hint", d.with("id", "newpass")[0].attr("aria-describedby"))

	links := d.with("href", "")
	require.Len(t, links, 2)
	assert.Equal(t, "https://example.org/webmail/?a=b&c", links[1].attr("href"))
	w = visit(page, http.MethodGet, "/"+links[0].attr("href"), "")
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "text/css; charset=utf-8", w.Header().Get("Content-Type"))
	assert.Equal(t, "public, max-age=86400", w.Header().Get("Cache-Control"))
	assert.NotContains(t, w.Body.String(), "url(")
	assert.NotContains(t, w.Body.String(), "@import")

	d = parsePage(t, visit(newService(t, passwd.Config{Changer: &changer{}}).Page(), http.MethodGet, "/", ""))
	assert.Len(t, d.with("href", ""), 1, "no webmail, no link")
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
	} {
		header := w.Header()
		assert.Equal(t, "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			header.Get("Content-Security-Policy"), name)
		assert.Equal(t, "nosniff", header.Get("X-Content-Type-Options"), name)
		assert.Equal(t, "same-origin", header.Get("Referrer-Policy"), name)
		assert.Equal(t, "same-origin", header.Get("Cross-Origin-Opener-Policy"), name)
		assert.Equal(t, "same-origin", header.Get("Cross-Origin-Resource-Policy"), name)
		assert.Contains(t, header.Get("Content-Type"), "; charset=utf-8", name)
		assert.Empty(t, header.Values("Set-Cookie"), name)
		if name != "style" {
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
	}
	assert.Empty(t, c.calls)

	server := httptest.NewServer(page)
	defer server.Close()
	response, err := server.Client().Head(server.URL)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, int64(visit(page, http.MethodGet, "/", "").Body.Len()), response.ContentLength)
}

func TestPageCrossOrigin(t *testing.T) {
	t.Parallel()
	const own, other = "http://example.com", "https://evil.example"
	for _, tt := range []struct {
		origin, site string
		ok           bool
	}{
		{own, "same-origin", true},
		{own, "", true}, // a browser without Sec-Fetch-Site, or a site without TLS
		{"", "same-origin", true},
		{"", "", false},
		{"null", "", false},
		{other, "", false},
		{"http://example.com.evil.example", "", false},
		{"http://example.com:8080", "", false},
		{other, "cross-site", false},
		{"http://www.example.com", "same-site", false},
		{own, "cross-site", false},
		{"null", "cross-site", false},
	} {
		c := &changer{}
		var events []passwd.Event
		page := newService(t, passwd.Config{
			Changer: c, OnEvent: func(_ context.Context, e passwd.Event) { events = append(events, e) },
		}).Page()
		w := visit(page, http.MethodPost, "/", filled, func(r *http.Request) {
			for name, value := range map[string]string{"Origin": tt.origin, "Sec-Fetch-Site": tt.site} {
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

// situations are all that the page can say about an attempt: the name of a text and the field that it belongs to.
var situations = map[string]struct {
	status  int
	reason  string
	field   string
	args    []any
	err     error
	config  passwd.Config
	body    string
	request func(*http.Request)
	before  func(page http.Handler)
}{
	"changed":          {status: 200, reason: "ok", body: filled},
	"user-missing":     {status: 400, reason: "bad-request", field: "user", body: fill("", current, replacement, replacement)},
	"curpass-missing":  {status: 400, reason: "bad-request", field: "curpass", body: fill("a@example.org", "", replacement, replacement)},
	"newpass-missing":  {status: 400, reason: "bad-request", field: "newpass", body: fill("a@example.org", current, "", replacement)},
	"repeat-missing":   {status: 400, reason: "bad-request", field: "repeat", body: fill("a@example.org", current, replacement, "")},
	"user-invalid":     {status: 400, reason: "bad-request", field: "user", body: fill(`"><b>x`, current, replacement, replacement)},
	"unusable":         {status: 400, reason: "bad-request", field: "newpass", body: filled + "&newpass=canary"},
	"unusable ":        {status: 400, reason: "bad-request", field: "newpass", body: filled, err: hash.ErrInvalidPassword},
	"unusable  ":       {status: 400, reason: "bad-request", field: "repeat", body: fill("a@example.org", current, replacement, "\xff canary")},
	"bad-request":      {status: 400, reason: "bad-request", body: filled + "&canary=%"},
	"bad-request ":     {status: 413, reason: "bad-request", body: filled + strings.Repeat("canary", 16<<10)},
	"bad-request  ":    {status: 415, reason: "bad-request", body: filled, request: setHeader("Content-Type", "text/plain")},
	"bad-request   ":   {status: 415, reason: "bad-request", body: `{"user":"a@example.org"}`, request: setHeader("Content-Type", "application/json")},
	"cross-origin":     {status: 403, reason: "cross-origin", body: filled, request: setHeader("Sec-Fetch-Site", "cross-site")},
	"mismatch":         {status: 422, reason: "mismatch", field: "repeat", body: fill("no address", current, "canary", "canary 2")},
	"policy-too-short": {status: 422, reason: "policy-too-short", field: "newpass", args: []any{15}, body: fill("a@example.org", current, "canary", "canary")},
	"policy-too-long":  {status: 422, reason: "policy-too-long", field: "newpass", body: filled, err: hash.ErrPasswordTooLong},
	"policy-same":      {status: 422, reason: "policy-same", field: "newpass", body: fill("a@example.org", replacement, replacement, replacement)},
	"policy-common": {
		status: 422, reason: "policy-common", field: "newpass", config: passwd.Config{MinLength: 8},
		body: fill("a@example.org", current, "password1", "password1"),
	},
	"policy-address": {
		status: 422, reason: "policy-address", field: "newpass",
		body: fill("canary@canary.example", current, "canary@canary.example", "canary@canary.example"),
	},
	"policy-site": {
		status: 422, reason: "policy-site", field: "newpass", config: passwd.Config{SiteName: "The Canary Mail Service"},
		body: fill("a@example.org", current, "canarymailservice", "canarymailservice"),
	},
	"bad-credentials": {status: 403, reason: "bad-credentials", field: "curpass", body: filled, err: ispmail.ErrBadCredentials},
	"limited-minutes": {
		status: 429, reason: "limited", args: []any{3}, body: filled, err: ispmail.ErrBadCredentials,
		before: func(page http.Handler) { guess(page, 5); time.Sleep(59 * time.Second) },
	},
	"limited-minute": {
		status: 429, reason: "limited", body: filled, err: ispmail.ErrBadCredentials,
		before: func(page http.Handler) { guess(page, 5); time.Sleep(2 * time.Minute) },
	},
	"busy": {
		status: 503, reason: "busy", body: filled, config: passwd.Config{MaxConcurrent: 1},
		before: func(page http.Handler) {
			go visit(page, http.MethodPost, "/", fill(slow, current, replacement, replacement))
			synctest.Wait()
		},
	},
	"unavailable":     {status: 503, reason: "unavailable", body: filled, err: errors.New("canary of the database")},
	"outcome-unknown": {status: 503, reason: "outcome-unknown", body: filled, err: ispmail.ErrOutcomeUnknown},
}

// slow is who holds a place of the gate for as long as possible.
const slow = "slow@example.org"

func guess(page http.Handler, times int) {
	for range times {
		visit(page, http.MethodPost, "/", filled)
	}
}

// TestPageSituations looks at what the page says about each situation in each language.
func TestPageSituations(t *testing.T) {
	t.Parallel()
	for lang, texts := range readTexts(t) {
		for name, situation := range situations {
			t.Run(lang+" "+name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					var events []passwd.Event
					config := situation.config
					config.OnEvent = func(_ context.Context, e passwd.Event) {
						if e.Email != slow {
							events = append(events, e)
						}
					}
					config.Changer = changerFunc(func(ctx context.Context, email, _, _ string) error {
						if email == slow {
							<-ctx.Done()
						}
						return situation.err
					})
					defer time.Sleep(time.Minute) // a slow change ends
					page := newService(t, config).Page()
					if situation.before != nil {
						situation.before(page)
					}
					before := len(events)
					w := visit(page, http.MethodPost, "/", situation.body, func(r *http.Request) {
						r.Header.Set("Accept-Language", lang)
						if situation.request != nil {
							situation.request(r)
						}
					})
					d := parsePage(t, w)
					assert.Equal(t, situation.status, w.Code)
					assert.Equal(t, situation.status == 429 || situation.status == 503, w.Header().Get("Retry-After") != "")

					require.Len(t, events, before+1)
					assert.Equal(t, passwd.Page, events[before].Channel)
					assert.Equal(t, netip.MustParseAddr("192.0.2.1"), events[before].Client)
					assert.Equal(t, situation.reason, events[before].Reason)
					assert.Equal(t, situation.status, events[before].Status)

					assert.Len(t, d.with("lang", lang), 1)
					assert.NotContains(t, d.text(), "%!", "a text has other verbs than values")
					assert.NotRegexp(t, `\[[a-z-]+\]`, d.text(), "a text is missing")
					typed := d.with("id", "user")
					for _, input := range d.with("type", "password") {
						assert.Empty(t, input.attr("value"), input.attr("id"))
					}
					assert.NotContains(t, strings.ReplaceAll(w.Body.String(), "canary@canary.example", ""), "canary")
					want := texts[strings.TrimSpace(name)]
					if situation.args != nil {
						want = fmt.Sprintf(want, situation.args...)
					}
					assert.Contains(t, d.text(), want)
					if situation.status == 200 {
						assert.Empty(t, typed)
						assert.Contains(t, d.text(), "john@example.org")
						assert.Len(t, d.with("autofocus", ""), 1)
						return
					}
					checkProblem(t, d, want, situation.field)
					heading := texts["not-changed"]
					if situation.reason == "outcome-unknown" {
						heading = texts["not-known"]
					}
					assert.Contains(t, d.with("role", "alert")[0].text(), heading)
					if name == "user-invalid" {
						assert.Equal(t, `"><b>x`, typed[0].attr("value"))
					}
				})
			})
		}
	}
}

// checkProblem looks whether a problem is announced and tied to its field, which has the focus.
func checkProblem(t *testing.T, d document, problem, field string) {
	t.Helper()
	alert := d.with("role", "alert")
	require.Len(t, alert, 1)
	assert.Contains(t, alert[0].text(), problem)
	focus := d.with("autofocus", "")
	require.Len(t, focus, 1)
	if field == "" {
		assert.Equal(t, alert, focus)
		assert.Empty(t, d.with("aria-invalid", ""))
		return
	}
	assert.Len(t, d.with("href", "#"+field), 1)
	input := d.with("id", field)[0]
	assert.Equal(t, []document{input}, focus)
	assert.Equal(t, []document{input}, d.with("aria-invalid", "true"))
	assert.Contains(t, strings.Fields(input.attr("aria-describedby")), field+"-error")
	assert.Equal(t, problem, d.with("id", field+"-error")[0].text())
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

func TestPageLanguage(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for accept, want := range map[string]string{
		"":                            "en",
		"*":                           "en",
		"fr":                          "en",
		"de":                          "de",
		"de-AT, en;q=0.5":             "de",
		"en-GB, de;q=0.9":             "en",
		"fr-CH, fr;q=0.9, de;q=0.7":   "de",
		"DE":                          "de",
		"de;q=0.1, en;q=0.2":          "en",
		"nonsense;;;=":                "en",
		strings.Repeat("de-", 10_000): "en",
	} {
		w := visit(page, http.MethodGet, "/", "", setHeader("Accept-Language", accept))
		assert.Equal(t, want, w.Header().Get("Content-Language"), accept)
		assert.Len(t, parsePage(t, w).with("lang", want), 1, accept)
	}
}

// readTexts reads the files of the languages.
func readTexts(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("language/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 2)
	languages := map[string]map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file) //nolint:gosec // the name is from the folder itself
		require.NoError(t, err)
		var texts map[string]string
		require.NoError(t, json.Unmarshal(content, &texts), file)
		languages[strings.TrimSuffix(filepath.Base(file), ".json")] = texts
	}
	return languages
}

// TestLanguages finds what is missing or superfluous in a language.
func TestLanguages(t *testing.T) {
	t.Parallel()
	// Texts of the form itself. The others are those of the situations, which TestPageSituations meets.
	want := []string{
		"title", "error", "user", "curpass", "newpass", "newpass-hint", "repeat", "submit", "webmail",
		"changed-user", "changed-devices", "not-changed", "not-known",
	}
	for name := range situations {
		want = append(want, strings.TrimSpace(name))
	}
	slices.Sort(want)
	want = slices.Compact(want)
	verbs := regexp.MustCompile(`%.`)
	languages := readTexts(t)
	for language, texts := range languages {
		assert.Equal(t, want, slices.Sorted(maps.Keys(texts)), language)
		for name, text := range texts {
			assert.NotEmpty(t, text, "%s: %s", language, name)
			assert.Equal(t, verbs.FindAllString(languages["en"][name], -1), verbs.FindAllString(text, -1), "%s: %s", language, name)
		}
	}
}

// TestPageKnowsEveryReason finds a reason in the sources for which there is no situation.
func TestPageKnowsEveryReason(t *testing.T) {
	t.Parallel()
	known := []string{"unauthorized", "not-found"} // of API alone, and of paths without a page
	for _, situation := range situations {
		known = append(known, situation.reason)
	}
	sources, err := filepath.Glob("*.go")
	require.NoError(t, err)
	found := 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		content, err := os.ReadFile(source) //nolint:gosec // the name is from the folder itself
		require.NoError(t, err)
		reason := regexp.MustCompile(`(?:verdict\{http\.Status\w+, |reason: +|refuse\()"([a-z-]+)"`)
		for _, match := range reason.FindAllStringSubmatch(string(content), -1) {
			found++
			assert.Contains(t, known, match[1], source)
		}
	}
	assert.Greater(t, found, 12, "the regular expression does not find them any more")
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
