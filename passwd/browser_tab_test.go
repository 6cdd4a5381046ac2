package passwd_test

import (
	"fmt"
	"net/http/httptest"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

// A tab is a page of the browser with the steps of a test.
type tab struct{ browsertest.Tab }

// open shows the page of a service on a server of its own.
func (t tab) open(config passwd.Config) (server *httptest.Server) {
	t.Helper()
	if config.SiteName == "" {
		config.SiteName = "Example Mail"
	}
	config.WebmailURL = "https://webmail.example.org/"
	config.Floor = time.Millisecond
	server = httptest.NewServer(newService(t.T, config).Page())
	t.Cleanup(server.Close)
	t.Show(server.URL)
	return server
}

// send types into the fields of the form, waits for the answer and returns its status and what it says.
func (t tab) send(user, current, replacement, repeat string) (status int64, text string) {
	t.Helper()
	t.Do(
		chromedp.SetValue(chromedp.CSS("#user"), user), // as a password manager does
		chromedp.SendKeys(chromedp.CSS("#curpass"), current),
		chromedp.SendKeys(chromedp.CSS("#newpass"), replacement),
		chromedp.SendKeys(chromedp.CSS("#repeat"), repeat),
	)
	return t.submit(chromedp.SendKeys(chromedp.CSS("#repeat"), kb.Enter))
}

// submit does what sends the form, waits for the answer and returns its status and what it says.
func (t tab) submit(action chromedp.Action[chromedp.Void]) (status int64, text string) {
	t.Helper()
	status = t.Submit(action)
	text, err := chromedp.Run(t.Ctx, chromedp.Text(chromedp.CSS("main")))
	require.NoError(t.T, err)
	return status, text
}

// eval returns the value of an expression of JavaScript.
func eval[T any](t tab, expression string) T {
	t.Helper()
	return browsertest.Eval[T](t.Tab, expression)
}

// focuses waits until an element has the focus, which Chromium gives while it draws the page.
func (t tab) focuses(element string) {
	t.Helper()
	t.Await(fmt.Sprintf(`(%s) == %q`, focused, element))
}

const (
	focused       = `document.activeElement.id || document.activeElement.tagName`
	passwordsLeft = `[...document.querySelectorAll("[type=password]")].map(e => e.value).join("")`
	noEarlyChecks = `document.forms[0].noValidate = true`
)
