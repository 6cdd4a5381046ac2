package admin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/browsertest"
)

// TestBrowserWalk goes to all pages there are, by the routes of the code, and to the page of each form that is refused: without a mouse,
// with letters that are twice as large, with forced colours, and for people whom movement makes ill.
func TestBrowserWalk(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: needs Chromium")
	}
	s := newSite(t)
	s.openPlain()
	routes := newFilled(t, s)
	require.NoError(t, s.page.Examine(t.Context()))
	server := httptest.NewServer(s.page)
	t.Cleanup(server.Close)
	b := browser{browsertest.Open(t, browsertest.Start(t)), server.URL}
	b.Accept("en")
	b.open("/login")
	b.walk("login", true)
	b.open("/login")
	b.tabTo("name")
	b.typed("alice", kb.Tab, password)
	require.Equal(t, int64(http.StatusOK), b.Submit(chromedp.KeyEvent(kb.Enter)), "Enter sends the form")

	for _, f := range routes {
		if f.Method == http.MethodGet {
			b.open(f.target + "?" + f.fields.Encode())
			b.walk(f.target, true)
			continue
		}
		fields := f.fields
		status := int64(http.StatusOK)
		for _, name := range f.Fields {
			if freeText[name] != "" {
				fields, status = f.with(name, map[bool]string{true: "short", false: "a\x01b c"}[name == "password"]), http.StatusUnprocessableEntity
				break
			}
		}
		if slices.Equal(f.Fields, []string{"version"}) {
			fields, status = f.with("version", "0"), http.StatusConflict
		}
		script := `(() => { const f = document.createElement("form"); f.method = "post"; f.action = ` + fmt.Sprintf("%q", f.target) + `;`
		for name := range fields {
			script += fmt.Sprintf(`{ const i = document.createElement("input"); i.type = "hidden"; i.name = %q; i.value = %q; f.append(i) }`, name, fields.Get(name))
		}
		require.Equal(t, status, b.Submit(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
			_, err := chromedp.Evaluate[bool](script+`document.body.append(f); f.submit(); return true })()`)(ctx, target)
			return err
		})), f.target)
		b.walk("POST "+f.target, false)
	}

	// A user is made without a mouse.
	b.open("/domain/1")
	b.Do(chromedp.KeyEvent(kb.Tab))
	assert.Equal(t, "#main", eval[string](b, `document.activeElement.getAttribute("href")`), "the first link skips the menu")
	b.Do(chromedp.KeyEvent(kb.Enter), chromedp.KeyEvent(kb.Tab))
	assert.True(t, eval[bool](b, `document.activeElement.closest("main") != null`), "and the next key is in the page")
	for range 20 {
		if eval[string](b, `document.activeElement.textContent`) == "New user" {
			break
		}
		b.Do(chromedp.KeyEvent(kb.Tab))
	}
	b.Submit(chromedp.KeyEvent(kb.Enter))
	b.tabTo("name")
	b.typed("keyboard")
	b.Submit(chromedp.KeyEvent(kb.Enter))
	assert.Contains(t, b.text(), "The user keyboard@example.org was created.")
	b.Await(`document.activeElement.className == "notice"`) // it is read first
}

// typed types, or presses keys, where the focus is.
func (b browser) typed(texts ...string) {
	b.Helper()
	for _, text := range texts {
		b.Do(chromedp.KeyEvent(text))
	}
}

// tabTo presses the Tab key until the element with an id has the focus.
func (b browser) tabTo(id string) {
	b.Helper()
	for range 20 {
		if eval[string](b, `document.activeElement.id`) == id {
			return
		}
		b.Do(chromedp.KeyEvent(kb.Tab))
	}
	b.Fatalf("the Tab key does not reach %s", id)
}

const (
	// controls are what the Tab key reaches, in the order of the page.
	controls = `[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea, summary")].filter(e => e.checkVisibility())`
	// ring is how the focus is seen.
	ring = `(s => s.outlineStyle + s.outlineWidth)(getComputedStyle(document.activeElement))`
	// edgeless are controls with nothing that is seen where colours are forced, which takes grounds away: no edge, and no underlined text.
	edgeless = `[...document.querySelectorAll("button, .button, input:not([type=hidden]):not([type=checkbox]), select, textarea")].filter(e => e.checkVisibility()).filter(e => {
		const s = getComputedStyle(e); return s.borderTopStyle == "none" || parseFloat(s.borderTopWidth) < 1 || s.borderTopColor == s.backgroundColor || s.borderTopColor == "rgba(0, 0, 0, 0)" })
		.map(e => e.outerHTML.slice(0, 90)).join(" ")`
	moving = `[...document.querySelectorAll("*")].filter(e => { const s = getComputedStyle(e);
		return s.animationName != "none" || s.transitionDuration.split(", ").some(d => d != "0s") || s.scrollBehavior == "smooth" }).map(e => e.outerHTML.slice(0, 90)).join(" ")`
)

// walk looks at the page that is open. Where nothing has the focus yet, the Tab key goes through all of it.
func (b browser) walk(what string, fresh bool) {
	b.Helper()
	for _, width := range []int64{320, 1280} {
		b.Width(width)
		eval[string](b, `document.documentElement.style.fontSize = "200%"`)
		b.Fits(width, what+" with large letters")
		eval[string](b, `document.documentElement.style.fontSize = ""`)
	}
	b.Media("forced-colors", "active")
	assert.True(b, eval[bool](b, `matchMedia("(forced-colors: active)").matches`))
	assert.Empty(b, eval[string](b, edgeless), "%s: a control is seen with forced colours", what)
	b.Media("prefers-reduced-motion", "reduce")
	assert.Empty(b, eval[string](b, moving), "%s: nothing moves", what)
	b.Media()
	missing := eval[string](b, `[...document.querySelectorAll("[aria-describedby]")].flatMap(e => e.getAttribute("aria-describedby").split(" ")).filter(id => !document.getElementById(id)).join(" ")`)
	assert.Empty(b, missing, "%s: what describes a field is there", what)
	loose := eval[string](b, `[...document.querySelectorAll(".error[id], .warnings[id]")].filter(e => !document.querySelector("[aria-describedby~=" + e.id + "]")).map(e => e.id).join(" ")`)
	assert.Empty(b, loose, "%s: it belongs to a field", what)
	nowhere := eval[string](b, `[...document.querySelectorAll("a[href^='#']")].map(a => a.hash.slice(1)).filter(id => !document.getElementById(id)).join(" ")`)
	assert.Empty(b, nowhere, "%s: links on the page lead somewhere", what)
	ids := eval[string](b, `[...document.querySelectorAll("[id]")].map(e => e.id).filter((id, i, all) => all.indexOf(id) != i).join(" ")`)
	assert.Empty(b, ids, "%s: each id is there once", what)
	if !fresh {
		b.Await(`document.activeElement != document.body || !document.querySelector("[autofocus]")`) // what is wrong has the focus
		return
	}
	n := eval[int](b, controls+`.length`)
	var wrong []string
	for i := range n {
		b.Do(chromedp.KeyEvent(kb.Tab))
		if at := eval[int](b, controls+`.indexOf(document.activeElement)`); at != i {
			wrong = append(wrong, fmt.Sprintf("after %d keys the focus is at %d", i+1, at))
		}
		if seen := eval[string](b, ring); strings.HasPrefix(seen, "none") || strings.HasSuffix(seen, "e0px") {
			wrong = append(wrong, fmt.Sprintf("the focus is not seen at %d: %s", i, seen))
		}
	}
	assert.Empty(b, wrong, "%s: the Tab key goes through the page", what)
}
