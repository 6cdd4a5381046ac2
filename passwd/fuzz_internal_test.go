package passwd

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The targets of this file read what strangers send. Besides that nothing may panic, each compares a reader with what it promises,
// by other means than its own.

// FuzzFields reads forms and JSON. What it takes for a field is in the body once, and an answer holds nothing of the body.
func FuzzFields(f *testing.F) {
	const form = "application/x-www-form-urlencoded"
	for _, seed := range []struct{ contentType, encoding, body string }{
		{form, "", "user=john%40example.org&curpass=summersun&newpass=a+long+enough+secret"},
		{form + "; charset=utf-8", "", "user=a&user=b&curpass=%00&newpass=%ff"},
		{form, "identity", "user=a;curpass=b&newpass=%zz"},
		{"application/json", "", `{"user":"john@example.org","curpass":"summersun","newpass":"a long enough secret"}`},
		{"application/json;charset=UTF-8", "", `{"user":"a","user":"b","curpass":["x"],"newpass":"\ud800"}`},
		{"application/json", "gzip", `{"user":{"user":"a"},"curpass":null,"newpass":"x"} x`},
		{"multipart/form-data; boundary=x", "", "--x--"},
		{"", "", ""},
	} {
		f.Add(seed.contentType, seed.encoding, []byte(seed.body))
	}
	f.Fuzz(func(t *testing.T, contentType, encoding string, body []byte) {
		r := httptest.NewRequest(http.MethodPost, apiPath, strings.NewReader(string(body)))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		got := map[string]*string{"user": new(string), "curpass": new(string), "newpass": new(string)}
		var fields []field
		for name, value := range got {
			fields = append(fields, field{name: name, value: value, bytes: name == "curpass"})
		}
		v, ok := readFields(httptest.NewRecorder(), r, []bodyType{formBody, jsonBody}, fields)
		if !ok {
			assert.GreaterOrEqual(t, v.status, 400)
			assert.Equal(t, "bad-request", v.reason)
			assert.Regexp(t, "^[A-Z][A-Za-z0-9 ,./-]{1,150}\\.$", v.text, "a sentence of ours")
			return
		}
		assert.LessOrEqual(t, len(body), maxBody)
		if media, parameters, err := mime.ParseMediaType(contentType); err == nil {
			assert.Contains(t, []string{form, "application/json"}, media)
			assert.Contains(t, []string{"", "utf-8", "utf8", "us-ascii", "ascii"}, strings.ToLower(strings.Trim(parameters["charset"], " '")))
		}
		media, _, _ := strings.Cut(strings.ToLower(contentType), ";")
		isJSON := strings.TrimSpace(media) == "application/json"
		var object map[string]any
		var values url.Values
		if isJSON {
			require.NoError(t, json.Unmarshal(bytes.TrimPrefix(body, []byte("\ufeff")), &object))
		} else {
			var err error
			values, err = url.ParseQuery(string(body))
			require.NoError(t, err)
		}
		for name, value := range got {
			assert.NotEmpty(t, *value)
			if isJSON {
				assert.Equal(t, object[name], *value)
			} else {
				assert.Equal(t, []string{*value}, values[name])
			}
			if name != "curpass" {
				assert.True(t, utf8.ValidString(*value), "%s: %q", name, *value)
			}
		}
	})
}

// FuzzForwardedFor forges X-Forwarded-For. Only who is trusted is believed, and nothing before the last address of others counts.
func FuzzForwardedFor(f *testing.F) {
	f.Add("192.0.2.1:1234", "198.51.100.7", "203.0.113.9", false)
	f.Add("127.0.0.1:1234", "203.0.113.9, ", "198.51.100.7", false)
	f.Add("[::ffff:127.0.0.1]:1", "[2001:db8::1%eth0]:44,", "::ffff:198.51.100.7", false)
	f.Add("@", "nonsense,,", "127.0.0.2", true)
	f.Add("", "\x00", "[::1]", true)
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	f.Fuzz(func(t *testing.T, peer, claimed, last string, socket bool) {
		request := func(forwarded ...string) *http.Request {
			r := httptest.NewRequest(http.MethodPost, "/", nil)
			r.RemoteAddr = peer
			r.Header["X-Forwarded-For"] = forwarded
			if socket {
				r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, &net.UnixAddr{}))
			}
			return r
		}
		plain, honest, forged := clientOf(request(), trusted), clientOf(request(last), trusted), clientOf(request(claimed, last), trusted)
		for _, client := range []netip.Addr{plain, honest, forged} {
			require.True(t, client.IsValid())
			assert.Equal(t, client.Unmap().WithZone(""), client, "one spelling for one client")
		}
		if !isTrusted(plain, trusted) && !socket {
			assert.Equal(t, plain, forged, "who is not trusted is not believed")
		}
		person, personForged := personOf(request(last), trusted), personOf(request(claimed, last), trusted)
		if !strings.Contains(last, ",") && person.IsValid() && !isTrusted(person, trusted) {
			assert.Equal(t, person, personForged, "what a client claims before its proxy counts for nothing")
			assert.Equal(t, honest, forged)
		}
		if !person.IsValid() && !strings.Contains(last, ",") {
			assert.False(t, personForged.IsValid(), "what stands before nonsense is not believed")
		}
	})
}

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
