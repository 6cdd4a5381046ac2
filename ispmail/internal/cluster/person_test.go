package cluster_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
)

// A verdict is the answer to a change of a password, or to a login.
type verdict string

const (
	done    verdict = "done"
	unknown verdict = "outcome unknown"
	refused verdict = "refused" // the current password is wrong
	failed  verdict = "not done"
)

// A person changes the own password again and again, and holds the answers against each other and the row.
type person struct {
	email string

	mu       sync.Mutex
	possible []string // what the password may be: one, unless an outcome was unknown
	old      string   // one that it was, and is no more
	logins   int
	changes  int
	refusals int // since the last other answer
	verdicts map[verdict]int
	wrong    []string
}

func newPerson(email string) *person {
	return &person{email: email, possible: []string{first}, verdicts: map[verdict]int{}}
}

// change makes one attempt.
func (p *person) change(do func(email, current, replacement string) verdict) (answer verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changes++
	replacement := p.replacement(p.changes)
	answer = do(p.email, p.possible[0], replacement)
	p.verdicts[answer]++
	if answer != refused {
		p.refusals = 0
	}
	switch answer {
	case done:
		p.old, p.possible = p.possible[0], []string{replacement}
	case unknown:
		p.possible = append(p.possible, replacement)
	case refused:
		// After an outcome that was unknown, it may be another. It may even come between two attempts, but not twice.
		p.refusals++
		if n := len(p.possible); n == 1 || p.refusals > 2*n {
			p.wrong = append(p.wrong, fmt.Sprintf("change %d: a right password was refused", p.changes))
		}
		p.possible = append(p.possible[1:], p.possible[0])
	}
	return answer
}

// logIn tries the password, or the one before. While an outcome is unknown, either answer to the password may be true.
func (p *person) logIn(do func(email, password string) verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.logins++
	if p.logins%2 == 0 && p.old != "" {
		if do(p.email, p.old) == done {
			p.wrong = append(p.wrong, fmt.Sprintf("after %d changes: an old password was accepted", p.changes))
		}
		return
	}
	if do(p.email, p.possible[0]) == refused && len(p.possible) == 1 {
		p.wrong = append(p.wrong, fmt.Sprintf("after %d changes: a login with the right password was refused", p.changes))
	}
}

func (p *person) replacement(n int) string { return fmt.Sprintf("secret %d of %s", n, p.email) }

// check compares the row with the answers, once everything has settled.
func (p *person) check(stored string) (wrong []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	isStored := func(password string) bool { return matches(stored, password) }
	if slices.ContainsFunc(p.possible, isStored) {
		return p.wrong
	}
	for n := p.changes; n > 0; n-- {
		if isStored(p.replacement(n)) {
			return append(p.wrong, fmt.Sprintf("after %d changes the password is that of change %d, which was not made or not the last: %v are possible", p.changes, n, p.possible))
		}
	}
	return append(p.wrong, "nothing fits the row")
}

// judge adds up what came of the changes of all.
func judge(t *testing.T, w *world, people []*person) (n tally) {
	t.Helper()
	w.Await(t)
	for _, p := range people {
		for _, wrong := range p.check(w.stored(t, p.email)) {
			n.wrong++
			t.Logf("%s: %s", p.email, wrong)
		}
		n.rounds += p.changes
		n.logins += p.logins
		n.done += p.verdicts[done]
		n.unknown += p.verdicts[unknown]
		n.failed += p.verdicts[failed]
	}
	return n
}
