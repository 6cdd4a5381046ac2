package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Answers of [CheckOrigin].
var (
	ErrCrossOrigin = errors.New("another page has sent it")
	ErrNoOrigin    = errors.New("the browser does not tell where it comes from")
)

var protection = http.NewCrossOriginProtection()

// CheckOrigin returns an error unless a page of the same origin has sent a form.
func CheckOrigin(r *http.Request) error {
	// CrossOriginProtection lets a request without these headers pass, as that of a program. Pages are for browsers. All
	// send one of the two with a form, but for text browsers such as lynx and w3m.
	switch foreign := r.Header.Get("Origin") == "" && r.Header.Get("Sec-Fetch-Site") == ""; {
	case foreign && r.Header.Get("Referer") == "":
		return ErrNoOrigin
	case foreign && !isOwnReferer(r), protection.Check(r) != nil:
		return ErrCrossOrigin
	}
	return nil
}

// isOwnReferer reports whether a request says that it comes from a page of the same host. A page of another one cannot say
// so: scripts may not set the header, and only leave it out.
func isOwnReferer(r *http.Request) bool {
	referer, err := url.Parse(r.Header.Get("Referer"))
	return err == nil && (referer.Scheme == "https" || referer.Scheme == "http") && referer.Host != "" && strings.EqualFold(referer.Host, r.Host)
}
