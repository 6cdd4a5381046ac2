package passwd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
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

// onPage sends the form of the page from an address.
func onPage(service *passwd.Service, from, user, current, replacement string) int {
	body := form("user", user, "curpass", current, "newpass", replacement, "repeat", replacement)
	r := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
	r.Header.Set("Content-Type", formType)
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.RemoteAddr = from + ":1234"
	w := httptest.NewRecorder()
	service.Page().ServeHTTP(w, r)
	return w.Code
}

func onAPI(service *passwd.Service, user, current, replacement string) int {
	return post(service, formType, form("user", user, "curpass", current, "newpass", replacement)).Code
}

// onlyRight is a Changer for which "right" is the password of everybody.
var onlyRight = changerFunc(func(_ context.Context, _, current, _ string) error {
	if current == "right" {
		return nil
	}
	return ispmail.ErrBadCredentials
})

// TestChannelsApart: who guesses on the page for hours does not keep the owner from the webmail.
func TestChannelsApart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: onlyRight})
		for minute := range 20 {
			for i := range 10 {
				onPage(service, fmt.Sprintf("198.51.100.%d", i), "john@example.org", "wrong", replacement)
			}
			assert.Equal(t, http.StatusOK, onAPI(service, "john@example.org", "right", replacement), "minute %d", minute)
			time.Sleep(time.Minute)
		}
		// And the other way round, with the budget of the API untouched by all this.
		for range 5 {
			assert.Equal(t, http.StatusForbidden, onAPI(service, "jane@example.org", "wrong", replacement))
		}
		assert.Equal(t, http.StatusTooManyRequests, onAPI(service, "jane@example.org", "right", replacement))
		assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "jane@example.org", "right", replacement))
	})
}

// TestClientLimit: a client has 20 attempts, whatever the accounts, and right ones do not count.
func TestClientLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: onlyRight})
		for range 30 {
			require.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "john@example.org", "right", replacement))
		}
		for i := range 20 {
			require.Equal(t, http.StatusForbidden, onPage(service, "192.0.2.1", fmt.Sprintf("u%d@example.org", i), "wrong", replacement))
		}
		assert.Equal(t, http.StatusTooManyRequests, onPage(service, "192.0.2.1", "john@example.org", "right", replacement))
		assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.2", "john@example.org", "right", replacement), "others are not touched")
		time.Sleep(30 * time.Second)
		assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "john@example.org", "right", replacement))
		// A client that has to wait takes nothing from the account.
		for range 50 {
			onPage(service, "192.0.2.1", "jane@example.org", "wrong", replacement)
		}
		left := 0
		for onPage(service, "192.0.2.3", "jane@example.org", "wrong", replacement) == http.StatusForbidden {
			left++
		}
		assert.Equal(t, 4, left)
		// Asking for an account that is closed costs the client all the same.
		asked := 0
		for onPage(service, "192.0.2.4", "jane@example.org", "wrong", replacement) == http.StatusTooManyRequests && asked < 20 {
			asked++
		}
		assert.Equal(t, http.StatusTooManyRequests, onPage(service, "192.0.2.4", "other@example.org", "right", replacement))
	})
}

// TestPolicyIsFree: what the request alone decides costs no attempt.
func TestPolicyIsFree(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: onlyRight})
	for range 30 {
		require.Equal(t, http.StatusUnprocessableEntity, onAPI(service, "john@example.org", "wrong", "short"))
		require.Equal(t, http.StatusUnprocessableEntity, onPage(service, "192.0.2.1", "john@example.org", "wrong", "short"))
	}
	assert.Equal(t, http.StatusForbidden, onAPI(service, "john@example.org", "wrong", replacement))
	assert.Equal(t, http.StatusForbidden, onPage(service, "192.0.2.1", "john@example.org", "wrong", replacement))
}

// TestStrength: the strength of a password is judged for as many at the same time as hashing, of those who are within their
// limits. It costs an account no attempt, and a person as much as asking for an account that has to wait.
func TestStrength(t *testing.T) {
	t.Parallel()
	var looking, most, looked atomic.Int32
	service := newService(t, passwd.Config{Changer: onlyRight, MaxConcurrent: 1, Breached: func(_ context.Context, password string) bool {
		most.Store(max(most.Load(), looking.Add(1)))
		defer looking.Add(-1)
		looked.Add(1)
		runtime.Gosched()
		return password == "the canary that others know"
	}})
	var done sync.WaitGroup
	for i := range 10 {
		done.Go(func() {
			email := fmt.Sprintf("user%d@example.org", i)
			assert.Equal(t, http.StatusUnprocessableEntity, onPage(service, fmt.Sprintf("192.0.2.%d", i), email, "wrong", "the canary that others know"))
		})
	}
	done.Wait()
	assert.EqualValues(t, 1, most.Load(), "a page has one place")
	assert.EqualValues(t, 10, looked.Load())
	for i := range 30 {
		require.Equal(t, http.StatusUnprocessableEntity, onAPI(service, "john@example.org", "wrong", "the canary that others know"))
		want := http.StatusUnprocessableEntity
		if i >= 20 {
			want = http.StatusTooManyRequests
		}
		require.Equal(t, want, onPage(service, "198.51.100.1", fmt.Sprintf("other%d@example.org", i), "wrong", "passwordpassword1"), i)
	}
	require.Equal(t, http.StatusForbidden, onPage(service, "198.51.100.2", "other1@example.org", "wrong", replacement), "others go on")
	looked.Store(0)
	for range 20 {
		onAPI(service, "john@example.org", "wrong", replacement)
	}
	assert.EqualValues(t, 5, looked.Load(), "who is over a limit costs no look")
}

// TestTimeTellsNoCost: neither the time of a guess nor that of one's own change behind it tells what verifying costs.
func TestTimeTellsNoCost(t *testing.T) {
	t.Parallel()
	for _, cost := range []time.Duration{time.Millisecond, 80 * time.Millisecond, 400 * time.Millisecond} {
		synctest.Test(t, func(t *testing.T) {
			service := newService(t, passwd.Config{Floor: time.Second, MaxConcurrent: 1, Changer: changerFunc(func(_ context.Context, email, _, _ string) error {
				if email == "me@example.org" {
					return nil
				}
				time.Sleep(cost)
				return ispmail.ErrBadCredentials
			})})
			var done sync.WaitGroup
			for i := range 5 { // in parallel, they would queue up behind each other
				done.Go(func() {
					start := time.Now()
					code := onPage(service, "192.0.2.1", "john@example.org", "wrong", replacement)
					if i == 0 || code == http.StatusForbidden {
						assert.Equal(t, http.StatusForbidden, code)
						assertFloor(t, time.Since(start))
					} else {
						assert.Equal(t, http.StatusServiceUnavailable, code)
						assert.Zero(t, time.Since(start))
					}
				})
				synctest.Wait()
			}
			start := time.Now()
			assert.Equal(t, http.StatusOK, onPage(service, "192.0.2.1", "me@example.org", "right", replacement))
			assertFloor(t, time.Since(start))
			done.Wait()
		})
	}
}

func assertFloor(t *testing.T, took time.Duration) {
	t.Helper()
	assert.GreaterOrEqual(t, took, time.Second)
	assert.LessOrEqual(t, took, 1100*time.Millisecond)
}

// TestEvents: every attempt is told, with what became of it, also those that never get to a password.
func TestEvents(t *testing.T) {
	t.Parallel()
	var events []passwd.Event
	service := newService(t, passwd.Config{
		Changer: changerFunc(func(_ context.Context, _, current, _ string) error {
			if current == "panic" {
				panic("canary")
			}
			return ispmail.ErrBadCredentials
		}),
		Secrets: []string{"the secret of roundcube"},
		OnEvent: func(_ context.Context, e passwd.Event) { events = append(events, e) },
	})
	secret := func(r *http.Request) { r.SetBasicAuth("", "the secret of roundcube") }
	assert.Equal(t, 401, call(service, nil, good).Code)
	assert.Equal(t, 400, call(service, secret, "").Code)
	assert.Equal(t, 403, call(service, secret, good).Code)
	w := call(service, secret, form("user", "john@example.org", "curpass", "panic", "newpass", replacement))
	assert.Equal(t, 503, w.Code)
	assert.NotContains(t, w.Body.String(), "canary")
	assert.Equal(t, "nosniff", w.Header().Get("X-Content-Type-Options"))
	assert.Equal(t, 403, onPage(service, "192.0.2.1", "John@Example.org", "wrong", replacement))
	var got []string
	for _, e := range events {
		assert.Equal(t, time.UTC, e.Time.Location())
		got = append(got, fmt.Sprint(e.Channel, " ", e.Email, " ", e.Client, " ", e.Status, " ", e.Reason))
	}
	assert.Equal(t, []string{
		"api  invalid IP 401 unauthorized",
		"api  invalid IP 400 bad-request",
		"api john@example.org invalid IP 403 bad-credentials",
		"api john@example.org invalid IP 503 unavailable",
		"page john@example.org 192.0.2.1 403 bad-credentials",
	}, got)
}

// TestRetryAfterIsRoundedUp: who comes back when told so is let in.
func TestRetryAfterIsRoundedUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		service := newService(t, passwd.Config{Changer: onlyRight})
		for range 5 {
			onAPI(service, "john@example.org", "wrong", replacement)
		}
		time.Sleep(300 * time.Millisecond)
		w := post(service, formType, form("user", "john@example.org", "curpass", "right", "newpass", replacement))
		require.Equal(t, http.StatusTooManyRequests, w.Code)
		wait, err := time.ParseDuration(w.Header().Get("Retry-After") + "s")
		require.NoError(t, err)
		time.Sleep(wait)
		assert.Equal(t, http.StatusOK, onAPI(service, "john@example.org", "right", replacement))
	})
}

// TestSchemeNamesAreText: a new password that looks like a stored value is stored as a hash of its text.
func TestSchemeNamesAreText(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	store := db.Store(t, ispmail.Config{})
	service := newService(t, passwd.Config{Changer: store})
	current := ispmailtest.Password
	for _, scheme := range []string{
		"PLAIN", "CLEAR", "CLEARTEXT", "PLAIN-TRUNC", "SHA", "SHA1", "SHA256", "SHA512", "SSHA", "SSHA256", "SSHA512", "SMD5", "PLAIN-MD5",
		"LDAP-MD5", "PLAIN-MD4", "MD5", "MD5-CRYPT", "CRYPT", "DES-CRYPT", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "ARGON2I", "ARGON2ID",
		"PBKDF2", "SCRAM-SHA-1", "SCRAM-SHA-256", "CRAM-MD5", "DIGEST-MD5", "OTP", "plain", "PLAIN.B64",
	} {
		next := "{" + scheme + "}a long enough secret"
		require.Equal(t, http.StatusOK, onAPI(service, "john@example.org", current, next), scheme)
		stored := db.Stored(t, "john@example.org")
		require.True(t, strings.HasPrefix(stored, "{SHA256-CRYPT}$5$"), scheme)
		require.NoError(t, hash.Verify(stored, next))
		require.Equal(t, http.StatusForbidden, onAPI(service, "john@example.org", "a long enough secret", "another long secret"), scheme)
		service = newService(t, passwd.Config{Changer: store}) // with new limits
		current = next
	}
}

// TestOutageOnPage: the page answers like the API when the database is away.
func TestOutageOnPage(t *testing.T) {
	t.Parallel()
	service := newService(t, passwd.Config{Changer: changerFunc(func(context.Context, string, string, string) error { return errors.New("away") })})
	assert.Equal(t, http.StatusServiceUnavailable, onPage(service, "192.0.2.1", "john@example.org", "x", replacement))
}
