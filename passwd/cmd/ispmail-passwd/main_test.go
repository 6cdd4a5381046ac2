package main

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// output is a buffer that a test reads while the command writes.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// A process is a call of run that is under way.
type process struct {
	stdout, stderr output
	stop           context.CancelFunc
	code           chan int
	client         *http.Client
	url            string
	body           string
}

// start runs the command on a free port and waits until it listens.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	transport := &http.Transport{DisableKeepAlives: true} // the server may close an idle connection while a request is on its way
	p := &process{stop: stop, code: make(chan int, 1), client: &http.Client{Timeout: time.Minute, Transport: transport}}
	go func() { p.code <- run(ctx, args, nil, &p.stdout, &p.stderr) }()
	address := await(t, &p.stderr, `listening"? api=(\S+)`)
	p.url = address + "/api/password"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		p.url = "http://localhost/api/password"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}
	}
	t.Cleanup(stop)
	return p
}

// await returns what the first group of the pattern finds, as soon as it is there.
func await(t *testing.T, o *output, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	var found []string
	require.Eventually(t, func() bool {
		found = re.FindStringSubmatch(o.String())
		return found != nil
	}, 2*time.Minute, 10*time.Millisecond, "%s in %s", pattern, o)
	return found[len(found)-1]
}

func (p *process) change(t *testing.T, user, current, replacement string) (int, string) {
	t.Helper()
	response, err := p.client.PostForm(p.url, url.Values{"user": {user}, "curpass": {current}, "newpass": {replacement}})
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// get asks the listener of the metrics and keeps the body.
func (p *process) get(t *testing.T, path string) int {
	t.Helper()
	response, err := p.client.Get(await(t, &p.stderr, `metrics=(\S+)`) + path)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	p.body = string(body)
	return response.StatusCode
}

func (p *process) finish(t *testing.T) {
	t.Helper()
	p.stop()
	assert.Equal(t, command.ExitOK, <-p.code, p.stderr.String())
}

const anyPort = "--api-listen=127.0.0.1:0"

// write returns the path of a new file.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

// mariaDB returns a database of a server, with -short none.
func mariaDB(t *testing.T) *ispmailtest.Database {
	t.Helper()
	if testing.Short() {
		t.Skip("-short: a MariaDB needs Docker")
	}
	return ispmailtest.MariaDB(t)
}

func dsnFile(t *testing.T, dsn string) string {
	t.Helper()
	return "--dsn-file=" + write(t, dsn+"\n")
}
