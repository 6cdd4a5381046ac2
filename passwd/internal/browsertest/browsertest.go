// Package browsertest is Chromium for tests of pages, used as a person uses it.
package browsertest

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// Start starts a browser, which ends with the test. Without Chromium the test fails.
func Start(t *testing.T) context.Context {
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

// A Tab is a page of the browser with the steps of a test.
type Tab struct {
	*testing.T
	Ctx     context.Context
	dropped *atomic.Int64 // what Chromium could not load
}

// Open opens a tab. What Chromium complains of is an error of the test.
func Open(t *testing.T, browser context.Context) Tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	tab := Tab{t, ctx, new(atomic.Int64)}
	tab.Do()
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
	tab.Accept("en-GB, en;q=0.9")
	return tab
}

// Do makes steps.
func (t Tab) Do(actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	require.NoError(t.T, chromedp.Do(t.Ctx, actions...))
}

// Accept sets the languages of the person.
func (t Tab) Accept(languages string) {
	t.Helper()
	t.Do(Command(network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": languages},
	}))
}

// Command is a step that chromedp has no name for.
func Command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, c, params)
		return err
	})
}

// Show opens a page.
func (t Tab) Show(url string) {
	t.Helper()
	// Chromium drops its connections when an interface comes or goes, as with every container: the page is opened again.
	for range 10 {
		before := t.dropped.Load()
		err := chromedp.Do(t.Ctx, chromedp.Navigate(url))
		if err == nil && t.dropped.Load() == before {
			return
		}
		if err != nil && !strings.Contains(err.Error(), networkChanged) {
			require.NoError(t.T, err)
		}
	}
	t.Fatal("The network changed during ten attempts to open the page.")
}

// Submit does what leads to another page, waits for it and returns its status.
func (t Tab) Submit(action chromedp.Action[chromedp.Void]) (status int64) {
	t.Helper()
	response, err := chromedp.RunResponse(t.Ctx, action)
	require.NoError(t.T, err)
	return response.Status
}

// Eval returns the value of an expression of JavaScript.
func Eval[V any](t Tab, expression string) V {
	t.Helper()
	value, err := chromedp.Run(t.Ctx, chromedp.Evaluate[V](expression))
	require.NoError(t.T, err)
	return value
}

// Await waits until an expression is true.
func (t Tab) Await(expression string) {
	t.Helper()
	require.Eventually(t.T, func() bool { return Eval[bool](t, expression) }, time.Minute, 20*time.Millisecond, expression)
}

// Media sets what the browser says of its user: features and values in turn.
func (t Tab) Media(features ...string) {
	t.Helper()
	var list []*emulation.MediaFeature
	for i := 0; i+1 < len(features); i += 2 {
		list = append(list, &emulation.MediaFeature{Name: features[i], Value: features[i+1]})
	}
	t.Do(Command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: list}))
}

// Width sets the width of the window in pixels.
func (t Tab) Width(width int64) {
	t.Helper()
	t.Do(chromedp.EmulateViewport(width, 800))
}

// Picture takes a picture of the whole page (go test -artifacts).
func (t Tab) Picture(name string) {
	t.Helper()
	picture, err := chromedp.Run(t.Ctx, chromedp.FullScreenshot(100))
	require.NoError(t.T, err)
	require.NoError(t.T, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), picture, 0o600))
}

// Looks calls look in light and dark, at 320 and 1280 pixels, with a picture of each, and requires that nobody has to scroll sideways.
func (t Tab) Looks(name string, look func(scheme, file string)) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		for _, width := range []int64{320, 1280} {
			t.Media("prefers-color-scheme", scheme)
			t.Width(width)
			file := fmt.Sprintf("%s-%d-%s", name, width, scheme)
			t.Picture(file)
			t.Fits(width, file)
			look(scheme, file)
		}
	}
}

// Fits requires that nobody has to scroll sideways.
func (t Tab) Fits(width int64, what string) {
	t.Helper()
	if now := Eval[int64](t, `document.documentElement.scrollWidth`); now > width {
		t.Errorf("%s: nobody has to scroll sideways, and the page is %d pixels wide", what, now)
	}
}

// Contrast returns the contrast ratio of two opaque colours: https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
func Contrast(a, b []float64) float64 {
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
