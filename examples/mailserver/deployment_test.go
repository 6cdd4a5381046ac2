package mailserver_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestConfinement holds the units to what systemd-analyze says of them, in tenths.
func TestConfinement(t *testing.T) {
	s := theServer(t)
	exposure := func(unit string) int {
		text := s.do(t, `systemd-analyze --no-pager security "$1" | tail -1`, unit)
		level := regexp.MustCompile(`(\d+)\.(\d) `).FindStringSubmatch(text)
		require.NotNil(t, level, text)
		tenths, err := strconv.Atoi(level[1] + level[2])
		require.NoError(t, err)
		t.Logf("%s: %s.%s", unit, level[1], level[2])
		return tenths
	}
	says := func(path, pattern string) (tenths int) {
		level := regexp.MustCompile(pattern).FindStringSubmatch(strings.ReplaceAll(readDocument(t, path).prose, "\n", " "))
		require.NotNil(t, level, "%s no longer says what systemd-analyze security does", path)
		tenths, err := strconv.Atoi(level[1] + level[2])
		require.NoError(t, err)
		return tenths
	}
	service := says("README.md", `security`+"`"+`: (\d)\.(\d) of 10`)
	assert.Equal(t, service, says("examples/deployment/README.md", `security`+"`"+` says (\d)\.(\d) of 10`))
	assert.LessOrEqual(t, exposure("ispmail-passwd.service"), service)
	assert.LessOrEqual(t, exposure("ispmail-passwd-rehash@.service"), 10)
	assert.LessOrEqual(t, exposure("ispmail-passwd-notice@.service"), 10)
	assert.LessOrEqual(t, exposure("ispmail-passwd-changed@.service"), 30) // it runs as root, as doveadm has to

	// With the database on TCP.
	email := s.newUser(t)
	s.undo(t, `systemctl revert ispmail-passwd.service
		mariadb --execute="DROP USER 'ispmail-tcp'@'127.0.0.1'"
		systemctl restart ispmail-passwd`)
	s.keep(t, "/etc/default/ispmail-passwd")
	s.do(t, `mkdir -p /etc/systemd/system/ispmail-passwd.service.d
		cp /usr/share/doc/ispmail/examples/tcp.conf /etc/systemd/system/ispmail-passwd.service.d/
		sed "s/VIA unix_socket/BY 'another long secret'/; s/'ispmail-passwd'@'localhost'/'ispmail-tcp'@'127.0.0.1'/" \
			/usr/share/doc/ispmail/examples/grants.sql | mariadb
		sed -i "s|^ISPMAIL_PASSWD_DSN=.*|ISPMAIL_PASSWD_DSN='ispmail-tcp:another long secret@tcp(127.0.0.1:3306)/mailserver'|" \
			/etc/default/ispmail-passwd
		systemctl daemon-reload
		systemctl restart ispmail-passwd`)
	assert.LessOrEqual(t, exposure("ispmail-passwd.service"), says("examples/deployment/DATABASE.md", `security`+"`"+` then says (\d)\.(\d)\.`))
	require.Eventually(t, func() bool { return s.change(t, email, password, replacement) == "OK" }, time.Minute, 500*time.Millisecond)
}

// TestPrivileges has an account that may do what the service needs and nothing else.
func TestPrivileges(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	as := func(statement string) error {
		_, err := s.run(t.Context(), `runuser -u ispmail-passwd -- mariadb mailserver --execute "$1"`, statement)
		return err
	}
	require.NoError(t, as("SELECT id, domain_id, email, password FROM virtual_users LIMIT 1"))
	for _, statement := range []string{
		"SELECT * FROM virtual_users", "SELECT * FROM virtual_aliases", "DELETE FROM virtual_users",
		"UPDATE virtual_users SET email = 'x' WHERE id = 1", "INSERT INTO virtual_domains (name) VALUES ('x')",
	} {
		assert.ErrorContains(t, as(statement), "denied", statement)
	}
	_, err := s.run(t.Context(), `runuser -u www-data -- mariadb --user=ispmail-passwd mailserver --execute 'SELECT 1'`)
	assert.ErrorContains(t, err, "denied", "the account is for the system user of that name")

	_, err = s.run(t.Context(), `runuser -u nobody -- curl --silent --unix-socket /run/ispmail-passwd/api.sock http://localhost/`)
	assert.Error(t, err, "the socket is for the webmail")
}

// post sends the form of the page with a wrong password, and returns the status.
func post(t *testing.T, target, email string, header http.Header) int {
	t.Helper()
	u, err := url.Parse(target)
	require.NoError(t, err)
	form := url.Values{"user": {email}, "curpass": {"wrong"}, "newpass": {replacement}, "repeat": {replacement}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", "https://"+u.Host)
	response, err := client.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err)
	return response.StatusCode
}

// TestWebServers has the page behind Apache and behind nginx. Wrong passwords are counted by the address from which the
// request came, whatever its header says.
func TestWebServers(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	s.do(t, `cat >/etc/nginx/sites-enabled/default <<-'END'
		server {
			listen 444 ssl;
			ssl_certificate /etc/ssl/certs/ssl-cert-snakeoil.pem;
			ssl_certificate_key /etc/ssl/private/ssl-cert-snakeoil.key;
			include snippets/ispmail-passwd.conf;
		}
		END
		apachectl configtest
		`+strings.Replace(documented(t, "cp /usr/share/doc/ispmail/examples/nginx.conf"), "systemctl reload", "systemctl reload-or-restart", 1))
	apache, nginx := "https://"+s.at(t, webPort), "https://"+s.at(t, nginxPort)
	for _, base := range []string{apache, nginx} {
		response, err := client.Get(base + "/password")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusPermanentRedirect, response.StatusCode)
		response, err = client.Get(base + "/.well-known/change-password")
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusSeeOther, response.StatusCode)
		assert.Regexp(t, "^(https://[^/]+)?/password/$", response.Header.Get("Location"))
		response, err = client.Get(base + "/password/")
		require.NoError(t, err)
		text, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		assert.Equal(t, http.StatusOK, response.StatusCode)
		assert.Contains(t, string(text), "Change your password")
		assert.Equal(t, []string{"max-age=31536000"}, response.Header["Strict-Transport-Security"])
		// The API is not for the public.
		for _, path := range []string{"/api/password", "/password/api/password"} {
			response, err := client.PostForm(base+path, url.Values{"user": {"john@example.org"}, "curpass": {"x"}, "newpass": {replacement}})
			require.NoError(t, err)
			require.NoError(t, response.Body.Close())
			assert.GreaterOrEqual(t, response.StatusCode, 400, path)
		}
		email := s.newUser(t)
		assert.Equal(t, http.StatusForbidden, post(t, base+"/password/", email, http.Header{"X-Forwarded-For": {"192.0.2.66"}}))
		log := s.awaitLog(t, "reason=bad-credentials", `journalctl --output=cat --unit=ispmail-passwd | grep "user=$1 "`, email)
		assert.NotContains(t, log, "192.0.2.66")
		assert.Regexp(t, `channel=page user=\S+ client=\d+\.\d+\.\d+\.\d+ status=403 reason=bad-credentials`, log)
	}

	// 20 wrong passwords are one client's share; another one is not concerned.
	s.guessUntilRefused(t, "127.0.0.2")
	assert.Equal(t, "403", s.guess(t, "127.0.0.3"))
}

// guess sends a wrong password to the page behind Apache, from an address of the loopback network, for an address of mail that
// nobody has. It returns the status, 000 if the web server cannot be reached. While the service is busy, nothing counts, and it
// tries again.
func (s *server) guess(t *testing.T, from string) (status string) {
	t.Helper()
	for tries := 0; tries < 20 && (tries == 0 || status == "503"); tries++ {
		status = s.guessOnce(t, from)
	}
	return status
}

func (s *server) guessOnce(t *testing.T, from string) string {
	t.Helper()
	return s.do(t, `curl --silent --insecure --interface "$1" --output /dev/null --write-out '%{http_code}' --max-time 30 \
		--header 'Origin: https://127.0.0.1' --data-urlencode "user=guess-$2@example.org" \
		--data 'curpass=wrong&newpass=another+long+secret&repeat=another+long+secret' https://127.0.0.1/password/ || true`,
		from, strconv.FormatInt(userNumber.Add(1), 10))
}

// guessUntilRefused takes the share of a client. Every 30 seconds there is one more, and a busy machine takes as long as that.
func (s *server) guessUntilRefused(t *testing.T, from string) {
	t.Helper()
	for range 20 {
		require.Equal(t, "403", s.guess(t, from))
	}
	refused := false
	for i := 0; i < 20 && !refused; i++ {
		refused = s.guess(t, from) == "429"
	}
	require.True(t, refused)
}

// TestFail2ban sets fail2ban up as the documentation says, with the files of Debian as they are installed. Who guesses does not
// reach the web server any more, others do, and so does who guessed once fail2ban lets go. Debian's jail for ssh runs, too.
func TestFail2ban(t *testing.T) {
	s := theServer(t)
	untouched := s.do(t, `dpkg --verify fail2ban || true; cat /etc/fail2ban/jail.d/defaults-debian.conf; ls /var/log/auth.log 2>&1 || true`)
	assert.NotContains(t, untouched, "??", "a file of the package was changed")
	assert.Contains(t, untouched, "[sshd]")
	assert.Contains(t, untouched, "No such file", "there is no rsyslog")
	s.undo(t, `systemctl stop fail2ban; systemctl reset-failed fail2ban || true
		rm -f /etc/fail2ban/filter.d/ispmail-passwd.conf /etc/fail2ban/jail.d/ispmail-passwd.conf /etc/fail2ban/jail.d/debian12.conf`)
	const guesser, other = "127.0.0.4", "127.0.0.5"
	s.guessUntilRefused(t, guesser)
	assert.Equal(t, "403", s.guess(t, other))

	said := s.do(t, "exec 2>&1; export DEBIAN_FRONTEND=noninteractive; set -o pipefail\n"+documented(t, "apt-get install -y fail2ban"))
	assert.Contains(t, said, "Failregex")
	assert.Contains(t, said, "Status for the jail: ispmail-passwd")
	assert.Contains(t, s.do(t, "fail2ban-client status sshd"), "Status for the jail: sshd")
	banned := func() string { return s.do(t, "fail2ban-client get ispmail-passwd banip") }
	if !assert.Eventually(t, func() bool { return s.guess(t, guesser) == "000" }, time.Minute, 500*time.Millisecond) {
		t.Log(s.do(t, "tail --lines=40 /var/log/fail2ban.log; nft list ruleset"))
	}
	assert.Contains(t, banned(), guesser)
	assert.NotContains(t, banned(), other)
	assert.Equal(t, "403", s.guess(t, other))
	s.do(t, `fail2ban-client unban "$1"`, guesser)
	assert.Eventually(t, func() bool { return s.guess(t, guesser) != "000" }, time.Minute, 500*time.Millisecond)

	// What the filter finds are wrong passwords and nothing else.
	s.do(t, "journalctl --output=short-iso --unit=ispmail-passwd >/tmp/ispmail-passwd.log")
	report := s.do(t, `fail2ban-regex --print-all-matched /tmp/ispmail-passwd.log /etc/fail2ban/filter.d/ispmail-passwd.conf`)
	assert.Contains(t, report, "client="+other+" status=403 reason=bad-credentials")
	assert.Contains(t, report, "client="+guesser+" status=429 reason=limited")
	wrong := s.do(t, `grep -cE ' client=.*reason=(bad-credentials|limited)' /tmp/ispmail-passwd.log`)
	assert.Contains(t, report, fmt.Sprintf("Failregex: %s total", strings.TrimSpace(wrong)))
}

// TestPackageKeeps installs the package again, as an upgrade does, and after it has been removed: what an administrator has
// switched on or off, or written, stays so.
func TestPackageKeeps(t *testing.T) {
	s := newServer(t)
	const install = `DEBIAN_FRONTEND=noninteractive apt-get install -y /usr/local/share/ispmail/ispmail_*.deb`
	s.do(t, `systemctl enable --now ispmail-passwd-changed.socket
		systemctl disable --now ispmail-passwd-rehash.socket
		echo 'ISPMAIL_PASSWD_MIN_LENGTH=20' >>/etc/default/ispmail-passwd`)
	for _, again := range []string{install + " --reinstall", "apt-get remove -y ispmail\n" + install} {
		pid := s.do(t, "systemctl show --property=MainPID ispmail-passwd")
		s.do(t, again)
		assert.NotEqual(t, pid, s.do(t, "systemctl show --property=MainPID ispmail-passwd"), "it runs in the new version")
		for unit, is := range map[string]string{
			"ispmail-passwd.service": "active\nenabled\n", "ispmail-passwd-api.socket": "active\nenabled\n",
			"ispmail-passwd-page.socket": "active\nenabled\n", "ispmail-passwd-changed.socket": "active\nenabled\n",
			"ispmail-passwd-rehash.socket": "inactive\ndisabled\n",
		} {
			assert.Equal(t, is, s.do(t, `systemctl is-active "$1" || true; systemctl is-enabled "$1" || true`, unit), "%s after %s", unit, again)
		}
		assert.Contains(t, s.change(t, s.newUser(t), password, "less than twenty"), "policy-too-short")
	}
}

// TestPackageBefore has a server with the package ispmail-passwd, which was the name before there was more in it. What an
// administrator has written and switched on or off stays so under the new name, and when the old one is purged.
func TestPackageBefore(t *testing.T) {
	if !*full {
		t.Skip("make mailserver-test runs it, with -full")
	}
	s := newServer(t)
	for _, name := range []string{"postinst", "prerm", "postrm"} {
		script, err := os.ReadFile("testdata/ispmail-passwd/" + name) //nolint:gosec // our own
		require.NoError(t, err)
		s.do(t, `mkdir -p /tmp/before && echo "$2" >"/tmp/before/$1"`, name, string(script))
	}
	s.do(t, `cd /tmp
		export DEBIAN_FRONTEND=noninteractive
		apt-get purge -y ispmail
		dpkg-deb --raw-extract /usr/local/share/ispmail/ispmail_*.deb old
		cp before/* old/DEBIAN/
		sed -i '/^\(Conflicts\|Provides\|Replaces\):/d; s/^Package:.*/Package: ispmail-passwd/; s/^Version:.*/Version: 0.0.0-1/' old/DEBIAN/control
		mv old/usr/share/doc/ispmail old/usr/share/doc/ispmail-passwd
		dpkg-deb --build -Znone old old.deb
		apt-get install -y ./old.deb
		systemctl enable --now ispmail-passwd-changed.socket
		echo 'ISPMAIL_PASSWD_MIN_LENGTH=20' >>/etc/default/ispmail-passwd
		apt-get install -y /usr/local/share/ispmail/ispmail_*.deb`)
	for _, after := range []string{"true", "dpkg --purge ispmail-passwd"} {
		s.do(t, after)
		for unit, is := range map[string]string{
			"ispmail-passwd.service": "active\nenabled\n", "ispmail-passwd-api.socket": "active\nenabled\n",
			"ispmail-passwd-page.socket": "active\nenabled\n", "ispmail-passwd-changed.socket": "active\nenabled\n",
			"ispmail-passwd-rehash.socket": "inactive\ndisabled\n",
		} {
			assert.Equal(t, is, s.do(t, `systemctl is-active "$1" || true; systemctl is-enabled "$1" || true`, unit), "%s after %s", unit, after)
		}
		assert.Contains(t, s.change(t, s.newUser(t), password, "less than twenty"), "policy-too-short")
	}
	assert.Equal(t, []string{"ispmail", "install"}, strings.Fields(s.do(t, `dpkg --get-selections 'ispmail*'`)))
}

// TestPackage removes the package and installs it again, as the README does on a server that has never had it.
func TestPackage(t *testing.T) {
	s := newServer(t)
	email := s.newUser(t)
	page := func() string {
		return s.do(t, "curl --silent --insecure --output /dev/null --write-out '%{http_code}' https://127.0.0.1/password/")
	}
	// Stopped and removed as the documentation says: no request starts it again, and the web server does without it.
	guide := readDocument(t, "examples/deployment/README.md").prose
	const stopped, disconf = "systemctl stop ispmail-passwd.service ispmail-passwd-{api,page,poppassd,metrics}.socket", "a2disconf ispmail-passwd"
	require.Contains(t, guide, "`"+stopped+"`")
	require.Contains(t, guide, "`"+disconf+"`")
	require.Equal(t, "200", page())
	s.do(t, "ispmail-admin user alice --generate; mkdir -p /var/lib/ispmail-passwd-notice")
	s.do(t, documented(t, `sed -i 's/^#\(ISPMAIL_PASSWD_METRICS_LISTEN\)`))
	s.do(t, stopped)
	require.Equal(t, "503", page())
	s.do(t, "! curl --silent http://127.0.0.1:9145/metrics")
	assert.Equal(t, "inactive\n", s.do(t, "systemctl is-active ispmail-passwd.service || true"))
	s.do(t, "apt-get purge -y ispmail")
	assert.Equal(t, "503", page())
	s.do(t, disconf+" && systemctl reload apache2")
	assert.Eventually(t, func() bool { return page() != "503" }, time.Minute, time.Second)
	s.do(t, "a2enconf ispmail-passwd && systemctl reload apache2")
	assert.Empty(t, s.do(t, `shopt -s nullglob
		systemctl list-units --state=active --no-legend ispmail-passwd.service 'ispmail-passwd-*.socket'
		echo -n /usr/bin/ispmail-passwd* /etc/default/ispmail-passwd* /run/ispmail-passwd/*.sock /etc/systemd/system/*/ispmail-passwd* \
			/etc/ispmail-admin* /var/lib/ispmail-passwd*`), "a purge leaves nothing, above all no hash")
	_, err := s.run(t.Context(), "runuser -u www-data -- curl --silent --unix-socket /run/ispmail-passwd/api.sock http://localhost/")
	require.Error(t, err)

	// As the README says, on a server that has all but the service.
	s.setStored(t, "john@example.org", legacy)
	const advice = ". To make the account or set it right, as root: mariadb </usr/share/doc/ispmail/examples/grants.sql"
	s.do(t, `mariadb --execute "DROP USER 'ispmail-passwd'@'localhost'"
		echo '<?php $config = [];' >/etc/roundcube/plugins/password/config.inc.php`)
	said := s.do(t, "export DEBIAN_FRONTEND=noninteractive; cd /usr/local/share/ispmail; set -x; "+documented(t, "apt-get install -y ./ispmail_*.deb")+
		documented(t, "ispmailctl user add jane@example.org --generate"))
	assert.Contains(t, said, "Passwords can be written.")
	assert.NotContains(t, said, "FAIL")
	// An account that was made with a password, as without the package. It becomes that of the package.
	_, err = s.run(t.Context(), `mariadb --execute "ALTER USER 'ispmail-passwd'@'localhost' IDENTIFIED BY 'another long secret'"
		ispmail-passwd-check`)
	require.ErrorContains(t, err, advice)
	assert.NotContains(t, err.Error(), "mailadmin")
	s.do(t, "systemctl restart ispmail-passwd")
	require.Eventually(t, func() bool {
		return strings.Contains(s.do(t, "journalctl --output=cat --unit=ispmail-passwd"), advice)
	}, time.Minute, time.Second, "the log says so, too")
	s.do(t, `grep '^mariadb ' <<<"$1" | bash -eu; ispmail-passwd-check; systemctl restart ispmail-passwd`, documented(t, "apt-get install -y ./ispmail_*.deb"))
	assert.Equal(t, "OK", s.do(t, documented(t, "runuser -u www-data -- curl -sS --unix-socket /run/ispmail-passwd/api.sock")))
	s.assertLogin(t, "john@example.org", "correct horse battery staple")

	assert.Equal(t, "active\nactive\nactive\n", s.do(t, "systemctl is-active ispmail-passwd.service ispmail-passwd-api.socket ispmail-passwd-page.socket"))
	assert.Equal(t, "enabled\nenabled\nenabled\n", s.do(t, "systemctl is-enabled ispmail-passwd.service ispmail-passwd-api.socket ispmail-passwd-page.socket"))
	assert.Contains(t, s.do(t, "systemctl is-enabled ispmail-passwd-changed.socket ispmail-passwd-rehash.socket ispmail-passwd-metrics.socket || true"), "disabled\ndisabled\ndisabled\n")
	for _, file := range []string{"/usr/bin/ispmail-passwd", "/usr/sbin/ispmail-passwd-check", "/usr/lib/ispmail-passwd/try-rehash", "/etc/default/ispmail-passwd", "/usr/bin/ispmailctl", "/usr/share/doc/ispmail/README.md", "/usr/share/doc/ispmail/ispmailctl.md"} {
		s.do(t, `dpkg --search "$1" && test -s "$1"`, file)
	}
	s.do(t, `for program in $(dpkg --listfiles ispmail | grep -E '^/usr/s?bin/.'); do test -s "/usr/share/man/man8/${program##*/}.8.gz"; done`)
	assert.Equal(t, "OK", s.change(t, email, password, replacement))
}

// TestFromSQL moves Roundcube from its driver sql to the service, as the README of the deployment says, while somebody is
// logged in. (A reload lets PHP's cache have the old file for two more seconds.)
func TestFromSQL(t *testing.T) {
	s := theServer(t)
	s.undo(t, `systemctl reset-failed ispmail-passwd # and its limit of starts in a short time
		systemctl restart ispmail-passwd apache2`)
	s.keep(t, "/etc/default/ispmail-passwd")
	s.keep(t, "/etc/roundcube/plugins/password/config.inc.php")
	s.do(t, `cat >/etc/roundcube/plugins/password/config.inc.php <<'PHP'
<?php
$config['password_driver'] = 'sql';
$config['password_confirm_current'] = true;
$config['password_minimum_length'] = 12;
$config['password_algorithm'] = 'blowfish-crypt';
$config['password_algorithm_prefix'] = '{CRYPT}';
$config['password_db_dsn'] = 'mysql://mailadmin:ChangeMe-mailadmin@localhost/mailserver';
$config['password_query'] = 'UPDATE virtual_users SET password = %P WHERE email = %u';
PHP
		systemctl restart apache2`)
	email := s.newUser(t)
	jane := s.person(t)
	jane.logIn(email, password)
	jane.changePassword(password, "written by sql", "Successfully saved.")
	assert.Regexp(t, `^\{CRYPT\}\$2y\$`, s.stored(t, email))

	s.do(t, `echo ISPMAIL_PASSWD_SCHEME=BLF-CRYPT >>/etc/default/ispmail-passwd
		systemctl restart ispmail-passwd
		copy=$(grep '^cp ' <<<"$1")
		eval "$copy; $copy" # twice, as somebody does who is not sure
		systemctl restart apache2`, documented(t, "ispmailctl user add jane@example.org --generate"))
	assert.Contains(t, s.do(t, "cat /etc/roundcube/plugins/password/config.inc.php.~1~; rm /etc/roundcube/plugins/password/config.inc.php.~*"), "password_query", "the file of the driver sql is kept")
	jane.changePassword("written by sql", replacement, "Successfully saved.")
	assert.Regexp(t, `^\{BLF-CRYPT\}\$2y\$`, s.stored(t, email))
	s.assertLogin(t, email, replacement)

	// Roundcube's own driver does it with the same file.
	s.do(t, `sed -i "s/'ispmail'/'httpapi'/" /etc/roundcube/plugins/password/config.inc.php
		systemctl restart apache2`)
	jane.changePassword(replacement, password, "Successfully saved.")
	s.assertLogin(t, email, password)
}

// TestWrongSetting has a misspelt scheme: the service says so once, and systemd does not try it over and over.
func TestWrongSetting(t *testing.T) {
	s := theServer(t)
	s.undo(t, `systemctl reset-failed 'ispmail-passwd*'
		systemctl start ispmail-passwd-api.socket ispmail-passwd-page.socket ispmail-passwd.service`)
	s.keep(t, "/etc/default/ispmail-passwd")
	s.do(t, "echo ISPMAIL_PASSWD_SCHEME=BFL-CRYPT >>/etc/default/ispmail-passwd")
	_, err := s.run(t.Context(), "systemctl restart ispmail-passwd")
	require.Error(t, err)
	assert.Equal(t, "failed\n0\n", s.do(t, "systemctl show --property=ActiveState,NRestarts --value ispmail-passwd | sort -r"))
	s.awaitLog(t, "--scheme: ", "journalctl --output=cat --unit=ispmail-passwd | tail")
}
