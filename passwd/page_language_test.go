package passwd_test

import (
	"encoding/json"
	"maps"
	"net/http"
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
