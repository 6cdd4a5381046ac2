package admin_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

// TestBrowser does in Chromium what an administrator does, without JavaScript of the page, and looks at each page.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	s := newSite(t)
	s.openPlain()
	server := httptest.NewServer(s.page)
	t.Cleanup(server.Close)
	b := browser{browsertest.Open(t, browsertest.Start(t)), server.URL}
	b.Accept("en")

	b.open("/")
	b.look("login")
	b.fill("#name", "alice", "#password", "wrong")
	assert.Equal(t, int64(http.StatusForbidden), b.send("#password"))
	b.look("login-wrong")
	assert.Equal(t, "password", eval[string](b, `document.activeElement.id`))
	b.fill("#password", password)
	assert.Equal(t, int64(http.StatusOK), b.send("#password"))

	b.follow("New domain")
	b.look("domain-new")
	b.fill("#name", "example.org")
	b.send("#name")
	assert.Contains(t, b.text(), "The domain example.org was created.")
	b.follow("New user")
	b.look("user-new")
	b.fill("#name", "jane", "#quota", "5G")
	b.send("#quota")
	assert.Contains(t, b.text(), "It is shown only this once")
	first := eval[string](b, `document.querySelector(".passphrase").textContent`)
	_, err := s.store.Authenticate(t.Context(), "jane@example.org", first)
	require.NoError(t, err)
	b.look("user-created")
	b.press("form[action$='/lock'] button")
	assert.Contains(t, b.text(), "jane@example.org is locked")
	b.press("form[action$='/unlock'] button")
	b.fill("#password", "short")
	assert.Equal(t, int64(http.StatusUnprocessableEntity), b.send("#password"))
	b.look("user-error")
	b.fill("#password", "another quite long secret")
	b.send("#password")
	b.fill("#quota", "1G")
	b.send("#quota")
	assert.Contains(t, b.text(), "was changed")
	b.follow("Send the mail elsewhere")
	b.look("alias-new")
	b.press("#copy")
	b.fill("#destinations", "jo@elsewhere.example")
	b.press("#copy + *, form[method=post] button[type=submit]:not(.quiet)")
	assert.Contains(t, b.text(), "gets no mail")
	b.look("alias-warning")
	b.press("#copy")
	b.press("main form button")
	assert.NotContains(t, b.text(), "gets no mail")
	b.open("/domain/1/aliases")
	b.follow("New alias")
	b.fill("#name", "team", "#destinations", "jane@example.org\njo@elsewhere.example")
	b.press("main form button")
	b.open("/domain/1/aliases")
	b.follow("New catch-all")
	b.look("catch-all")
	b.fill("#destinations", "jane@example.org")
	b.press("main form button")
	b.open("/domain/1/aliases")
	b.look("aliases")
	b.open("/domain/1")
	b.look("users")
	b.fill("#q", "ELSE")
	b.send("#q")
	assert.Contains(t, b.text(), "team@example.org")
	b.look("search")
	b.open("/recipients")
	b.fill("#address", "anything@example.org")
	b.send("#address")
	assert.Contains(t, b.text(), "is taken by the catch-all")
	b.look("recipients")
	require.NoError(t, s.store.SetStoredPassword(t.Context(), "jane@example.org", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"))
	require.NoError(t, s.page.Examine(t.Context()))
	b.open("/")
	b.look("overview")
	b.follow("Findings")
	b.look("findings")
	b.follow("jane@example.org")
	b.fill("#address", "jane.doe@example.org")
	b.send("#address")
	assert.Contains(t, b.text(), "mv -T")
	b.look("user-renamed")
	b.press("form[action$='/deletion'] button")
	b.look("user-delete")
	b.press("button.danger")
	assert.Contains(t, b.text(), "rm -r")
	b.open("/changes")
	b.look("changes")
	b.open("/domain/1/rename")
	b.fill("#name", "example.net")
	b.send("#name")
	b.press("form[action$='/deletion'] button")
	b.look("domain-delete")
	b.fill("#name", "example.net")
	b.send("#name")
	b.press("button[value=de]")
	assert.Contains(t, b.text(), "Übersicht")
	b.look("overview-german")
	b.press("form[action='/logout'] button")
	assert.Contains(t, b.text(), "Anmelden")
	b.open("/domain/new")
	assert.Contains(t, b.text(), "Anmelden", "logged out")
	assert.Empty(t, s.rows())
}

// openPlain opens the page as --demo does, for a browser without TLS.
func (s *site) openPlain() {
	s.Helper()
	s.plain = true
	s.open(func() (*ispmail.Store, error) { return s.store, nil })
}

// A browser is a tab with the steps of a test.
type browser struct {
	browsertest.Tab
	url string
}

func (b browser) open(path string) {
	b.Helper()
	b.Show(b.url + path)
}

// fill puts values into fields: selectors and values in turn.
func (b browser) fill(fields ...string) {
	b.Helper()
	for i := 0; i+1 < len(fields); i += 2 {
		b.Do(chromedp.SetValue(chromedp.CSS(fields[i]), fields[i+1]))
	}
}

// send presses Enter in a field, and returns the status of the answer.
func (b browser) send(field string) int64 {
	b.Helper()
	return b.Submit(chromedp.SendKeys(chromedp.CSS(field), kb.Enter))
}

// press clicks, and waits for the next page unless it is a checkbox.
func (b browser) press(selector string) {
	b.Helper()
	if eval[string](b, fmt.Sprintf(`document.querySelector(%q).type`, selector)) == "checkbox" {
		b.Do(chromedp.Click(chromedp.CSS(selector)))
		return
	}
	b.Submit(chromedp.Click(chromedp.CSS(selector)))
}

// follow clicks on a link by its text.
func (b browser) follow(text string) {
	b.Helper()
	eval[bool](b, fmt.Sprintf(`(() => { const a = [...document.querySelectorAll("a")].find(a => a.textContent == %q); a.id = "followed"; return true })()`, text))
	b.Submit(chromedp.Click(chromedp.CSS("#followed")))
}

func (b browser) text() string {
	b.Helper()
	return eval[string](b, `document.body.innerText`)
}

func eval[T any](b browser, expression string) T {
	b.Helper()
	return browsertest.Eval[T](b.Tab, expression)
}

// look measures a page and takes its picture (go test -artifacts).
func (b browser) look(name string) {
	b.Helper()
	b.Looks(name, func(_, file string) {
		small := eval[string](b, `[...document.querySelectorAll("input:not([type=checkbox]):not([type=hidden]), button, .button, select, nav a")]
			.filter(e => e.getBoundingClientRect().height < 43.9).map(e => e.outerHTML.slice(0, 80)).join(" ")`)
		assert.Empty(b, small, "%s: a thumb finds it", file)
		for _, bad := range eval[[]struct {
			Element        string
			Colour, Ground []float64
		}](b, colours) {
			assert.GreaterOrEqual(b, browsertest.Contrast(bad.Colour, bad.Ground), 4.5, "%s: %s", file, bad.Element)
		}
	})
	missing := eval[string](b, `[...document.querySelectorAll("input:not([type=hidden]), textarea, select")].filter(e => !e.labels.length).map(e => e.name).join(" ")`)
	assert.Empty(b, missing, "%s: each field has a label", name)
	assert.NotContains(b, b.text(), "[", "%s: each text is there", name)
	b.Width(320)
	covered := eval[string](b, `[...document.querySelectorAll(".hint, .error")].filter(e => e.previousElementSibling)
		.filter(e => e.getBoundingClientRect().top < e.previousElementSibling.getBoundingClientRect().bottom - 2).map(e => e.outerHTML.slice(0, 80)).join(" ")`)
	assert.Empty(b, covered, "%s: no hint lies on its field", name)
	askew := eval[string](b, `[...document.querySelectorAll("main .back")].filter(e => getComputedStyle(e).textAlign != getComputedStyle(document.querySelector("main")).textAlign).map(e => e.outerHTML).join(" ")`)
	assert.Empty(b, askew, "%s: what cancels stands at the edge of its form", name)
}

// colours are those of all elements with a text of their own, and of the ground behind it.
const colours = `[...document.querySelectorAll("body *")].filter(e => [...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && e.getClientRects().length)
	.map(e => { const n = c => c.match(/[\d.]+/g).map(Number); let g = e, c; for (; g; g = g.parentElement) { c = getComputedStyle(g).backgroundColor; if (c != "rgba(0, 0, 0, 0)") break }
		return {Element: e.outerHTML.slice(0, 80), Colour: n(getComputedStyle(e).color), Ground: n(c)} })`
