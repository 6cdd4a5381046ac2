package passwd_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/passwd"
)

// TestContentTypes accepts what programs send for a form or JSON, and says what is wrong with all else, on both channels.
func TestContentTypes(t *testing.T) {
	t.Parallel()
	const (
		json      = `{"user":"john@example.org","curpass":"` + current + `","newpass":"` + replacement + `"}`
		isMissing = "There is no Content-Type. Send application/x-www-form-urlencoded"
		another   = "This content type is not supported. Send application/x-www-form-urlencoded"
		charset   = "This charset is not supported. Send UTF-8."
		coding    = "This Content-Encoding is not supported. Send the body as it is."
	)
	for _, tt := range []struct {
		contentType, encoding, body, want string // want is "" if it is accepted
	}{
		{formType + ";charset=utf8", "", good, ""},
		{formType + "; charset=us-ascii", "", good, ""},
		{formType + "; charset=ASCII", "", good, ""},
		{formType + `; charset="UTF-8"`, "", good, ""},
		{formType + `; CHARSET='Utf-8'`, "", good, ""},
		{formType + "; charset = utf-8 ", "", good, ""},
		{formType + "; charset=", "", good, ""},
		{formType + `; charset=""`, "", good, ""},
		{formType + "; charset", "", good, ""},
		{formType + ";", "", good, ""},
		{formType + "; =", "", good, ""},
		{formType + "; boundary=x; version=1", "", good, ""},
		{formType + "; charset=utf-8; charset=UTF-8", "", good, ""},
		{"Application/X-WWW-Form-URLEncoded", "", good, ""},
		{" " + formType + " ; q=1", "", good, ""},
		{formType, "identity", good, ""},
		{formType, "Identity, identity", good, ""},
		{formType, " ", good, ""},
		{"application/json; charset=utf8", "", json, ""},
		{"Application/JSON", "identity", "\ufeff" + json, ""},
		{"", "", good, isMissing},
		{"multipart/form-data; boundary=x", "", "--x--", another},
		{"text/plain", "", good, another},
		{"application/x-www-form-urlencoded, text/plain", "", good, another},
		{formType + "; charset=utf-16", "", good, charset},
		{formType + "; charset=iso-8859-1", "", good, charset},
		{formType + `; charset="windows-1252"`, "", good, charset},
		{formType + "; charset=utf-8; charset=latin1", "", good, charset},
		{"application/json; charset=utf-16", "", json, charset},
		{formType, "gzip", good, coding},
		{formType, "identity, br", good, coding},
	} {
		c := &changer{}
		service := newService(t, passwd.Config{Changer: c})
		set := func(r *http.Request) {
			r.Header["Content-Type"], r.Header["Content-Encoding"] = []string{tt.contentType}, []string{tt.encoding}
			if tt.contentType == "" {
				r.Header.Del("Content-Type")
			}
		}
		w := call(service, set, tt.body)
		if tt.want == "" {
			assert.Equal(t, "OK", w.Body.String(), "%+v", tt)
			assert.Len(t, c.calls, 1)
			continue
		}
		assert.Equal(t, http.StatusUnsupportedMediaType, w.Code, "%+v", tt)
		assert.Contains(t, w.Body.String(), "bad-request: "+tt.want, "%+v", tt)
		assert.Equal(t, http.StatusUnsupportedMediaType, visit(service.Page(), http.MethodPost, "/", tt.body, set).Code)
		assert.Empty(t, c.calls)
	}
	w := call(newService(t, passwd.Config{Changer: &changer{}}), func(r *http.Request) { r.Header.Add("Content-Type", formType) }, good)
	assert.Equal(t, "bad-request: There is more than one Content-Type. Send application/x-www-form-urlencoded or application/json.\n", w.Body.String())
}

// TestCurrentIsBytes hands the current password on as it came, whatever it is.
func TestCurrentIsBytes(t *testing.T) {
	t.Parallel()
	for _, current := range []string{"gr\xfcn", "\xff", "summersun\n", "\x00", "a\x00b", "\tx\r\n", "\ufeffsummersun", "\ufffd", "\xed\xa0\x80"} {
		c := &changer{}
		service := newService(t, passwd.Config{Changer: c})
		assert.Equal(t, http.StatusOK, post(service, formType, form("user", "john@example.org", "curpass", current, "newpass", replacement)).Code, "%q", current)
		assert.Equal(t, http.StatusOK, visit(service.Page(), http.MethodPost, "/", fill("john@example.org", current, replacement, replacement)).Code)
		want := [3]string{"john@example.org", current, replacement}
		assert.Equal(t, [][3]string{want, want}, c.calls, "%q", current)
	}
}

// TestJSONCurrent can hold all text, but not half of a character.
func TestJSONCurrent(t *testing.T) {
	t.Parallel()
	for current, want := range map[string]string{
		`x\u0000`:            "x\x00",
		`\ufffd`:             "\ufffd",
		"\ufffd":             "\ufffd",
		`\\ufffd`:            `\ufffd`,
		`\\\ufffd`:           "\\\ufffd",
		`\ud83d\ude00`:       "😀",
		`\n\u2028`:           "\n\u2028",
		`\ud83d`:             "",
		`\ude00\ud83d`:       "",
		`\ud83d\\ufffd`:      "",
		`\ufffd\ud83d\ufffd`: "",
	} {
		c := &changer{}
		w := call(newService(t, passwd.Config{Changer: c}), func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
			`{"user":"a@b","curpass":"`+current+`","newpass":"`+replacement+`"}`)
		if want == "" {
			assert.Equal(t, "bad-request: The JSON is not UTF-8.\n", w.Body.String(), current)
			assert.Empty(t, c.calls)
			continue
		}
		assert.Equal(t, "OK", w.Body.String(), current)
		assert.Equal(t, [][3]string{{"a@b", want, replacement}}, c.calls, current)
	}
}
