// Package texts holds what pages say, in several languages.
package texts

import (
	"encoding/json"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// A Translation holds the texts of a page in one language.
type Translation struct {
	Language string // BCP 47
	texts    map[string]string
}

// Text returns a text, formatted with args. A test of each page makes sure that each translation has each text.
func (t Translation) Text(name string, args ...any) string {
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

// Localize puts the texts that take no arguments into the source of a template, once for all requests.
func (t Translation) Localize(source string) string {
	return constantText.ReplaceAllStringFunc(source, func(action string) string {
		return template.HTMLEscapeString(t.Text(constantText.FindStringSubmatch(action)[1]))
	})
}

// Translations are those of a page, and what chooses one of them. Read them with [Read].
type Translations struct {
	All     []Translation // that of [Default] first
	matcher language.Matcher
}

// Default is the language of everybody whose own is not there.
const Default = "en"

// Read reads the files of a folder. Another file there is another language.
func Read(files fs.ReadDirFS, folder string) (Translations, error) {
	entries, err := files.ReadDir(folder)
	if err != nil {
		return Translations{}, err
	}
	var all []Translation
	for _, entry := range entries {
		t := Translation{Language: strings.TrimSuffix(entry.Name(), ".json")}
		text, err := fs.ReadFile(files, path.Join(folder, entry.Name()))
		if err != nil {
			return Translations{}, err
		}
		if err := json.Unmarshal(text, &t.texts); err != nil {
			return Translations{}, fmt.Errorf("%s: %w", entry.Name(), err)
		}
		if t.Language == Default {
			all = slices.Insert(all, 0, t) // a matcher falls back on the first
		} else {
			all = append(all, t)
		}
	}
	tags := make([]language.Tag, len(all))
	for i, t := range all {
		if tags[i], err = language.Parse(t.Language); err != nil {
			return Translations{}, err
		}
	}
	return Translations{All: all, matcher: language.NewMatcher(tags)}, nil
}

// Match returns the index of the translation that a browser asks for.
func (t Translations) Match(acceptLanguage []string) int {
	_, i := language.MatchStrings(t.matcher, strings.Join(acceptLanguage, ","))
	return i
}
