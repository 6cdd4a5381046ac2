package passwd_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// TestClientGone: who leaves is answered no earlier than who stays, wherever the attempt is when he leaves, and what is done
// is done.
func TestClientGone(t *testing.T) {
	t.Parallel()
	const floor, work = 500 * time.Millisecond, 100 * time.Millisecond
	var log strings.Builder
	for _, leaves := range []time.Duration{0, work / 2, 2 * work} {
		synctest.Test(t, func(t *testing.T) {
			service := newService(t, passwd.Config{
				Floor: floor, MaxConcurrent: 1,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
				Changer: changerFunc(func(ctx context.Context, _, current, _ string) error {
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(work):
						return onlyRight(ctx, "", current, "")
					}
				}),
			})
			for _, c := range []struct {
				current string
				status  int
				took    time.Duration
			}{{"wrong", http.StatusForbidden, floor}, {"right", http.StatusOK, work}} {
				ctx, leave := context.WithTimeout(t.Context(), leaves)
				start := time.Now()
				w := call(service, func(r *http.Request) { *r = *r.WithContext(ctx) }, form("user", "john@example.org", "curpass", c.current, "newpass", replacement))
				leave()
				assert.Equal(t, c.status, w.Code, "after %v", leaves)
				assert.GreaterOrEqual(t, time.Since(start), c.took, "after %v", leaves)
			}
			// In the queue, too: two places are taken.
			var done sync.WaitGroup
			for i := range 3 {
				done.Go(func() {
					ctx, leave := context.WithTimeout(t.Context(), leaves)
					defer leave()
					w := call(service, func(r *http.Request) { *r = *r.WithContext(ctx) }, form("user", fmt.Sprintf("u%d@example.org", i), "curpass", "right", "newpass", replacement))
					assert.Equal(t, http.StatusOK, w.Code)
				})
			}
			done.Wait()
		})
	}
	assert.Empty(t, log.String())
}

// TestHalfClose closes the client's side of a connection right after the request, which ends the context of the request in
// net/http. The answer does not come before the floor, which is far away.
func TestHalfClose(t *testing.T) {
	t.Parallel()
	verified := make(chan struct{})
	service := newService(t, passwd.Config{Floor: 10 * time.Second, Changer: changerFunc(func(context.Context, string, string, string) error {
		close(verified)
		return ispmail.ErrBadCredentials
	})})
	left := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		go func() {
			<-r.Context().Done() // net/http has seen it
			close(left)
		}()
		service.API().ServeHTTP(w, r)
	}))
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	require.NoError(t, err)
	_, err = fmt.Fprintf(conn, "POST /api/password HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", formType, len(good), good)
	require.NoError(t, err)
	require.NoError(t, conn.(*net.TCPConn).CloseWrite())
	<-verified
	<-left
	answered := make(chan struct{})
	go func() {
		_, _ = conn.Read(make([]byte, 1))
		close(answered)
	}()
	select {
	case <-answered:
		t.Error("the answer came although the floor is far away")
	case <-time.After(100 * time.Millisecond): // in which it would be there
	}
	require.NoError(t, conn.Close())
	server.Close() // which waits for the floor
}
