package passwd_test

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

func testLanguage(t *testing.T, tab tab) {
	tab.accept("de-AT, de;q=0.9, en;q=0.5")
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
	show := func(name string, features ...*emulation.MediaFeature) {
		tab.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}))
		picture, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), picture, 0o600))
		for _, size := range []string{"200%", "100%"} {
			width := eval[int64](tab, fmt.Sprintf(`(document.documentElement.style.fontSize = %q, document.documentElement.scrollWidth)`, size))
			assert.LessOrEqual(t, width, int64(320), "%s at %s", name, size)
		}
	}
	light, dark := &emulation.MediaFeature{Name: "prefers-color-scheme", Value: "light"}, &emulation.MediaFeature{Name: "prefers-color-scheme", Value: "dark"}
	forced := &emulation.MediaFeature{Name: "forced-colors", Value: "active"}
	tab.do(chromedp.EmulateViewport(320, 800))
	for language, texts := range readTexts(t) {
		tab.do(chromedp.Navigate(server.URL + "/?lang=" + language + "&user=" + language + "@example.org"))
		eval[bool](tab, `document.querySelector("details").open = true`)
		assert.True(t, eval[bool](tab, `document.querySelector(".logo").naturalWidth > 0`), "the policy lets the logo come")
		show(language+"-form-320-dark", dark)
		show(language+"-form-320-forced", forced)
		show(language+"-form-320-light", light)
		status, text := tab.send(language+"@example.org", current, replacement, replacement)
		assert.Equal(t, int64(http.StatusForbidden), status)
		assert.Contains(t, text, texts["bad-credentials"])
		show(language+"-error-320-light", light)
	}
	look(t, tab, "operator")
}

func look(t *testing.T, tab tab, name string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 1280} {
			tab.do(
				command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
					Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
				}),
				chromedp.EmulateViewport(width, 800),
			)
			picture, err := chromedp.Run(tab.ctx, chromedp.FullScreenshot(100))
			require.NoError(t, err)
			file := fmt.Sprintf("%s-%d-%s.png", name, width, scheme)
			require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), file), picture, 0o600))
			assert.LessOrEqual(t, eval[int64](tab, `document.documentElement.scrollWidth`), width, "%s: nobody has to scroll sideways", file)
			small := eval[string](tab, `[...document.querySelectorAll("input:not([type=checkbox]), .check, summary, button, .button, .languages a")]
				.filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.id).join(" ")`)
			assert.Empty(t, small, "%s: a thumb finds it", file)
		}
		measured := 0
		for selector, least := range map[string]float64{
			"h1": 4.5, ".site": 4.5, "main > p, .summary p": 4.5, "label": 4.5, "input": 4.5, ".hint": 4.5, ".error": 4.5, "button": 4.5, ".quiet": 4.5, "summary": 4.5, "code": 4.5,
			"a": 4.5, ".help p": 4.5, ".good": 4.5, ".button": 4.5, ".summary h2": 4.5, ".summary a": 4.5, ".back a": 4.5, "svg": 3,
		} {
			for _, colours := range eval[[][2][]float64](tab, fmt.Sprintf(coloursOf, selector)) {
				measured++
				assert.GreaterOrEqual(t, contrast(colours[0], colours[1]), least, "%s %s: %s", scheme, name, selector)
			}
		}
		// WCAG 1.4.11: that there is a field to type in is seen.
		for _, colours := range eval[[][2][]float64](tab, edgesOfInputs) {
			measured++
			assert.GreaterOrEqual(t, contrast(colours[0], colours[1]), 3.0, "%s %s: edge of a field", scheme, name)
		}
		assert.Greater(t, measured, 3)
	}
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

// contrast returns the contrast ratio of two opaque colours: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func contrast(a, b []float64) float64 {
	luminance := func(colour []float64) float64 {
		var linear [3]float64
		for i := range linear {
			if c := colour[i] / 255; c <= 0.04045 {
				linear[i] = c / 12.92
			} else {
				linear[i] = math.Pow((c+0.055)/1.055, 2.4)
			}
		}
		return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
	}
	la, lb := luminance(a), luminance(b)
	return (max(la, lb) + 0.05) / (min(la, lb) + 0.05)
}
