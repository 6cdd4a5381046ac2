package cluster_test

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

// TestPrice compares a Store on a node with the bare work of its methods in pairs: their hashes and statements, without any wait
// for what other nodes have acknowledged. It fails if a median is above the promised ratio.
func TestPrice(t *testing.T) {
	c := start(t)
	w := newWorld(t, c)
	store := w.store(t, 0)
	config := c.Nodes[0].Config(w.name)
	config.InterpolateParams = true // as quick as database/sql gets
	connector, err := mysql.NewConnector(config)
	require.NoError(t, err)
	bare := sql.OpenDB(connector)
	t.Cleanup(func() { assert.NoError(t, bare.Close()) })
	hasher, err := hash.New(hash.Config{})
	require.NoError(t, err)

	compare(t, "an authentication", 1.6, func() error {
		return errorOf(store.Authenticate(t.Context(), "john@example.org", first))
	}, func() error {
		var id int64
		var stored string
		err := bare.QueryRowContext(t.Context(), "SELECT id, password FROM virtual_users WHERE email = 'john@example.org'").Scan(&id, &stored)
		if err != nil {
			return err
		}
		return hasher.Verify(stored, first)
	})
	compare(t, "a change", 1.5, func() error {
		return store.ChangePassword(t.Context(), "john@example.org", first, first)
	}, func() error { return bareChange(t.Context(), bare, hasher) })
}

func bareChange(ctx context.Context, db *sql.DB, hasher *hash.Hasher) error {
	var id int64
	var old string
	if err := db.QueryRowContext(ctx, "SELECT id, password FROM virtual_users WHERE email = 'john@example.org'").Scan(&id, &old); err != nil {
		return err
	}
	if err := hasher.Verify(old, first); err != nil {
		return err
	}
	stored, err := hasher.Generate(first)
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "UPDATE virtual_users SET password = ? WHERE id = ? AND password = ?", stored, id, old); err != nil {
		return err
	}
	return tx.Commit()
}

// compare runs two functions alternately, in either order.
func compare(t *testing.T, name string, limit float64, ours, bare func() error) {
	t.Helper()
	sides := []func() error{ours, bare}
	var all [2][]time.Duration
	for round := range times(2000) {
		for turn := range sides {
			side := (round + turn) % 2
			start := time.Now()
			require.NoError(t, sides[side]())
			if round >= 20 { // connections, caches, the first look at the tables
				all[side] = append(all[side], time.Since(start))
			}
		}
	}
	var medians [2]time.Duration
	for side, took := range all {
		slices.Sort(took)
		medians[side] = took[len(took)/2]
	}
	ratio := float64(medians[0]) / float64(medians[1])
	report(t, "price of %s on a node | %v / %v | %s", name, medians[0], medians[1], fmt.Sprintf("%.2f, limit %.2f", ratio, limit))
	assert.LessOrEqual(t, ratio, limit, name)
}

// TestThroughput counts what one process gets through on one node, for the arithmetic of the page on clusters. The nodes share the
// machine with it, so that machines of their own do more.
func TestThroughput(t *testing.T) {
	c := start(t)
	w := newWorld(t, c)
	store := w.store(t, 0)
	const workers = 8
	emails := make([]string, workers)
	for i := range emails {
		emails[i] = fmt.Sprintf("user%d@example.org", i)
		w.addUser(t, store, emails[i])
	}
	for _, test := range []struct {
		name string
		do   func(email string) error
	}{
		{"authentications", func(email string) error { return errorOf(store.Authenticate(t.Context(), email, first)) }},
		{"changes", func(email string) error { return store.ChangePassword(t.Context(), email, first, first) }},
	} {
		const lasts = 10 * time.Second
		var done sync.WaitGroup
		var n atomic.Int64
		end := time.Now().Add(lasts)
		for _, email := range emails {
			done.Go(func() {
				for time.Now().Before(end) {
					if !assert.NoError(t, test.do(email)) {
						return
					}
					n.Add(1)
				}
			})
		}
		done.Wait()
		report(t, "%s on a node | %.0f per second", test.name, float64(n.Load())/lasts.Seconds())
		assert.Positive(t, n.Load())
	}
}
