package redislimits_test

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits/redistest"
)

// patience is for tests that are not about time, on a machine that has other things to do.
const patience = time.Minute

const key = "the key of all instances"

func open(t *testing.T, url, key string, timeout time.Duration, log io.Writer) *redislimits.Limits {
	t.Helper()
	address, err := redislimits.ParseAddress(url)
	require.NoError(t, err)
	l := redislimits.New(redislimits.Config{Address: address, Key: []byte(key), Timeout: timeout, Logger: slog.New(slog.NewTextHandler(log, nil))})
	t.Cleanup(func() { assert.NoError(t, l.Close()) })
	return l
}

// several are limits that share a server.
func several(t *testing.T, server *redistest.Server, n int) (all []*redislimits.Limits) {
	t.Helper()
	for range n {
		l := open(t, server.URL(), key, patience, io.Discard)
		require.Nil(t, l.Problem())
		all = append(all, l)
	}
	return all
}

func bucket(name string) passwd.Bucket {
	return passwd.Bucket{Name: name, Burst: 5, Interval: time.Hour}
}

// take tells whether an attempt goes through, and which bucket stops it.
func take(t *testing.T, l *redislimits.Limits, buckets ...passwd.Bucket) (through bool, empty int, wait time.Duration) {
	t.Helper()
	wait, empty, err := l.Take(t.Context(), buckets)
	require.NoError(t, err)
	return wait == 0, empty, wait
}

// TestTakeTogether: exactly the burst goes through, however many ask at the same time.
func TestTakeTogether(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	for _, n := range []int{2, 3} {
		all := several(t, server, n)
		var through, stopped atomic.Int32
		var done sync.WaitGroup
		for i := range 500 {
			done.Go(func() {
				if ok, _, wait := take(t, all[i%n], bucket(strconv.Itoa(n))); ok {
					through.Add(1)
				} else if 0 < wait && wait <= time.Hour {
					stopped.Add(1)
				}
			})
		}
		done.Wait()
		assert.EqualValues(t, 5, through.Load(), "%d instances", n)
		assert.EqualValues(t, 495, stopped.Load(), "%d instances", n)
	}
}

// TestGive: what one gives back another can take, and nobody saves up more than the burst.
func TestGive(t *testing.T) {
	t.Parallel()
	all := several(t, redistest.Start(t), 2)
	john := bucket("john")
	for range 5 {
		ok, _, _ := take(t, all[0], john)
		require.True(t, ok)
	}
	ok, _, _ := take(t, all[1], john)
	require.False(t, ok)
	all[0].Give(t.Context(), []passwd.Bucket{john})
	ok, _, _ = take(t, all[1], john)
	require.True(t, ok)
	ok, _, _ = take(t, all[0], john)
	require.False(t, ok)
	for range 20 {
		all[0].Give(t.Context(), []passwd.Bucket{john})
	}
	for i := range 6 {
		ok, _, _ = take(t, all[1], john)
		assert.Equal(t, i < 5, ok, i)
	}
}

// TestAllOrNothing: one bucket without room stops the attempt, is named, and costs the others nothing.
func TestAllOrNothing(t *testing.T) {
	t.Parallel()
	l := several(t, redistest.Start(t), 1)[0]
	network, client, john := bucket("network"), bucket("client"), bucket("john")
	for range 5 {
		take(t, l, client)
	}
	for range 20 {
		ok, empty, _ := take(t, l, network, client, john)
		require.False(t, ok)
		require.Equal(t, 1, empty)
	}
	for _, b := range []passwd.Bucket{network, john} {
		for i := range 6 {
			ok, empty, _ := take(t, l, b)
			assert.Equal(t, i < 5, ok, "%s %d", b.Name, i)
			assert.Zero(t, empty)
		}
	}
}

// TestRefill: a bucket fills again by the clock of Redis, and then nothing of it is left there.
func TestRefill(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	l := several(t, server, 1)[0]
	quick := passwd.Bucket{Name: "john", Burst: 2, Interval: 300 * time.Millisecond}
	for range 2 {
		take(t, l, quick)
	}
	require.Eventually(t, func() bool { ok, _, _ := take(t, l, quick); return ok }, patience, 5*time.Millisecond)
	keys := func() []string {
		return slices.DeleteFunc(server.Client.Keys(t.Context(), "*").Val(), func(k string) bool { return strings.HasSuffix(k, ":key") })
	}
	require.Eventually(t, func() bool { return len(keys()) == 0 }, patience, 5*time.Millisecond)

	// An attempt that is given back leaves nothing at once.
	take(t, l, bucket("jane"))
	require.Len(t, keys(), 1)
	l.Give(t.Context(), []passwd.Bucket{bucket("jane")})
	assert.Empty(t, keys())
}

// TestNames: Redis holds neither names nor anything for longer than a bucket needs, and another key makes other names.
func TestNames(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	names := map[string]bool{}
	for i, key := range []string{key, "another key of instances"} {
		l := open(t, server.URL(), key, patience, io.Discard)
		for range 3 {
			take(t, l, bucket("api john@example.org"), bucket("client 192.0.2.1"))
		}
		keys := server.Client.Keys(t.Context(), "*").Val()
		assert.Len(t, keys, 2*(i+1)+1)
		for _, k := range keys {
			names[k] = true
			assert.Regexp(t, `^ispmail-passwd:\{limits\}:([\w-]{22}|key)$`, k)
			ttl := server.Client.PTTL(t.Context(), k).Val()
			assert.Positive(t, ttl, k)
			assert.LessOrEqual(t, ttl, 3*time.Hour, k)
			value := server.Client.Get(t.Context(), k).Val()
			assert.NotContains(t, value, "john")
			assert.NotContains(t, value, "key of")
		}
	}
	assert.Len(t, names, 5)
}

// TestOtherKey: instances with different keys share nothing, and say so.
func TestOtherKey(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	var log strings.Builder
	first := several(t, server, 2)
	other := open(t, server.URL(), "another key of instances", patience, &log)
	problem := other.Problem()
	require.NotNil(t, problem)
	assert.EqualError(t, problem, "another instance has another --limits-key-file")
	assert.Contains(t, log.String(), "the limits are not shared")
	assert.Nil(t, first[1].Problem())
	for range 5 {
		ok, _, _ := take(t, other, bucket("john"))
		assert.True(t, ok, "those with this key go on to share")
	}
	ok, _, _ := take(t, other, bucket("john"))
	assert.False(t, ok)
}

// TestClock: the clock is that of Redis. No instance sends its own, so that it does not matter if they differ.
func TestClock(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	l := several(t, server, 1)[0]
	conn, err := net.Dial("unix", server.Socket)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	_, err = io.WriteString(conn, "MONITOR\r\n")
	require.NoError(t, err)
	monitor := bufio.NewScanner(conn)
	require.True(t, monitor.Scan())
	// commands are what an instance sends, without the time at which it came.
	commands := func() (sent []string) {
		ok, _, _ := take(t, l, bucket("john"))
		require.True(t, ok)
		l.Give(t.Context(), []passwd.Bucket{bucket("john")})
		require.NoError(t, server.Client.Echo(t.Context(), "end").Err())
		for monitor.Scan() {
			_, command, _ := strings.Cut(monitor.Text(), "] ")
			switch {
			case strings.HasPrefix(command, `"echo"`):
				return sent
			case strings.HasPrefix(command, `"evalsha"`):
				sent = append(sent, command)
			}
		}
		return nil
	}
	commands() // which sends the scripts
	first := commands()
	require.Len(t, first, 2, "one question each")
	time.Sleep(2 * time.Millisecond)
	assert.Equal(t, first, commands())

	// The clock of Redis is set back: nobody waits for longer than an empty bucket takes.
	take(t, l, bucket("john"))
	for _, k := range server.Client.Keys(t.Context(), "*").Val() {
		if !strings.HasSuffix(k, ":key") {
			ahead := time.Now().Add(1000 * time.Hour).UnixMicro()
			require.NoError(t, server.Client.Set(t.Context(), k, fmt.Sprint(ahead), 0).Err())
		}
	}
	ok, _, wait := take(t, l, bucket("john"))
	assert.False(t, ok)
	assert.LessOrEqual(t, wait, time.Hour)
}

// replyError is an error that Redis has sent.
type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

// TestExplain finds the reason also where a Redis before 7 has put words around it, and repeats nothing else of the answer.
func TestExplain(t *testing.T) {
	t.Parallel()
	for reply, want := range map[string]string{
		"READONLY You can't write against a read only replica. canary":                                                                        "Redis takes no writes: READONLY",
		"ERR Error running script (call to f_0): @user_script:18: @user_script: 18: -READONLY You can't write against a read only replica.":   "Redis takes no writes: READONLY",
		"ERR Error running script (call to f_0): @user_script:18: @user_script: 18: -OOM command not allowed when used memory > 'maxmemory'.": "Redis takes no writes: OOM",
		"ERR canary": "Redis refuses the limits: ERR",
	} {
		assert.EqualError(t, redislimits.Explain(replyError(reply)), want)
	}
}
