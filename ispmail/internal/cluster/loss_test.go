package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"regexp"
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

// lostFor is longer than the group takes to agree that a node is gone (6 s), and HAProxy to see it (2 s more).
const lostFor = 10 * time.Second

// TestLoss loses a node, 20 times in each way, while eight users change their passwords: on that node, on another one, through
// HAProxy, and with a DSN that names all nodes.
func TestLoss(t *testing.T) {
	c := start(t)
	proxy := c.Proxy(t, cluster.OneWriter)
	for _, loss := range losses {
		t.Run(loss.name, func(t *testing.T) {
			pauses := endure(t, c, proxy, "node of the client "+loss.name, times(20), lostFor, func(run int) (end func()) {
				loss.lose(t, c.Nodes[0])
				return func() { loss.back(t, c.Nodes[0], run) }
			})
			report(t, "longest time without a change, median and maximum | another node %v, HAProxy %v, all nodes in the DSN %v", &pauses[1], &pauses[2], &pauses[3])
		})
	}
}

// endure lets something happen to the first node, again and again, each time for a while. Meanwhile eight users change their passwords
// and log in: on that node, on another one, through HAProxy, and with a DSN that names all nodes.
func endure(t *testing.T, c *cluster.Cluster, proxy *cluster.Proxy, name string, runs int, lasts time.Duration, happen func(run int) (end func())) (pauses []pause) {
	t.Helper()
	c.Mend(t)
	w := newWorld(t, c)
	stores := []*ispmail.Store{w.store(t, 0), w.store(t, 1), w.open(t, proxy.DSN(w.name)), w.open(t, c.DSN(w.name))}
	var people []*person
	for i := range 8 {
		p := newPerson(fmt.Sprintf("user%d@example.org", i))
		w.addUser(t, stores[1], p.email)
		people = append(people, p)
	}
	pauses = make([]pause, len(stores))
	for run := range runs {
		ctx, end := context.WithCancel(t.Context())
		var done sync.WaitGroup
		for i, p := range people {
			done.Go(func() {
				at := i % len(stores)
				change, logIn, noted := byStore(t, stores[at]), logInByStore(t, stores[at]), &pauses[at]
				if i < len(stores) {
					logIn = logInByStore(t, stores[0]) // after a change elsewhere
				}
				for ctx.Err() == nil {
					noted.note(p.change(change))
					p.logIn(logIn)
					time.Sleep(10 * time.Millisecond)
				}
			})
		}
		time.Sleep(500 * time.Millisecond)
		for i := range pauses {
			pauses[i].begin()
		}
		back := happen(run)
		time.Sleep(lasts)
		for i := range pauses {
			pauses[i].end()
		}
		back()
		c.Await(t)
		end()
		done.Wait()
	}
	n := judge(t, w, people)
	report(t, "%s %d times | %v", name, runs, n)
	assert.Zero(t, n.wrong)
	assert.Positive(t, n.done)
	return pauses
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
	if answer == done {
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
		return verdictOf(t, store.ChangePassword(context.WithoutCancel(t.Context()), email, current, replacement))
	}
}

// logInByStore returns a function that verifies passwords with a Store.
func logInByStore(t *testing.T, store *ispmail.Store) func(email, password string) verdict {
	t.Helper()
	return func(email, password string) verdict {
		return verdictOf(t, errorOf(store.Authenticate(context.WithoutCancel(t.Context()), email, password)))
	}
}

func verdictOf(t *testing.T, err error) verdict {
	t.Helper()
	switch {
	case err == nil:
		return done
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		tell(t, err)
		return unknown
	case errors.Is(err, ispmail.ErrBadCredentials):
		return refused
	}
	assert.ErrorIs(t, err, ispmail.ErrUnavailable)
	tell(t, err)
	return failed
}

// told are the sentences of errors that have been logged, for whoever wants to look whether they are true.
var (
	told   sync.Map
	number = regexp.MustCompile(`\d+`)
)

func tell(t *testing.T, err error) {
	t.Helper()
	sentence := number.ReplaceAllString(err.Error(), "0")
	if _, before := told.LoadOrStore(t.Name()+sentence, true); !before {
		t.Log(err)
	}
}
