package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestMemoryUnderAttack runs the service within the limits of its unit, with rows that take much memory, and 200 attempts at once:
// it is never killed, and others change their passwords meanwhile. With -full it does so for 1, 2, 4 and 8 processors, and also with
// the costliest rows that are accepted.
func TestMemoryUnderAttack(t *testing.T) {
	image := containerImage(t) // and not in parallel: others would find no processor
	binary := build(t)
	rows := map[string]string{
		// As doveadm pw makes them.
		"64 MiB": "{ARGON2ID}$argon2id$v=19$m=65536,t=3,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	}
	processors := []int{4}
	if *full {
		processors = []int{1, 2, 4, 8}
		rows["128 MiB"] = "{ARGON2ID}$argon2id$v=19$m=131072,t=8,p=1$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	}
	for name, row := range rows {
		hasher, err := (&command.Hashing{Scheme: "SHA256-CRYPT", MaxMemory: maxMemory}).Hasher()
		require.NoError(t, err)
		_, err = hasher.Inspect(row)
		require.NoError(t, err, "the row is accepted")
		for _, n := range processors {
			t.Run(fmt.Sprintf("%s, %d processors", name, n), func(t *testing.T) { attackMemory(t, image, binary, row, n) })
		}
	}
}

// build returns the command as the package has it: without a library, so that it runs in any container.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "ispmail-passwd")
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", binary, ".") //nolint:gosec // no input
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	output, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", output)
	return binary
}

func attackMemory(t *testing.T, image, binary, row string, processors int) {
	const attackers = 200
	db := mariaDB(t)
	db.Example(t)
	for i := range attackers {
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", fmt.Sprintf("u%d@example.org", i), row)
	}
	p, ctr := startLimited(t, image, binary, db.DSN, processors)
	page := await(t, &p.stderr, `page=(\S+)`)

	attack := func(send func(i int) (int, error)) map[int]int {
		answers := map[int]int{}
		var mu sync.Mutex
		var done sync.WaitGroup
		for i := range attackers {
			done.Go(func() {
				status, err := send(i)
				mu.Lock()
				defer mu.Unlock()
				if assert.NoError(t, err) {
					answers[status]++
				}
			})
		}
		done.Wait()
		return answers
	}
	guess := func(address string, i int) (int, error) {
		r, err := http.NewRequest(http.MethodPost, address, strings.NewReader(url.Values{
			"user": {fmt.Sprintf("u%d@example.org", i)}, "curpass": {"guess"}, "newpass": {"a long enough secret"}, "repeat": {"a long enough secret"},
		}.Encode()))
		if err != nil {
			return 0, err
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if address == page {
			r.Header.Set("Sec-Fetch-Site", "same-origin")
			r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.0.%d", i))
		}
		response, err := once.Do(r)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, response.Body)
		return response.StatusCode, errors.Join(err, response.Body.Close())
	}

	// The page is attacked while somebody uses the webmail.
	attacked := make(chan map[int]int, 1)
	go func() {
		attacked <- attack(func(i int) (int, error) { return guess(page, i) })
	}()
	var onPage map[int]int
	current, changes := ispmailtest.Password, 0
	for onPage == nil {
		next := fmt.Sprintf("a long enough secret %d", changes)
		status, body := p.change(t, "john@example.org", current, next)
		require.Equal(t, http.StatusOK, status, body)
		current, changes = next, changes+1
		select {
		case onPage = <-attacked:
		default:
		}
	}
	// Then the API itself, by somebody on the machine.
	onAPI := attack(func(i int) (int, error) { return guess(p.url, i) })
	for _, answers := range []map[int]int{onPage, onAPI} {
		assert.Equal(t, attackers, answers[http.StatusForbidden]+answers[http.StatusServiceUnavailable], "%v", answers)
	}
	status, body := p.change(t, "john@example.org", current, "the last long enough secret")
	assert.Equal(t, http.StatusOK, status, body)

	state, err := ctr.State(t.Context())
	require.NoError(t, err)
	assert.True(t, state.Running && !state.OOMKilled, "%+v", state)
	peak, err := runIn(t.Context(), ctr, "cat /sys/fs/cgroup/memory.peak /sys/fs/cgroup/memory/memory.max_usage_in_bytes 2>/dev/null")
	require.NoError(t, err)
	bytesUsed, err := strconv.Atoi(strings.TrimSpace(peak))
	require.NoError(t, err)
	assert.Greater(t, bytesUsed>>20, maxMemory>>10, "passwords were verified, as many as fit") // in time or not
	t.Logf("page %v, API %v, %d changes meanwhile, at most %d MiB", onPage, onAPI, changes, bytesUsed>>20)
}

// startLimited runs the command in a container with the figures of the unit, on the network of this machine.
func startLimited(t *testing.T, image, binary, dsn string, processors int) (*process, testcontainers.Container) {
	t.Helper()
	unit, err := os.ReadFile("../../../examples/deployment/usr/lib/systemd/system/ispmail-passwd.service")
	require.NoError(t, err)
	figure := func(pattern string) int64 {
		found := regexp.MustCompile(pattern).FindSubmatch(unit)
		require.NotNil(t, found, pattern)
		n, err := strconv.ParseInt(string(found[1]), 10, 64)
		require.NoError(t, err)
		return n
	}
	ctr, err := testcontainers.Run(
		t.Context(), image,
		testcontainers.WithFiles(testcontainers.ContainerFile{HostFilePath: binary, ContainerFilePath: "/ispmail-passwd", FileMode: 0o755}),
		testcontainers.WithEnv(map[string]string{
			"GOMEMLIMIT": fmt.Sprintf("%dMiB", figure(`(?m)^Environment=GOMEMLIMIT=(\d+)MiB$`)), "GOMAXPROCS": strconv.Itoa(processors),
			"ISPMAIL_PASSWD_DSN": dsn,
		}),
		testcontainers.WithEntrypoint("timeout", "10m", "/ispmail-passwd", anyPort, "--listen=127.0.0.1:0", "--trusted-proxy=127.0.0.1"),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.NetworkMode = "host" // where the database of the tests is
			host.Memory = figure(`(?m)^MemoryMax=(\d+)M$`) << 20
			host.MemorySwap = host.Memory // no swap
			tasks := figure(`(?m)^TasksMax=(\d+)$`)
			host.PidsLimit = &tasks
			host.NanoCPUs = int64(min(processors, runtime.NumCPU())) * 1e9
		}),
	)
	t.Cleanup(func() { _ = testcontainers.TerminateContainer(ctr) })
	require.NoError(t, err)
	p := &process{client: once}
	require.Eventually(t, func() bool {
		log, err := ctr.Logs(t.Context())
		if err != nil {
			return false
		}
		defer func() { _ = log.Close() }()
		text, err := io.ReadAll(log)
		if err != nil || !bytes.Contains(text, []byte("database opened")) {
			return false
		}
		_, err = p.stderr.Write(text)
		return err == nil
	}, 2*time.Minute, 100*time.Millisecond)
	p.url = await(t, &p.stderr, `api=(\S+)`) + "/api/password"
	return p, ctr
}
