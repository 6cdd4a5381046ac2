package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd"
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
	p := &process{stop: stop, code: make(chan int, 1), client: &http.Client{Timeout: 20 * time.Second}}
	go func() { p.code <- run(ctx, args, nil, &p.stdout, &p.stderr) }()
	address := await(t, &p.stderr, `listening"? api=(\S+)`)
	p.url = address + "/api/password"
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		p.url = "http://localhost/api/password"
		p.client.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}
	}
	t.Cleanup(func() {
		stop()
		p.client.CloseIdleConnections()
	})
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
	}, 30*time.Second, 10*time.Millisecond, "%s in %s", pattern, o)
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
	assert.Equal(t, exitOK, <-p.code, p.stderr.String())
}

const anyPort = "--api-listen=127.0.0.1:0"

// write returns the path of a new file.
func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func dsnFile(t *testing.T, dsn string) string {
	t.Helper()
	return "--dsn-file=" + write(t, dsn+"\n")
}

// TestDemo does what the demo says.
func TestDemo(t *testing.T) {
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0")
	fields := await(t, &p.stdout, `curl -d user=john@example.org -d curpass=summersun -d newpass='([^']+)' http://127\.0\.0\.1:\d+/api/password\n`)
	assert.True(t, strings.HasPrefix(p.stdout.String(), "Listening on http://127.0.0.1:"), "the address comes first")
	page, err := p.client.Get(await(t, &p.stdout, `(http://\S+) \(the page\)`))
	require.NoError(t, err)
	require.NoError(t, page.Body.Close())
	assert.Equal(t, http.StatusOK, page.StatusCode)
	assert.Contains(t, page.Header.Get("Content-Security-Policy"), "default-src 'none'")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusOK, status)
	assert.Equal(t, "OK", body)
	status, _ = p.change(t, "john@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusForbidden, status)
	status, _ = p.change(t, "md5@example.org", ispmailtest.Password, fields)
	assert.Equal(t, http.StatusOK, status)
	p.finish(t)
}

// TestOutage starts before the database, loses it and finds it again, by itself.
func TestOutage(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	dsn, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	link := newLink(t, dsn.Addr)
	dsn.Addr = link.address
	p := start(t, anyPort, dsnFile(t, dsn.FormatDSN()), "--metrics-listen=127.0.0.1:0")

	await(t, &p.stderr, "cannot open the database")
	for range 3 {
		status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
		assert.Equal(t, http.StatusServiceUnavailable, status)
		assert.Equal(t, "unavailable: The password was not changed. Try again later.\n", body)
	}
	assert.Equal(t, 1, strings.Count(p.stderr.String(), "cannot open the database"))
	assert.Equal(t, http.StatusServiceUnavailable, p.get(t, "/readyz"))
	assert.Equal(t, 1, strings.Count(p.stderr.String(), "the database is not available"))

	link.up(t)
	await(t, &p.stderr, "database opened")
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)

	link.down(t)
	for range 3 {
		status, _ = p.change(t, "john@example.org", "a long enough secret", "another long secret")
		assert.Equal(t, http.StatusServiceUnavailable, status)
	}
	assert.Equal(t, http.StatusServiceUnavailable, p.get(t, "/readyz"))
	assert.Equal(t, http.StatusOK, p.get(t, "/healthz"))
	assert.Equal(t, 2, strings.Count(p.stderr.String(), "the database is not available"))
	link.up(t)
	status, body = p.change(t, "john@example.org", "a long enough secret", "another long secret")
	assert.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, 2, strings.Count(p.stderr.String(), "the database is back"))
	assert.Equal(t, http.StatusOK, p.get(t, "/readyz"))
	assert.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	assert.Contains(t, p.body, `ispmail_passwd_attempts_total{channel="api",reason="ok"} 2`)
	assert.Contains(t, p.body, `ispmail_passwd_attempts_total{channel="api",reason="unavailable"} 6`)
	if len(dsn.Passwd) > 8 { // a shorter one may be part of an innocent word
		assert.NotContains(t, p.stderr.String(), dsn.Passwd)
	}
	p.finish(t)
}

// TestStop ends the command while a change waits for a row: the change is finished first.
// TestFirstRequest comes before the database has been opened, as one does for which systemd starts the service: it waits
// for the first attempt, and for no second one.
func TestFirstRequest(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]bool{"opens": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := slog.New(slog.DiscardHandler)
			db := ispmailtest.SQLite(t)
			db.Example(t)
			store := db.Store(t, ispmail.Config{})
			late, attempt := newLateStore(), make(chan struct{})
			changed := make(chan error)
			go func() {
				changed <- late.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret")
			}()
			go late.open(t.Context(), log, func(context.Context) (*ispmail.Store, func() error, error) {
				<-attempt
				if fails {
					return nil, nil, errors.New("no database")
				}
				return store, func() error { return nil }, nil
			})
			select {
			case err := <-changed:
				t.Errorf("it did not wait, and got %v", err)
			case <-time.After(50 * time.Millisecond):
			}
			close(attempt)
			if err := <-changed; fails {
				assert.ErrorIs(t, err, ispmail.ErrUnavailable)
			} else {
				assert.NoError(t, err)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	assert.ErrorIs(t, newLateStore().ChangePassword(ctx, "john@example.org", "", ""), ispmail.ErrUnavailable)
}

func TestStop(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	p := start(t, anyPort, dsnFile(t, db.DSN))
	await(t, &p.stderr, "database opened")

	var done sync.WaitGroup
	require.NoError(t, db.DB.RunInTx(t.Context(), nil, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "SELECT id FROM virtual_users WHERE id = 1 FOR UPDATE")
		require.NoError(t, err)
		done.Go(func() {
			status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
			assert.Equal(t, http.StatusOK, status, body)
		})
		require.Eventually(t, func() bool {
			var waiting int
			err := db.DB.NewRaw("SELECT COUNT(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE '%virtual_users%'").Scan(ctx, &waiting)
			return err == nil && waiting > 0
		}, 20*time.Second, 150*time.Millisecond, "the table is renewed only every 100 ms")
		p.stop()
		await(t, &p.stderr, "msg=stopping")
		return nil
	}))
	done.Wait()
	p.finish(t)
}

func TestSQLiteAndUnixSocket(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // t.TempDir() may be longer than the path of a socket
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	file, socket := filepath.Join(dir, "mail server?.db"), filepath.Join(dir, "socket")
	require.NoError(t, os.WriteFile(socket, nil, 0o600))
	args := []string{"--dsn=sqlite:" + file, "--api-listen=unix:" + socket, "--scheme=blf-crypt"}
	var stdout, stderr output
	assert.Equal(t, exitFailed, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "not a socket")
	require.NoError(t, os.Remove(socket))
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	assert.Equal(t, exitFailed, run(t.Context(), args, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "another process listens")
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as a process that was killed leaves it
	require.NoError(t, l.Close())

	p := start(t, args...)
	await(t, &p.stderr, "cannot open the database")
	_, err = os.Stat(file)
	require.ErrorIs(t, err, os.ErrNotExist, "a wrong path makes no database")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	store, closer, err := openSQLite(file, ispmail.Config{})(t.Context())
	require.NoError(t, err)
	require.NoError(t, store.CreateSchema(t.Context()))
	_, err = store.CreateDomain(t.Context(), "example.org")
	require.NoError(t, err)
	_, err = store.CreateUser(t.Context(), "john@example.org", ispmailtest.Password)
	require.NoError(t, err)

	await(t, &p.stderr, "database opened")
	info, err := os.Stat(socket)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o660), info.Mode().Perm())
	status, body := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status, body)
	user, err := store.Authenticate(t.Context(), "john@example.org", "a long enough secret")
	require.NoError(t, err)
	assert.Contains(t, user.Password, "{BLF-CRYPT}$2y$10$")
	require.NoError(t, closer())
	p.finish(t)
	_, err = os.Stat(socket)
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestSecret asks for it on the API, and logs as JSON.
func TestSecret(t *testing.T) {
	t.Parallel()
	p := start(t, anyPort, "--demo", "--listen=127.0.0.1:0", "--secret-file="+write(t, "the new secret of roundcube\n\nthe old secret of roundcube\n"))
	await(t, &p.stderr, "database opened")
	status, _ := p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusUnauthorized, status)
	p.url = strings.Replace(p.url, "http://", "http://roundcube:the%20old%20secret%20of%20roundcube@", 1)
	status, _ = p.change(t, "john@example.org", ispmailtest.Password, "a long enough secret")
	assert.Equal(t, http.StatusOK, status)
	assert.NotContains(t, p.stderr.String(), "secret of")
	p.finish(t)
}

func TestJSONLog(t *testing.T) {
	t.Parallel()
	p := &process{code: make(chan int, 1), client: http.DefaultClient}
	ctx, stop := context.WithCancel(t.Context())
	p.stop = stop
	go func() {
		p.code <- run(ctx, []string{anyPort, "--demo", "--listen=127.0.0.1:0", "--log-format=json"}, nil, &p.stdout, &p.stderr)
	}()
	p.url = await(t, &p.stderr, `"api":"([^"]+)"`) + "/api/password"
	await(t, &p.stderr, "database opened")
	_, _ = p.change(t, "John@example.org", "wintermoon", "a long enough secret")
	lines := strings.Split(strings.TrimSpace(p.stderr.String()), "\n")
	var event map[string]any
	require.NoError(t, json.Unmarshal([]byte(lines[len(lines)-1]), &event))
	assert.Equal(t, "password not changed", event["msg"])
	assert.Equal(t, "john@example.org", event["user"])
	assert.Equal(t, "bad-credentials", event["reason"])
	p.finish(t)
}

func TestCheck(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	ask := func(args ...string) (int, string) {
		var stdout, stderr output
		code := run(t.Context(), append([]string{"--check"}, args...), nil, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	code, said := ask(dsnFile(t, db.DSN))
	assert.Equal(t, exitOK, code, said)
	assert.Equal(t, 5, strings.Count(said, "ok    "), said)

	db.Exec(t, "UPDATE virtual_users SET password = '{CRYPT}$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W'")
	code, said = ask(dsnFile(t, db.DSN))
	assert.Equal(t, exitOK, code)
	assert.Contains(t, said, "warn  2 of 2 users have a stronger scheme than {SHA256-CRYPT}, which every change writes, BLF-CRYPT for the most part: consider another --scheme.")
	code, said = ask(dsnFile(t, db.DSN), "--scheme=BLF-CRYPT")
	assert.Equal(t, exitOK, code)
	assert.NotContains(t, said, "warn")

	db.Exec(t, "UPDATE virtual_users SET password = '{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd'")
	db.Exec(t, "ALTER TABLE virtual_users MODIFY password VARCHAR(70) NOT NULL")
	code, said = ask(dsnFile(t, db.DSN))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "FAIL  The column password holds 70 characters, and a {SHA256-CRYPT} value takes 77")

	dsn, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	account := "'check'@'%'"
	db.Exec(t, "CREATE OR REPLACE USER "+account+" IDENTIFIED BY 'canary'")
	t.Cleanup(func() { _, _ = db.DB.ExecContext(context.WithoutCancel(t.Context()), "DROP USER "+account) })
	db.Exec(t, "GRANT SELECT (id, domain_id, email, password) ON "+dsn.DBName+".virtual_users TO "+account)
	dsn.User, dsn.Passwd = "check", "canary"
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "FAIL  Passwords cannot be written (the account needs UPDATE on the column password)")
	db.Exec(t, "REVOKE ALL PRIVILEGES, GRANT OPTION FROM "+account)
	db.Exec(t, "GRANT SELECT (id, name) ON "+dsn.DBName+".virtual_domains TO "+account)
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "FAIL  The table virtual_users cannot be read")
	dsn.Passwd = "canary2"
	code, said = ask(dsnFile(t, dsn.FormatDSN()))
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, said, "FAIL  The database cannot be opened")
	assert.NotContains(t, said, "canary")
	code, _ = ask("--demo")
	assert.Equal(t, exitOK, code)
}

// TestConfig: what is set reaches the service.
func TestConfig(t *testing.T) {
	t.Parallel()
	s, err := parse([]string{
		"--demo", "--scheme=BLF-CRYPT", "--min-length=20", "--allow-same", "--field-user=a", "--field-current=b",
		"--field-new=c", "--secret-file=" + write(t, "the secret of roundcube"), "--trusted-proxy=127.0.0.1,::ffff:10.0.0.0/104",
		"--site-name=Example", "--webmail-url=https://mail.example.org/", "--max-concurrent=7", "--floor=2s",
	}, io.Discard, io.Discard)
	require.NoError(t, err)
	config := s.config(newLateStore(), slog.New(slog.DiscardHandler), newMetrics())
	assert.NotNil(t, config.OnEvent)
	config.Changer, config.Logger, config.OnEvent = nil, nil, nil
	assert.Equal(t, passwd.Config{
		MinLength: 20, MaxLength: 72, AllowSame: true,
		Fields:         passwd.Fields{User: "a", Current: "b", New: "c"},
		Secrets:        []string{"the secret of roundcube"},
		TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")},
		SiteName:       "Example", WebmailURL: "https://mail.example.org/",
		MaxConcurrent: 7, Floor: 2 * time.Second,
	}, config)
}

func TestServer(t *testing.T) {
	t.Parallel()
	server := newServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	assert.Equal(t, 5*time.Second, server.ReadHeaderTimeout)
	assert.Equal(t, 10*time.Second, server.ReadTimeout)
	assert.Equal(t, 5*time.Second, server.IdleTimeout)
	assert.Equal(t, 8<<10, server.MaxHeaderBytes)
	assert.True(t, server.DisableGeneralOptionsHandler)
	assert.GreaterOrEqual(t, server.WriteTimeout, 28*time.Second, "what an attempt may take")
	assert.Greater(t, stopTimeout, server.WriteTimeout)
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	for listen, want := range map[string]int{"": 0, "127.0.0.1:8081": 1, "unix:/run/page": 0, "192.0.2.1:80": 1} {
		s := &settings{Listen: listen}
		assert.Len(t, s.warnings(), want, listen)
		s.proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		assert.Len(t, s.warnings(), map[bool]int{true: 1, false: 0}[listen == "192.0.2.1:80"], listen)
	}
}

// TestEnvironment cannot run in parallel: the environment is that of the process.
func TestEnvironment(t *testing.T) {
	t.Setenv("ISPMAIL_PASSWD_API_LISTEN", "127.0.0.1:0")
	t.Setenv("ISPMAIL_PASSWD_DSN", "mailadmin:secret@tcp(127.0.0.1:3306)/mailserver")
	t.Setenv("ISPMAIL_PASSWD_MIN_LENGTH", "20")
	t.Setenv("ISPMAIL_PASSWD_VERSION", "1.2.3") // as the tag of an image
	t.Setenv("ISPMAIL_PASSWD_SECRET", "the new secret of roundcube,the old secret of roundcube")
	t.Setenv("ISPMAIL_PASSWD_TRUSTED_PROXY", "127.0.0.1,2001:db8::/32")
	s, err := parse(nil, io.Discard, io.Discard)
	require.NoError(t, err, "a password is welcome here")
	assert.Equal(t, "127.0.0.1:0", s.APIListen)
	assert.Equal(t, 20, s.MinLength)
	assert.Equal(t, []string{"the new secret of roundcube", "the old secret of roundcube"}, s.Secret)
	assert.Equal(t, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("2001:db8::/32")}, s.proxies)
	s, err = parse([]string{"--min-length=30"}, io.Discard, io.Discard)
	require.NoError(t, err)
	assert.Equal(t, 30, s.MinLength, "an argument wins")
}

func TestUsage(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "name the database"},
		{[]string{"--nonsense"}, "unknown flag --nonsense; see --help"},
		{[]string{"nonsense"}, `must be one of "serve","rehash"`},
		{[]string{"--demo", "--dsn=sqlite:/x"}, "--demo has a database of its own"},
		{[]string{"--dsn=sqlite:/x", "--dsn-file=/x"}, "exclude each other"},
		{[]string{"--dsn-file=" + missing}, "no such file"},
		{[]string{"--dsn=mailadmin:canary@tcp(127.0.0.1:3306)/mailserver"}, "must not hold a password"},
		{[]string{"--dsn=mailadmin:canary@127.0.0.1/mailserver"}, "the DSN is not of the form"},
		{[]string{"--dsn=mailadmin@tcp(127.0.0.1:3306)/"}, "the DSN is not of the form"},
		{[]string{"--dsn=sqlite:"}, "the DSN is not of the form"},
		{[]string{"--demo", "--scheme=rot13"}, "cannot generate scheme"},
		{[]string{"--demo", "--min-length=7"}, "MinLength 7 is not in 8 to 64"},
		{[]string{"--demo", "--min-length=0"}, "0 is not in 8 to 64"},
		{[]string{"--demo", "--min-length=many"}, "--min-length"},
		{[]string{"--demo", "--floor=1m"}, "Floor 1m0s is not in 0 to 10s"},
		{[]string{"--demo", "--floor=soon"}, "--floor"},
		{[]string{"--demo", "--log-format=xml"}, "--log-format"},
		{[]string{"--demo", "--webmail-url=mail.example.org"}, "WebmailURL is not a URL"},
		{[]string{"--demo", "--field-new=user"}, "the same name"},
		{[]string{"--demo", "--trusted-proxy=proxy"}, "neither an address nor a network"},
		{[]string{"--demo", "--socket-mode=999"}, "not an octal mode"},
		{[]string{"--demo", "--api-listen=0.0.0.0:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=mail.example.org:8080"}, "needs --secret-file"},
		{[]string{"--demo", "--api-listen=8080"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--api-listen=unix:"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--api-listen=unix:@abstract"}, "neither host:port nor unix:/path nor systemd:name"},
		{[]string{"--demo", "--listen=8081"}, "--listen: \"8081\" is neither"},
		{[]string{"--demo", "--metrics-listen=x"}, "--metrics-listen: \"x\" is neither"},
		{[]string{"--demo", "--secret=canary"}, "--secret must not be an argument"},
		{[]string{"rehash", "--demo"}, "rehash goes with neither --demo nor --check"},
		{[]string{"--demo", "--on-change=127.0.0.1:80"}, "is not unix:/path"},
		{[]string{"--demo", "--api-listen=systemd:"}, "neither host:port nor unix:/path"},
		{[]string{"--demo", "--secret-file=" + missing}, "no such file"},
		{[]string{"--demo", "--secret-file=" + write(t, "canary")}, "less than 16 bytes"},
		{[]string{"--demo", "--secret-file=" + write(t, "\n\n")}, "holds no secret"},
		{[]string{"--demo", "--secret-file=" + write(t, "canary 1\ncanary 2\ncanary 3\n")}, "two secrets at the most"},
	} {
		var stdout, stderr output
		assert.Equal(t, exitUsage, run(t.Context(), c.args, nil, &stdout, &stderr), "%v", c.args)
		assert.Contains(t, stderr.String(), c.want, "%v", c.args)
		assert.NotContains(t, stderr.String(), "canary")
		assert.Equal(t, 1, strings.Count(stderr.String(), "\n"), "one line: %s", &stderr)
		assert.Empty(t, stdout.String())
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr output
	assert.Equal(t, exitOK, run(t.Context(), []string{"--help"}, nil, &stdout, &stderr))
	assert.Contains(t, stdout.String(), "$ISPMAIL_PASSWD_DSN_FILE")
	assert.Empty(t, stderr.String())
	assert.Equal(t, exitOK, run(t.Context(), []string{"--version"}, nil, &stdout, &stderr))
}

// TestManual finds every flag in the manual page, and no other.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile("../../../examples/deployment/usr/share/man/man8/ispmail-passwd.8")
	require.NoError(t, err)
	var stdout, stderr output
	require.Equal(t, exitOK, run(t.Context(), []string{"--help"}, nil, &stdout, &stderr))
	flags := regexp.MustCompile(`(?m)^ +(?:-h, )?--([a-z-]+)`).FindAllStringSubmatch(stdout.String(), -1)
	require.Greater(t, len(flags), 20)
	for _, flag := range flags {
		assert.Regexp(t, `\n\.It Fl -`+flag[1]+`\b`, string(manual), "--%s", flag[1])
	}
	assert.Equal(t, len(flags), strings.Count(string(manual), "\n.It Fl -"))
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	var stdout, stderr output
	assert.Equal(t, exitFailed, run(t.Context(), []string{"--demo", "--api-listen=" + l.Addr().String()}, nil, &stdout, &stderr))
	assert.Contains(t, stderr.String(), "address already in use")
}

// A link is a TCP connection to a server that can be cut.
type link struct {
	address, server string
	mu              sync.Mutex
	listener        net.Listener
	conns           []net.Conn
}

// newLink returns a link that is down. Its address stays the same.
func newLink(t *testing.T, server string) *link {
	t.Helper()
	l := &link{address: "127.0.0.1:0", server: server}
	l.up(t)
	l.down(t)
	t.Cleanup(func() { l.down(t) })
	return l
}

func (l *link) up(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", l.address)
	require.NoError(t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.address, l.listener = listener.Addr().String(), listener
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", l.server)
			if err != nil {
				_ = client.Close()
				continue
			}
			l.mu.Lock()
			l.conns = append(l.conns, client, server)
			l.mu.Unlock()
			go func() { _, _ = io.Copy(server, client) }()
			go func() { _, _ = io.Copy(client, server) }()
		}
	}()
}

func (l *link) down(t *testing.T) {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.listener == nil {
		return
	}
	require.NoError(t, l.listener.Close())
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.listener, l.conns = nil, nil
}
