package passwd_test

import (
	"net/http"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

const (
	types    = `["curpass", "newpass", "repeat"].map(id => document.getElementById(id).type).join(" ")`
	counted  = `document.getElementById("newpass-length").textContent`
	compared = `document.getElementById("repeat-equal").textContent`
	// invalid are the fields that keep the form from being sent, and what the browser says about the first.
	invalid = `(wrong => wrong.length ? wrong.map(e => e.id).join(" ") + ": " + wrong[0].validationMessage : "")(
		[...document.forms[0].elements].filter(e => !e.checkValidity()))`
)

// testScript finds what the script helps with while a person types.
func testScript(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	typed := func(id, text string) { tab.Do(chromedp.SendKeys(chromedp.CSS("#"+id), text)) }
	const different, same = "The two new passwords are not the same.", "The two new passwords are the same."
	typed("user", "john@example.org")
	typed("curpass", current)

	// 14 code points, which are 28 UTF-16 units: a browser alone takes them for long enough.
	const short = "𝕦𝕟𝕚𝕔𝕠𝕕𝕖𝕤𝕖𝕔𝕣𝕖𝕥𝕤"
	assert.Empty(t, eval[string](tab, counted))
	typed("newpass", short)
	assert.Equal(t, "Characters: 14", eval[string](tab, counted))
	assert.Contains(t, eval[string](tab, invalid), "newpass repeat: The new password is too short. It needs at least 15 characters.")
	typed("newpass", "x")
	assert.Equal(t, "Characters: 15", eval[string](tab, counted))
	assert.Equal(t, "hint good", eval[string](tab, `document.getElementById("newpass-length").className`))

	typed("repeat", "𝕦𝕟")
	assert.Empty(t, eval[string](tab, compared), "nothing is wrong yet")
	assert.Equal(t, "repeat: "+different, eval[string](tab, invalid))
	typed("repeat", "?")
	assert.Equal(t, different, eval[string](tab, compared))
	tab.Do(chromedp.KeyEvent(kb.Enter))
	assert.Empty(t, c.calls, "it is not sent, and nothing is lost")
	tab.focuses("repeat")
	assert.Equal(t, current+short+"x𝕦𝕟?", eval[string](tab, passwordsLeft))
	typed("repeat", kb.Backspace)
	assert.Empty(t, eval[string](tab, compared))
	tab.Do(chromedp.Focus(chromedp.CSS("#curpass")))
	tab.Await(`document.getElementById("repeat-equal").textContent == "` + different + `"`)
	typed("repeat", "𝕚𝕔𝕠𝕕𝕖𝕤𝕖𝕔𝕣𝕖𝕥𝕤x")
	assert.Equal(t, same, eval[string](tab, compared))
	assert.Empty(t, eval[string](tab, invalid))
	typed("newpass", "y")
	assert.Equal(t, different, eval[string](tab, compared), "the first may change too")
	// A program that fills in fields need not say so.
	tab.Do(chromedp.SetValue(chromedp.CSS("#newpass"), replacement), chromedp.SetValue(chromedp.CSS("#repeat"), replacement))

	assert.Equal(t, "password password password", eval[string](tab, types))
	tab.Do(chromedp.Click(chromedp.CSS(".check")))
	assert.Equal(t, "text text text", eval[string](tab, types))
	tab.Do(chromedp.Focus(chromedp.CSS("#show")), chromedp.KeyEvent(" "), chromedp.KeyEvent(" "))
	assert.Equal(t, "text text text", eval[string](tab, types))
	eval[bool](tab, `!document.forms[0].addEventListener("submit", () => sessionStorage.types = `+types+`)`)
	status, _ := tab.submit(chromedp.SendKeys(chromedp.CSS("#repeat"), kb.Enter))
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
	assert.Equal(t, "password password password", eval[string](tab, `sessionStorage.types`), "no browser remembers them as texts")
}

// testSuggestion takes the passphrase that the page suggests.
func testSuggestion(t *testing.T, tab tab) {
	c := &changer{}
	server := tab.open(passwd.Config{Changer: c})
	tab.Do(
		chromedp.SendKeys(chromedp.CSS("#user"), "john@example.org"),
		chromedp.SendKeys(chromedp.CSS("#curpass"), current),
	)
	const visible = `document.getElementById("suggestion").checkVisibility()`
	assert.False(t, eval[bool](tab, visible), "only on request")
	tab.Do(chromedp.Focus(chromedp.CSS("summary")), chromedp.KeyEvent(kb.Enter))
	tab.Await(visible)
	suggested := eval[string](tab, `document.getElementById("suggestion").textContent`)
	look(t, tab, "suggestion")
	tab.Do(chromedp.Click(chromedp.CSS("#use")))
	tab.focuses("newpass")
	assert.Equal(t, "text text text", eval[string](tab, types), "it is seen where it goes")
	assert.Equal(t, "The two new passwords are the same.", eval[string](tab, compared))
	status, _ := tab.submit(chromedp.SendKeys(chromedp.CSS("#repeat"), kb.Enter))
	assert.Equal(t, int64(http.StatusOK), status, "nothing that was typed is lost")
	assert.Equal(t, [][3]string{{"john@example.org", current, suggested}}, c.calls)
	assert.Equal(t, server.URL+"/", eval[string](tab, `location.href`))
}

// testRemembered goes back to the page: what was shown is hidden again.
func testRemembered(t *testing.T, tab tab) {
	server := tab.open(passwd.Config{Changer: &changer{}})
	tab.Do(chromedp.Click(chromedp.CSS("#show")))
	assert.Equal(t, "text text text", eval[string](tab, types))
	tab.Do(chromedp.Navigate(server.URL+"/nothing"), chromedp.NavigateBack())
	tab.Await(`document.getElementById("show") && !document.getElementById("show").checked`)
	assert.Equal(t, "password password password", eval[string](tab, types))
}

// testNoScript uses the page where scripts are off: nothing is there that does nothing, and all else works.
func testNoScript(t *testing.T, tab tab) {
	c := &changer{}
	tab.Do(browsertest.Command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
	tab.open(passwd.Config{Changer: c})
	assert.Equal(t, int64(0), eval[int64](tab, `[...document.querySelectorAll("[data-script]")].filter(e => e.checkVisibility()).length`))
	status, text := tab.send("john@example.org", current, "ein neues, sehr süßes 密码", "another new one of it")
	assert.Equal(t, int64(http.StatusUnprocessableEntity), status)
	assert.Contains(t, text, "The two new passwords are not the same.")
	tab.focuses("curpass")
	tab.Do(chromedp.Click(chromedp.CSS("summary")))
	tab.Await(`document.getElementById("suggestion").checkVisibility()`)
	look(t, tab, "no-script")
	status, text = tab.submit(chromedp.Click(chromedp.CSS("[hreflang=nl]")))
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Contains(t, text, "Uw wachtwoord wijzigen")
	status, text = tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Contains(t, text, "Uw wachtwoord is gewijzigd")
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
}
