package cluster_test

import (
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// replicas starts a primary and a replica with the tables and john@example.org.
func replicas(t *testing.T, how cluster.Replication) (*cluster.Replicas, *ispmail.Store) {
	t.Helper()
	r := cluster.StartReplicas(t, how)
	r.Primary.Exec(t, "CREATE DATABASE mailserver")
	store := openQuiet(t, r.Primary.DSN("mailserver"))
	require.NoError(t, store.CreateSchema(t.Context()))
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "example.org")))
	_, _, err := store.CreateUser(t.Context(), "john@example.org", first)
	require.NoError(t, err)
	r.Await(t)
	return r, store
}

func openQuiet(t *testing.T, dsn string) *ispmail.Store {
	t.Helper()
	store, err := ispmail.Open(t.Context(), dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, store.Close()) })
	return store
}

func storedAt(t *testing.T, server *cluster.Server) (stored string) {
	t.Helper()
	require.NoError(t, server.DB.QueryRowContext(t.Context(), "SELECT password FROM mailserver.virtual_users WHERE email = 'john@example.org'").Scan(&stored))
	return stored
}

// TestReplicas kills a primary 5 times under changes: what was acknowledged is on its replica if the primary has waited for it.
func TestReplicas(t *testing.T) {
	need(t)
	for _, how := range []cluster.Replication{cluster.Asynchronous, cluster.AfterSync, cluster.AfterCommit} {
		t.Run(string(how), func(t *testing.T) {
			var n tally
			for range times(5) {
				r, store := replicas(t, how)
				john := newPerson("john@example.org")
				stop := make(chan struct{})
				go func() {
					time.Sleep(time.Second)
					close(stop)
				}()
				for running := true; running; {
					select {
					case <-stop:
						running = false
					default:
						john.change(byStore(t, store))
					}
				}
				r.Failover(t)
				for _, wrong := range john.check(storedAt(t, r.Replica)) {
					n.wrong++
					t.Log(wrong)
				}
				n.rounds += john.changes
				n.done += john.verdicts[done]
				n.unknown += john.verdicts[unknown]
				n.failed += john.verdicts[failed]
			}
			report(t, "%s, primary killed | %v", how, n)
			assert.Positive(t, n.done)
			if how != cluster.Asynchronous {
				assert.Zero(t, n.wrong)
			}
		})
	}
}

// TestReplicaAway changes a password while the replica receives nothing, and then loses the primary. This is what the page on
// clusters says of each kind.
func TestReplicaAway(t *testing.T) {
	need(t)
	for _, test := range []struct {
		how     cluster.Replication
		verdict error
		lost    bool // the failover loses what was acknowledged
	}{
		{cluster.Asynchronous, nil, true},
		{cluster.AfterSync, ispmail.ErrOutcomeUnknown, false},
		{cluster.AfterCommit, nil, true},
	} {
		t.Run(string(test.how), func(t *testing.T) {
			r, store := replicas(t, test.how)
			r.Disconnect(t, true)
			start := time.Now()
			err := store.ChangePassword(t.Context(), "john@example.org", first, "a long enough secret")
			took := time.Since(start)
			if test.verdict == nil {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, test.verdict)
			}
			r.Failover(t)
			lost := !matches(storedAt(t, r.Replica), "a long enough secret")
			report(t, "%s, replica away | %v after %v | lost by a failover: %t", test.how, err, took.Round(100*time.Millisecond), lost)
			require.True(t, lost)
			require.Equal(t, test.lost, err == nil)
		})
	}
}

// TestSplit counts what a proxy does that sends reads to a replica. It has no promise: this must not be done.
func TestSplit(t *testing.T) {
	need(t)
	r, _ := replicas(t, cluster.Asynchronous)
	dsn := r.Split(t, "mailserver").Config().FormatDSN()
	r.Await(t)
	store := openQuiet(t, dsn)
	current := first
	for _, lag := range []int{0, 1} {
		r.Delay(t, lag)
		r.Await(t)
		rounds := times(60)
		if lag > 0 {
			rounds = times(4)
		}
		refusedNew, acceptedOld, unchanged := 0, 0, 0
		for round := range rounds {
			replacement := fmt.Sprintf("secret %d behind %d", round, lag)
			if err := store.ChangePassword(t.Context(), "john@example.org", current, replacement); err != nil {
				unchanged++
				require.False(t, matches(storedAt(t, r.Primary), replacement), "%v", err)
				r.Await(t)
				continue
			}
			require.True(t, matches(storedAt(t, r.Primary), replacement))
			if errors.Is(errorOf(store.Authenticate(t.Context(), "john@example.org", replacement)), ispmail.ErrBadCredentials) {
				refusedNew++
			}
			if errorOf(store.Authenticate(t.Context(), "john@example.org", current)) == nil {
				acceptedOld++
			}
			current = replacement
			r.Await(t)
		}
		report(t, "reads and writes split, replica %d s late | %d rounds | new password refused %d, old one accepted %d, not changed %d", lag, rounds, refusedNew, acceptedOld, unchanged)
	}
}
