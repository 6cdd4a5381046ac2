package passwd_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

func testLanguage(t *testing.T, tab tab) {
	tab.Accept("de-AT, de;q=0.9, en;q=0.5")
	c := &changer{err: ispmail.ErrOutcomeUnknown}
	tab.open(passwd.Config{Changer: c})
	assert.Equal(t, "Passwort ändern – Example Mail", eval[string](tab, `document.title`))
	assert.Equal(t, "de", eval[string](tab, `document.documentElement.lang`))
	status, text := tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusServiceUnavailable), status)
	assert.Contains(t, text, "Es ist nicht sicher, ob Ihr Passwort geändert wurde")
	assert.Contains(t, text, "Bitte probieren Sie beide Passwörter")
	look(t, tab, "unknown-german")
	c.err = nil
	status, _ = tab.send(strings.Repeat("very-long-name.", 4)+"@mail.department.of.an-organisation.example", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusBadRequest), status)
	look(t, tab, "address-german")
	status, _ = tab.send("a-very-long-name-of-a-person@mail.department.of.an-organisation.example", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status)
	look(t, tab, "success-german")
}

// testLook measures the page and takes its picture (go test -artifacts).
func testLook(t *testing.T, tab tab) {
	fail := true
	tab.open(passwd.Config{SiteName: "Example Mail", Changer: changerFunc(func(context.Context, string, string, string) error {
		if fail {
			return ispmail.ErrBadCredentials
		}
		return nil
	})})
	look(t, tab, "form")
	tab.send("john@example.org", "wrong", replacement, replacement)
	look(t, tab, "error")
	fail = false
	tab.send("john@example.org", current, replacement, replacement)
	look(t, tab, "success")
}

// testLanguages takes pictures of the page in each language, with all that its operator can add, and finds that nobody has to scroll
// sideways at 320 pixels, nor with letters that are twice as large.
func testLanguages(t *testing.T, tab tab) {
	server := tab.open(passwd.Config{Changer: &changer{err: ispmail.ErrBadCredentials}, Operator: passwd.Operator{
		Help:    map[string]string{"": "Call extension 123, Monday to Friday from 8 to 16.\n\nWe never ask for your password."},
		HelpURL: "https://www.example.org/help", ImprintURL: "https://www.example.org/imprint", PrivacyURL: "https://www.example.org/privacy",
		Logo: []byte(svg), Accent: "#7a3b00",
	}})
	show := func(name string, features ...string) {
		tab.Media(features...)
		tab.Picture(name)
		for _, size := range []string{"200%", "100%"} {
			eval[string](tab, fmt.Sprintf(`document.documentElement.style.fontSize = %q`, size))
			tab.Fits(320, name+" at "+size)
		}
	}
	tab.Width(320)
	for language, texts := range readTexts(t) {
		tab.Do(chromedp.Navigate(server.URL + "/?lang=" + language + "&user=" + language + "@example.org"))
		eval[bool](tab, `document.querySelector("details").open = true`)
		assert.True(t, eval[bool](tab, `document.querySelector(".logo").naturalWidth > 0`), "the policy lets the logo come")
		show(language+"-form-320-dark", "prefers-color-scheme", "dark")
		show(language+"-form-320-forced", "forced-colors", "active")
		show(language+"-form-320-light", "prefers-color-scheme", "light")
		status, text := tab.send(language+"@example.org", current, replacement, replacement)
		assert.Equal(t, int64(http.StatusForbidden), status)
		assert.Contains(t, text, texts["bad-credentials"])
		show(language+"-error-320-light", "prefers-color-scheme", "light")
	}
	look(t, tab, "operator")
}

func look(t *testing.T, tab tab, name string) {
	t.Helper()
	tab.Looks(name, func(scheme, file string) {
		small := eval[string](tab, `[...document.querySelectorAll("input:not([type=checkbox]), .check, summary, button, .button, .languages a")]
			.filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.id).join(" ")`)
		assert.Empty(t, small, "%s: a thumb finds it", file)
		measured := 0
		for selector, least := range map[string]float64{
			"h1": 4.5, ".site": 4.5, "main > p, .summary p": 4.5, "label": 4.5, "input": 4.5, ".hint": 4.5, ".error": 4.5, "button": 4.5, ".quiet": 4.5, "summary": 4.5, "code": 4.5,
			"a": 4.5, ".help p": 4.5, ".good": 4.5, ".button": 4.5, ".summary h2": 4.5, ".summary a": 4.5, ".back a": 4.5, "svg": 3,
		} {
			for _, colours := range eval[[][2][]float64](tab, fmt.Sprintf(coloursOf, selector)) {
				measured++
				assert.GreaterOrEqual(t, browsertest.Contrast(colours[0], colours[1]), least, "%s %s: %s", scheme, name, selector)
			}
		}
		// WCAG 1.4.11: that there is a field to type in is seen.
		for _, colours := range eval[[][2][]float64](tab, edgesOfInputs) {
			measured++
			assert.GreaterOrEqual(t, browsertest.Contrast(colours[0], colours[1]), 3.0, "%s %s: edge of a field", scheme, name)
		}
		assert.Greater(t, measured, 3)
	})
}

// coloursOf returns the colour of the text, or of the lines of a drawing, and of the ground behind it.
const (
	ground    = `(e => { for (; e; e = e.parentElement) { const c = getComputedStyle(e).backgroundColor; if (c != "rgba(0, 0, 0, 0)") return c } })`
	numbers   = `(c => c.match(/[\d.]+/g).map(Number))`
	coloursOf = `[...document.querySelectorAll(%q)].map(e => { const s = getComputedStyle(e);
		return [s.stroke == "none" ? s.color : s.stroke, ` + ground + `(e)].map(` + numbers + `) })`
	edgesOfInputs = `[...document.querySelectorAll("input")].map(e =>
		[getComputedStyle(e).borderTopColor, ` + ground + `(e.parentElement)].map(` + numbers + `))`
)
