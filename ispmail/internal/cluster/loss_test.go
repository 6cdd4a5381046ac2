package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
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
	back func(t *testing.T, n *cluster.Node, run int)
}

var losses = []loss{
	{
		"killed",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Kill(t) },
		func(t *testing.T, n *cluster.Node, run int) {
			t.Helper()
			if run%2 == 1 { // with its disk: another node gives it everything (SST), and takes no statement meanwhile
				n.Forget(t)
			}
			n.Restart(t)
		},
	},
	{
		"stopped",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Stop(t) },
		func(t *testing.T, n *cluster.Node, _ int) { t.Helper(); n.Continue(t) },
	},
	{
		"cut off",
		func(t *testing.T, n *cluster.Node) { t.Helper(); n.Isolate(t) },
		func(t *testing.T, n *cluster.Node, _ int) { t.Helper(); n.Join(t) },
	},
}

// lostFor is longer than the group takes to agree that a node is gone, and HAProxy to see it.
const lostFor = 12 * time.Second

// TestLoss loses a node, 20 times in each way, while eight users change their passwords: on that node, on another one, through
// HAProxy, and with a DSN that names all nodes.
func TestLoss(t *testing.T) {
	c := start(t)
	proxy := c.Proxy(t, cluster.OneWriter)
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			c.Await(t)
			w := newWorld(t, c)
			stores := []*ispmail.Store{w.store(t, 0), w.store(t, 1), w.open(t, proxy.DSN(w.name)), w.open(t, c.DSN(w.name))}
			var people []*person
			for i := range 8 {
				p := newPerson(fmt.Sprintf("user%d@example.org", i))
				w.addUser(t, stores[1], p.email)
				people = append(people, p)
			}
			runs := times(20)
			pauses := make([]pause, len(stores))
			for run := range runs {
				ctx, end := context.WithCancel(t.Context())
				var done sync.WaitGroup
				for i, p := range people {
					done.Go(func() {
						change := byStore(t, stores[i%len(stores)])
						for ctx.Err() == nil {
							p.change(func(email, current, replacement string) verdict {
								answer := change(email, current, replacement)
								pauses[i%len(stores)].note(answer)
								return answer
							})
							time.Sleep(10 * time.Millisecond)
						}
					})
				}
				time.Sleep(500 * time.Millisecond)
				for i := range pauses {
					pauses[i].begin()
				}
				loss.lose(t, c.Nodes[0])
				time.Sleep(lostFor)
				for i := range pauses {
					pauses[i].end()
				}
				loss.back(t, c.Nodes[0], run)
				c.Await(t)
				end()
				done.Wait()
			}
			n := judge(t, w, people)
			t.Logf("| node of the client %s %d times | %v |", loss.name, runs, n)
			t.Logf("| longest time without a change, median and maximum | another node %v, HAProxy %v, all nodes in the DSN %v |", &pauses[1], &pauses[2], &pauses[3])
			assert.Zero(t, n.wrong)
			assert.Positive(t, n.done)
		})
	}
}

// A pause is the longest time without a change after a node was lost, in each run.
type pause struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
	all     []time.Duration
}

func (p *pause) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.longest = time.Now(), 0
}

func (p *pause) note(answer verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer == changed {
		p.longest = max(p.longest, time.Since(p.last))
		p.last = time.Now()
	}
}

func (p *pause) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, max(p.longest, time.Since(p.last)))
}

// String returns the median and the maximum of the runs.
func (p *pause) String() string {
	slices.Sort(p.all)
	return fmt.Sprintf("%.1f s (at most %.1f s)", p.all[len(p.all)/2].Seconds(), p.all[len(p.all)-1].Seconds())
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
