package passwd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
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

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

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
	"no-origin":        {status: 403, reason: "cross-origin", body: filled, request: func(r *http.Request) { r.Header.Del("Origin"); r.Header.Del("Sec-Fetch-Site") }},
	"policy-control":   {status: 422, reason: "policy-control", field: "newpass", body: fill("a@example.org", current, "canary\t", "canary\t")},
	"policy-control ":  {status: 422, reason: "policy-control", field: "newpass", body: filled, err: hash.ErrControlCharacter},
	"unusable   ":      {status: 400, reason: "bad-request", field: "newpass", body: fill("a@example.org", current, "\xff canary", "\xff canary")},
	"unusable    ":     {status: 400, reason: "bad-request", field: "curpass", body: fill("a@example.org", strings.Repeat("a", 1025), replacement, replacement)},
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
	"policy-guessable": {status: 422, reason: "policy-guessable", field: "newpass", body: fill("a@example.org", current, "passwordpassword1", "passwordpassword1")},
	"policy-breached": {
		status: 422, reason: "policy-breached", field: "newpass", body: filled,
		config: passwd.Config{Breached: func(context.Context, string) bool { return true }},
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

					assert.Equal(t, lang, d.language())
					assert.NotContains(t, d.text(), "%!", "a text has other verbs than values")
					assert.NotRegexp(t, `\[[a-z-]+\]`, d.text(), "a text is missing")
					typed := d.with("id", "user")
					for _, input := range d.with("type", "password") {
						assert.Empty(t, input.attr("value"), input.attr("id"))
					}
					body := strings.ReplaceAll(w.Body.String(), "canary@canary.example", "")
					assert.NotContains(t, suggestions.ReplaceAllString(body, ""), "canary")
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
					checkAgain(t, d, texts, situation.field, situation.field != "" || slices.Contains([]string{"limited", "busy", "unavailable"}, situation.reason))
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

// checkAgain looks whether each password that has to be entered again says so: all but the one that says what is wrong with it.
func checkAgain(t *testing.T, d document, texts map[string]string, wrong string, wanted bool) {
	t.Helper()
	assert.Equal(t, wanted, strings.Contains(d.with("role", "alert")[0].text(), texts["again"]))
	for _, id := range []string{"curpass", "newpass", "repeat"} {
		described := strings.Fields(d.with("id", id)[0].attr("aria-describedby"))
		if !wanted || id == wrong {
			assert.Empty(t, d.with("id", id+"-again"))
			assert.NotContains(t, described, id+"-again")
			continue
		}
		assert.Equal(t, texts["enter-again"], d.with("id", id+"-again")[0].text())
		assert.Contains(t, described, id+"-again")
	}
}

// checkProblem looks whether a problem is announced and tied to its field. The focus is on the first field that is wanted: the
// address if that is wrong, or else the current password, which is empty again whatever is wrong.
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
	if field == "user" {
		assert.Equal(t, []document{input}, focus)
	} else {
		assert.Equal(t, d.with("id", "curpass"), focus)
		described := focus[0].attr("aria-describedby")
		assert.True(t, described == "curpass-error" || described == "problem curpass-again", described)
		assert.Contains(t, d.with("id", strings.Fields(described)[0])[0].text(), problem, "who comes there hears the problem")
	}
	assert.Equal(t, []document{input}, d.with("aria-invalid", "true"))
	assert.Contains(t, strings.Fields(input.attr("aria-describedby")), field+"-error")
	assert.Equal(t, problem, d.with("id", field+"-error")[0].text())
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
