package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// soak is for how long TestSoak loads the service. Its faults come in proportion.
var soak = flag.Duration("soak", 10*time.Second, "how long TestSoak takes; the promise is about 20m")

// How often TestSoak has its faults; a short run has each of them three times.
const (
	reloadEvery = 10 * time.Second
	killEvery   = time.Minute
	stallEvery  = 30 * time.Second
	stallFor    = 5 * time.Second
)

const (
	changesPerSecond = 50
	guessesPerSecond = 200
)

// TestSoak uses and attacks the service with a real MariaDB, while its secrets are reloaded, the database is killed, and nobody
// reads its log. Each verdict is compared with the row, each limit with what it let through, and in the end the service has no more
// goroutines, files and memory than at the start. It takes -soak, which is a few seconds among the other tests.
func TestSoak(t *testing.T) {
	db := newKillable(t, *soak+10*time.Minute)
	secrets := write(t, soakSecret)
	s := startSoaked(t, "--secret-file="+secrets, dsnFile(t, db.DSN))
	people := newPeople(t, db, s)
	people.warmUp(t)
	before := s.settle(t, steady())

	ctx, end := context.WithTimeout(t.Context(), *soak)
	defer end()
	every := func(interval time.Duration, do func(n int)) func() {
		interval = min(interval, *soak/4)
		return func() {
			ticker := time.NewTicker(interval)
			defer ticker.Stop()
			for n := 1; ; n++ {
				select {
				case <-ticker.C:
					do(n)
				case <-ctx.Done():
					return
				}
			}
		}
	}
	var kills, reloads int
	var faults sync.WaitGroup
	faults.Go(every(reloadEvery, func(n int) {
		content := soakSecret // which counts all the time
		if n%2 == 1 {
			content = "the other secret of roundcube\n" + soakSecret
		}
		assert.NoError(t, os.WriteFile(secrets, []byte(content), 0o600))
		assert.NoError(t, s.cmd.Process.Signal(syscall.SIGHUP))
		reloads++
	}))
	faults.Go(every(killEvery, func(int) {
		assert.NoError(t, db.signal(context.WithoutCancel(ctx), "KILL"))
		kills++
	}))
	faults.Go(every(stallEvery, func(int) {
		s.reading.Lock()
		defer s.reading.Unlock()
		time.Sleep(min(stallFor, *soak/10))
	}))
	people.live(ctx, t)
	faults.Wait()

	people.check(t)
	mostHeap := before.heap + before.heap/4 + 1<<20 // what lives on it, with what is seldom used
	after := s.settle(t, func(f figures) bool {
		return f.goroutines <= before.goroutines && f.files <= before.files && f.heap <= mostHeap
	})
	t.Logf("%v: %d reloads, %d kills; %v; at the start %v, at the end %v", *soak, reloads, kills, people, before, after)
	assert.LessOrEqual(t, after.goroutines, before.goroutines)
	assert.LessOrEqual(t, after.files, before.files)
	assert.LessOrEqual(t, after.heap, mostHeap)
	assert.Positive(t, kills)
	assert.Positive(t, reloads)

	require.NoError(t, s.cmd.Process.Signal(syscall.SIGTERM))
	s.finished.Wait()
	require.NoError(t, s.cmd.Wait(), "it ends as ever")
	log := s.log.String()
	for _, text := range []string{"reloaded the secrets", "the database is not available"} {
		assert.True(t, strings.Contains(log, text), "the log has nothing of: %s", text) // which is too long to be shown
	}
	for _, text := range []string{soakSecret, "$5$", "a long enough secret", ispmailtest.Password, "wrong guess", "panic", "goroutine"} {
		assert.False(t, strings.Contains(log, text), "the log has: %s", text)
	}
}

const soakSecret = "the secret of roundcube"

// once is a client whose connections end with the answer, so that they are none of the figures, and the server does not close one
// while a request is on its way.
var once = &http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true}}

// A soaked is a process of the service whose log is read, or not.
type soaked struct {
	cmd                *exec.Cmd
	log                *output
	reading            sync.Mutex // held while nobody reads the log
	finished           sync.WaitGroup
	api, page, metrics string
}

func startSoaked(t *testing.T, args ...string) *soaked {
	t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	t.Cleanup(func() { _ = reader.Close() })
	args = append([]string{anyPort, "--listen=127.0.0.1:0", "--trusted-proxy=127.0.0.1", "--metrics-listen=127.0.0.1:0", "--log-level=debug"}, args...)
	cmd, _ := inheriting(t, "", nil, args...)
	cmd.Stderr = writer
	require.NoError(t, cmd.Start())
	require.NoError(t, writer.Close())
	s := &soaked{cmd: cmd, log: &output{}}
	s.finished.Go(func() {
		lines := bufio.NewReader(reader)
		for {
			line, err := lines.ReadString('\n')
			s.reading.Lock() // or wait
			_, _ = s.log.Write([]byte(line))
			s.reading.Unlock()
			if err != nil {
				return
			}
		}
	})
	await(t, s.log, "database opened")
	s.api = await(t, s.log, `api=(\S+)`) + "/api/password"
	s.page = await(t, s.log, `page=(\S+)`)
	s.metrics = await(t, s.log, `metrics=(\S+)`) + "/metrics"
	return s
}

// figures are what a process holds.
type figures struct {
	goroutines, files int
	heap              int     // bytes that live on it
	resident          int     // KiB
	collected         float64 // when the garbage was, in Unix time
}

func (f figures) String() string {
	return fmt.Sprintf("%d goroutines, %d files, %d KiB on the heap, %d KiB resident", f.goroutines, f.files, f.heap>>10, f.resident)
}

// settle returns the figures of the process as soon as they are as they should be, or after a time whatever they are:
// connections that nobody uses are closed after some seconds, those to the database after a minute.
func (s *soaked) settle(t *testing.T, enough func(figures) bool) (f figures) {
	t.Helper()
	deadline := time.Now().Add(150 * time.Second)
	for {
		start := float64(time.Now().UnixNano()) / 1e9
		for f = s.figures(t); f.collected < start && time.Now().Before(deadline); f = s.figures(t) { // which allocates: the collector comes soon
		}
		if enough(f) || time.Now().After(deadline) {
			return f
		}
		time.Sleep(time.Second)
	}
}

// steady tells whether figures are those of the last time.
func steady() func(figures) bool {
	var last figures
	return func(f figures) bool {
		same := f.goroutines == last.goroutines && f.files == last.files
		last = f
		return same
	}
}

func (s *soaked) figures(t *testing.T) (f figures) {
	t.Helper()
	response, err := once.Get(s.metrics)
	require.NoError(t, err)
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	metric := func(name string) float64 {
		found := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindSubmatch(text)
		require.NotNil(t, found, name)
		value, err := strconv.ParseFloat(string(found[1]), 64)
		require.NoError(t, err)
		return value
	}
	f.goroutines = int(metric("go_goroutines"))
	f.heap = int(metric("go_memstats_next_gc_bytes")) / 2 // with GOGC=100 it comes when as much again has been allocated
	f.collected = metric("go_memstats_last_gc_time_seconds")
	proc := fmt.Sprintf("/proc/%d/", s.cmd.Process.Pid)
	files, err := os.ReadDir(filepath.Join(proc, "fd"))
	require.NoError(t, err)
	f.files = len(files)
	status, err := os.ReadFile(filepath.Join(proc, "status")) //nolint:gosec // of our own process
	require.NoError(t, err)
	for line := range strings.Lines(string(status)) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			_, _ = fmt.Sscan(rest, &f.resident)
		}
	}
	return f
}
