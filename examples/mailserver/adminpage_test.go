package mailserver_test

import (
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A clerk is an administrator at the page.
type clerk struct {
	*testing.T
	client *http.Client
}

const adminHost = "https://admin.example.org"

// clerk returns an administrator who reaches the page through a port of the server.
func (s *server) clerk(t *testing.T, port string) clerk {
	t.Helper()
	address := s.at(t, port)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return clerk{t, &http.Client{Jar: jar, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "tcp", address)
		},
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "admin.example.org"}, //nolint:gosec // Debian's self-signed certificate
	}}}
}

func (c clerk) answer(r *http.Request) (status int, text string) {
	c.Helper()
	response, err := c.client.Do(r) //nolint:gosec // the mail server of the test
	require.NoError(c, err)
	defer func() { require.NoError(c, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(c, err)
	return response.StatusCode, string(body)
}

func (c clerk) get(path string) (status int, text string) {
	c.Helper()
	r, err := http.NewRequestWithContext(c.Context(), http.MethodGet, adminHost+path, nil)
	require.NoError(c, err)
	return c.answer(r)
}

// post sends the form of a page, with the version that is in it, and returns what the next page says.
func (c clerk) post(page, path string, fields url.Values) string {
	c.Helper()
	status, text := c.get(page)
	require.Equal(c, http.StatusOK, status, text)
	if version := regexp.MustCompile(`name="version" value="([0-9a-f]+)"`).FindStringSubmatch(text); version != nil {
		fields.Set("version", version[1])
	}
	r, err := http.NewRequestWithContext(c.Context(), http.MethodPost, adminHost+path, strings.NewReader(fields.Encode()))
	require.NoError(c, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", adminHost)
	status, text = c.answer(r)
	assert.Equal(c, http.StatusOK, status, "%s: %s", path, text)
	return text
}

// find returns the path of a row in a page of results.
func (c clerk) find(pattern, text string) string {
	c.Helper()
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	require.NotNil(c, found, text)
	return found[1]
}

// TestAdminPage switches the page for administrators on as its document says, behind Apache and nginx. An administrator creates a
// user, who logs in and gets mail; a lock, a reset, a rename and a deletion hold at once, although Dovecot has the login in its cache.
func TestAdminPage(t *testing.T) {
	s := theServer(t)
	assert.Equal(t, "disabled\ndisabled\n", s.do(t, "systemctl is-enabled ispmail-admin.socket ispmail-admin.service || true"))
	s.undo(t, `systemctl disable --now ispmail-admin.socket ispmail-admin.service
		mariadb --execute="DROP USER 'ispmail-admin'@'localhost'"
		a2dissite -q zz-ispmail-admin; systemctl reload apache2
		systemctl stop nginx
		rm -f /etc/apache2/sites-available/zz-ispmail-admin.conf /etc/nginx/sites-{available,enabled}/zz-ispmail-admin /etc/ispmail-admin/administrators`)
	commands := block(t, "../deployment/ADMIN.md", "## Switch it on", "sh", 1)
	said := s.do(t, strings.Replace(commands, "user alice", "user alice --generate", 1))
	_, secret, found := strings.Cut(said, "The passphrase is ")
	require.True(t, found, said)
	secret, _, _ = strings.Cut(secret, "\n")
	s.do(t, `editor() {
			sed -i 's|/etc/letsencrypt/live/admin.example.org/fullchain.pem|/etc/ssl/certs/ssl-cert-snakeoil.pem|
				s|/etc/letsencrypt/live/admin.example.org/privkey.pem|/etc/ssl/private/ssl-cert-snakeoil.key|; s|443 ssl|444 ssl|' "$1"
		}
		rm -f /etc/nginx/sites-enabled/default # it wants port 80, which is Apache's
		`+documented(t, "cp /usr/share/doc/ispmail/examples/apache2-admin.conf")+
		strings.Replace(documented(t, "cp /usr/share/doc/ispmail/examples/nginx-admin.conf"), "systemctl reload", "systemctl reload-or-restart", 1))
	text := s.do(t, "systemd-analyze --no-pager security ispmail-admin.service | tail -1")
	assert.Regexp(t, ` (0\.\d|1\.0) `, text)

	// The site of the administrators has no page of others, and other names have no page of theirs.
	title := func(host, path string) string {
		return s.do(t, `curl --silent --insecure --location --resolve "$1:443:127.0.0.1" --write-out ' %{http_code}\n' "https://$1$2" | grep --only-matching -e '<title>.*</title>' -e ' [0-9]*$'`, host, path)
	}
	assert.Equal(t, "<title>Change your password – Mail</title>\n 200\n", title("webmail.example.org", "/password/"))
	assert.Equal(t, " 404\n", title("admin.example.org", "/password/"))
	assert.Contains(t, title("admin.example.org", "/"), "Log in – Mail")
	assert.Contains(t, title("other.example.org", "/"), "Webmail of example.org")

	through := s.clerk(t, nginxPort)
	assert.Contains(t, through.post("/login", "/login", url.Values{"name": {"alice"}, "password": {secret}, "next": {"/"}}), "example.org")
	c := s.clerk(t, webPort)
	assert.Contains(t, c.post("/login", "/login", url.Values{"name": {"alice"}, "password": {secret}, "next": {"/"}}), "Overview")
	_, text = c.get("/")
	domain := c.find(`href="(/domain/\d+)"><bdi>example\.org<`, text)
	text = c.post(domain+"/user", domain+"/user", url.Values{"name": {"adminpage"}, "password": {""}, "quota": {""}})
	jane := "adminpage@example.org"
	first := c.find(`class="passphrase">([a-z-]+)<`, text)
	user := c.find(`action="(/user/\d+)/lock"`, text)
	s.assertLogin(t, jane, first)
	mail := s.send(t, jane)

	c.post(user, user+"/lock", url.Values{})
	s.awaitNoLogin(t, jane, first)
	c.post(user, user+"/unlock", url.Values{})
	s.assertLogin(t, jane, first)
	c.post(user, user+"/password", url.Values{"password": {password}})
	s.awaitNoLogin(t, jane, first)
	s.assertLogin(t, jane, password)
	s.awaitMail(t, jane, mail)
	renamed := "adminpage.new@example.org"
	text = c.post(user, user+"/rename", url.Values{"address": {renamed}})
	s.awaitNoLogin(t, jane, password)
	s.do(t, c.find(`<code>(mv -T [^<]+)</code>`, text))
	assert.Contains(t, s.mailbox(t, renamed), mail)
	text = c.post(user, user+"/delete", url.Values{})
	s.awaitNoLogin(t, renamed, password)
	s.do(t, c.find(`<code>(rm -r [^<]+)</code>`, text))
	log := s.awaitLog(t, "action=user-deleted row="+renamed, "journalctl -u ispmail-admin --no-pager")
	for _, line := range []string{"administrator=alice", "action=user-created row=" + jane, "action=user-locked", "action=user-deleted row=" + renamed} {
		assert.Contains(t, log, line)
	}
	assert.NotContains(t, log, first)
}
