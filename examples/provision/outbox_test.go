package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestTogether expects that a change and its event are undone together, whichever of them fails.
func TestTogether(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Example(t)
		c, store := program(t, db)
		before := exported(t, store)
		wrong := errors.New("wrong")
		err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
			err := withEvent(ctx, tx, func(ctx context.Context, tx *ispmail.Store) (event, error) {
				return event{Kind: "user.locked", Name: "john@example.org"}, tx.Lock(ctx, "john@example.org")
			})
			require.NoError(t, err)
			return wrong
		})
		require.ErrorIs(t, err, wrong)
		assert.Equal(t, before, exported(t, store))
		assert.Empty(t, kindsOf(t, c))

		db.Exec(t, "DROP TABLE outbox")
		for _, r := range [][3]string{
			{"POST", "/users", `{"email": "jane@example.org", "password": "` + password + `"}`},
			{"PUT", "/aliases/jack@example.org", `{"destinations": ["jack@example.net"]}`},
			{"PUT", "/users/john@example.org/address", `{"to": "jane@example.org"}`},
			{"DELETE", "/users/john@example.org", ""},
		} {
			assert.Equal(t, answer{http.StatusServiceUnavailable, `{"error":"unavailable"}`}, c.ask(t, r[0], r[1], r[2]))
		}
		assert.Equal(t, before, exported(t, store))
	})
}

// TestTwoPrograms has two daemons and a program without events add to one quota, while somebody follows the events.
func TestTwoPrograms(t *testing.T) {
	t.Parallel()
	const each, workers = 15, 2
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		db.Example(t)
		one, _ := program(t, db)
		other, _ := program(t, db)
		_, third := program(t, db)
		require.NoError(t, third.SetQuota(t.Context(), "john@example.org", 1))
		var wg sync.WaitGroup
		for range workers {
			for _, c := range []client{one, other} {
				wg.Go(func() {
					for range each {
						a := c.ask(t, "POST", "/users/john@example.org/quota", `{"add": 1}`)
						assert.Equal(t, http.StatusOK, a.status, a.text)
					}
				})
			}
			wg.Go(func() {
				for range each {
					assert.NoError(t, third.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
						u, err := tx.User(ctx, "john@example.org")
						if err != nil {
							return err
						}
						return tx.SetQuota(ctx, u.Email, *u.Quota+1)
					}))
				}
			})
		}
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		var seen []int64
		after := int64(0)
		for last := false; !last; {
			select {
			case <-done:
				last = true
			default:
			}
			list, _ := rowsOf[event](t, one.do(t, "GET", fmt.Sprintf("/events?limit=1000&after=%d", after), ""))
			for _, e := range list {
				seen, after = append(seen, e.ID), e.ID
			}
		}
		user, err := third.User(t.Context(), "john@example.org")
		require.NoError(t, err)
		assert.EqualValues(t, 1+3*workers*each, *user.Quota)
		assert.Len(t, seen, 2*workers*each)
		assert.Len(t, kindsOf(t, one), 2*workers*each)
	})
}

// TestNoTables expects that the daemon leaves the three tables to package ispmail.
func TestNoTables(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	sources := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		sources++
		text, err := os.ReadFile(file) //nolint:gosec // of this folder
		require.NoError(t, err)
		assert.NotContains(t, string(text), "virtual_", file)
	}
	assert.NotZero(t, sources)
}
