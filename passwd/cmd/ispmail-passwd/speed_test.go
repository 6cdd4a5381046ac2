package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/timing"
)

var pairs = flag.Int("pairs", 400, "how many attempts of each class TestSpeedDearest compares with attempts for unknown users")

// TestSpeedDearest measures whether the time of a refusal tells a user who exists from one who does not, in a table whose dearest
// value takes longer than --floor: on the API, with clients that close their side of the connection after 12 ms, on the page,
// through nginx and Apache with the files of examples/deployment, and on the API with all processors busy. Classes of stored
// passwords are interleaved, two attempts at a time. It takes an hour, 20 minutes of it for the API on an idle machine.
func TestSpeedDearest(t *testing.T) {
	timing.Need(t)
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
	all := []string{"unknown", "sha256-crypt", "plain-md5", "locked", "malformed", "bcrypt-10", "bcrypt-12", "argon2id-65536"}
	some := []string{"unknown", "sha256-crypt", "bcrypt-12"}
	for _, mode := range []struct {
		name    string
		classes []string
		front   func(t *testing.T, page string) (address string) // nil for the API
		secure  bool
		leaves  bool
		busy    bool
	}{
		{name: "API", classes: all},
		{name: "API, client closes its side", classes: some, leaves: true},
		{name: "page", classes: some, front: func(_ *testing.T, page string) string { return page }},
		{name: "nginx", classes: some, front: startNginx, secure: true},
		{name: "Apache", classes: some, front: startApache, secure: true},
		{name: "API, all processors busy", classes: some, busy: true},
	} {
		t.Run(mode.name, func(t *testing.T) {
			if mode.busy {
				keepBusy(t)
			}
			listen := "127.0.0.1:0"
			if mode.secure {
				listen = "unix:" + filepath.Join(publicDir(t), "page.sock")
			}
			p := start(t, anyPort, dsnFile(t, db.DSN), "--listen="+listen)
			t.Logf("floor %s", await(t, &p.stderr, `answered at another time.* floor=(\S+)`))
			target := attempts{address: strings.TrimPrefix(await(t, &p.stderr, `api=http://(\S+)`), "http://"), path: "/api/password", leaves: mode.leaves}
			if mode.front != nil {
				page := await(t, &p.stderr, `page=(\S+)`)
				target = attempts{address: mode.front(t, strings.TrimPrefix(strings.TrimPrefix(page, "http://"), "unix:")), path: "/", page: true}
				if mode.secure {
					target.path, target.secure = "/password/", true
				}
			}
			times := target.measure(t, mode.classes)
			for _, class := range mode.classes[1:] {
				measured, unknown := times[class], times["unknown"]
				auc := timing.AreaUnderCurve(measured, unknown)
				t.Logf("%-14s against unknown: median %.1f ms, %+.2f, AUC %.3f (0.44 to 0.56)",
					class, timing.Median(measured)/1000, (timing.Median(measured)-timing.Median(unknown))/1000, auc)
				assert.InDelta(t, 0.5, auc, 0.06, "%s, %s", class, mode.name)
			}
			p.finish(t)
		})
	}
}

// attempts are wrong passwords that are sent to a listener of the service, or to a web server in front of it.
type attempts struct {
	address, path string
	page          bool // with what a browser sends
	secure        bool // TLS
	leaves        bool // closes its side 12 ms after the request
}

// measure returns the microseconds that attempts for users of each class take, two at a time.
func (a attempts) measure(t *testing.T, classes []string) map[string][]float64 {
	t.Helper()
	times := map[string][]float64{}
	var mu sync.Mutex
	var lanes sync.WaitGroup
	for lane := range 2 {
		lanes.Go(func() {
			for i := lane; i < *pairs; i += 2 {
				for j := range classes {
					class := classes[(i+j)%len(classes)] // each comes first as often as any other
					// Each is another client, as far as the limits of the page go.
					client := fmt.Sprintf("127.%d.%d.%d", 1+j, 1+i/250, 1+i%250)
					took, status, err := a.attempt(t.Context(), client, fmt.Sprintf("%s-%d@example.org", class, i))
					if !assert.NoError(t, err) || !assert.Equal(t, http.StatusForbidden, status, class) {
						return
					}
					mu.Lock()
					times[class] = append(times[class], float64(took.Microseconds()))
					mu.Unlock()
				}
			}
		})
	}
	lanes.Wait()
	require.Len(t, times[classes[0]], *pairs)
	return times
}

// attempt sends a wrong password over a connection of its own, and returns how long the answer took.
func (a attempts) attempt(ctx context.Context, client, email string) (took time.Duration, status int, err error) {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(client)}}
	plain, err := dialer.DialContext(ctx, "tcp", a.address)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = plain.Close() }()
	connection, scheme := plain, "http"
	if a.secure {
		shaken := tls.Client(plain, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // made for this test
		if err := shaken.HandshakeContext(ctx); err != nil {
			return 0, 0, err
		}
		connection, scheme = shaken, "https"
	}
	form := url.Values{"user": {email}, "curpass": {"wintermoon"}, "newpass": {"a long enough secret"}}
	if a.page {
		form.Set("repeat", form.Get("newpass"))
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, scheme+"://"+a.address+a.path, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, 0, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if a.page {
		request.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	begin := time.Now()
	if err := request.Write(connection); err != nil {
		return 0, 0, err
	}
	if a.leaves {
		time.Sleep(12 * time.Millisecond)
		if err := plain.(*net.TCPConn).CloseWrite(); err != nil { //nolint:forcetypeassert // of the network tcp
			return 0, 0, err
		}
	}
	response, err := http.ReadResponse(bufio.NewReader(connection), request)
	took = time.Since(begin)
	if err != nil {
		return 0, 0, err
	}
	return took, response.StatusCode, response.Body.Close()
}

// keepBusy gives every processor something to do until the test ends.
func keepBusy(t *testing.T) {
	t.Helper()
	for range runtime.NumCPU() {
		runProgram(t, "sh", "-c", "while :; do :; done")
	}
}

// runProgram starts a program, and ends it when the test ends, with the processes that it has started.
func runProgram(t *testing.T, program string, args ...string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...) //nolint:gosec // a command of the test
	c.Stderr = t.Output()
	c.Cancel = func() error { return c.Process.Signal(syscall.SIGTERM) }
	require.NoError(t, c.Start())
	t.Cleanup(func() { _ = c.Wait() })
}

// publicDir returns a new folder that other users of the machine can enter, as a web server is one.
func publicDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "ispmail") //nolint:usetesting // that one is private
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // see above
	return dir
}

// startNginx puts nginx in front of the socket of a page, with our file, and returns where it listens.
func startNginx(t *testing.T, page string) string {
	t.Helper()
	dir := publicDir(t)
	return startWebServer(t, dir, page, "nginx/snippets/ispmail-passwd.conf", `
		daemon off;
		worker_processes 1;
		user root;
		error_log stderr;
		pid `+dir+`/pid;
		events {}
		http {
			access_log off;
			client_body_temp_path `+dir+`/body;
			proxy_temp_path `+dir+`/proxy;
			fastcgi_temp_path `+dir+`/fastcgi;
			uwsgi_temp_path `+dir+`/uwsgi;
			scgi_temp_path `+dir+`/scgi;
			server {
				listen ADDRESS ssl;
				ssl_certificate `+dir+`/certificate;
				ssl_certificate_key `+dir+`/key;
				include `+dir+`/site;
			}
		}`, "nginx", "-p", dir, "-c", dir+"/conf")
}

// startApache does the same with Apache.
func startApache(t *testing.T, page string) string {
	t.Helper()
	dir := publicDir(t)
	modules := "ServerRoot /usr/lib/apache2\n"
	for _, name := range []string{"mpm_event", "authz_core", "alias", "headers", "proxy", "proxy_http", "ssl"} {
		modules += fmt.Sprintf("LoadModule %s_module modules/mod_%s.so\n", name, name)
	}
	return startWebServer(t, dir, page, "apache2/conf-available/ispmail-passwd.conf", modules+`
		User www-data
		Group www-data
		Mutex file:`+dir+`
		PidFile `+dir+`/pid
		ErrorLog /dev/stderr
		ServerName localhost
		Listen ADDRESS
		SSLSessionCache none
		SSLEngine on
		SSLCertificateFile `+dir+`/certificate
		SSLCertificateKeyFile `+dir+`/key
		Include `+dir+`/site`, "apache2", "-f", dir+"/conf", "-DFOREGROUND")
}

// startWebServer writes the configuration, with a free address, a certificate and the file of examples/deployment for a page at this
// socket, starts the server, and waits until it answers.
func startWebServer(t *testing.T, dir, page, site, conf, program string, args ...string) (address string) {
	t.Helper()
	require.NoError(t, os.Chmod(page, 0o666))                            //nolint:gosec // the web server is another user
	ours, err := os.ReadFile("../../../examples/deployment/etc/" + site) //nolint:gosec // our own files
	require.NoError(t, err)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address = listener.Addr().String()
	require.NoError(t, listener.Close())

	server := httptest.NewTLSServer(nil) // has a certificate
	certificate := server.TLS.Certificates[0]
	server.Close()
	key, err := x509.MarshalPKCS8PrivateKey(certificate.PrivateKey)
	require.NoError(t, err)
	for name, content := range map[string]string{
		"conf":        strings.ReplaceAll(conf, "ADDRESS", address),
		"site":        strings.ReplaceAll(string(ours), "/run/ispmail-passwd/page.sock", page),
		"certificate": string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Certificate[0]})),
		"key":         string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600))
	}
	runProgram(t, program, args...)
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		return err == nil && assert.NoError(t, connection.Close())
	}, time.Minute, 10*time.Millisecond, program)
	return address
}
