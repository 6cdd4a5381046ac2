package admin_test

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
)

// dear returns a stored password that takes some MiB to verify.
func dear(t *testing.T, memory int) ispmail.Secret {
	t.Helper()
	hasher, err := hash.New(hash.Config{Scheme: "ARGON2ID", Memory: memory << 10, Rounds: 1})
	require.NoError(t, err)
	text, err := hasher.Generate(password)
	require.NoError(t, err)
	return ispmail.NewSecret(text)
}

// TestLoginCost measures what a refused login costs by the memory that ARGON2ID takes: it is what the dearest administrator costs,
// whoever it is about. It is not parallel, because it counts what the process allocates.
func TestLoginCost(t *testing.T) { //nolint:paralleltest // see above
	const memory = 32
	s := newSite(t)
	locked := ispmail.NewSecret(new(hash.Hasher).Lock(stored.Reveal()))
	for name, stored := range map[string]ispmail.Secret{"dear": dear(t, memory), "locked": locked} {
		_, err := admin.SetAdministrator(s.file, admin.Administrator{Name: name, Stored: stored})
		require.NoError(t, err)
	}
	v := s.visitor()
	cost := func(name string) float64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.Equal(t, http.StatusForbidden, v.post("/login", "name", name, "password", "wrong", "next", "/").Code, name)
		runtime.ReadMemStats(&after)
		return float64(after.TotalAlloc-before.TotalAlloc) / (1 << 20)
	}
	cost("first") // which measures
	assert.Contains(t, s.log.String(), `msg="wrong logins are answered at another time, because of the stored passwords of the administrators" scheme=ARGON2ID`)
	for _, name := range []string{"alice", "mia", "dear", "locked", "nobody"} {
		got := cost(name)
		assert.Greater(t, got, memory*0.9, name)
		assert.Less(t, got, memory*1.5, "%s: once, and not twice", name)
	}
	require.NoError(t, admin.RemoveAdministrator(s.file, "dear"))
	cost("second")
	assert.Less(t, cost("somebody"), memory*0.5, "it follows the file")
}

// TestOneBudget: the page verifies with the Hasher of its Config, whose budget is that of the store.
func TestOneBudget(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	_, err := admin.SetAdministrator(s.file, admin.Administrator{Name: "alice", Stored: dear(t, 4)})
	require.NoError(t, err)
	for memory, want := range map[int]int{2: http.StatusForbidden, 4: http.StatusSeeOther} {
		hasher, err := hash.New(hash.Config{MaxMemory: memory << 10})
		require.NoError(t, err)
		s.page, err = admin.New(admin.Config{
			Store: func() (*ispmail.Store, error) { return s.store, nil }, Administrators: admin.NewFile(s.file).Administrators, Hasher: hasher, Floor: 1,
			Logger: slog.New(slog.NewTextHandler(s.log, nil)),
		})
		require.NoError(t, err)
		assert.Equal(t, want, s.visitor().post("/login", "name", "alice", "password", password, "next", "/").Code, "%d MiB", memory)
	}
	assert.Contains(t, s.log.String(), `msg="the stored password of an administrator cannot be verified" administrator=alice`)
	_, err = admin.SetAdministrator(s.file, admin.Administrator{Name: "huge", Stored: ispmail.NewSecret("{ARGON2ID}$argon2id$v=19$m=262144,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")})
	require.ErrorContains(t, err, "takes too long or more than 128 MiB to verify")
}

// TestRefusedLogins: what strangers ask for without end has two lines in ten seconds, and wrong passwords have a line each.
func TestRefusedLogins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	v := s.as("mia")
	stranger := s.visitor()
	login := func() int { return stranger.post("/login", "name", "alice", "password", "wrong", "next", "/").Code }
	wrong := 0
	for login() == http.StatusForbidden {
		wrong++
	}
	for range 50 {
		require.Equal(t, http.StatusTooManyRequests, login())
	}
	require.NoError(t, os.Remove(s.file))
	for range 50 {
		require.Equal(t, http.StatusServiceUnavailable, login())
		require.Equal(t, http.StatusSeeOther, v.get("/").Code)
	}
	require.NoError(t, os.WriteFile(s.file, []byte("bob\n"), 0o600)) // another fault has another line
	require.Equal(t, http.StatusServiceUnavailable, login())
	ctx, stop := context.WithCancel(t.Context())
	stop()
	s.page.Run(ctx) // whose end sums up
	for line, want := range map[string]int{
		"reason=bad-credentials":                   wrong,
		`msg="an administrator was not let in"`:    wrong + 1,
		`msg="the administrators cannot be read`:   2,
		`msg="more requests were refused"`:         2,
		"refused\" reason=limited count=50\n":      1,
		"refused\" reason=unavailable count=99\n":  1,
		`msg="an administrator has logged in" adm`: 1,
	} {
		assert.Equal(t, want, strings.Count(s.log.String(), line), "%s in %s", line, s.log)
	}
}
