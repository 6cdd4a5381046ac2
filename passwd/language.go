package passwd

import (
	"html/template"

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

// match returns the translation that a browser asks for.
func (t translations) match(acceptLanguage []string) translation {
	return t.all[t.chosen.Match(acceptLanguage)]
}
