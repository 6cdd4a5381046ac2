package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// people use and attack the service in TestSoak.
type people struct {
	db *killable
	s  *soaked

	honest []*person
	next   atomic.Int64 // of what has to be new each time

	mu      sync.Mutex
	answers map[string]int // to honest people, by reason
	limits  map[string]*tally
}

// A person changes the own password again and again.
type person struct {
	mu       sync.Mutex // while an attempt is under way
	email    string
	current  string
	changes  int
	fromPage bool
}

// A tally counts what a limit has let through.
type tally struct {
	burst       int
	interval    time.Duration
	through     int
	first, last time.Time
}

const (
	honestPeople = 40
	victims      = 10
	attackers    = 4 // with an address each
)

func newPeople(t *testing.T, db *killable, s *soaked) *people {
	t.Helper()
	p := &people{
		db: db, s: s, answers: map[string]int{}, limits: map[string]*tally{},
	}
	add := func(email string) {
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT 1, ?, password FROM virtual_users WHERE id = 1", email)
	}
	for i := range honestPeople {
		honest := &person{email: fmt.Sprintf("honest%d@example.org", i), current: ispmailtest.Password, fromPage: i%4 == 0}
		p.honest = append(p.honest, honest)
		add(honest.email)
	}
	for i := range victims {
		add(fmt.Sprintf("victim%d@example.org", i))
	}
	return p
}

// warmUp makes what is made once: tables, templates, connections to the database.
func (p *people) warmUp(t *testing.T) {
	t.Helper()
	var done sync.WaitGroup
	for _, honest := range p.honest {
		done.Go(func() { p.change(t.Context(), t, honest) })
	}
	done.Wait()
}

// live makes changes and guesses until ctx ends, and waits for what is under way.
func (p *people) live(ctx context.Context, t *testing.T) {
	t.Helper()
	var done sync.WaitGroup
	run := func(perSecond int, do func(n int)) {
		done.Go(func() {
			ticker := time.NewTicker(time.Second / time.Duration(perSecond))
			defer ticker.Stop()
			for n := 0; ; n++ {
				select {
				case <-ticker.C:
					done.Go(func() { do(n) })
				case <-ctx.Done():
					return
				}
			}
		})
	}
	// What is under way is finished, whatever ctx says: its verdict counts.
	late := context.WithoutCancel(ctx)
	run(changesPerSecond, func(n int) { p.change(late, t, p.honest[n%len(p.honest)]) })
	run(guessesPerSecond, func(n int) { p.guess(late, t, n) })
	done.Wait()
}

// change changes a password and compares the verdict with the row. A person who is still waiting for an answer does nothing.
func (p *people) change(ctx context.Context, t *testing.T, who *person) {
	if !who.mu.TryLock() {
		return
	}
	defer who.mu.Unlock()
	next := fmt.Sprintf("a long enough secret %d", who.changes)
	client := "192.0.2." + strings.TrimFunc(who.email, func(r rune) bool { return r < '0' || r > '9' })
	_, reason := p.post(ctx, t, who.fromPage, client, who.email, who.current, next)
	p.mu.Lock()
	p.answers[reason]++
	p.mu.Unlock()
	stored := p.stored(t, who.email)
	isCurrent, isNext := hash.Verify(stored, who.current) == nil, hash.Verify(stored, next) == nil
	switch reason {
	case "ok":
		assert.True(t, isNext, "%s was told that the password was changed", who.email)
	case "outcome-unknown":
		assert.True(t, isCurrent || isNext, "%s has neither password", who.email)
	case "busy", "unavailable":
		assert.True(t, isCurrent, "%s was told that nothing was changed", who.email)
	default:
		assert.Fail(t, "a right password was refused", "%s: %s", who.email, reason)
	}
	if isNext {
		who.current = next
		who.changes++
	}
}

// guess guesses a password, in one of four ways in turn, and counts for the limit that is the first to be reached.
func (p *people) guess(ctx context.Context, t *testing.T, n int) {
	fresh := p.next.Add(1)
	onPage := n%2 == 0
	user, client := fmt.Sprintf("nobody%d@example.org", fresh), fmt.Sprintf("198.51.100.%d", n/4%attackers)
	limit := tally{burst: 20, interval: 30 * time.Second}
	key := fmt.Sprintf("%t %s", onPage, client)
	if n/2%2 == 0 { // one account after the other, each time from elsewhere
		user = fmt.Sprintf("victim%d@example.org", n/4%victims)
		client = fmt.Sprintf("10.%d.%d.%d", fresh>>16&255, fresh>>8&255, fresh&255)
		limit = tally{burst: 5, interval: 3 * time.Minute}
		key = fmt.Sprintf("%t %s", onPage, user)
	}
	start := time.Now()
	_, reason := p.post(ctx, t, onPage, client, user, "a wrong guess of it", "a long enough secret")
	end := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	counted := p.limits[key]
	if counted == nil {
		counted = &limit
		counted.first = start
		p.limits[key] = counted
	}
	if start.Before(counted.first) {
		counted.first = start
	}
	switch reason {
	case "bad-credentials":
		counted.through++
		counted.last = end
	case "limited":
		counted.last = end
	case "busy", "unavailable":
	default:
		assert.Fail(t, "a wrong password was not refused", "%s: %s", user, reason)
	}
}

// check compares what the limits let through with what they promise: never more, and no less where somebody asked all the time.
func (p *people) check(t *testing.T) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	require.Len(t, p.limits, 2*(victims+attackers))
	through := 0
	for key, l := range p.limits {
		through += l.through
		most := l.burst + int(l.last.Sub(l.first)/l.interval)
		assert.LessOrEqual(t, l.through, most, "%s in %v", key, l.last.Sub(l.first))
		if *soak >= time.Minute { // in which all guesses have found a place on a busy machine too
			assert.GreaterOrEqual(t, l.through, most-1, "%s in %v", key, l.last.Sub(l.first)) // one may wait while there is no database
		}
	}
	assert.Positive(t, through)
	assert.Positive(t, p.answers["ok"])
	for _, who := range p.honest {
		assert.NoError(t, hash.Verify(p.stored(t, who.email), who.current), "%s: nothing was changed later", who.email)
	}
}

// String tells what became of the attempts.
func (p *people) String() string {
	through := map[time.Duration]int{}
	for _, l := range p.limits {
		through[l.interval] += l.through
	}
	return fmt.Sprintf("changes %v; wrong guesses %d, verified by the interval of their limit %v", maps.Collect(maps.All(p.answers)), p.next.Load(), through)
}

// post makes an attempt and returns the reason in the answer, "ok" if it was made.
func (p *people) post(ctx context.Context, t *testing.T, onPage bool, client, user, current, replacement string) (status int, reason string) {
	form := url.Values{"user": {user}, "curpass": {current}, "newpass": {replacement}}
	address := p.s.api
	if onPage {
		address = p.s.page
		form.Set("repeat", replacement)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if !assert.NoError(t, err) {
		return 0, ""
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-For", client)
	if onPage {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	} else {
		r.SetBasicAuth("roundcube", soakSecret)
	}
	response, err := once.Do(r)
	if !assert.NoError(t, err) {
		return 0, "no answer"
	}
	body, err := io.ReadAll(response.Body)
	assert.NoError(t, err)
	assert.NoError(t, response.Body.Close())
	switch {
	case response.StatusCode == http.StatusOK:
		return response.StatusCode, "ok"
	case !onPage:
		reason, _, _ := strings.Cut(string(body), ":")
		return response.StatusCode, reason
	}
	return response.StatusCode, reasonOnPage(response, string(body))
}

// reasonOnPage finds the reason in a page, whose sentences are for people.
func reasonOnPage(response *http.Response, body string) string {
	switch {
	case response.StatusCode == http.StatusForbidden && strings.Contains(body, "wrong"):
		return "bad-credentials"
	case response.StatusCode == http.StatusTooManyRequests:
		return "limited"
	case response.StatusCode == http.StatusServiceUnavailable && strings.Contains(body, "not certain"):
		return "outcome-unknown"
	case response.StatusCode == http.StatusServiceUnavailable:
		return "unavailable"
	}
	return cmp.Or(response.Status, "?")
}

// stored reads a row, as soon as there is a database again.
func (p *people) stored(t *testing.T, email string) (stored string) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		err := p.db.DB.NewRaw("SELECT password FROM virtual_users WHERE email = ?", email).Scan(context.WithoutCancel(t.Context()), &stored)
		if err == nil || !assert.True(t, time.Now().Before(deadline), "%v", err) {
			return stored
		}
		time.Sleep(100 * time.Millisecond)
	}
}
