package cluster_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// share is for a first look: the promises are about all rounds.
var share = flag.Float64("share", 1, "share of the rounds that the tests on a cluster run")

func times(rounds int) int { return int(math.Ceil(float64(rounds) * *share)) }

// TestCluster does on several nodes at the same time what is safe on one, in the numbers of rounds in which some of it went wrong
// with a Store that took a node for a single server.
func TestCluster(t *testing.T) {
	c := start(t)
	for _, test := range []struct {
		name string
		run  func(*testing.T, *world) tally
	}{
		{"one old password, 2 nodes", func(t *testing.T, w *world) tally { return sameOldPassword(t, w, 2) }},
		{"one old password, 3 nodes", func(t *testing.T, w *world) tally { return sameOldPassword(t, w, 3) }},
		{"change and rehash", changeAndRehash},
		{"change, then login on another node", changeThenLogin},
		{"healthy, round robin", roundRobin},
		{"domains", func(t *testing.T, w *world) tally { return twins(t, w, twinDomains) }},
		{"users", func(t *testing.T, w *world) tally { return twins(t, w, twinUsers) }},
		{"domains without a key", func(t *testing.T, w *world) tally { w.dropKeys(t); return twins(t, w, twinDomains) }},
		{"users without a key", func(t *testing.T, w *world) tally { w.dropKeys(t); return twins(t, w, twinUsers) }},
		{"renamed users without a key", func(t *testing.T, w *world) tally { w.dropKeys(t); return twins(t, w, twinRenames) }},
		{"renamed domains without a key", func(t *testing.T, w *world) tally { w.dropKeys(t); return twins(t, w, twinDomainRenames) }},
		{"aliases", func(t *testing.T, w *world) tally { return twins(t, w, twinAliases) }},
		{"sets of aliases", func(t *testing.T, w *world) tally { return twins(t, w, twinSets) }},
		{"loops", func(t *testing.T, w *world) tally { return twins(t, w, loopInDomain) }},
		{"loops over two domains", func(t *testing.T, w *world) tally { return twins(t, w, loopOverDomains) }},
		{"loops by sets of aliases", func(t *testing.T, w *world) tally { return twins(t, w, loopBySets) }},
		{"user in a domain that is deleted", func(t *testing.T, w *world) tally { w.dropForeignKeys(t); return twins(t, w, domainDeleted) }},
		{"copy for a mailbox that is deleted", func(t *testing.T, w *world) tally { return twins(t, w, mailboxDeleted) }},
		{"lost answer, idle", lostAnswer},
		{"lost answer, behind", lostAnswerBehind},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.Mend(t)
			w := newWorld(t, c)
			result := test.run(t, w)
			report(t, "%s | %v", test.name, result)
			assert.Zero(t, result.wrong)
			assert.Positive(t, result.done)
		})
	}
}

// A tally counts what came of the rounds of a test.
type tally struct {
	rounds  int // or changes
	logins  int
	wrong   int // a verdict that was not true
	done    int // the verdict was that it was done
	unknown int // the verdict was that the outcome is unknown
	failed  int // the verdict was that it was not done
}

func (t tally) String() string {
	rounds := fmt.Sprint(t.rounds, " rounds")
	if t.logins > 0 {
		rounds = fmt.Sprintf("%d changes, %d logins", t.rounds, t.logins)
	}
	return fmt.Sprintf("%s | %d wrong | %d done, %d outcome unknown, %d not done", rounds, t.wrong, t.done, t.unknown, t.failed)
}

// count counts a verdict.
func (t *tally) count(err error) {
	switch {
	case err == nil:
		t.done++
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		t.unknown++
	default:
		t.failed++
	}
}

// A world is a database on a cluster, with the example rows of the guide.
type world struct {
	*cluster.Cluster
	name string
}

var worlds int

const first = "summersun" // the password of john@example.org

func newWorld(t *testing.T, c *cluster.Cluster) *world {
	t.Helper()
	worlds++
	w := &world{Cluster: c, name: fmt.Sprint("mailserver", worlds)}
	c.Nodes[0].Exec(t, "CREATE DATABASE "+w.name)
	store := w.store(t, 0)
	require.NoError(t, store.CreateSchema(t.Context()))
	for _, domain := range []string{"example.org", "example.net"} {
		require.NoError(t, errorOf(store.CreateDomain(t.Context(), domain)))
	}
	for _, user := range []string{"john@example.org", "jane@example.org", "june@example.net"} {
		w.addUser(t, store, user)
	}
	c.Agree(t)
	return w
}

func (w *world) addUser(t *testing.T, store *ispmail.Store, email string) {
	t.Helper()
	_, _, err := store.CreateUser(t.Context(), email, first)
	require.NoError(t, err)
}

// store opens a Store on a node as a program would, with its own settings.
func (w *world) store(t *testing.T, node int) *ispmail.Store {
	t.Helper()
	return w.open(t, w.Nodes[node].DSN(w.name))
}

func (w *world) open(t *testing.T, dsn string) *ispmail.Store {
	t.Helper()
	var store *ispmail.Store
	require.Eventually(t, func() (ok bool) {
		var err error
		store, err = ispmail.Open(t.Context(), dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
		return err == nil
	}, time.Minute, 100*time.Millisecond, dsn)
	t.Cleanup(func() { _ = store.Close() }) // its connections may be broken
	return store
}

// dropKeys makes the tables those of older guides, which had no unique keys.
func (w *world) dropKeys(t *testing.T) {
	t.Helper()
	w.Nodes[0].Exec(t, "ALTER TABLE "+w.name+".virtual_users DROP KEY email", "ALTER TABLE "+w.name+".virtual_domains DROP KEY name")
	w.Agree(t)
}

// dropForeignKeys leaves it to the library that no user or alias is without a domain.
func (w *world) dropForeignKeys(t *testing.T) {
	t.Helper()
	for _, table := range []string{"virtual_users", "virtual_aliases"} {
		w.Nodes[0].Exec(t, "ALTER TABLE "+w.name+"."+table+" DROP FOREIGN KEY "+table+"_ibfk_1")
	}
	w.Agree(t)
}

// stored returns the stored password of a user, as every node has it once all have applied everything.
func (w *world) stored(t *testing.T, email string) (stored string) {
	t.Helper()
	w.query(t, "SELECT password FROM "+w.name+".virtual_users WHERE email = ?", &stored, email)
	return stored
}

// number returns the number that a query counts.
func (w *world) number(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	w.query(t, query, &n, args...)
	return n
}

func (w *world) query(t *testing.T, query string, to any, args ...any) {
	t.Helper()
	w.Agree(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := w.Nodes[0].DB.QueryRowContext(ctx, query, args...).Scan(to)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	require.NoError(t, err, query)
}

func (w *world) set(t *testing.T, email, stored string) {
	t.Helper()
	w.Agree(t)
	_, err := w.Nodes[0].DB.ExecContext(t.Context(), "UPDATE "+w.name+".virtual_users SET password = ? WHERE email = ?", stored, email) //nolint:gosec // a name made here
	require.NoError(t, err)
	w.Agree(t)
}

func matches(stored, password string) bool { return hash.Verify(stored, password) == nil }

func errorOf[T any](_ T, err error) error { return err }

// together runs functions at the same time and returns their errors.
func together(all ...func() error) []error {
	errs := make([]error, len(all))
	var ready, done sync.WaitGroup
	ready.Add(len(all))
	for i, run := range all {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			errs[i] = run()
		})
	}
	done.Wait()
	return errs
}
