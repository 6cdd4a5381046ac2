package passwd_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

// TestBrowser uses the page in Chromium as a person does: one browser, and a tab for each test.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	browser := browsertest.Start(t)
	for name, test := range map[string]func(*testing.T, tab){
		"success":       testSuccess,
		"errors":        testErrors,
		"checked early": testCheckedEarly,
		"limited":       testLimited,
		"busy":          testBusy,
		"cross-origin":  testCrossOrigin,
		"language":      testLanguage,
		"keyboard":      testKeyboard,
		"international": testInternational,
		"look":          testLook,
		"languages":     testLanguages,
		"script":        testScript,
		"suggestion":    testSuggestion,
		"remembered":    testRemembered,
		"no script":     testNoScript,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, tab{browsertest.Open(t, browser)})
		})
	}
}

func testSuccess(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	status, text := tab.send("John@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Contains(t, text, "Your password was changed")
	assert.Contains(t, text, "john@example.org")
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
	tab.focuses("H1") // it is read first
	assert.Equal(t, "Your password was changed – Example Mail", eval[string](tab, `document.title`))
	assert.Equal(t, "https://webmail.example.org/", eval[string](tab, `document.links[0].href`))
	assert.Empty(t, eval[string](tab, `document.cookie`))
}

func testErrors(t *testing.T, tab tab) {
	c := &changer{err: ispmail.ErrBadCredentials}
	tab.open(passwd.Config{Changer: c})
	for _, tt := range []struct {
		status                            int64
		current, replacement, repeat      string
		wrong, problem, describesTheFocus string
	}{
		{403, "wrong", replacement, replacement, "curpass", "The mail address or the current password is wrong.", "curpass-error"},
		{422, current, "short", "short", "newpass", "It needs at least 15 characters.", "problem curpass-again"},
		{422, current, replacement, replacement + "x", "repeat", "The two new passwords are not the same.", "problem curpass-again"},
	} {
		eval[bool](tab, noEarlyChecks)
		status, text := tab.send("john@example.org", tt.current, tt.replacement, tt.repeat)
		assert.Equal(t, tt.status, status)
		assert.Contains(t, text, "Your password was not changed")
		assert.Contains(t, text, tt.problem)
		assert.Contains(t, text, "Please enter all three again.")
		tab.focuses("curpass") // the first that is empty
		assert.Equal(t, tt.wrong, eval[string](tab, `document.querySelector("[aria-invalid]").id`))
		assert.Equal(t, tt.describesTheFocus, eval[string](tab, `document.activeElement.getAttribute("aria-describedby")`))
		assert.Equal(t, "john@example.org", eval[string](tab, `document.forms[0].user.value`))
		assert.Empty(t, eval[string](tab, passwordsLeft))
		assert.Equal(t, "Error: Change your password – Example Mail", eval[string](tab, `document.title`))
	}
	assert.Len(t, c.calls, 1)
}

// testCheckedEarly finds that the browser itself stops what needs no server to be found wrong, so that nobody has to type
// the passwords again; and that it stops nothing that is right.
func testCheckedEarly(t *testing.T, tab tab) {
	c := &changer{}
	server := tab.open(passwd.Config{Changer: c})
	const valid = `[...document.forms[0].elements].filter(e => !e.checkValidity()).map(e => e.id).join(" ")`
	assert.Equal(t, "user curpass newpass repeat", eval[string](tab, valid))
	tab.Do(
		chromedp.SendKeys(chromedp.CSS("#user"), " john@example.org "), // as phones complete it
		chromedp.SendKeys(chromedp.CSS("#curpass"), current),
		chromedp.SendKeys(chromedp.CSS("#newpass"), "short"),
		chromedp.SendKeys(chromedp.CSS("#repeat"), "short"+kb.Enter),
	)
	tab.focuses("newpass")
	assert.Equal(t, current+"shortshort", eval[string](tab, passwordsLeft))
	const long = "ⅷ 𝕦𝕟𝕚𝕔𝕠𝕕𝕖 𝕤𝕖𝕔𝕣𝕖𝕥"
	eval[string](tab, `document.forms[0].newpass.value = document.forms[0].repeat.value = ""`)
	tab.Do(chromedp.SendKeys(chromedp.CSS("#newpass"), long), chromedp.SendKeys(chromedp.CSS("#repeat"), long))
	status, _ := tab.submit(chromedp.Click(chromedp.CSS("[type=submit]")))
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Equal(t, [][3]string{{"john@example.org", current, long}}, c.calls)
	assert.Equal(t, server.URL+"/", eval[string](tab, `location.href`))
}

func testLimited(t *testing.T, tab tab) {
	server := tab.open(passwd.Config{Changer: changerFunc(func(context.Context, string, string, string) error {
		return ispmail.ErrBadCredentials
	})})
	for range 5 {
		visit(server.Config.Handler, http.MethodPost, "/", filled)
	}
	status, text := tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusTooManyRequests), status)
	assert.Regexp(t, "Please wait ([23] minutes|one minute)", text)
	tab.focuses("DIV") // the summary, because no field is wrong
}

func testBusy(t *testing.T, tab tab) {
	holds, done := make(chan struct{}), make(chan struct{})
	server := tab.open(passwd.Config{MaxConcurrent: 1, Changer: changerFunc(func(context.Context, string, string, string) error {
		close(holds)
		<-done
		return nil
	})})
	go visit(server.Config.Handler, http.MethodPost, "/", fill("jane@example.org", current, replacement, replacement))
	<-holds
	defer close(done)
	status, text := tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusServiceUnavailable), status)
	assert.Contains(t, text, "Please try again in a moment.")
}

// testCrossOrigin sends the form from other sites.
func testCrossOrigin(t *testing.T, tab tab) {
	c := &changer{}
	target := tab.open(passwd.Config{Changer: c}).URL
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		w.Header().Set("Referrer-Policy", cmp.Or(r.FormValue("referrer"), "unsafe-url"))
		_, _ = fmt.Fprintf(w, `<form method=post action=%q><input name=user value=john@example.org><input name=curpass value=%q>
			<input name=newpass value=%q><input name=repeat value=%q><button>Win a prize</button></form>`,
			target, current, replacement, replacement)
	}))
	defer other.Close()
	for _, from := range []string{
		other.URL, // another origin of the same site
		strings.Replace(other.URL, "127.0.0.1", "localhost", 1), // another site
		other.URL + "?referrer=no-referrer",                     // "Origin: null"
	} {
		tab.Do(chromedp.Navigate(from))
		status, text := tab.submit(chromedp.Click(chromedp.CSS("button")))
		assert.Equal(t, int64(http.StatusForbidden), status)
		assert.Contains(t, text, "For your safety the form works only on this page.")
		assert.NotContains(t, text, "john")
	}
	assert.Empty(t, c.calls)
	status, _ := tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status, "the page itself works on")
}

// testKeyboard changes a password without a mouse.
func testKeyboard(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	var order []string
	for _, text := range []string{"john@example.org", current, "", replacement, replacement, "", "", ""} {
		tab.Do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](tab, focused))
		ring := eval[string](tab, `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth`)
		assert.Equal(t, "solid3px", ring, "the focus is seen")
		tab.Do(chromedp.KeyEvent(text))
	}
	assert.Equal(t, []string{"user", "curpass", "SUMMARY", "newpass", "repeat", "show", "BUTTON", "A"}, order)
	tab.Do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))) // Shift: back to the button
	status, _ := tab.submit(chromedp.KeyEvent(" "))
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Len(t, c.calls, 1)
	tab.Do(chromedp.KeyEvent(kb.Tab))
	tab.focuses("A")
}

// testInternational types an address with a domain of another script, which Chromium sends as A-labels.
func testInternational(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	tab.Do(chromedp.SendKeys(chromedp.CSS("#user"), "john@bücher.example"))
	status, _ := tab.send(eval[string](tab, `document.forms[0].user.value`), "grüße, 世界", "ein neues, sehr süßes 密码", "ein neues, sehr süßes 密码")
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Equal(t, [][3]string{{"john@xn--bcher-kva.example", "grüße, 世界", "ein neues, sehr süßes 密码"}}, c.calls)
}
