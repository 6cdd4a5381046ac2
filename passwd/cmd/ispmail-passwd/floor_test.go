package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/limit"
)

// dearStore has a user with a value that takes some time, and one whose value does not.
func dearStore(t *testing.T) (*ispmail.Store, *hash.Hasher) {
	t.Helper()
	db := ispmailtest.SQLite(t)
	hasher, err := hash.New(hash.Config{})
	require.NoError(t, err)
	store := db.Store(t, ispmail.Config{Hasher: hasher})
	_, err = store.CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
	_, _, err = store.CreateUser(t.Context(), "john@example.org", "a password")
	require.NoError(t, err)
	_, _, err = store.CreateUser(t.Context(), "dear@example.org", "a password")
	require.NoError(t, err)
	dear, err := hash.New(hash.Config{Scheme: "BLF-CRYPT", Cost: 12})
	require.NoError(t, err)
	stored, err := dear.Generate("a password")
	require.NoError(t, err)
	require.NoError(t, store.SetStoredPassword(t.Context(), "dear@example.org", stored))
	return store, hasher
}

func TestFollowTable(t *testing.T) {
	t.Parallel()
	store, _ := dearStore(t)
	service, err := passwd.New(passwd.Config{Changer: store, Floor: time.Nanosecond})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var output bytes.Buffer
	seen := make(chan struct{})
	log := slog.New(&firstLine{slog.NewTextHandler(&output, nil), seen})
	done := make(chan struct{})
	go func() {
		defer close(done)
		(&settings{Floor: time.Nanosecond}).followTable(ctx, log, service, store, time.Hour)
	}()
	select {
	case <-seen:
	case <-t.Context().Done():
	}
	cancel()
	<-done
	assert.Contains(t, output.String(), "answered at another time")
	assert.Contains(t, output.String(), "scheme=BLF-CRYPT")
}

// firstLine closes a channel at the first line of a log.
type firstLine struct {
	slog.Handler
	seen chan struct{}
}

func (f *firstLine) Handle(ctx context.Context, r slog.Record) error {
	err := f.Handler.Handle(ctx, r)
	select {
	case <-f.seen:
	default:
		close(f.seen)
	}
	return err
}

func TestCheckFloor(t *testing.T) {
	t.Parallel()
	store, hasher := dearStore(t)
	run := func(took time.Duration) (lines string) {
		d := limit.Dearest{Info: hash.Info{Scheme: "BLF-CRYPT", Work: 4}, Took: took}
		checkFloor(t.Context(), &settings{Floor: 500 * time.Millisecond, hasher: hasher}, store, d, func(verdict, format string, args ...any) {
			lines += verdict + " " + fmt.Sprintf(format, args...) + "\n"
		})
		return lines
	}
	assert.Equal(t, "ok Wrong credentials are answered after 750ms. The dearest stored password, BLF-CRYPT, takes 250ms to verify.\n", run(250*time.Millisecond))
	lines := run(time.Second)
	assert.Contains(t, lines, "ok Wrong credentials are answered after 2s.")
	assert.Contains(t, lines, "warn dear@example.org: the stored password, BLF-CRYPT, takes so long to verify")
	assert.NotContains(t, lines, "john@example.org")
	assert.Contains(t, lines, "warn Users who stand out by the time of a verification: 1. Give them new passwords, or set --floor to 3s.")
}
