package passwd_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// TestBrowser uses the page in Chromium as a person does: one browser, and a tab for each test.
func TestBrowser(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	browser := startBrowser(t)
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
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, openTab(t, browser))
		})
	}
}

func startBrowser(t *testing.T) context.Context {
	t.Helper()
	var path string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Fatal("The page is tested in Chromium, which is not installed. Run make test, or install the package chromium.")
	}
	// Chromium leaves files behind, and may still write some when T.TempDir would already remove them.
	temporary, err := os.MkdirTemp("", "browser") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(temporary) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Env("TMPDIR="+temporary),
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.WSURLReadTimeout(time.Minute),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(browser))
	return browser
}

// A tab is a page of the browser with the steps of a test.
type tab struct {
	*testing.T
	ctx context.Context
}

func openTab(t *testing.T, browser context.Context) tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	tab := tab{t, ctx}
	tab.do()
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		e, ok := event.(*log.EventEntryAdded)
		// Chromium notes a status from 400 on as a network error, and gives hints on level verbose. What is left is what
		// the policy of the page forbids, for one.
		if ok && e.Entry.Source != log.EntrySourceNetwork && e.Entry.Level != log.EntryLevelVerbose {
			t.Errorf("Chromium complains: %s", e.Entry.Text)
		}
	}))
	tab.accept("en-GB, en;q=0.9")
	return tab
}

func (t tab) do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t.T, chromedp.Do(t.ctx, actions...))
}

// accept sets the languages of the person.
func (t tab) accept(languages string) {
	t.Helper()
	t.do(command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": languages},
	}))
}

// command is a step that chromedp has no name for.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

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
	t.do(chromedp.Navigate(server.URL))
	return server
}

// send types into the fields of the form, waits for the answer and returns its status and what it says.
func (t tab) send(user, current, replacement, repeat string) (status int64, text string) {
	t.Helper()
	t.do(
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
	response, err := chromedp.RunResponse(t.ctx, action)
	require.NoError(t.T, err)
	text, err = chromedp.Run(t.ctx, chromedp.Text(chromedp.CSS("main")))
	require.NoError(t.T, err)
	return response.Status, text
}

// eval returns the value of an expression of JavaScript, which the page itself has none of.
func eval[T any](t tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t.T, err)
	return value
}

const (
	focused       = `document.activeElement.id || document.activeElement.tagName`
	passwordsLeft = `[...document.querySelectorAll("[type=password]")].map(e => e.value).join("")`
	noEarlyChecks = `document.forms[0].noValidate = true`
)

func testSuccess(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	status, text := tab.send("John@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Contains(t, text, "Your password was changed")
	assert.Contains(t, text, "john@example.org")
	assert.Equal(t, [][3]string{{"john@example.org", current, replacement}}, c.calls)
	assert.Equal(t, "H1", eval[string](tab, focused), "it is read first")
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
		field, problem, describesTheField string
	}{
		{403, "wrong", replacement, replacement, "curpass", "The mail address or the current password is wrong.", "curpass-error"},
		{422, current, "short", "short", "newpass", "It needs at least 15 characters.", "newpass-hint newpass-error"},
		{422, current, replacement, replacement + "x", "repeat", "The two new passwords are not the same.", "repeat-error"},
	} {
		eval[bool](tab, noEarlyChecks)
		status, text := tab.send("john@example.org", tt.current, tt.replacement, tt.repeat)
		assert.Equal(t, tt.status, status)
		assert.Contains(t, text, "Your password was not changed")
		assert.Contains(t, text, tt.problem)
		assert.Equal(t, tt.field, eval[string](tab, focused))
		assert.Equal(t, tt.describesTheField, eval[string](tab, `document.activeElement.getAttribute("aria-describedby")`))
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
	tab.do(
		chromedp.SendKeys(chromedp.CSS("#user"), " john@example.org "), // as phones complete it
		chromedp.SendKeys(chromedp.CSS("#curpass"), current),
		chromedp.SendKeys(chromedp.CSS("#newpass"), "short"),
		chromedp.SendKeys(chromedp.CSS("#repeat"), "short"+kb.Enter),
	)
	assert.Equal(t, "newpass", eval[string](tab, focused))
	assert.Equal(t, current+"shortshort", eval[string](tab, passwordsLeft))
	const long = "ⅷ 𝕦𝕟𝕚𝕔𝕠𝕕𝕖 𝕤𝕖𝕔𝕣𝕖𝕥"
	eval[string](tab, `document.forms[0].newpass.value = document.forms[0].repeat.value = ""`)
	tab.do(chromedp.SendKeys(chromedp.CSS("#newpass"), long), chromedp.SendKeys(chromedp.CSS("#repeat"), long))
	status, _ := tab.submit(chromedp.Click(chromedp.CSS("button")))
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
	assert.Contains(t, text, "Please wait 3 minutes")
	assert.Equal(t, "DIV", eval[string](tab, focused), "the summary, because no field is wrong")
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
		tab.do(chromedp.Navigate(from))
		status, text := tab.submit(chromedp.Click(chromedp.CSS("button")))
		assert.Equal(t, int64(http.StatusForbidden), status)
		assert.Contains(t, text, "For your safety the form works only on this page.")
		assert.NotContains(t, text, "john")
	}
	assert.Empty(t, c.calls)
	status, _ := tab.send("john@example.org", current, replacement, replacement)
	assert.Equal(t, int64(http.StatusOK), status, "the page itself works on")
}

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

// testKeyboard changes a password without a mouse.
func testKeyboard(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	var order []string
	for _, text := range []string{"john@example.org", current, replacement, replacement, "", ""} {
		tab.do(chromedp.KeyEvent(kb.Tab))
		order = append(order, eval[string](tab, focused))
		ring := eval[string](tab, `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).outlineWidth`)
		assert.Equal(t, "solid3px", ring, "the focus is seen")
		tab.do(chromedp.KeyEvent(text))
	}
	assert.Equal(t, []string{"user", "curpass", "newpass", "repeat", "BUTTON", "A"}, order)
	tab.do(chromedp.KeyEvent(kb.Tab, chromedp.KeyModifiers(chromedp.ModifierShift))) // Shift: back to the button
	status, _ := tab.submit(chromedp.KeyEvent(" "))
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Len(t, c.calls, 1)
	tab.do(chromedp.KeyEvent(kb.Tab))
	assert.Equal(t, "A", eval[string](tab, focused))
}

// testInternational types an address with a domain of another script, which Chromium sends as A-labels.
func testInternational(t *testing.T, tab tab) {
	c := &changer{}
	tab.open(passwd.Config{Changer: c})
	tab.do(chromedp.SendKeys(chromedp.CSS("#user"), "john@bücher.example"))
	status, _ := tab.send(eval[string](tab, `document.forms[0].user.value`), "grüße, 世界", "ein neues, sehr süßes 密码", "ein neues, sehr süßes 密码")
	assert.Equal(t, int64(http.StatusOK), status)
	assert.Equal(t, [][3]string{{"john@xn--bcher-kva.example", "grüße, 世界", "ein neues, sehr süßes 密码"}}, c.calls)
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
			small := eval[string](tab, `[...document.querySelectorAll("input, button, .button")]
				.filter(e => e.getBoundingClientRect().height < 44).map(e => e.id).join(" ")`)
			assert.Empty(t, small, "%s: a thumb finds it", file)
		}
		measured := 0
		for selector, least := range map[string]float64{
			"h1": 4.5, ".site": 4.5, "main > p, .summary p": 4.5, "label": 4.5, "input": 4.5, ".hint": 4.5, ".error": 4.5, "button": 4.5,
			"a": 4.5, ".button": 4.5, ".summary h2": 4.5, ".summary a": 4.5, ".back a": 4.5, "svg": 3,
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
