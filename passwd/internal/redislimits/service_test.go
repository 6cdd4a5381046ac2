package redislimits_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

// passwords is a Changer for which "right" is everybody's password, and which counts the guesses that reach it.
type passwords struct{ guesses atomic.Int32 }

func (p *passwords) ChangePassword(_ context.Context, _, current, _ string) error {
	if current == "right" {
		return nil
	}
	p.guesses.Add(1)
	return ispmail.ErrBadCredentials
}

// An instance is a service.
type instance struct{ api, page http.Handler }

func newInstance(t *testing.T, changer passwd.Changer, shared passwd.SharedLimits) *instance {
	t.Helper()
	s, err := passwd.New(passwd.Config{Changer: changer, SharedLimits: shared, Floor: time.Nanosecond})
	require.NoError(t, err)
	return &instance{s.API(), s.Page()}
}

// slow are limits in Redis whose buckets take a thousand times as long to fill: what a test counts does not depend on how long
// it takes.
type slow struct{ passwd.SharedLimits }

func (s slow) Take(ctx context.Context, buckets []passwd.Bucket) (wait time.Duration, empty int, err error) {
	return s.SharedLimits.Take(ctx, slower(buckets))
}

func (s slow) Give(ctx context.Context, buckets []passwd.Bucket) {
	s.SharedLimits.Give(ctx, slower(buckets))
}

func slower(buckets []passwd.Bucket) []passwd.Bucket {
	buckets = slices.Clone(buckets)
	for i := range buckets {
		buckets[i].Interval *= 1000
	}
	return buckets
}

// instances share a server.
func instances(t *testing.T, server *redistest.Server, n int) ([]*instance, *passwords) {
	t.Helper()
	changer := &passwords{}
	var all []*instance
	for _, l := range several(t, server, n) {
		all = append(all, newInstance(t, changer, slow{l}))
	}
	return all, changer
}

// attempt makes an attempt on the API, or on the page if it comes from a client.
func attempt(s *instance, client, user, current string) int {
	const replacement = "correct horse battery staple"
	handler, path := s.api, "/api/password"
	if client != "" {
		handler, path = s.page, "/"
	}
	body := url.Values{"user": {user}, "curpass": {current}, "newpass": {replacement}, "repeat": {replacement}}.Encode()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		r.RemoteAddr = client
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

// guess makes many attempts with wrong passwords at the same time, and counts the answers. Those that come while another
// attempt for the account is under way are made again, a few at a time: if all of them asked all the time, they would leave no
// processor to the one that they wait for.
func guess(n int, one func(i int) int) map[int]int {
	var mu sync.Mutex
	var done sync.WaitGroup
	again := make(chan struct{}, 4)
	answers := map[int]int{}
	for i := range n {
		done.Go(func() {
			code := one(i)
			if code == http.StatusServiceUnavailable {
				again <- struct{}{}
				for code == http.StatusServiceUnavailable {
					code = one(i)
				}
				<-again
			}
			mu.Lock()
			defer mu.Unlock()
			answers[code]++
		})
	}
	done.Wait()
	return answers
}

// TestAccountTogether: of 500 guesses at the same time, in four spellings of one address, all instances let through five, on each
// channel.
func TestAccountTogether(t *testing.T) {
	t.Parallel()
	spellings := []string{"john@bücher.example", "JOHN@BÜCHER.example", "john@xn--bcher-kva.example", "John@XN--BCHER-KVA.EXAMPLE"}
	for _, n := range []int{2, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			all, changer := instances(t, redistest.Start(t), n)
			want := map[int]int{http.StatusForbidden: 5, http.StatusTooManyRequests: 495}
			assert.Equal(t, want, guess(500, func(i int) int { return attempt(all[i%n], "", spellings[i/n%4], "wrong") }), "the API")
			assert.EqualValues(t, 5, changer.guesses.Load())
			assert.Equal(t, want, guess(500, func(i int) int {
				return attempt(all[i%n], fmt.Sprintf("198.51.%d.%d:1234", i>>8, i&255), spellings[i/n%4], "wrong")
			}), "the page")
			assert.EqualValues(t, 10, changer.guesses.Load())
			for _, s := range all {
				assert.Equal(t, http.StatusTooManyRequests, attempt(s, "", spellings[0], "right"))
			}
		})
	}
}

// TestClientTogether: of 500 guesses from one place at many accounts, all instances let through what one lets through.
func TestClientTogether(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		client func(i int) string
		most   int
	}{
		"IPv4":    {func(int) string { return "192.0.2.1:1234" }, 20},
		"one /64": {func(i int) string { return fmt.Sprintf("[2001:db8::%x]:1234", i) }, 20},
		"one /56": {func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1234", i&255) }, 40},
		"one /48": {func(i int) string { return fmt.Sprintf("[2001:db8:0:%x::1]:1234", i<<4) }, 160},
	} {
		for _, n := range []int{2, 3} {
			t.Run(fmt.Sprintf("%s of %d", name, n), func(t *testing.T) {
				t.Parallel()
				all, changer := instances(t, redistest.Start(t), n)
				answers := guess(500, func(i int) int { return attempt(all[i%n], test.client(i), fmt.Sprintf("u%d@example.org", i), "wrong") })
				assert.Equal(t, map[int]int{http.StatusForbidden: test.most, http.StatusTooManyRequests: 500 - test.most}, answers)
				assert.EqualValues(t, test.most, changer.guesses.Load())
			})
		}
	}
}

// TestRightIsFree: right passwords take no guess from anybody, on no instance.
func TestRightIsFree(t *testing.T) {
	t.Parallel()
	all, changer := instances(t, redistest.Start(t), 2)
	for i := range 60 {
		require.Equal(t, http.StatusOK, attempt(all[i%2], "192.0.2.1:1234", "john@example.org", "right"))
		require.Equal(t, http.StatusOK, attempt(all[i%2], "", "john@example.org", "right"))
	}
	for i := range 6 {
		attempt(all[i%2], "192.0.2.1:1234", "john@example.org", "wrong")
	}
	assert.EqualValues(t, 5, changer.guesses.Load())
}

// alone counts the guesses that a service lets through.
func alone(s *instance, user string) (n int) {
	for attempt(s, "", user, "wrong") == http.StatusForbidden {
		n++
	}
	return n
}

// awaitProblem waits until limits have a problem of a kind, or none.
func awaitProblem(t *testing.T, l *redislimits.Limits, want string) {
	t.Helper()
	require.Eventually(t, func() bool {
		problem := l.Problem()
		if problem == nil || want == "" {
			return problem == nil && want == ""
		}
		return problem.Reason == want
	}, patience, 10*time.Millisecond, want)
}

// TestKilled: while Redis is away, each instance lets through what is left of its own five, and no more; then they share again.
func TestKilled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var log logBuffer
	limits := []*redislimits.Limits{open(t, server.URL(), key, patience, &log), open(t, server.URL(), key, patience, &log)}
	changer := &passwords{}
	all := []*instance{newInstance(t, changer, limits[0]), newInstance(t, changer, limits[1])}
	for i := range 3 {
		require.Equal(t, http.StatusForbidden, attempt(all[i%2], "", "john@example.org", "wrong"))
	}
	server.Kill(t)
	assert.Equal(t, 3, alone(all[0], "john@example.org"))
	assert.Equal(t, 4, alone(all[1], "john@example.org"))
	assert.Equal(t, http.StatusOK, attempt(all[0], "", "jane@example.org", "right"), "others go on")
	for _, l := range limits {
		awaitProblem(t, l, "Redis does not answer")
		assert.Positive(t, l.Alone())
	}
	server.Again(t)
	for _, l := range limits {
		awaitProblem(t, l, "")
	}
	before := limits[0].Alone() + limits[1].Alone()
	assert.Zero(t, alone(all[0], "john@example.org"), "what was counted alone still counts")
	for i := range 6 {
		attempt(all[i%2], "", "jane@example.org", "wrong")
	}
	assert.EqualValues(t, 3+3+4+5, changer.guesses.Load(), "together again")
	assert.Equal(t, before, limits[0].Alone()+limits[1].Alone())
	for _, line := range []string{"the limits are shared", "the limits are not shared"} {
		assert.GreaterOrEqual(t, strings.Count(log.String(), line), 2)
	}
	assert.NotContains(t, log.String(), "john")
}

// TestFrozen: attempts do not hang on a Redis that does not answer, and it is asked by none but the first of them.
func TestFrozen(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	l := open(t, server.URL(), key, 100*time.Millisecond, &logBuffer{})
	s := newInstance(t, &passwords{}, l)
	awaitProblem(t, l, "")
	thaw := server.Freeze(t)
	assert.Equal(t, 5, alone(s, "john@example.org"))
	awaitProblem(t, l, "Redis does not answer")
	answers := guess(200, func(i int) int { return attempt(s, "", fmt.Sprintf("u%d@example.org", i), "right") })
	assert.Equal(t, map[int]int{http.StatusOK: 200}, answers)
	thaw()
	awaitProblem(t, l, "")
}

// TestNeverThere: a service starts without Redis, and shares as soon as it is there.
func TestNeverThere(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill(t)
	l := open(t, server.URL(), key, patience, &logBuffer{})
	assert.Equal(t, "Redis does not answer", l.Problem().Reason)
	assert.Equal(t, 5, alone(newInstance(t, &passwords{}, l), "john@example.org"))
	server.Again(t)
	awaitProblem(t, l, "")
}

// logBuffer is a log that a test reads while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
