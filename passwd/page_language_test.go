package passwd_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

func TestPageLanguage(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for accept, want := range map[string]string{
		"":                            "en",
		"*":                           "en",
		"pt":                          "en",
		"fr":                          "fr",
		"de":                          "de",
		"de-AT, en;q=0.5":             "de",
		"en-GB, de;q=0.9":             "en",
		"pt-BR, pt;q=0.9, de;q=0.7":   "de",
		"nl-BE":                       "nl",
		"es-419, en;q=0.5":            "es",
		"DE":                          "de",
		"de;q=0.1, en;q=0.2":          "en",
		"nonsense;;;=":                "en",
		strings.Repeat("de-", 10_000): "en",
	} {
		w := visit(page, http.MethodGet, "/", "", setHeader("Accept-Language", accept))
		assert.Equal(t, want, w.Header().Get("Content-Language"), accept)
		assert.Equal(t, want, parsePage(t, w).language(), accept)
	}
}

// TestPageChosenLanguage follows the links that switch the language, which need no script and no cookie.
func TestPageChosenLanguage(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for _, user := range []string{"", "jane+mail&more@bücher.example"} {
		target := "/"
		if user != "" {
			target += "?" + url.Values{"user": {user}}.Encode()
		}
		links := parsePage(t, visit(page, http.MethodGet, target, "")).with("hreflang", "")
		require.Len(t, links, 6)
		for _, link := range links {
			target, lang := "/"+link.attr("href"), link.attr("hreflang")
			w := visit(page, http.MethodGet, target, "", setHeader("Accept-Language", "en"))
			d := parsePage(t, w)
			assert.Equal(t, lang, w.Header().Get("Content-Language"))
			assert.Equal(t, user, d.with("id", "user")[0].attr("value"))
			current := d.with("aria-current", "")
			require.Len(t, current, 1)
			assert.Equal(t, link.text(), current[0].text(), "the name is the same in each language")
			assert.Equal(t, lang, current[0].attr("lang"))
			// The form is sent to the address of the page, and its answer is in the same language.
			assert.Equal(t, lang, visit(page, http.MethodPost, target, "").Header().Get("Content-Language"))
			assert.Empty(t, parsePage(t, visit(page, http.MethodPost, target, filled)).with("hreflang", ""), "the news is there once")
		}
	}
	for query, want := range map[string]string{
		"lang=nl&lang=de": "nl", "lang=": "fr", "lang=pt": "fr", "lang=NL": "fr", "lang=../en": "fr", "lang=%ff": "fr", "lang": "fr", "de": "fr", "%": "fr",
	} {
		w := visit(page, http.MethodGet, "/?"+query, "", setHeader("Accept-Language", "fr"))
		assert.Equal(t, want, w.Header().Get("Content-Language"), query)
	}
}

// TestPageUser fills in an address from a link, and nothing else.
func TestPageUser(t *testing.T) {
	t.Parallel()
	page := newService(t, passwd.Config{Changer: &changer{}}).Page()
	for user, want := range map[string]string{
		"john@example.org":                 "john@example.org",
		"John+x@Example.org":               "John+x@Example.org",
		"john@bücher.example":              "john@bücher.example",
		`"><script>x</script>@example.org`: "",
		"john@example.org ":                "",
		"john":                             "",
		"a secret that was typed here":     "",
		"john@example.org\r\nX: y":         "",
		"\xff@example.org":                 "",
		strings.Repeat("a", 5000) + "@a.b": "",
	} {
		w := visit(page, http.MethodGet, "/?user="+url.QueryEscape(user), "")
		assert.Equal(t, http.StatusOK, w.Code)
		assert.Equal(t, want, parsePage(t, w).with("id", "user")[0].attr("value"), "%q", user)
		if want == "" {
			assert.NotContains(t, w.Body.String(), url.QueryEscape(user))
		}
	}
	target := "/?user=john@example.org"
	d := parsePage(t, visit(page, http.MethodPost, target, fill("jane@example.org", current, "short", "short")))
	assert.Equal(t, "jane@example.org", d.with("id", "user")[0].attr("value"), "what was typed goes first")
	w := visit(page, http.MethodPost, target, filled, setHeader("Sec-Fetch-Site", "cross-site"))
	assert.Empty(t, parsePage(t, w).with("id", "user")[0].attr("value"))
}

// readTexts reads the files of the languages.
func readTexts(t *testing.T) map[string]map[string]string {
	t.Helper()
	files, err := filepath.Glob("language/*.json")
	require.NoError(t, err)
	require.Len(t, files, 6)
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
		"name", "language", "title", "error", "user", "curpass", "newpass", "newpass-hint", "repeat", "submit", "webmail",
		"changed-user", "changed-devices", "not-changed", "not-known",
		"again", "enter-again", "show", "length", "same",
		"suggest", "suggest-hint", "suggest-use", "forgotten", "forgotten-ask", "help", "imprint", "privacy",
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
