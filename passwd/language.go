package passwd

import (
	"html/template"
	"net/url"
	"slices"

	"github.com/ispmail/go-ispmail/passwd/internal/texts"
)

// A translation holds the texts of the page in one language, and the page with those that are always the same.
type translation struct {
	texts.Translation
	template *template.Template
}

// translations are those of the page, and what chooses one of them.
type translations struct {
	all    []translation
	chosen texts.Translations
}

// readTranslations reads the files of the folder language. Another file there is another language.
func readTranslations() (translations, error) {
	chosen, err := texts.Read(pageFiles, "language")
	if err != nil {
		return translations{}, err
	}
	source, err := pageFiles.ReadFile("page.html")
	if err != nil {
		return translations{}, err
	}
	all := make([]translation, len(chosen.All))
	for i, t := range chosen.All {
		all[i].Translation = t
		if all[i].template, err = template.New(t.Language).Parse(t.Localize(string(source))); err != nil {
			return translations{}, err
		}
	}
	return translations{all, chosen}, nil
}

func (t translations) has(language string) bool {
	return slices.ContainsFunc(t.all, func(one translation) bool { return one.Language == language })
}

// choose returns the translation of a language that a person has chosen, or else the one that the browser asks for.
func (t translations) choose(chosen string, acceptLanguage []string) translation {
	for _, one := range t.all {
		if one.Language == chosen {
			return one
		}
	}
	return t.all[t.chosen.Match(acceptLanguage)]
}

// A languageLink leads to the page in a language.
type languageLink struct {
	Language, Name, URL string
	Current             bool
}

// links returns the links to the page in each language, which keep the user that is filled in.
func (t translations) links(current translation, user string) []languageLink {
	links := make([]languageLink, len(t.all))
	for i, one := range t.all {
		query := url.Values{"lang": {one.Language}}
		if user != "" {
			query.Set(fieldUser, user)
		}
		links[i] = languageLink{one.Language, one.Text("name"), "?" + query.Encode(), one.Language == current.Language}
	}
	return links
}
