package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// A loss is a way to lose a node, and to get it back.
type loss struct {
	name string
	lose func(*testing.T, *cluster.Node)
	back func(*testing.T, *cluster.Node)
}

var losses = []loss{
	{
		"killed",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Kill(t) },
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Restart(t) },
	},
	{
		"stopped",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Stop(t) },
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Continue(t) },
	},
	{
		"cut off",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Isolate(t) },
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Join(t) },
	},
}

// lostFor is longer than the group takes to agree that a node is gone.
const lostFor = 9 * time.Second

// TestLoss loses a node, 20 times in each way, while eight users change their passwords: on that node, on another one, and
// through HAProxy.
func TestLoss(t *testing.T) {
	c := start(t)
	proxy := c.Proxy(t, cluster.OneWriter)
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			c.Await(t)
			w := newWorld(t, c)
			stores := []*ispmail.Store{w.store(t, 0), w.store(t, 1), w.open(t, proxy.DSN(w.name)), w.open(t, proxy.DSN(w.name))}
			var people []*person
			for i := range 8 {
				p := newPerson(fmt.Sprintf("user%d@example.org", i))
				w.addUser(t, stores[1], p.email)
				people = append(people, p)
			}
			runs := times(20)
			for range runs {
				ctx, end := context.WithCancel(t.Context())
				var done sync.WaitGroup
				for i, p := range people {
					done.Go(func() {
						for ctx.Err() == nil {
							p.change(byStore(t, stores[i%len(stores)]))
							time.Sleep(10 * time.Millisecond)
						}
					})
				}
				time.Sleep(500 * time.Millisecond)
				loss.lose(t, c.Nodes[0])
				time.Sleep(lostFor)
				loss.back(t, c.Nodes[0])
				c.Await(t)
				end()
				done.Wait()
			}
			n := judge(t, w, people)
			t.Logf("| node of the client %s %d times | %v |", loss.name, runs, n)
			assert.Zero(t, n.wrong)
			assert.Positive(t, n.done)
		})
	}
}

// byStore returns a function that changes passwords with a Store. The end of the test does not end what is under way.
func byStore(t *testing.T, store *ispmail.Store) func(email, current, replacement string) verdict {
	t.Helper()
	return func(email, current, replacement string) verdict {
		err := store.ChangePassword(context.WithoutCancel(t.Context()), email, current, replacement)
		switch {
		case err == nil:
			return changed
		case errors.Is(err, ispmail.ErrOutcomeUnknown):
			return unknown
		case errors.Is(err, ispmail.ErrBadCredentials):
			return refused
		}
		assert.ErrorIs(t, err, ispmail.ErrUnavailable)
		return failed
	}
}
