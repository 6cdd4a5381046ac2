package passwd

import (
	"encoding/json"
	"fmt"
	"html/template"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// A translation holds the texts of the page in one language.
type translation struct {
	Language string // BCP 47
	texts    map[string]string
	template *template.Template // the page with the texts that are always the same
}

// Text returns a text, formatted with args. A test makes sure that each translation has each text.
func (t translation) Text(name string, args ...any) string {
	text, ok := t.texts[name]
	if !ok {
		return "[" + name + "]"
	}
	if len(args) == 0 {
		return text
	}
	return fmt.Sprintf(text, args...)
}

var constantText = regexp.MustCompile(`{{\$?\.Text "([a-z-]+)"}}`)

// localize puts the texts that take no arguments into the source of a template, once for all requests.
func (t translation) localize(source string) string {
	return constantText.ReplaceAllStringFunc(source, func(action string) string {
		return template.HTMLEscapeString(t.Text(constantText.FindStringSubmatch(action)[1]))
	})
}

// translations are those of the page, and what chooses one of them.
type translations struct {
	all     []translation
	matcher language.Matcher
}

// defaultLanguage is the language of everybody whose own is not there.
const defaultLanguage = "en"

// readTranslations reads the files of the folder language. Another file there is another language.
func readTranslations() (translations, error) {
	files, err := pageFiles.ReadDir("language")
	if err != nil {
		return translations{}, err
	}
	source, err := pageFiles.ReadFile("page.html")
	if err != nil {
		return translations{}, err
	}
	var all []translation
	for _, file := range files {
		t := translation{Language: strings.TrimSuffix(file.Name(), ".json")}
		text, err := pageFiles.ReadFile("language/" + file.Name())
		if err != nil {
			return translations{}, err
		}
		if err := json.Unmarshal(text, &t.texts); err != nil {
			return translations{}, fmt.Errorf("%s: %w", file.Name(), err)
		}
		if t.template, err = template.New(file.Name()).Parse(t.localize(string(source))); err != nil {
			return translations{}, err
		}
		if t.Language == defaultLanguage {
			all = slices.Insert(all, 0, t) // a matcher falls back on the first
		} else {
			all = append(all, t)
		}
	}
	tags := make([]language.Tag, len(all))
	for i, t := range all {
		if tags[i], err = language.Parse(t.Language); err != nil {
			return translations{}, err
		}
	}
	return translations{all: all, matcher: language.NewMatcher(tags)}, nil
}

// match returns the translation that a browser asks for.
func (t translations) match(acceptLanguage []string) translation {
	_, i := language.MatchStrings(t.matcher, strings.Join(acceptLanguage, ","))
	return t.all[i]
}
