package admin

import (
	"crypto/sha256"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/ispmail/go-ispmail/passwd/internal/texts"
	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

const stylePath = "/style.css"

//go:embed pages/*.html language/*.json style.css
var files embed.FS

//go:embed style.css
var ownStyle []byte

// style is that of all pages, and what only these need.
var style = append(slices.Clone(web.Style), ownStyle...)

// functions are those of the templates.
var functions = template.FuncMap{
	"size": size,
	"plus": func(a, b int) int { return a + b },
	"args": func(values ...any) []any { return values },
}

// A look is the pages in one language.
type look struct {
	texts.Translation
	pages *template.Template
}

// readLooks reads the languages, and the pages in each of them.
func (p *Page) readLooks() error {
	languages, err := texts.Read(files, "language")
	if err != nil {
		return err
	}
	p.matcher = languages.Match
	p.styleURL = fmt.Sprintf("%s?%.4x", stylePath, sha256.Sum256(style))
	entries, err := files.ReadDir("pages")
	if err != nil {
		return err
	}
	for _, t := range languages.All {
		l := look{t, template.New("").Funcs(functions)}
		for _, entry := range entries {
			source, err := files.ReadFile("pages/" + entry.Name())
			if err != nil {
				return err
			}
			if _, err := l.pages.Parse(t.Localize(string(source))); err != nil {
				return err
			}
		}
		p.looks = append(p.looks, l)
	}
	return nil
}

// A languageChoice is a button that chooses a language.
type languageChoice struct {
	Language, Name string
	Current        bool
}

func (p *Page) languages(current look) (choices []languageChoice) {
	for _, l := range p.looks {
		choices = append(choices, languageChoice{l.Language, l.Text("name"), l.Language == current.Language})
	}
	return choices
}

func (p *Page) languageCookie() string {
	if p.config.Plain {
		return "language"
	}
	return "__Host-language"
}

// lookOf returns the pages in the language that was chosen, or else the one that the browser asks for.
func (p *Page) lookOf(q *request) look {
	if cookie, err := q.r.Cookie(p.languageCookie()); err == nil {
		for _, l := range p.looks {
			if l.Language == cookie.Value {
				return l
			}
		}
	}
	return p.looks[p.matcher(q.r.Header.Values("Accept-Language"))]
}

// setLanguage remembers a language in a cookie of its own, so that who is not logged in has no session.
func (p *Page) setLanguage(q *request) (answer, error) {
	if i := slices.IndexFunc(p.looks, func(l look) bool { return l.Language == q.form["language"] }); i >= 0 {
		http.SetCookie(q.w, &http.Cookie{ //nolint:gosec // a language, and Secure but for a try over plain HTTP
			Name: p.languageCookie(), Value: p.looks[i].Language, Path: "/", MaxAge: int((365 * 24 * time.Hour).Seconds()),
			Secure: !p.config.Plain, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		})
	}
	next := q.form["next"]
	if next == "/login" {
		return seeOther(next), nil
	}
	return seeOther(ownPath(next)), nil
}

// size is a number of bytes as people read it, which readSize reads.
func size(bytes *int64) string {
	switch {
	case bytes == nil:
		return ""
	case *bytes == 0:
		return "0"
	case *bytes%(1<<30) == 0:
		return strconv.FormatInt(*bytes>>30, 10) + " GiB"
	case *bytes%(1<<20) == 0:
		return strconv.FormatInt(*bytes>>20, 10) + " MiB"
	}
	return strconv.FormatInt(*bytes, 10)
}

// readSize reads a number of bytes, such as 500M or 5 GiB, as Dovecot does: G is 1024 to the third.
func readSize(text string) (bytes int64, ok bool) {
	bytes, err := units.RAMInBytes(strings.TrimSpace(text))
	none := bytes == 0 && strings.ContainsAny(text, "123456789") // "0.5" is not no limit
	return bytes, err == nil && bytes >= 0 && !none
}
