package main

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

// TestSlowClients opens a thousand connections to the page that send half a header, or a part of a body: others are
// served meanwhile.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0")
	page := await(t, &p.stdout, `(http://\S+) \(the page\)`)
	var slow []net.Conn
	for i := range 1000 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(page, "http://"))
		require.NoError(t, err)
		slow = append(slow, conn)
		request := "POST / HTTP/1.1\r\nHost: x\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n"
		if i%2 == 0 {
			request += "\r\nuser=john"
		}
		_, err = io.WriteString(conn, request)
		require.NoError(t, err)
	}
	response, err := p.client.Get(page)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	status, _ := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status)
	for _, conn := range slow {
		require.NoError(t, conn.Close())
	}
	p.finish(t)
}

// TestMoreClientsThanFit opens more connections to the page than it takes, each with half a header: the API does not notice, and
// whoever comes after them to the page waits no longer than until the first of them are closed.
func TestMoreClientsThanFit(t *testing.T) {
	t.Parallel()
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0")
	page := await(t, &p.stdout, `(http://\S+) \(the page\)`)
	var slow []net.Conn
	for range serve.Connections * 5 / 4 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(page, "http://"))
		require.NoError(t, err)
		slow = append(slow, conn)
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n")
		require.NoError(t, err)
	}
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	response, err := p.client.Get(page)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	assert.Equal(t, http.StatusOK, response.StatusCode)
	_, err = io.ReadAll(slow[0])
	require.NoError(t, err, "the first is closed, and not by us")
	for _, conn := range slow {
		require.NoError(t, conn.Close())
	}
	p.finish(t)
}

// TestSlowClientsAreClosed waits for the server, with a tenth of the time that TestServer finds in it: it closes who does not
// finish a header, and answers who does not finish a body.
func TestSlowClientsAreClosed(t *testing.T) {
	t.Parallel()
	log := slog.New(slog.DiscardHandler)
	service, err := passwd.New(passwd.Config{Changer: newLateStore(), Logger: log})
	require.NoError(t, err)
	server := serve.NewServer(service.API(), log)
	server.ReadHeaderTimeout /= 10
	server.ReadTimeout /= 10
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	conns := map[bool]net.Conn{} // that finish the header or not
	for rest, finishes := range map[string]bool{"": false, "\r\nuser=john": true} {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		_, err = io.WriteString(conn, "POST /api/password HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n"+rest)
		require.NoError(t, err)
		conns[finishes] = conn
	}
	go func() { _ = server.Serve(listener) }() // until it is closed
	defer func() { require.NoError(t, server.Close()) }()
	for finishes, conn := range conns {
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Minute))) // far beyond what the server allows
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if finishes {
			require.NoError(t, err)
			assert.Equal(t, http.StatusBadRequest, response.StatusCode)
			require.NoError(t, response.Body.Close())
		} else {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
		}
		require.NoError(t, conn.Close())
	}
}

// TestSpeedFlood measures how long a webmail waits while the page is flooded with guesses and slow connections. It runs
// only when it is asked for.
func TestSpeedFlood(t *testing.T) {
	timing.Need(t)
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0", "--trusted-proxy=127.0.0.1", "--allow-same", "--min-length=8")
	page := await(t, &p.stdout, `(http://\S+) \(the page\)`)
	for range 50 {
		conn, err := net.Dial("tcp", strings.TrimPrefix(page, "http://"))
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		_, err = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: x\r\n")
		require.NoError(t, err)
	}
	const (
		perSecond = 200
		seconds   = 10
	)
	var mu sync.Mutex
	answers := map[int]int{}
	var done sync.WaitGroup
	flood := time.NewTicker(time.Second / perSecond)
	defer flood.Stop()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 128, MaxIdleConnsPerHost: 128}}
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for i := range perSecond * seconds {
			<-flood.C
			done.Go(func() {
				r, _ := http.NewRequest(http.MethodPost, page, strings.NewReader(url.Values{
					"user": {fmt.Sprintf("user%d@example.org", i)}, "curpass": {"guess"}, "newpass": {"a long enough secret"}, "repeat": {"a long enough secret"},
				}.Encode()))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				r.Header.Set("Sec-Fetch-Site", "same-origin")
				r.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.%d", i>>8, i&255))
				response, err := client.Do(r)
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
				mu.Lock()
				defer mu.Unlock()
				answers[response.StatusCode]++
			})
		}
	}()
	var times []time.Duration
	for running := true; running; {
		select {
		case <-finished:
			running = false
		case <-time.After(50 * time.Millisecond):
			begin := time.Now()
			status, _ := p.change(t, "john@example.org", ispmailtest.Password, ispmailtest.Password)
			require.Equal(t, http.StatusOK, status)
			times = append(times, time.Since(begin))
		}
	}
	done.Wait()
	slices.Sort(times)
	p99 := times[len(times)*99/100]
	t.Logf("%d requests a second to the page, answered %v; %d changes through the API: median %v, 99 %% %v (at most 2s)",
		perSecond, answers, len(times), times[len(times)/2], p99)
	assert.LessOrEqual(t, p99, 2*time.Second)
	status, err := os.ReadFile("/proc/self/status") // of the test and its clients too
	require.NoError(t, err)
	peak := regexp.MustCompile(`VmHWM:\s+(\d+)`).FindStringSubmatch(string(status))
	require.NotNil(t, peak)
	kib, err := strconv.Atoi(peak[1])
	require.NoError(t, err)
	t.Logf("at most %d MiB of memory, with the clients of the test (at most 256)", kib>>10)
	assert.LessOrEqual(t, kib>>10, 256)
	p.finish(t)
}
