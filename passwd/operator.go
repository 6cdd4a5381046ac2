package passwd

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// An Operator is what the page says and shows of whoever runs the mail server, beside [Config].SiteName. The zero value says
// that administrators help, and looks as we like it.
type Operator struct {
	// Help tells people who have forgotten their password whom to ask, in each language (en, de, fr, es, it or nl), or ""
	// for those that have no text of their own. It is plain text of up to 2,000 characters; a blank line begins a paragraph.
	Help map[string]string
	// HelpURL, ImprintURL and PrivacyURL are the targets of links, https or http. HelpURL may be mailto too.
	HelpURL, ImprintURL, PrivacyURL string
	// Logo is a picture above the title, PNG or SVG, of up to 100 KiB. It belongs to no text: SiteName stands beside it.
	Logo []byte
	// Accent is the colour of buttons and links, such as #0b6470. White text on it must have a contrast of 4.5 at least (WCAG
	// 2.2, level AA); where a person prefers dark pages, it is made as light as that takes.
	Accent string
}

const (
	maxHelp      = 2000 // characters
	maxLogo      = 100 << 10
	maxLogoSide  = 4096 // pixels
	defaultTexts = ""
)

// A face is what the page shows of an [Operator].
type face struct {
	Operator
	help     map[string][]string // paragraphs, by language
	style    []byte
	StyleURL string
	logo     *logo
	LogoURL  string // or ""
}

type logo struct{ path, contentType string }

var (
	pngLogo = &logo{"/logo.png", "image/png"}
	svgLogo = &logo{"/logo.svg", "image/svg+xml"}
)

// SetOperator replaces [Config].Operator while the service runs. If it returns an error, the old one stays.
func (s *Service) SetOperator(operator Operator) error {
	f, err := newFace(operator)
	if err != nil {
		return err
	}
	s.face.Store(f)
	return nil
}

func newFace(operator Operator) (*face, error) {
	f := &face{Operator: operator, help: map[string][]string{}, style: web.Style}
	for _, link := range []struct {
		name, url string
		schemes   []string
	}{
		{"HelpURL", operator.HelpURL, []string{"https", "http", "mailto"}},
		{"ImprintURL", operator.ImprintURL, webSchemes},
		{"PrivacyURL", operator.PrivacyURL, webSchemes},
	} {
		if err := checkURL(link.name, link.url, link.schemes); err != nil {
			return nil, err
		}
	}
	known, err := readTranslations()
	if err != nil {
		return nil, err
	}
	for _, language := range slices.Sorted(maps.Keys(operator.Help)) {
		if language != defaultTexts && !known.has(language) {
			return nil, fmt.Errorf("passwd: Help has a text in %q, a language that the page does not have", language)
		}
		if f.help[language], err = paragraphs(operator.Help[language]); err != nil {
			return nil, err
		}
	}
	if operator.Logo != nil {
		if f.logo, err = kindOf(operator.Logo); err != nil {
			return nil, err
		}
		f.LogoURL = version(f.logo.path, operator.Logo)
	}
	if operator.Accent != "" {
		accent, err := accentStyle(operator.Accent)
		if err != nil {
			return nil, err
		}
		f.style = slices.Concat(f.style, accent)
	}
	f.StyleURL = version(stylePath, f.style)
	return f, nil
}

// helpIn returns the paragraphs of the help in a language. Without any, the page has a sentence of its own.
func (f *face) helpIn(language string) []string {
	if text, ok := f.help[language]; ok {
		return text
	}
	return f.help[defaultTexts]
}

var webSchemes = []string{"https", "http"}

// checkURL returns an error if a setting is neither empty nor a URL of one of the schemes.
func checkURL(name, text string, schemes []string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err == nil && slices.Contains(schemes, u.Scheme) && (u.Host != "" || u.Scheme == "mailto" && u.Opaque != "") {
		return nil
	}
	prefixes := "https:// or http://"
	if slices.Contains(schemes, "mailto") {
		prefixes = "https://, http:// or mailto:"
	}
	return fmt.Errorf("passwd: %s is not a URL that starts with %s", name, prefixes)
}

var blankLines = regexp.MustCompile(`\n\s*\n`)

// paragraphs splits a text, which must be one that people can read.
func paragraphs(text string) ([]string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	isHidden := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }
	switch {
	case text == "":
		return nil, errors.New("passwd: Help is empty")
	case !utf8.ValidString(text):
		return nil, errors.New("passwd: Help is not UTF-8")
	case strings.ContainsFunc(text, isHidden):
		return nil, errors.New("passwd: Help holds a character that cannot be seen")
	case utf8.RuneCountInString(text) > maxHelp:
		return nil, fmt.Errorf("passwd: Help has %d characters, and at most %d are shown", utf8.RuneCountInString(text), maxHelp)
	}
	return blankLines.Split(text, -1), nil
}

// kindOf returns what a logo is. A browser shows it as a picture, in which nothing runs and which loads nothing.
func kindOf(picture []byte) (*logo, error) {
	if len(picture) > maxLogo {
		return nil, fmt.Errorf("passwd: Logo has %d KiB, and at most %d are served", (len(picture)+1023)>>10, maxLogo>>10)
	}
	if config, err := png.DecodeConfig(bytes.NewReader(picture)); err == nil {
		if max(config.Width, config.Height) > maxLogoSide {
			return nil, fmt.Errorf("passwd: Logo is %d pixels wide and %d high, and neither may be more than %d", config.Width, config.Height, maxLogoSide)
		}
		return pngLogo, nil
	}
	if isSVG(picture) {
		return svgLogo, nil
	}
	return nil, errors.New("passwd: Logo is neither a PNG nor a well-formed SVG")
}

func isSVG(picture []byte) bool {
	decoder := xml.NewDecoder(bytes.NewReader(picture))
	root := xml.Name{}
	for {
		token, err := decoder.Token()
		if err != nil {
			return errors.Is(err, io.EOF) && root == xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}
		}
		if start, ok := token.(xml.StartElement); ok && root.Local == "" {
			root = start.Name
		}
	}
}
