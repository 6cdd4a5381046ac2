package web_test

import (
	"bytes"
	"context"
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

	"github.com/ispmail/go-ispmail/passwd/internal/web"
)

// The targets of this file read what strangers send. Besides that nothing may panic, each compares a reader with what it promises,
// by other means than its own.

const maxBody = 16 << 10

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
		r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(string(body)))
		if contentType != "" {
			r.Header.Set("Content-Type", contentType)
		}
		if encoding != "" {
			r.Header.Set("Content-Encoding", encoding)
		}
		got := map[string]*string{"user": new(string), "curpass": new(string), "newpass": new(string)}
		var fields []web.Field
		for name, value := range got {
			fields = append(fields, web.Field{Name: name, Value: value, Bytes: name == "curpass"})
		}
		fault := web.ReadFields(httptest.NewRecorder(), r, maxBody, []web.BodyType{web.FormBody, web.JSONBody}, fields)
		if fault != nil {
			assert.GreaterOrEqual(t, fault.Status, 400)
			assert.Regexp(t, "^[A-Z][A-Za-z0-9 ,./-]{1,150}\\.$", fault.Text, "a sentence of ours")
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
	isTrusted := func(address netip.Addr) bool {
		return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address) })
	}
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
		plain, honest, forged := web.ClientOf(request(), trusted), web.ClientOf(request(last), trusted), web.ClientOf(request(claimed, last), trusted)
		for _, client := range []netip.Addr{plain, honest, forged} {
			require.True(t, client.IsValid())
			assert.Equal(t, client.Unmap().WithZone(""), client, "one spelling for one client")
		}
		if !isTrusted(plain) && !socket {
			assert.Equal(t, plain, forged, "who is not trusted is not believed")
		}
		person, personForged := web.PersonOf(request(last), trusted), web.PersonOf(request(claimed, last), trusted)
		if !strings.Contains(last, ",") && person.IsValid() && !isTrusted(person) {
			assert.Equal(t, person, personForged, "what a client claims before its proxy counts for nothing")
			assert.Equal(t, honest, forged)
		}
		if !person.IsValid() && !strings.Contains(last, ",") {
			assert.False(t, personForged.IsValid(), "what stands before nonsense is not believed")
		}
	})
}
