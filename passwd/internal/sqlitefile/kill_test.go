package sqlitefile_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

func init() { roles["change"] = change }

// change changes the password again and again, from whichever it is, and tells of each that was acknowledged.
func change(ctx context.Context, store *ispmail.Store, _ string) error {
	from, _ := strconv.Atoi(os.Getenv(fromVariable)) // 0 by default
	current, err := find(ctx, store, from)
	if err != nil {
		return err
	}
	for n := current + 1; ctx.Err() == nil; n++ {
		if err := patiently(ctx, func() error { return store.ChangePassword(ctx, email, numbered(n-1), numbered(n)) }); err != nil {
			if ctx.Err() != nil {
				return nil // it was told to end
			}
			return err
		}
		fmt.Println(n)
	}
	return nil
}

// furthest is more changes than a test makes before it looks.
const furthest = 1000

// find returns the number of the password that counts, which is at least from.
func find(ctx context.Context, store *ispmail.Store, from int) (int, error) {
	user, err := store.User(ctx, email)
	if err != nil {
		return 0, err
	}
	for n := from; n <= from+furthest; n++ {
		if store.Hasher().Verify(user.Password.Reveal(), numbered(n)) == nil {
			return n, nil
		}
	}
	return 0, fmt.Errorf("none of the passwords from %d to %d counts", from, from+furthest)
}

// isHot reports whether a journal belongs to a commit that has begun to write to the database. Before that, its magic number,
// https://www.sqlite.org/fileformat.html#the_rollback_journal, is zero.
func isHot(journal string) bool {
	content, err := os.ReadFile(journal) //nolint:gosec // a file of the test
	return err == nil && bytes.HasPrefix(content, []byte{0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7})
}

// TestKilled kills a process while it changes passwords, at moments that are left to chance and at the sight of a journal. No
// acknowledged change is lost, nothing is made that was not asked for, and the file stays whole. A hot journal that is left
// behind proves that a kill came in the middle of a commit.
func TestKilled(t *testing.T) {
	t.Parallel()
	path := newFile(t)
	journal := path + "-journal"
	const enough, most = 5, 1000
	kills, hits, late, last := 0, 0, 0, 0
	for ; kills < most && (kills < 20 || hits < enough); kills++ {
		p := start(t, "change", path, fromVariable+"="+strconv.Itoa(last))
		acknowledged := last
		note := func() bool {
			ok := p.lines.Scan()
			if ok {
				n, err := strconv.Atoi(p.lines.Text())
				require.NoError(t, err)
				require.Equal(t, acknowledged+1, n)
				acknowledged = n
			}
			return ok
		}
		for range 1 + rand.N(5) { //nolint:gosec // moments are no secret
			require.True(t, note(), "the process ended by itself")
		}
		if kills%2 == 0 {
			time.Sleep(rand.N(5 * time.Millisecond)) //nolint:gosec // as above
		} else {
			for deadline := time.Now().Add(200 * time.Millisecond); !isHot(journal) && time.Now().Before(deadline); {
			}
		}
		require.NoError(t, p.cmd.Process.Kill())
		for note() { // what it had written before
		}
		require.Error(t, p.cmd.Wait())

		hot := isHot(journal)
		if hot {
			hits++
		}
		store, closer, err := sqlitefile.OpenStore(t.Context(), path, sqlitefile.Write, quick())
		require.NoError(t, err)
		now, err := find(t.Context(), store, last)
		require.NoError(t, err)
		require.NoError(t, closer())
		if hot {
			assert.NoFileExists(t, journal, "who opens the file undoes what was not finished")
			assert.Equal(t, acknowledged, now)
		}
		require.Equal(t, "ok", pragma(t, path, "integrity_check"))
		require.GreaterOrEqual(t, now, acknowledged, "an acknowledged change is lost")
		require.LessOrEqual(t, now, acknowledged+1, "nobody asked for that")
		if now > acknowledged {
			late++
		}
		last = now
	}
	t.Logf("%d kills: %d in the middle of a commit, %d between a commit and its answer, %d changes", kills, hits, late, last)
	require.GreaterOrEqual(t, hits, enough, "of %d kills", kills)
}
