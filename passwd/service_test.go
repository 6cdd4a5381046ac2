package passwd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
)

// changerFunc is a Changer made of a function.
type changerFunc func(ctx context.Context, email, current, replacement string) error

func (f changerFunc) ChangePassword(ctx context.Context, email, current, replacement string) error {
	return f(ctx, email, current, replacement)
}

func call(service *passwd.Service, change func(*http.Request), body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/api/password", strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	service.API().ServeHTTP(w, r)
	return w
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c, Secrets: []string{"the old secret of roundcube", "the new secret of roundcube"}})
	basic := func(password string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth("roundcube", password) }
	}
	authorization := func(value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", value) }
	}
	for name, change := range map[string]func(*http.Request){
		"nothing":        nil,
		"wrong":          basic("the new secret of roundcubf"),
		"empty":          basic(""),
		"part":           basic("the new secret"),
		"as the user":    func(r *http.Request) { r.SetBasicAuth("the new secret of roundcube", "") },
		"wrong bearer":   authorization("Bearer the"),
		"other scheme":   authorization("Digest the new secret of roundcube"),
		"no scheme":      authorization("the new secret of roundcube"),
		"broken basic":   authorization("Basic %%%"),
		"in the query":   func(r *http.Request) { r.URL.RawQuery = "secret=the+new+secret+of+roundcube" },
		"in a cookie":    func(r *http.Request) { r.Header.Set("Cookie", "a=the new secret of roundcube") },
		"both, one each": authorization("Basic Bearer"),
	} {
		w := call(service, change, good)
		assert.Equal(t, http.StatusUnauthorized, w.Code, name)
		assert.Regexp(t, "^unauthorized: ", w.Body.String())
		assert.Contains(t, w.Header().Get("WWW-Authenticate"), "Basic")
	}
	assert.Empty(t, c.calls)
	for _, change := range []func(*http.Request){
		basic("the old secret of roundcube"),
		basic("the new secret of roundcube"),
		authorization("Bearer the new secret of roundcube"),
		authorization("bearer the new secret of roundcube"),
	} {
		assert.Equal(t, http.StatusOK, call(service, change, good).Code)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c})
	send := func(body string) *httptest.ResponseRecorder {
		return call(service, func(r *http.Request) {
			r.Header.Set("Content-Type", "application/json; charset=utf-8")
			r.Header.Set("Accept", "application/json")
		}, body)
	}
	w := send(`{"user":"john@example.org","other":[{"user":1}],"curpass":"gr\u00fcn","newpass":"a long enough secret 😀"}`)
	assert.Equal(t, http.StatusOK, w.Code)
	assert.Equal(t, "application/json", w.Header().Get("Content-Type"))
	assert.JSONEq(t, `{"reason":"ok"}`, w.Body.String())
	assert.Equal(t, [][3]string{{"john@example.org", "grün", "a long enough secret 😀"}}, c.calls)

	for body, text := range map[string]string{ //nolint:gosec // nobody's password
		``:                    "malformed",
		`null`:                "malformed",
		`[]`:                  "malformed",
		`"user"`:              "malformed",
		`{`:                   "malformed",
		`{}`:                  "missing",
		`{"user":"canary"}`:   "missing",
		`{"user":1}`:          "missing",
		`{"user":null}`:       "missing",
		`{"user":["canary"]}`: "missing",
		`{"user":"a@b","user":"a@b","curpass":"x","newpass":"a long enough secret"}`:    "more than once",
		`{"user":"a@b","curpass":"x","newpass":"a long enough secret","newpass":false}`: "more than once",
		`{"user":"a@b","curpass":"x\ud800","newpass":"a long enough secret"}`:           "UTF-8",
		"{\"user\":\"a@b\",\"curpass\":\"x\xff\",\"newpass\":\"a long enough secret\"}": "not UTF-8",
		`{"user":"a@b","curpass":"x","newpass":"a long enough secret"} x`:               "malformed",
		`{"user":"a@b","curpass":"x","newpass":"a long enough secret"`:                  "malformed",
	} {
		w := send(body)
		assert.Equal(t, http.StatusBadRequest, w.Code, body)
		assert.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		var problem struct {
			Title, Detail, Reason string
			Status                int
		}
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &problem))
		assert.Equal(t, 400, problem.Status)
		assert.Equal(t, "bad-request", problem.Reason)
		assert.Contains(t, problem.Detail, text, body)
		assert.NotContains(t, w.Body.String(), "canary")
	}
	assert.Len(t, c.calls, 1)
}

func TestFields(t *testing.T) {
	t.Parallel()
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c, Fields: passwd.Fields{User: "email", Current: "oldpassword", New: "newpassword"}})
	assert.Equal(t, http.StatusOK, call(service, nil, form("email", "a@b", "oldpassword", "x", "newpassword", "a long enough secret")).Code)
	assert.Equal(t, http.StatusBadRequest, call(service, nil, good).Code)
}

// TestLimits counts what gets through to the Changer, in any spelling of the account, known or not.
func TestLimits(t *testing.T) {
	t.Parallel()
	for name, known := range map[string]bool{"known": true, "unknown": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				service := newService(t, passwd.Config{Changer: changerFunc(func(_ context.Context, _, current, _ string) error {
					calls.Add(1)
					if known && current == "right" {
						return nil
					}
					return ispmail.ErrBadCredentials
				})})
				spellings := []string{"john@bücher.example", "JOHN@Bücher.Example", "john@xn--bcher-kva.example", "John@XN--Bcher-kva.example"}
				var refused atomic.Int32
				var done sync.WaitGroup
				for i := range 500 {
					done.Go(func() {
						w := call(service, nil, form("user", spellings[i%len(spellings)], "curpass", fmt.Sprint(i), "newpass", replacement))
						if w.Code == http.StatusTooManyRequests {
							refused.Add(1)
							assert.Regexp(t, `^limited: Too many attempts\. Try again in \d+ (s|min)\.\n$`, w.Body.String())
							assert.Equal(t, "180", w.Header().Get("Retry-After"))
						}
					})
				}
				done.Wait()
				// Some of the parallel guesses found no place in the gate and were given back; go on one by one.
				for range 10 {
					if w := call(service, nil, form("user", spellings[0], "curpass", "x", "newpass", replacement)); w.Code == http.StatusTooManyRequests {
						refused.Add(1)
					}
				}
				assert.EqualValues(t, 5, calls.Load(), "guesses let through")
				assert.Positive(t, refused.Load())
				time.Sleep(3 * time.Minute)
				for range 3 {
					call(service, nil, form("user", spellings[1], "curpass", "x", "newpass", replacement))
				}
				assert.EqualValues(t, 6, calls.Load(), "one more after three minutes")
			})
		})
	}
}

// TestSuccessIsFree: who knows the password is never limited.
func TestSuccessIsFree(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: &changer{}})
	for range 50 {
		require.Equal(t, http.StatusOK, post(service, formType, good).Code)
	}
	failing := newService(t, passwd.Config{Changer: &changer{err: errors.New("no database")}})
	for range 50 {
		require.Equal(t, http.StatusServiceUnavailable, post(failing, formType, good).Code, "an outage costs nobody an attempt")
	}
}

// TestBrowserOnAPI: a page in somebody's browser, of whatever origin, cannot use an API that the browser reaches.
func TestBrowserOnAPI(t *testing.T) {
	t.Parallel()
	c := &changer{}
	service := newService(t, passwd.Config{Changer: c})
	for _, header := range [][2]string{
		{"Origin", "https://evil.example"},
		{"Origin", "null"},
		{"Origin", "http://example.com"}, // the host of the request, as after DNS rebinding
		{"Sec-Fetch-Site", "cross-site"},
		{"Sec-Fetch-Site", "same-origin"},
	} {
		w := call(service, func(r *http.Request) { r.Header.Set(header[0], header[1]) }, good)
		assert.Equal(t, http.StatusForbidden, w.Code, "%v", header)
		assert.Equal(t, "cross-origin: The API is for programs, and not for browsers.\n", w.Body.String())
	}
	assert.Empty(t, c.calls)
	assert.Equal(t, http.StatusOK, call(service, func(r *http.Request) { r.Header.Set("Sec-Fetch-Mode", "cors") }, good).Code, "as Node.js sends it")
}

// TestFloor: whatever is wrong with the credentials, the answer comes at the same time.
func TestFloor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for _, work := range []time.Duration{0, time.Millisecond, 300 * time.Millisecond} {
			service := newService(t, passwd.Config{Floor: 500 * time.Millisecond, Changer: changerFunc(func(context.Context, string, string, string) error {
				time.Sleep(work)
				return ispmail.ErrBadCredentials
			})})
			start := time.Now()
			w := post(service, formType, good)
			assert.Equal(t, http.StatusForbidden, w.Code)
			took := time.Since(start) // of the clock of synctest, which work does not move
			assert.GreaterOrEqual(t, took, 500*time.Millisecond)
			assert.LessOrEqual(t, took, 550*time.Millisecond)
		}
	})
}

// TestFloorHoldsNoPlace lets 100 wrong guesses sleep: a right one is not kept waiting.
func TestFloorHoldsNoPlace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{MaxConcurrent: 1, Floor: time.Second, Changer: changerFunc(func(_ context.Context, email, _, _ string) error {
			if email == "john@example.org" {
				return nil
			}
			return ispmail.ErrBadCredentials
		})})
		var done sync.WaitGroup
		for i := range 100 {
			done.Go(func() {
				post(service, formType, form("user", fmt.Sprintf("u%d@example.org", i), "curpass", "x", "newpass", replacement))
			})
			synctest.Wait()
		}
		start := time.Now()
		assert.Equal(t, http.StatusOK, post(service, formType, good).Code)
		assert.Zero(t, time.Since(start))
		done.Wait()
	})
}

// TestBusy has a database that hangs: what finds no place is told so, and the places come back by the deadline.
func TestBusy(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hang := true
		service := newService(t, passwd.Config{MaxConcurrent: 1, Changer: changerFunc(func(ctx context.Context, _, _, _ string) error {
			if hang {
				<-ctx.Done()
			}
			return ctx.Err()
		})})
		statuses := map[string]int{}
		var mu sync.Mutex
		var done sync.WaitGroup
		for i := range 30 {
			done.Go(func() {
				w := post(service, formType, form("user", fmt.Sprintf("u%d@example.org", i), "curpass", "x", "newpass", replacement))
				reason, _, _ := strings.Cut(w.Body.String(), ":")
				mu.Lock()
				defer mu.Unlock()
				statuses[fmt.Sprint(w.Code, " ", reason, " ", w.Header().Get("Retry-After"))]++
			})
		}
		done.Wait()
		assert.Equal(t, map[string]int{"503 busy 10": 28, "503 unavailable 10": 2}, statuses, "one shared place and one of the API")
		hang = false
		assert.Equal(t, http.StatusOK, post(service, formType, good).Code)
	})
}

// TestTroubles: what strangers can cause again and again is logged once until the database works again, a lack of memory is no
// outage, and a panic in the check of a password, which may hold anything, is an error like any other.
func TestTroubles(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	var answer error
	service := newService(t, passwd.Config{
		Logger:   slog.New(slog.NewTextHandler(&log, nil)),
		Changer:  changerFunc(func(context.Context, string, string, string) error { return answer }),
		Breached: func(context.Context, string) bool { return errors.Is(answer, errCanary) && panicked() },
	})
	for _, c := range []struct {
		answer error
		reason string
		lines  int
	}{
		{ispmail.ErrBusy, "busy", 0},
		{ispmail.ErrDenied, "unavailable", 1},
		{ispmail.ErrSchema, "unavailable", 1},
		{errCanary, "unavailable", 1},
		{nil, "OK", 0},
		{errCanary, "unavailable", 1},
	} {
		log.Reset()
		answer = c.answer
		for range 3 {
			w := post(service, formType, good)
			reason, _, _ := strings.Cut(strings.TrimSpace(w.Body.String()), ":")
			assert.Equal(t, c.reason, reason, c.answer)
		}
		assert.Equal(t, c.lines, strings.Count(log.String(), "\n"), log.String())
		assert.NotContains(t, log.String(), "canary")
	}
}

var errCanary = errors.New("canary")

func panicked() bool { panic(errCanary) }

// TestNoChangeWithoutTheRightPassword tries all pairs of bad current and bad new passwords in several spellings: the row
// keeps its bytes.
func TestNoChangeWithoutTheRightPassword(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	hasher, err := hash.New(hash.Config{Rounds: 1000}) // the cost is not the point
	require.NoError(t, err)
	before, err := hasher.Generate(ispmailtest.Password)
	require.NoError(t, err)
	db.Exec(t, "UPDATE virtual_users SET password = ? WHERE email = 'john@example.org'", before)
	service := newService(t, passwd.Config{Changer: db.Store(t, ispmail.Config{Hasher: hasher})})
	api, page := service.API(), service.Page()
	currents := []string{
		"", " ", "0", "null", "false", "true", "Summersun", "summersun ", " summersun", "summersun\x00", "summersun\x00x", "\xffsummersun",
		"summersu", "summersunn", "' OR 1=1 --", before, "{PLAIN}summersun", "$5$", strings.Repeat("a", 600), strings.Repeat("a", 2000), "ｓummersun",
	}
	replacements := []string{"", "x", "short", "a long enough secret", "summersun", "john@example.org", "{PLAIN}a long enough secret", strings.Repeat("b", 300), "a\x00long enough secret", "\xff long enough secret"}
	users := []string{"john@example.org", "JOHN@example.org", "john@example.org ", "john", "", "nobody@example.org", "jo\x00hn@example.org", "ｊohn@example.org"}
	tried, verified := 0, 0
	try := func(handler http.Handler, path, contentType, body string) {
		tried++
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		require.Contains(t, []int{http.StatusBadRequest, http.StatusForbidden, http.StatusUnprocessableEntity}, w.Code, body)
		if w.Code == http.StatusForbidden {
			verified++
		}
		for _, email := range []string{"john@example.org", "nobody@example.org"} {
			service.Forgive(email, "192.0.2.1")
		}
	}
	for _, user := range users {
		for _, current := range currents {
			for _, replacement := range replacements {
				for _, body := range []string{
					form("user", user, "curpass", current, "newpass", replacement),
					form("user", user, "newpass", replacement),
					form("user", user, "curpass", current, "curpass", "summersun", "newpass", replacement),
					form("user", user, "curpass[]", "summersun", "newpass", replacement),
				} {
					try(api, "/api/password", formType, body)
				}
				body, err := json.Marshal(map[string]string{"user": user, "curpass": current, "newpass": replacement})
				require.NoError(t, err)
				try(api, "/api/password", "application/json", string(body))
				try(page, "/", formType, fill(user, current, replacement, replacement))
			}
		}
	}
	assert.GreaterOrEqual(t, tried, 10_000)
	assert.Greater(t, verified, 300, "got as far as the stored password")
	assert.Equal(t, before, db.Stored(t, "john@example.org"))
}
