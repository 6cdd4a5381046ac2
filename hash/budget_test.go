package hash_test

import (
	"context"
	"errors"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
)

const (
	oneMiB         = "{ARGON2ID}$argon2id$v=19$m=1024,t=1,p=1" + saltKey
	twoMiB         = "{ARGON2ID}$argon2id$v=19$m=2048,t=1,p=1" + saltKey
	yescryptOneMiB = "{CRYPT}$y$j75$sCUVzhpi64JndXnjdPY03/$V4WoD1LxtRi49zDkeWjELH6AbXtKvzYzsT2.GH2XSQA" // 1027 KiB
)

// budgeted has 4 MiB for all, makes ARGON2ID with 1 MiB, and verifies with 2 MiB at most.
func budgeted(t *testing.T) *hash.Hasher {
	t.Helper()
	return newHasher(t, hash.Config{Scheme: "ARGON2ID", Memory: 1024, Rounds: 1, MaxMemory: 2048, MemoryBudget: 4096})
}

// TestBudgetWaits fills the budget but for a KiB less than a value needs: it waits until there is one more.
func TestBudgetWaits(t *testing.T) {
	t.Parallel()
	for what, call := range map[string]func(context.Context, *hash.Hasher) error{
		"argon2": func(ctx context.Context, h *hash.Hasher) error { return h.VerifyContext(ctx, "", oneMiB, "x") },
		"generate": func(ctx context.Context, h *hash.Hasher) error {
			_, err := h.GenerateContext(ctx, "x")
			return errors.Join(err, hash.ErrMismatch)
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				h := budgeted(t)
				release := h.Occupy(4096 - 1024)
				require.ErrorIs(t, call(t.Context(), h), hash.ErrMismatch, "it fits")
				more := h.Occupy(1)
				done := make(chan error, 1)
				go func() { done <- call(t.Context(), h) }()
				synctest.Wait()
				require.Empty(t, done, "it waits")
				more()
				require.ErrorIs(t, <-done, hash.ErrMismatch)
				release()
				h.Occupy(4096)() // everything was given back
			})
		})
	}
}

// TestBudgetFirstComeFirstServed lets a small value wait behind a large one, though it would fit.
func TestBudgetFirstComeFirstServed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := budgeted(t)
		release := h.Occupy(2049)
		rest := h.Occupy(1000)
		order := make(chan string, 3)
		for _, stored := range []string{twoMiB, oneMiB, yescryptOneMiB} {
			go func() {
				_ = h.VerifyContext(t.Context(), "", stored, "x")
				order <- stored
			}()
			synctest.Wait() // it stands in the queue
		}
		rest()
		synctest.Wait()
		require.Empty(t, order, "2047 KiB are free, and the first one needs 2048")
		release()
		synctest.Wait()
		require.Len(t, order, 3)
		require.ElementsMatch(t, []string{twoMiB, oneMiB, yescryptOneMiB}, []string{<-order, <-order, <-order})
	})
}

// TestBudgetIsNotForOthers fills the whole budget. What needs no memory does not queue, nor what is refused.
func TestBudgetIsNotForOthers(t *testing.T) {
	t.Parallel()
	h := budgeted(t)
	defer h.Occupy(4096)()
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{t.Context(), ended} {
		require.NoError(t, h.VerifyContext(ctx, "", guideSHA256, "summersun"))
		require.NoError(t, h.VerifyContext(ctx, "", guideBcrypt, "summersun"))
		require.ErrorIs(t, h.VerifyContext(ctx, "", oneMiB, ""), hash.ErrMismatch)
		require.ErrorIs(t, h.VerifyContext(ctx, "", "{CRYPT}!"+oneMiB, "x"), hash.ErrMismatch)
		require.ErrorIs(t, h.VerifyContext(ctx, "", "{ARGON2ID}$argon2id$v=19$m=4096,t=1,p=1"+saltKey, "x"), hash.ErrTooCostly)
	}
	sha := newHasher(t, hash.Config{})
	defer sha.Occupy(256 << 10)()
	_, err := sha.GenerateContext(ended, "summersun")
	require.NoError(t, err)
}

// TestBudgetEndsWithContext lets a wait end, and the next in the queue go on.
func TestBudgetEndsWithContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h := budgeted(t)
		release := h.Occupy(3000)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := make(chan error, 1), make(chan error, 1)
		go func() { first <- h.VerifyContext(ctx, "", twoMiB, "x") }()
		synctest.Wait()
		go func() { second <- h.VerifyContext(t.Context(), "", oneMiB, "x") }()
		synctest.Wait()
		require.Empty(t, second)
		cancel()
		err := <-first
		require.ErrorIs(t, err, context.Canceled)
		require.NotErrorIs(t, err, hash.ErrMismatch, "the password was not looked at")
		require.ErrorIs(t, <-second, hash.ErrMismatch)
		_, err = h.GenerateContext(ctx, "x")
		require.ErrorIs(t, err, context.Canceled)
		release()
	})
}

// TestBudgetDefault is MaxMemory.
func TestBudgetDefault(t *testing.T) {
	t.Parallel()
	h := newHasher(t, hash.Config{MaxMemory: 2048})
	defer h.Occupy(2048)()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, h.VerifyContext(ctx, "", oneMiB, "x"), context.Canceled)
}

// TestZeroHasher works like the functions of the package.
func TestZeroHasher(t *testing.T) {
	t.Parallel()
	var none *hash.Hasher
	for _, h := range []*hash.Hasher{none, {}} {
		require.Equal(t, "SHA256-CRYPT", h.Scheme())
		require.NoError(t, h.Verify(guideSHA256, "summersun"))
		require.NoError(t, h.VerifyFor("", guideSHA256, "summersun"))
		require.NoError(t, h.VerifyContext(t.Context(), "", guideSHA256, "summersun"))
		require.ErrorIs(t, h.Verify(oneMiB, "summersun"), hash.ErrMismatch)
		stored, err := h.Generate("summersun")
		require.NoError(t, err)
		require.False(t, h.NeedsRehash(stored))
		require.ErrorIs(t, h.Validate(""), hash.ErrInvalidPassword)
		info, err := h.Inspect(h.Lock(stored))
		require.NoError(t, err)
		require.True(t, info.Locked)
		back, err := h.Unlock(h.Lock(stored))
		require.NoError(t, err)
		require.Equal(t, stored, back)
	}
}

// TestBudgetIsCollected: what a large call leaves behind does not lie beside the memory of the next, even if nothing else ever
// starts the collector.
func TestBudgetIsCollected(t *testing.T) { // not in parallel, because it stops the collector
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	h := newHasher(t, hash.Config{Scheme: "ARGON2ID", Memory: 64 << 10, Rounds: 1, MaxMemory: 64 << 10})
	stored, err := h.Generate("summersun")
	require.NoError(t, err)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 4 {
		require.NoError(t, h.Verify(stored, "summersun"))
		_, err := h.Generate("summersun")
		require.NoError(t, err)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.HeapAlloc, before.HeapAlloc+8<<20)
	require.Less(t, after.HeapSys, before.HeapSys+8<<20, "the heap did not grow either")
}
