package admin_test

import (
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNewcomer takes the wrong turns of people who see the pages for the first time.
func TestNewcomer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("example.org")
	s.user("jane@example.org")
	v := s.as("alice")
	page := func(target string) string { return v.get(target).Body.String() }
	assert.Contains(t, page("/domain/1/aliases"), "This domain has no aliases yet.")
	assert.Contains(t, page("/domain/1/aliases?q=zzz"), "None found.")
	assert.Contains(t, page("/domain/1?q=zzz"), "None found.")

	// A name is no address: Postfix would give the mail to an account of the system.
	w := v.post("/domain/1/alias", "name", "info", "destinations", "jane")
	assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
	assert.Contains(t, w.Body.String(), "jane has no @. Write a whole address, such as jane@example.org.")
	v.done("/domain/1/alias", "name", "info", "destinations", "jane@example.org")
	w = v.post("/alias/1", "destinations", "jane@example.org\njoe", "version", v.version("/alias/1"))
	assert.Equal(t, http.StatusUnprocessableEntity, w.Code)
	assert.Contains(t, w.Body.String(), "joe has no @. Write a whole address, such as joe@example.org.")
	id := s.alias("old@example.org", "root")
	v.done(path("/alias/%d", id), "destinations", "root, jane@example.org", "version", v.version(path("/alias/%d", id)))
	assert.Contains(t, s.rows(), "old@example.org > root", "what other programs have written can be changed")

	// The way from a user to an alias of the address: nothing is lost unless that is wanted.
	form := page("/domain/1/alias?name=jane@example.org")
	assert.Contains(t, form, `name="name" value="jane"`)
	assert.Regexp(t, `name="copy"[^>]* checked`, form)
	assert.NotRegexp(t, `name="copy"[^>]* checked`, page("/domain/1/alias"))
	assert.Contains(t, page("/domain/1/alias?catchall=1"), "Create the catch-all")
	w = v.post("/domain/1/alias", "name", "jane", "destinations", "jo@elsewhere.example")
	require.Equal(t, http.StatusSeeOther, w.Code)
	alias := w.Header().Get("Location")

	// Why does she get no mail?
	const none, mailbox = "The mailbox jane@example.org gets no mail", "<bdi><strong>jane@example.org</strong></bdi></a> is a mailbox"
	for _, target := range []string{"/user/1", "/recipients?address=jane@example.org", "/recipients?address=info@example.org"} {
		assert.NotContains(t, page(target), mailbox, target)
	}
	assert.Contains(t, page("/user/1"), none)
	assert.Contains(t, page("/recipients?address=Jane@example.org"), none)
	assert.NotContains(t, page("/recipients?address=info@example.org"), "gets no mail", "it has no mailbox")
	v.done(alias, "destinations", "jo@elsewhere.example", "copy", "1", "version", v.version(alias))
	for _, target := range []string{"/user/1", "/recipients?address=jane@example.org", "/recipients?address=info@example.org"} {
		assert.NotContains(t, page(target), none, target)
		assert.Contains(t, page(target), mailbox, target)
	}

	assert.Contains(t, v.post(alias+"/deletion").Body.String(), "Mail for this address no longer goes to:")
	deletion := v.post("/user/1/deletion").Body.String()
	assert.Contains(t, deletion, `The alias of this address is not deleted. <a href="`+alias+`">`)
	assert.Contains(t, deletion, "The alias jane@example.org keeps a copy in a mailbox that does not exist.")
	v.done("/user/1/delete", "version", v.version("/user/1"))
	text := page(alias)
	assert.NotContains(t, text, mailbox)
	assert.Contains(t, text, "<bdi><strong>jane@example.org</strong></bdi> does not exist here")
}

// TestWorstFirst: errors are at the top of the findings.
func TestWorstFirst(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("example.org")
	s.user("jane@example.org")
	require.NoError(t, s.store.SetStoredPassword(t.Context(), "jane@example.org", "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd"))
	s.alias("away@example.org", "jo@elsewhere.example")
	s.alias("lost@example.org", "nobody@example.org")
	require.NoError(t, s.page.Examine(t.Context()))
	text := s.as("alice").get("/findings").Body.String()
	var found []string
	for _, match := range regexp.MustCompile(`<span class="badge[a-z ]*">(\w+)</span>`).FindAllStringSubmatch(text, -1) {
		found = append(found, match[1])
	}
	assert.True(t, slices.IsSortedFunc(found, func(a, b string) int {
		order := []string{"Error", "Warning", "Note"}
		return slices.Index(order, a) - slices.Index(order, b)
	}), found)
	assert.Subset(t, found, []string{"Error", "Warning", "Note"})
}
