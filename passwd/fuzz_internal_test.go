package passwd

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The targets of this file read what strangers send. Besides that nothing may panic, each compares a reader with what it promises,
// by other means than its own.

// FuzzOrigin sends a change to the page from wherever a header says. It gets through only from the page itself.
func FuzzOrigin(f *testing.F) {
	f.Add("example.com", "http://example.com", "same-origin", "")
	f.Add("example.com", "https://evil.example", "", "")
	f.Add("example.com", "null", "none", "")
	f.Add("example.com:8443", "https://example.com:8443", "", "")
	f.Add("", "", "cross-site", "")
	f.Add("[::1]", "http://[::1]", "same-site", "")
	f.Add("example.com", "", "", "https://Example.com/password/")
	f.Add("example.com", "", "", "https://example.com@evil.example/")
	f.Add("", "", "", "http:///")
	f.Add("example.com", "https://evil.example", "", "https://example.com/")
	calls := 0
	s, err := New(Config{Floor: 1, Changer: changerOf(func() error { calls++; return nil })})
	require.NoError(f, err)
	page := s.Page()
	f.Fuzz(func(t *testing.T, host, origin, site, referer string) {
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader("user=john%40example.org&curpass=summersun&newpass=a+long+enough+secret&repeat=a+long+enough+secret"))
		r.Host = host
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for name, value := range map[string]string{"Origin": origin, "Sec-Fetch-Site": site, "Referer": referer} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		before := calls
		w := httptest.NewRecorder()
		page.ServeHTTP(w, r)
		if calls == before {
			assert.Equal(t, http.StatusForbidden, w.Code)
			return
		}
		switch site {
		case "same-origin", "none":
		case "":
			from := origin
			if from == "" { // a text browser
				from = referer
			}
			u, err := url.Parse(from)
			require.NoError(t, err)
			assert.True(t, strings.EqualFold(host, u.Host), "%q %q", host, from)
			assert.NotEmpty(t, from)
		default:
			assert.Fail(t, "a request of another site came through", "%q %q %q", host, origin, site)
		}
	})
}

// FuzzAuthorization tries headers at a secret. It is let in only with the secret itself, whole, as a password or a token.
func FuzzAuthorization(f *testing.F) {
	const secret = "the secret of roundcube"
	basic := func(userinfo string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo)) }
	for _, seed := range []string{
		basic("roundcube:" + secret), basic(secret), basic(secret + ":"), basic("a:b:" + secret), "Bearer " + secret, "bearer " + secret + " ",
		"Bearer", "Basic", "Basic %%%", "Digest " + secret, secret, "Bearer  " + secret, "\x00", "",
	} {
		f.Add(seed)
	}
	s, err := New(Config{Changer: changerOf(func() error { return nil }), Secrets: []string{"another secret of nobody", secret}})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, header string) {
		r := httptest.NewRequest(http.MethodPost, apiPath, nil)
		r.Header["Authorization"] = []string{header}
		if !s.secrets.Load().admit(r) {
			return
		}
		scheme, rest, _ := strings.Cut(header, " ")
		offered := rest
		if strings.EqualFold(scheme, "Basic") {
			decoded, err := base64.StdEncoding.DecodeString(rest)
			require.NoError(t, err)
			_, offered, _ = strings.Cut(string(decoded), ":")
		} else {
			assert.True(t, strings.EqualFold(scheme, "Bearer"), header)
		}
		assert.True(t, slices.Contains([]string{"another secret of nobody", secret}, offered), "%q", header)
	})
}

// changerOf is a Changer made of a function that looks at nothing.
type changerOf func() error

func (f changerOf) ChangePassword(context.Context, string, string, string) error { return f() }
