package passwd_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

// together are SharedLimits in memory that count what is charged, and neither forget nor let through more in time.
type together struct {
	mu      sync.Mutex
	charged map[string]int
	taken   [][]passwd.Bucket
	err     error
}

func (s *together) Take(_ context.Context, buckets []passwd.Bucket) (time.Duration, int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = append(s.taken, slices.Clone(buckets))
	if s.err != nil {
		return 0, 0, s.err
	}
	for i, b := range buckets {
		if s.charged[b.Name] >= b.Burst {
			return 77 * time.Second, i, nil
		}
	}
	for _, b := range buckets {
		s.charged[b.Name]++
	}
	return 0, 0, nil
}

func (s *together) Give(_ context.Context, buckets []passwd.Bucket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range buckets {
		s.charged[b.Name]--
	}
}

// instances are services that share limits.
func instances(t *testing.T, n int) ([]*passwd.Service, *together) {
	t.Helper()
	shared := &together{charged: map[string]int{}}
	var services []*passwd.Service
	for range n {
		services = append(services, newService(t, passwd.Config{Changer: onlyRight, SharedLimits: shared}))
	}
	return services, shared
}

// TestSharedBuckets: what an attempt is charged to, the widest network first and the account last.
func TestSharedBuckets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		services, shared := instances(t, 1)
		onAPI(services[0], "John@Example.org", "wrong", replacement)
		onPage(services[0], "192.0.2.1", "JOHN@example.org", "wrong", replacement)
		onPage(services[0], "[2001:db8:1:2345::6]", "john@example.org", "wrong", replacement)
		trusting := newService(t, passwd.Config{Changer: onlyRight, SharedLimits: shared, Secrets: []string{secret}})
		call(trusting, func(r *http.Request) {
			withSecret(r)
			r.Header.Set("X-Forwarded-For", "192.0.2.7")
		}, good)
		onAPI(services[0], "john@example.org", "wrong", "short") // costs nothing, and asks nobody
		account := func(channel string) passwd.Bucket {
			return passwd.Bucket{Name: channel + " account john@example.org", Burst: 5, Interval: 3 * time.Minute}
		}
		assert.Equal(t, [][]passwd.Bucket{
			{account("api")},
			{{Name: "page client 192.0.2.1", Burst: 20, Interval: 30 * time.Second}, account("page")},
			{
				{Name: "page client 2001:db8:1::/48", Burst: 160, Interval: 3750 * time.Millisecond},
				{Name: "page client 2001:db8:1:2300::/56", Burst: 40, Interval: 15 * time.Second},
				{Name: "page client 2001:db8:1:2345::/64", Burst: 20, Interval: 30 * time.Second},
				account("page"),
			},
			{{Name: "api client 192.0.2.7", Burst: 20, Interval: 30 * time.Second}, account("api")},
		}, shared.taken)
	})
}

// TestSharedAccount: two instances let five guesses through, each channel apart, and none for what others have guessed.
func TestSharedAccount(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		services, shared := instances(t, 2)
		for i := range 5 {
			require.Equal(t, http.StatusForbidden, onAPI(services[i%2], "john@example.org", "wrong", replacement))
		}
		for _, s := range services {
			w := post(s, formType, form("user", "john@example.org", "curpass", "right", "newpass", replacement))
			assert.Equal(t, http.StatusTooManyRequests, w.Code)
			assert.Equal(t, "77", w.Header().Get("Retry-After"))
			assert.Equal(t, http.StatusOK, onPage(s, "192.0.2.1", "john@example.org", "right", replacement), "the other channel")
		}
		assert.Equal(t, map[string]int{"api account john@example.org": 5, "page account john@example.org": 0, "page client 192.0.2.1": 0}, shared.charged, "a right password costs nothing")

		// Refused together is charged nowhere: alone, each instance lets through what is left of its own five.
		shared.err = errors.New("away")
		for i, left := range []int{2, 3} {
			for range left {
				assert.Equal(t, http.StatusForbidden, onAPI(services[i], "john@example.org", "wrong", replacement), "instance %d", i)
			}
			assert.Equal(t, http.StatusTooManyRequests, onAPI(services[i], "john@example.org", "right", replacement), "instance %d", i)
		}
		// What they would refuse alone, they refuse without a question.
		asked := len(shared.taken)
		shared.err = nil
		onAPI(services[0], "john@example.org", "right", replacement)
		assert.Len(t, shared.taken, asked)
	})
}

// TestSharedClient: what a client has guessed counts everywhere. It is charged for asking when the account has to wait, and not
// when it has to wait itself.
func TestSharedClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		services, shared := instances(t, 2)
		for i := range 20 {
			require.Equal(t, http.StatusForbidden, onPage(services[i%2], "192.0.2.1", fmt.Sprintf("u%d@example.org", i), "wrong", replacement))
		}
		for range 40 {
			assert.Equal(t, http.StatusTooManyRequests, onPage(services[0], "192.0.2.1", "jane@example.org", "right", replacement))
		}
		shared.charged["page client 192.0.2.1"] = 0
		assert.Equal(t, http.StatusOK, onPage(services[0], "192.0.2.1", "jane@example.org", "right", replacement), "asking has cost nothing")

		shared.charged["page account jane@example.org"] = 5
		asked := len(shared.taken)
		for range 40 {
			assert.Equal(t, http.StatusTooManyRequests, onPage(services[1], "192.0.2.2", "jane@example.org", "right", replacement))
		}
		assert.Len(t, shared.taken, asked+20, "then it has to wait here")
	})
}
