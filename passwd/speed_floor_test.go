package passwd_test

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
)

var pairs = flag.Int("pairs", 400, "how many attempts of each class TestSpeedDearest compares with attempts for unknown users")

// TestSpeedDearest measures as TestSpeedTellsNothing does, in a table whose dearest value takes longer than the default
// floor on a busy machine, with the floor that ispmail-passwd sets then: over TCP, with clients that close their side of
// the connection, and with all processors busy. It takes an hour.
func TestSpeedDearest(t *testing.T) {
	needBench(t)
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	classes := map[string]string{
		"unknown":      "",
		"sha256-crypt": "{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
		"plain-md5":    "{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd",
		"locked":       "{CRYPT}!{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
		"malformed":    "{SHA256-CRYPT}nothing",
	}
	for class, config := range map[string]hash.Config{
		"bcrypt-10": {Scheme: "BLF-CRYPT"}, "bcrypt-12": {Scheme: "BLF-CRYPT", Cost: 12}, "argon2id-65536": {Scheme: "ARGON2ID", Memory: 65536, Rounds: 3},
	} {
		hasher, err := hash.New(config)
		require.NoError(t, err)
		classes[class], err = hasher.Generate("summerwind")
		require.NoError(t, err)
	}
	for class, stored := range classes {
		for i := range *pairs {
			if stored != "" {
				db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", fmt.Sprintf("%s-%d@example.org", class, i), stored)
			}
		}
	}
	hasher, err := hash.New(hash.Config{MaxMemory: 128 << 10})
	require.NoError(t, err)
	for _, mode := range []string{"idle", "client closes its side", "all processors busy"} {
		t.Run(mode, func(t *testing.T) {
			store := db.Store(t, ispmail.Config{Hasher: hasher})
			if mode == "all processors busy" {
				for range runtime.NumCPU() {
					loop := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
					require.NoError(t, loop.Start())
					t.Cleanup(func() { _ = loop.Wait() })
				}
			}
			_, err := store.AdaptDecoy(t.Context())
			require.NoError(t, err)
			took := time.Duration(math.MaxInt64)
			for range 3 {
				start := time.Now()
				require.NoError(t, store.VerifyDecoy(t.Context()))
				took = min(took, time.Since(start))
			}
			floor := max(500*time.Millisecond, min(3*took, 2*time.Second)) // as in ispmail-passwd
			t.Logf("floor %v, %s", floor, mode)
			server := httptest.NewServer(newService(t, passwd.Config{Changer: store, Floor: floor}).API())
			defer server.Close()
			closeAfter := stayOpen
			if mode == "client closes its side" {
				closeAfter = 12 * time.Millisecond
			}
			times := measureClasses(t, server.Listener.Addr().String(), classes, closeAfter)
			for class, measured := range times {
				if class == "unknown" {
					continue
				}
				auc := areaUnderCurve(measured, times["unknown"])
				t.Logf("%-14s against unknown: median %+.1f ms, AUC %.3f (0.44 to 0.56)", class, (median(measured)-median(times["unknown"]))/1000, auc)
				if mode == "idle" || class == "sha256-crypt" || class == "bcrypt-12" {
					assert.InDelta(t, 0.5, auc, 0.06, "%s, %s", class, mode)
				}
			}
		})
	}
}

// measureClasses returns the microseconds that attempts for users of each class take, two at a time.
func measureClasses(t *testing.T, address string, classes map[string]string, closeAfter time.Duration) map[string][]float64 {
	t.Helper()
	names := make([]string, 0, len(classes))
	for class := range classes {
		names = append(names, class)
	}
	times := map[string][]float64{}
	var mu sync.Mutex
	var lanes sync.WaitGroup
	for lane := range 2 {
		lanes.Go(func() {
			for i := lane; i < *pairs; i += 2 {
				for j := range names {
					class := names[(i+j)%len(names)] // each comes first as often as any other
					start := time.Now()
					status, err := attempt(t.Context(), address, fmt.Sprintf("%s-%d@example.org", class, i), closeAfter)
					took := float64(time.Since(start).Microseconds())
					if !assert.NoError(t, err) || !assert.Equal(t, http.StatusForbidden, status) {
						return
					}
					mu.Lock()
					times[class] = append(times[class], took)
					mu.Unlock()
				}
			}
		})
	}
	lanes.Wait()
	return times
}

// stayOpen is for an attempt that does not close its side of the connection.
const stayOpen time.Duration = -1

// attempt sends a wrong password and returns the status of the answer. It closes the client's side of the connection some
// time after the request.
func attempt(ctx context.Context, address, email string, closeAfter time.Duration) (status int, err error) {
	var dialer net.Dialer
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return 0, err
	}
	defer func() { _ = connection.Close() }()
	body := form("user", email, "curpass", "wintermoon", "newpass", replacement)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/api/password", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", formType)
	if err := request.Write(connection); err != nil {
		return 0, err
	}
	if closeAfter != stayOpen {
		time.Sleep(closeAfter)
		if err := connection.(*net.TCPConn).CloseWrite(); err != nil { //nolint:forcetypeassert // of the network tcp
			return 0, err
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
