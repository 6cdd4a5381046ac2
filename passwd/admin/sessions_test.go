package admin_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

// slow returns a site on which the next request, once it is started, waits for the store until it is let go on.
func slow(t *testing.T) (s *site, start func(v *visitor, target string) (finish func())) {
	t.Helper()
	s = newSite(t)
	var gate, reached chan struct{}
	s.open(func() (*ispmail.Store, error) {
		if waiting, at := gate, reached; waiting != nil {
			gate = nil
			close(at)
			<-waiting
		}
		return s.store, nil
	})
	return s, func(v *visitor, target string) func() {
		waiting, at, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
		gate, reached = waiting, at
		other := s.visitor() // another tab
		maps.Copy(other.cookies, v.cookies)
		go func() { defer close(done); other.get(target) }()
		<-at
		return func() { close(waiting); <-done }
	}
}

// TestLogoutDuringRequest: a request that began before the logout does not bring the session back.
func TestLogoutDuringRequest(t *testing.T) {
	t.Parallel()
	s, start := slow(t)
	for _, end := range [][]string{{"/logout"}, {"/login", "name", "mia", "password", password, "next", "/"}} {
		v := s.as("alice")
		stolen := s.visitor()
		maps.Copy(stolen.cookies, v.cookies)
		require.Equal(t, http.StatusOK, stolen.get("/changes").Code)
		finish := start(v, "/")
		v.post(end[0], end[1:]...)
		finish()
		assert.Equal(t, http.StatusSeeOther, stolen.get("/changes").Code, end[0])
	}
}

// TestPassphraseAndTabs: only the page that the browser is sent to shows the passphrase, once, whatever other tabs do meanwhile.
func TestPassphraseAndTabs(t *testing.T) {
	t.Parallel()
	s, start := slow(t)
	s.domain("mine.example")
	v := s.as("alice")
	finish := start(v, "/")
	w := v.post("/domain/1/user", "name", "jane", "password", "", "quota", "")
	finish()
	assert.NotRegexp(t, passphrase, v.get("/").Body.String())
	assert.NotRegexp(t, passphrase, v.get("/domain/1").Body.String())
	v.do(head(w.Header().Get("Location")))
	other := s.as("alice")
	assert.NotRegexp(t, passphrase, other.get(w.Header().Get("Location")).Body.String(), "another session")
	assert.Regexp(t, passphrase, v.get(w.Header().Get("Location")).Body.String())
	assert.NotRegexp(t, passphrase, v.get(w.Header().Get("Location")).Body.String(), "a reload")

	w = v.post("/domain/1/user", "name", "joe", "password", "", "quota", "")
	v.post("/login", "name", "mia", "password", password, "next", "/") // in the same browser
	text := v.get(w.Header().Get("Location")).Body.String()
	assert.Contains(t, text, "joe@mine.example")
	assert.NotRegexp(t, passphrase, text, "another administrator")
}

func head(target string) *http.Request {
	r := request(target)
	r.Method = http.MethodHead
	return r
}

// TestBodyOfAnybody: who is not logged in cannot send what takes much memory.
func TestBodyOfAnybody(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("mine.example")
	long := strings.Repeat("x@elsewhere.example\n", 3000)
	for _, target := range []string{"/login", "/language"} {
		assert.Equal(t, http.StatusRequestEntityTooLarge, s.visitor().post(target, "other", long).Code, target)
	}
	assert.Equal(t, http.StatusUnprocessableEntity, s.as("alice").post("/domain/1/alias", "name", "a b", "destinations", long).Code)
}

// TestReload: the addresses of forms lead to the page above when somebody asks for them, such as after a change of the language.
func TestReload(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.domain("mine.example")
	s.user("me@mine.example")
	v := s.as("alice")
	w := v.post("/user/1/password", "password", "short", "version", v.version("/user/1"))
	require.Contains(t, w.Body.String(), `name="next" value="/user/1/password"`)
	w = v.post("/language", "language", "de", "next", "/user/1/password")
	w = v.get(w.Header().Get("Location"))
	assert.Equal(t, "/user/1", w.Header().Get("Location"))
	for from, to := range map[string]string{"/logout": "/", "/language": "/", "/user/%2F%2Fevil.example/lock": "/user/evil.example"} {
		assert.Equal(t, to, v.get(from).Header().Get("Location"), from)
	}
	assert.Contains(t, v.get("/search?q=me").Body.String(), `name="next" value="/search?q=me"`, "what was looked for is kept")
}
