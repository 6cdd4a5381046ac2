package passwd_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

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

const networkChanged = "ERR_NETWORK_CHANGED"

// A tab is a page of the browser with the steps of a test.
type tab struct {
	*testing.T
	ctx     context.Context
	dropped *atomic.Int64 // what Chromium could not load
}

func openTab(t *testing.T, browser context.Context) tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(cancel)
	tab := tab{t, ctx, new(atomic.Int64)}
	tab.do()
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		e, ok := event.(*log.EventEntryAdded)
		if ok && strings.Contains(e.Entry.Text, networkChanged) {
			tab.dropped.Add(1)
		}
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
	// Chromium drops its connections when an interface comes or goes, as with every container: the page is opened again.
	for range 10 {
		before := t.dropped.Load()
		err := chromedp.Do(t.ctx, chromedp.Navigate(server.URL))
		if err == nil && t.dropped.Load() == before {
			return server
		}
		if err != nil && !strings.Contains(err.Error(), networkChanged) {
			require.NoError(t.T, err)
		}
	}
	t.Fatal("The network changed during ten attempts to open the page.")
	return nil
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

// eval returns the value of an expression of JavaScript.
func eval[T any](t tab, expression string) T {
	t.Helper()
	value, err := chromedp.Run(t.ctx, chromedp.Evaluate[T](expression))
	require.NoError(t.T, err)
	return value
}

// focuses waits until an element has the focus, which Chromium gives while it draws the page.
func (t tab) focuses(element string) {
	t.Helper()
	t.await(fmt.Sprintf(`(%s) == %q`, focused, element))
}

// await waits until an expression is true.
func (t tab) await(expression string) {
	t.Helper()
	require.Eventually(t.T, func() bool { return eval[bool](t, expression) }, time.Minute, 20*time.Millisecond, expression)
}

const (
	focused       = `document.activeElement.id || document.activeElement.tagName`
	passwordsLeft = `[...document.querySelectorAll("[type=password]")].map(e => e.value).join("")`
	noEarlyChecks = `document.forms[0].noValidate = true`
)
