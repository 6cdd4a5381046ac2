package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// sameOldPassword changes a password on several nodes at once, each time from the same one. One wins.
func sameOldPassword(t *testing.T, w *world, nodes int) (n tally) {
	var stores []*ispmail.Store
	for i := range nodes {
		stores = append(stores, w.store(t, i))
	}
	current := first
	for ; n.rounds < times(1000); n.rounds++ {
		var changes []func() error
		for i, store := range stores {
			changes = append(changes, func() error {
				return store.ChangePassword(t.Context(), "john@example.org", current, fmt.Sprintf("round %d of node %d", n.rounds, i))
			})
		}
		errs := together(changes...)
		stored, winners, next := w.stored(t, "john@example.org"), 0, current
		for i, err := range errs {
			n.count(err)
			replacement := fmt.Sprintf("round %d of node %d", n.rounds, i)
			holds := matches(stored, replacement)
			if err == nil {
				winners++
			}
			if holds {
				next = replacement
			}
			if (err == nil) != holds && !errors.Is(err, ispmail.ErrOutcomeUnknown) {
				n.wrong++
				t.Logf("round %d, node %d: %v, and the row says %t", n.rounds, i, err, holds)
			}
		}
		if winners > 1 || next == current && !matches(stored, current) {
			n.wrong++
		}
		current = next
	}
	return n
}

// changeAndRehash changes a password while a login on another node rehashes the old one.
func changeAndRehash(t *testing.T, w *world) (n tally) {
	changing, login := w.store(t, 0), w.store(t, 1)
	for ; n.rounds < times(400); n.rounds++ {
		current, replacement := fmt.Sprint("secret ", n.rounds), fmt.Sprint("secret ", n.rounds+1)
		w.set(t, "john@example.org", "{PLAIN}"+current)
		errs := together(
			func() error { return changing.ChangePassword(t.Context(), "john@example.org", current, replacement) },
			func() error { return errorOf(login.Authenticate(t.Context(), "john@example.org", current)) },
		)
		n.count(errs[0])
		stored := w.stored(t, "john@example.org")
		switch {
		case errs[0] == nil && !matches(stored, replacement),
			errs[0] != nil && !errors.Is(errs[0], ispmail.ErrOutcomeUnknown) && !matches(stored, current),
			errs[0] != nil && errors.Is(errs[1], ispmail.ErrBadCredentials):
			n.wrong++
			t.Logf("round %d: %v, login %v", n.rounds, errs[0], errs[1])
		}
	}
	return n
}

// changeThenLogin logs in on another node as soon as a change is acknowledged.
func changeThenLogin(t *testing.T, w *world) (n tally) {
	changing, login := w.store(t, 0), w.store(t, 1)
	current := first
	for ; n.rounds < times(600); n.rounds++ {
		replacement := fmt.Sprint("secret ", n.rounds)
		err := changing.ChangePassword(t.Context(), "john@example.org", current, replacement)
		n.count(err)
		if err != nil {
			if matches(w.stored(t, "john@example.org"), replacement) {
				current = replacement
			}
			continue
		}
		passwords := []string{current, replacement}
		if n.rounds%2 == 1 { // what is asked first is more often stale
			passwords[0], passwords[1] = passwords[1], passwords[0]
		}
		for _, password := range passwords {
			err := errorOf(login.Authenticate(t.Context(), "john@example.org", password))
			if err == nil && password == current || errors.Is(err, ispmail.ErrBadCredentials) && password == replacement {
				n.wrong++
			}
		}
		current = replacement
	}
	return n
}

// roundRobin changes the passwords of eight users through a proxy that takes the next node for each connection.
func roundRobin(t *testing.T, w *world) (n tally) {
	proxy := w.Proxy(t, cluster.RoundRobin)
	store := w.open(t, proxy.DSN(w.name))
	var done sync.WaitGroup
	var mu sync.Mutex
	for i := range 8 {
		email := fmt.Sprintf("user%d@example.org", i)
		w.addUser(t, store, email)
		done.Go(func() {
			current := first
			for round := range times(250) {
				replacement := fmt.Sprintf("secret %d of %d", round, i)
				err := store.ChangePassword(t.Context(), email, current, replacement)
				mu.Lock()
				n.rounds++
				n.count(err)
				switch {
				case err == nil:
					current = replacement
				case errors.Is(err, ispmail.ErrBadCredentials): // the password is right
					n.wrong++
				case errors.Is(err, ispmail.ErrOutcomeUnknown):
					if matches(w.stored(t, email), replacement) {
						current = replacement
					}
				}
				mu.Unlock()
			}
			if !assert.True(t, matches(w.stored(t, email), current), email) {
				mu.Lock()
				n.wrong++
				mu.Unlock()
			}
		})
	}
	done.Wait()
	return n
}

// lostAnswer loses the answer to the commit of a change, which is looked for on another node.
func lostAnswer(t *testing.T, w *world) (n tally) {
	for ; n.rounds < times(200); n.rounds++ {
		loseAnswer(t, w, &n, func() {})
	}
	return n
}

// lostAnswerBehind does the same while that node still applies a large transaction that came before.
func lostAnswerBehind(t *testing.T, w *world) (n tally) {
	w.Nodes[0].Exec(t, "CREATE TABLE "+w.name+".load_rows (id INT PRIMARY KEY AUTO_INCREMENT, round INT, text CHAR(100) DEFAULT 'x')")
	for ; n.rounds < times(15); n.rounds++ {
		loseAnswer(t, w, &n, func() {
			w.Nodes[0].Exec(t, fmt.Sprintf("INSERT INTO %s.load_rows (round) SELECT %d FROM %[1]s.seq_1_to_150000", w.name, n.rounds))
		})
		w.Agree(t)
	}
	return n
}

func loseAnswer(t *testing.T, w *world, n *tally, before func()) {
	t.Helper()
	link := w.Nodes[0].Link(t)
	store := w.open(t, link.DSN(w.name))
	current := fmt.Sprint("secret ", n.rounds)
	if n.rounds == 0 {
		current = first
	}
	replacement := fmt.Sprint("secret ", n.rounds+1)
	_, err := store.Authenticate(t.Context(), "john@example.org", current)
	require.NoError(t, err)
	before()
	link.LoseCommit(w.Nodes[1].Server)
	err = store.ChangePassword(t.Context(), "john@example.org", current, replacement)
	require.True(t, link.Lost(), "%v", err)
	n.count(err)
	changed := matches(w.stored(t, "john@example.org"), replacement)
	if (err == nil) != changed && !errors.Is(err, ispmail.ErrOutcomeUnknown) {
		n.wrong++
		t.Logf("round %d: %v, and the row says %t", n.rounds, err, changed)
	}
	if !changed {
		require.NoError(t, store.SetPassword(t.Context(), "john@example.org", replacement))
	}
}
