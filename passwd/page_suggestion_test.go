package passwd_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

// TestPageSuggestion: each form has a passphrase of its own, which no answer repeats, and which changes a password.
func TestPageSuggestion(t *testing.T) {
	t.Parallel()
	c := &changer{}
	var told strings.Builder
	page := newService(t, passwd.Config{
		Changer: c, MinLength: 40, MaxLength: 72,
		OnEvent: func(_ context.Context, e passwd.Event) { fmt.Fprintf(&told, "%+v %v\n", e, e.LogValue()) },
	}).Page()
	seen := map[string]bool{}
	suggestion := func(w *httptest.ResponseRecorder) string {
		assert.Equal(t, "no-store", w.Header().Get("Cache-Control"))
		code := parsePage(t, w).with("id", "suggestion")
		require.Len(t, code, 1)
		assert.Equal(t, "no", code[0].attr("translate"), "no browser sends it to a translator")
		details := code[0].Parent
		assert.Equal(t, "details", details.Data)
		assert.Empty(t, document{details}.attr("open"))
		assert.Equal(t, 1, strings.Count(w.Body.String(), code[0].text()))
		assert.False(t, seen[code[0].text()], "another one each time")
		seen[code[0].text()] = true
		return code[0].text()
	}
	for range 20 {
		suggested := suggestion(visit(page, http.MethodGet, "/", ""))
		assert.GreaterOrEqual(t, len(suggested), 40)
		assert.LessOrEqual(t, len(suggested), 72)
		suggestion(visit(page, http.MethodPost, "/", fill("john@example.org", current, suggested, "other")))
		w := visit(page, http.MethodPost, "/", fill("john@example.org", current, suggested, suggested))
		require.Equal(t, http.StatusOK, w.Code)
		assert.Empty(t, parsePage(t, w).with("id", "suggestion"))
		assert.NotContains(t, w.Body.String(), suggested)
	}
	assert.Len(t, c.calls, 20)
	for suggested := range seen {
		assert.NotContains(t, told.String(), suggested)
	}
}
