package main

import (
	"bufio"
	"context"
	"fmt"
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

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// Each secret of TestCanaries has the word in it.
const canary = "canary"

const (
	canaryCurrent = canary + " is the current password"
	canaryNew     = canary + " is the new password"
	canarySecret  = canary + " is the secret of roundcube"
	canaryGuess   = canary + canary + canary
	canaryLost    = canary + " that others know"
)

// canaryRows are stored passwords of which nobody may see a part.
var canaryRows = map[string]string{
	"plain":     "{PLAIN}" + canary,
	"bare":      canary,
	"label":     "{" + canary + "}x",
	"unknown":   "{ROT13}" + canary,
	"malformed": "{SHA256-CRYPT}$5$" + canary,
	"costly":    "{SHA512-CRYPT}$6$rounds=999999999$" + canary + "$" + strings.Repeat("a", 86),
	"locked":    "{CRYPT}!{PLAIN}" + canary,
	"space":     "{PLAIN} " + canary + "\n" + canary,
}

// TestCanaries uses the service in every way that comes to nothing, and in some that do, and looks at everything that is written
// anywhere: the log with all of its levels, in both formats, metrics, answers, what is told to the socket of --on-change, and what
// --check and rehash say. Nothing has a part of a password, of a stored value or of a secret.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"text", "json"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			db := mariaDB(t)
			c := &canaries{db: db, dsn: canaryAccount(t, db)}
			c.fill(t)
			c.use(t, format)
			c.check(t, format)
			c.mail(t)
			c.look(t)
		})
	}
}

// canaries are what a test of them has heard and must not have heard.
type canaries struct {
	db     *ispmailtest.Database
	dsn    string
	mu     sync.Mutex
	heard  strings.Builder
	stored []string // values that were in the row of john
}

// canaryAccount makes an account whose password is a canary too, with the rights of the service, and returns its DSN.
func canaryAccount(t *testing.T, db *ispmailtest.Database) string {
	t.Helper()
	dsn := db.Account(t, "GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON virtual_users TO %s")
	account, rest, _ := strings.Cut(dsn, ":")
	_, rest, _ = strings.Cut(rest, "@")
	password := canary + "OfTheDatabase"
	db.Exec(t, "ALTER USER '"+account+"'@'%' IDENTIFIED BY '"+password+"'")
	return account + ":" + password + "@" + rest
}

func (c *canaries) fill(t *testing.T) {
	t.Helper()
	c.db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (1, 'example.org')")
	c.db.Exec(t, "ALTER TABLE virtual_users DROP INDEX email") // as in older guides, whose tables may hold twins
	add := func(email, stored string) {
		c.db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, ?, ?)", email, stored)
	}
	stored, err := hash.Generate(canaryCurrent)
	require.NoError(t, err)
	add("john@example.org", stored)
	for name, stored := range canaryRows {
		add(name+"@example.org", stored)
	}
	add("twins@example.org", "{PLAIN}"+canary)
	add("Twins@example.org", "{PLAIN}"+canary)
	c.note(t)
}

func (c *canaries) hear(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard.WriteString(text + "\n")
}

// note remembers what is in the row of john.
func (c *canaries) note(t *testing.T) {
	t.Helper()
	c.stored = append(c.stored, c.db.Stored(t, "john@example.org"))
}

// use runs the service.
func (c *canaries) use(t *testing.T, format string) {
	t.Helper()
	socket := c.listen(t)
	p := startJSON(
		t, anyPort, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", "--floor=1ms", "--log-level=debug", "--log-format="+format, "--secret-file="+write(t, canarySecret),
		"--poppassd-listen=127.0.0.1:0", "--breached="+write(t, listOf(canaryLost)), "--on-change=unix:"+socket, "--notice=unix:"+socket, dsnFile(t, c.dsn),
	)
	api := "http://x:" + url.PathEscape(canarySecret) + "@" + strings.TrimPrefix(p.url, "http://")
	page := await(t, &p.stderr, `"?page"?[=:]"?(http://[0-9.:]+)`)
	metrics := await(t, &p.stderr, `"?metrics"?[=:]"?(http://[0-9.:]+)`)
	poppassd := await(t, &p.stderr, `"?poppassd"?[=:]"?([0-9.:]+)`)
	get := func(path string) {
		response, err := p.client.Get(metrics + path)
		require.NoError(t, err)
		c.hearAnswer(t, response)
	}
	send := func(address, user, current, replacement string, change ...func(*http.Request)) int {
		form := url.Values{"user": {user}, "curpass": {current}, "newpass": {replacement}, "repeat": {replacement}, "other": {canary}}
		return c.send(t, p.client, address, "application/x-www-form-urlencoded", form.Encode(), change...)
	}

	for name := range canaryRows {
		send(api, name+"@example.org", canary, canaryNew)
		send(page, name+"@example.org", canary+" wrong", canaryNew)
	}
	for _, address := range []string{api, page} {
		assert.Equal(t, http.StatusForbidden, send(address, "john@example.org", canary+" wrong", canaryNew))
		send(address, "twins@example.org", canary, canaryNew)
		send(address, "nobody@example.org", canary, canaryNew)
		send(address, "john@example.org", canaryCurrent, canary)
		send(address, "john@example.org", canaryCurrent, canaryCurrent)
		send(address, "john@example.org", canaryCurrent, canaryGuess)
		send(address, "john@example.org", canaryCurrent, canaryLost)
		send(address, "john@example.org", canaryCurrent, canary+"\x00")
		send(address, "john@example.org", canaryCurrent, canary+"\xff")
		send(address, "john@example.org", canaryCurrent, strings.Repeat(canary, 100))
		send(address, "john@example.org", strings.Repeat(canary, 1000), canaryNew)
		send(address, "john@example.org", canaryCurrent, canaryNew, header("Content-Type", "text/"+canary))
		send(address, "john@example.org", canaryCurrent, canaryNew, header("Content-Encoding", canary))
		send(address, "john@example.org", canaryCurrent, canary, header("Authorization", "Bearer "+canary))
		send(address, "john@example.org", canaryCurrent, canary, header("X-Forwarded-For", canary))
		send(address, "john@example.org", canaryCurrent, canary, header("Origin", "https://"+canary))
		send(address+"?newpass="+canary, "john@example.org", canaryCurrent, canary)
		send(address+"/"+canary, "john@example.org", canaryCurrent, canaryNew)
		c.send(t, p.client, address, "application/json", `{"user":"john@example.org","curpass":"`+canaryCurrent+`","newpass":["`+canary+`"]}`)
		c.send(t, p.client, address, "application/json", `{"`+canary+`":"`+canary+`"`)
		c.raw(t, address, "POST /"+canary+" HTTP/9.9\r\n\r\n")
		c.raw(t, address, "POST / HTTP/1.1\r\nHost: x\r\nX: "+strings.Repeat(canary, 3000)+"\r\n\r\n")
		c.raw(t, address, canary+"\r\n\r\n")
	}
	for _, newpass := range []string{canaryNew, canaryGuess, canaryLost, canary + "\x00", canary + "\xff", strings.Repeat(canary, 1000)} {
		current := canaryCurrent
		if newpass == canaryNew {
			current = canary + " wrong"
		}
		c.raw(t, poppassd, "user john@example.org\r\npass "+current+"\r\nnewpass "+newpass+"\r\n"+canary+"\r\nquit\r\n")
	}
	c.raw(t, poppassd, canary+"\r\n")
	c.raw(t, poppassd, "user "+canary+"\r\npass "+canary+"\r\nnewpass "+canary+"\r\n")
	// The address is the field in which people type a password by mistake. The page shows it again, to them.
	send(api, canary+" typed into the wrong field", canary, canaryNew)

	// The database refuses.
	_, asRoot, _ := strings.Cut(c.db.DSN, "/")
	account := "'" + strings.Split(c.dsn, ":")[0] + "'@'%'"
	c.db.Exec(t, "CREATE TRIGGER no BEFORE UPDATE ON virtual_users FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'")
	assert.Equal(t, http.StatusServiceUnavailable, send(api, "john@example.org", canaryCurrent, canaryNew))
	c.db.Exec(t, "DROP TRIGGER no")
	c.db.Exec(t, "REVOKE UPDATE (password) ON "+strings.Split(asRoot, "?")[0]+".virtual_users FROM "+account)
	assert.Equal(t, http.StatusServiceUnavailable, send(api, "john@example.org", canaryCurrent, canaryNew))
	get("/readyz")
	c.db.Exec(t, "GRANT UPDATE (password) ON "+strings.Split(asRoot, "?")[0]+".virtual_users TO "+account)

	assert.Equal(t, http.StatusOK, send(api, "john@example.org", canaryCurrent, canaryNew))
	c.note(t)
	assert.Equal(t, http.StatusOK, send(page, "john@example.org", canaryNew, canaryCurrent))
	c.note(t)
	get("/metrics")
	p.finish(t)
	c.hear(p.stdout.String() + p.stderr.String())
}

// startJSON is start for both formats of the log.
func startJSON(t *testing.T, args ...string) *process {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	p := &process{stop: stop, code: make(chan int, 1), client: once}
	go func() { p.code <- run(ctx, args, nil, &p.stdout, &p.stderr) }()
	p.url = await(t, &p.stderr, `"?api"?[=:]"?(http://[0-9.:]+)`) + "/api/password"
	await(t, &p.stderr, "database opened")
	t.Cleanup(stop)
	return p
}

// check hears what --check and rehash say.
func (c *canaries) check(t *testing.T, format string) {
	t.Helper()
	args := []string{"--log-level=debug", "--log-format=" + format, dsnFile(t, c.dsn)}
	for _, more := range [][]string{{"--check"}, {"--check", "--secret-file=" + write(t, canary)}, {"--check", "--default-pass-scheme=PLAIN"}, {"--check", "--dsn-file=" + write(t, canary)}} {
		var stdout, stderr output
		run(t.Context(), append(args, more...), nil, &stdout, &stderr)
		c.hear(stdout.String() + stderr.String())
	}
	for name := range canaryRows {
		for _, password := range []string{canary, canary + " wrong"} {
			var stdout, stderr output
			run(t.Context(), append(args, "rehash"), strings.NewReader(name+"@example.org\n"+password+"\n"), &stdout, &stderr)
			c.hear(stdout.String() + stderr.String())
		}
	}
	var stdout, stderr output
	run(t.Context(), append(args, "rehash"), strings.NewReader(canary), &stdout, &stderr)
	c.hear(stdout.String() + stderr.String())
}

// mail hears the mail about changes, whose lines may hold anything, and what is said about lines that are none.
func (c *canaries) mail(t *testing.T) {
	t.Helper()
	dir := t.TempDir()
	state, sendmail, sent := filepath.Join(dir, "state"), filepath.Join(dir, "sendmail"), filepath.Join(dir, "sent")
	require.NoError(t, os.Mkdir(state, 0o700))
	require.NoError(t, os.WriteFile(sendmail, []byte("#!/bin/sh\n{ echo \"$*\"; cat; } >>"+sent+"\n"), 0o700)) //nolint:gosec // a program
	const told = `{"user":"john@example.org","kind":"password","channel":"` + canary + `","client":"` + canary + `","newpass":"` + canary + `"}` + "\n"
	for _, line := range []string{told, told, canary + "\n", `{"user":"` + canary + `","kind":"password"}` + "\n"} {
		var stdout, stderr output
		run(t.Context(), []string{"notice", "--template=" + filepath.Join(dir, "none"), "--sendmail=" + sendmail, "--state-directory=" + state}, strings.NewReader(line), &stdout, &stderr)
		c.hear(stdout.String() + stderr.String())
	}
	text, err := os.ReadFile(sent) //nolint:gosec // our own
	require.NoError(t, err)
	c.hear("mail: " + strings.Join(strings.SplitN(string(text), "\n", 2)[1:], ""))
}

// look looks at what was heard.
func (c *canaries) look(t *testing.T) {
	t.Helper()
	heard := c.heard.String()
	// It has been heard what can be heard:
	for _, text := range []string{
		"login refused", "password changed", "bad-credentials", "ispmail_passwd_attempts_total", `told: {"user":"john@example.org","kind":"password"`, "passwords cannot be written",
		"the database refuses a change", "cannot be verified", "The settings are valid", "too costly", "rehash reads", "400 Bad Request",
		"policy-guessable", "policy-breached", "500 policy-control", "500 bad-credentials", `"channel":"page"`,
		"mail: From: postmaster@example.org", "the password of john@example.org was changed", "standard input holds no word of a change",
	} {
		assert.True(t, strings.Contains(heard, text), "nothing of: %s", text)
	}
	secrets := []string{canary, url.QueryEscape(canaryCurrent)}
	for _, stored := range c.stored {
		fields := strings.Split(stored, "$")
		secrets = append(secrets, fields[len(fields)-2:]...) // salt and digest
	}
	for _, secret := range secrets {
		for line := range strings.Lines(heard) {
			require.NotContains(t, strings.ToLower(line), strings.ToLower(secret))
		}
	}
}

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// send makes an attempt and hears the answer.
func (c *canaries) send(t *testing.T, client *http.Client, address, contentType, body string, change ...func(*http.Request)) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept-Language", canary)
	if !strings.Contains(address, "/api/") {
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	for _, change := range change {
		change(r)
	}
	response, err := client.Do(r)
	require.NoError(t, err)
	c.hearAnswer(t, response)
	return response.StatusCode
}

func (c *canaries) hearAnswer(t *testing.T, response *http.Response) {
	t.Helper()
	text, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	c.hear(fmt.Sprint(response.Status, response.Header, string(text)))
}

// raw sends what is no request.
func (c *canaries) raw(t *testing.T, address, text string) {
	t.Helper()
	host := regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(address)
	conn, err := net.Dial("tcp", host)
	require.NoError(t, err)
	_, err = io.WriteString(conn, text)
	require.NoError(t, err)
	answer, _ := io.ReadAll(conn) // which may end with a reset
	c.hear(string(answer))
	require.NoError(t, conn.Close())
}

// listen listens as the program of --on-change, and hears what it is told.
func (c *canaries) listen(t *testing.T) (socket string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	socket = filepath.Join(dir, "socket")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			line, _ := bufio.NewReader(conn).ReadString('\n')
			c.hear("told: " + line)
			_, _ = io.WriteString(conn, "OK\n")
			_ = conn.Close()
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		done.Wait()
		assert.NoError(t, os.RemoveAll(dir))
	})
	return socket
}
