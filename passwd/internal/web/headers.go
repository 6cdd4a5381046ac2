// Package web is what the handlers of this module share: what a page may do in a browser, where a form comes from, what is in it,
// and who sends it.
package web

import (
	_ "embed"
	"net/http"
	"strconv"
	"strings"
)

// Style is how the pages look.
//
//go:embed style.css
var Style []byte

// SetHeaders sets headers that let a browser show a form and send it back, and nothing else but what more directives of
// Content-Security-Policy allow, such as "script-src 'self'". See ASVS 5.0, chapter 3.4.
func SetHeaders(header http.Header, more ...string) {
	header.Set("Cache-Control", "no-store")
	policy := []string{"default-src 'none'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"}
	header.Set("Content-Security-Policy", strings.Join(append(policy, more...), "; "))
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cross-Origin-Resource-Policy", "same-origin")
	// With no-referrer a browser would send "Origin: null" with the form: https://fetch.spec.whatwg.org/#origin-header
	header.Set("Referrer-Policy", "same-origin")
	header.Set("X-Content-Type-Options", "nosniff")
}

// IsRead reports whether a request is GET or HEAD.
func IsRead(r *http.Request) bool { return r.Method == http.MethodGet || r.Method == http.MethodHead }

// RefuseMethod answers that another method is wanted.
func RefuseMethod(w http.ResponseWriter, allow string) {
	w.Header().Set("Allow", allow)
	Write(w, http.StatusMethodNotAllowed, "text/plain; charset=utf-8", []byte("Use "+allow+".\n"))
}

// Write writes an answer with its length.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client may have gone
}
