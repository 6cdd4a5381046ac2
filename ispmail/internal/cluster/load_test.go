package cluster_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/cluster"
)

// load is for how long TestLoad loads two instances of the service.
var load = flag.Duration("load", 2*time.Minute, "how long TestLoad takes; the promise is about 20m")

const (
	loseEvery = 30 * time.Second
	loadUsers = 40
	perSecond = 10 // changes that begin, on each instance
)

// TestLoad runs two instances of the service, as built, one with HAProxy as the page on clusters has it, one with a DSN
// that names all nodes. People change their passwords while a node is killed, stopped or cut off every 30 seconds. Others guess
// passwords, and the instances share their limits through a Redis, which is killed and comes back with nothing.
func TestLoad(t *testing.T) {
	c := start(t)
	w := newWorld(t, c)
	binary := filepath.Join(t.TempDir(), "ispmail-passwd")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "github.com/ispmail/go-ispmail/passwd/cmd/ispmail-passwd") //nolint:gosec // the service
	output, err := build.CombinedOutput()
	require.NoError(t, err, "%s", output)
	redis := &redis{address: cluster.FreeAddress(t)}
	redis.run(t)
	t.Cleanup(redis.kill)
	instances := []*instance{
		startInstance(t, binary, c.Proxy(t, cluster.OneWriter).DSN(w.name), redis),
		startInstance(t, binary, c.DSN(w.name), redis),
	}
	var people []*person
	store := w.store(t, 0)
	for i := range loadUsers {
		p := newPerson(fmt.Sprintf("user%d@example.org", i))
		w.addUser(t, store, p.email)
		people = append(people, p)
	}
	for _, phase := range guessPhases {
		for n := range guessedAccounts {
			w.addUser(t, store, guessedAccount(phase.name, n))
		}
	}

	ctx, end := context.WithTimeout(t.Context(), *load)
	defer end()
	var done sync.WaitGroup
	for i, instance := range instances {
		ticker := time.NewTicker(time.Second / perSecond)
		t.Cleanup(ticker.Stop)
		done.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-ticker.C:
					// Each person comes to both instances in turn.
					p := people[(2*n+i*(1+n/loadUsers))%loadUsers]
					done.Go(func() { p.change(instance.change(t)) })
				case <-ctx.Done():
					return
				}
			}
		})
	}
	attack := &attack{redis: redis, instances: instances}
	done.Go(func() { attack.run(ctx, t) })
	lost := map[string]int{}
	for n := 0; time.Until(deadline(ctx)) > loseEvery; n++ {
		next := time.After(loseEvery)
		loss, node := losses[n%len(losses)], c.Nodes[rand.N(len(c.Nodes))] //nolint:gosec // any node
		if n%2 == 0 {
			node = c.Nodes[0] // as a rule, where everything goes
		}
		loss.lose(t, node)
		lost[loss.name]++
		time.Sleep(lostFor)
		loss.back(t, node, n/len(losses))
		c.Await(t)
		<-next
	}
	<-ctx.Done()
	done.Wait()
	n := judge(t, w, people)
	report(t, "two instances, %v, nodes lost: %v | %v", *load, lost, n)
	report(t, "guesses at %d accounts through both instances | %d came through, exactly as many as may together at %d accounts, in %d comparisons | of %d attempts while Redis was there, %d were counted alone",
		attack.accounts, attack.through, attack.exact, attack.compared, attack.attempts, attack.alone)
	assert.Zero(t, n.wrong)
	assert.Positive(t, n.done)
	assert.Positive(t, attack.exact)
	assert.Positive(t, attack.together, "parts of the time in which the limits were always shared")
	assert.LessOrEqual(t, 100*attack.alone, attack.attempts, "counted alone")
}

func deadline(ctx context.Context) time.Time {
	at, _ := ctx.Deadline()
	return at
}

// An instance is a running service.
type instance struct {
	url     string
	metrics string
	client  http.Client
}

// startInstance starts the service with a database and limits that it shares, and waits until it is ready.
func startInstance(t *testing.T, binary, dsn string, redis *redis) *instance {
	t.Helper()
	dir := t.TempDir()
	write := func(name, content string) (file string) {
		file = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(file, []byte(content+"\n"), 0o600))
		return file
	}
	api, metrics := cluster.FreeAddress(t), cluster.FreeAddress(t)
	command := exec.Command(binary, "--dsn-file="+write("dsn", dsn), "--api-listen="+api, "--metrics-listen="+metrics, "--max-concurrent=8", "--log-level=warn", //nolint:gosec // the service
		"--limits=redis://"+redis.address, "--limits-key-file="+write("key", "the key of all instances"))
	log := &strings.Builder{}
	command.Stderr = log
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		require.NoError(t, command.Process.Signal(syscall.SIGTERM))
		assert.NoError(t, command.Wait())
		if t.Failed() {
			t.Log("log of an instance, its end:", log.String()[max(0, log.Len()-4000):])
		}
	})
	i := &instance{url: "http://" + api + "/api/password", metrics: "http://" + metrics, client: http.Client{Timeout: time.Minute}}
	require.Eventually(t, func() bool {
		_, ok := i.get(t, "/readyz")
		return ok
	}, time.Minute, 100*time.Millisecond)
	return i
}

// get returns what the instance tells about itself, and whether its status is 200.
func (i *instance) get(t *testing.T, path string) (body string, ok bool) {
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, i.metrics+path, nil)
	if !assert.NoError(t, err) {
		return "", false
	}
	response, err := i.client.Do(r)
	if err != nil {
		return "", false
	}
	defer func() { _ = response.Body.Close() }()
	all, err := io.ReadAll(response.Body)
	return string(all), err == nil && response.StatusCode == http.StatusOK
}

// metric returns a metric without labels, -1 if there is none.
func (i *instance) metric(t *testing.T, name string) float64 {
	body, _ := i.get(t, "/metrics")
	for line := range strings.Lines(body) {
		if text, ok := strings.CutPrefix(line, name+" "); ok {
			value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			assert.NoError(t, err)
			return value
		}
	}
	return -1
}

// change returns a function that asks the service for a change.
func (i *instance) change(t *testing.T) func(email, current, replacement string) verdict {
	t.Helper()
	return func(email, current, replacement string) verdict {
		switch reason := i.ask(t, email, current, replacement); reason {
		case "OK":
			return done
		case "outcome-unknown", "":
			return unknown
		case "bad-credentials":
			return refused
		default:
			assert.Contains(t, []string{"busy", "unavailable", "limited"}, reason)
			return failed
		}
	}
}

// ask asks the service for a change and returns the first word of its answer, "" if there is none.
func (i *instance) ask(t *testing.T, email, current, replacement string) (reason string) {
	form := url.Values{"user": {email}, "curpass": {current}, "newpass": {replacement}}
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, i.url, strings.NewReader(form.Encode()))
	if !assert.NoError(t, err) {
		return ""
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := i.client.Do(r)
	if !assert.NoError(t, err) {
		return ""
	}
	body, err := io.ReadAll(response.Body)
	assert.NoError(t, err)
	assert.NoError(t, response.Body.Close())
	reason, _, _ = strings.Cut(strings.TrimSpace(string(body)), ":")
	return reason
}
