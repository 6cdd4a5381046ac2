package mailserver_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// block returns what stands in a document between ```language and ```, after a heading.
func block(t *testing.T, path, heading, language string, number int) string {
	t.Helper()
	text, err := os.ReadFile(path) //nolint:gosec // a file of this repository
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	require.True(t, found, heading)
	blocks := regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(section, number)
	require.Len(t, blocks, number, "%s %s", heading, language)
	return blocks[number-1][1]
}

// TestPoppassd does what WEBMAILS.md says, and changes passwords over a socket, and over TCP, although the service has no network; where
// Debian has Horde, with its driver, too.
func TestPoppassd(t *testing.T) {
	s := theServer(t)
	_, err := s.run(t.Context(), "test -d /usr/local/share/ispmail/horde")
	hasHorde := err == nil
	if !hasHorde {
		assert.Contains(t, s.do(t, "cat /etc/os-release"), "VERSION_CODENAME=trixie", "only Debian 13 has no php-horde-passwd")
	}
	const document, heading = "../deployment/WEBMAILS.md", "## Webmails that speak poppassd"
	script, err := os.ReadFile("testdata/horde.php")
	require.NoError(t, err)
	email := s.newUser(t)
	s.undo(t, `systemctl disable --now ispmail-passwd-poppassd.socket
		rm -rf /etc/systemd/system/ispmail-passwd-poppassd.socket.d
		systemctl daemon-reload
		systemctl reset-failed 'ispmail-passwd*'
		systemctl restart ispmail-passwd`)
	s.keep(t, "/etc/default/ispmail-passwd")
	s.do(t, block(t, document, heading, "sh", 1))
	assert.Contains(t, s.do(t, block(t, document, heading, "sh", 2)), "500 bad-credentials: ")
	_, err = s.run(t.Context(), "runuser -u nobody -- curl --silent telnet://localhost --unix-socket /run/ispmail-passwd/poppassd.sock </dev/null")
	require.Error(t, err, "the socket is for webmail")

	backends := block(t, document, "## Horde", "php", 1)
	horde := func(current, replacement string) string {
		return s.do(t, `cat >/tmp/horde.php <<<"$1"; cat >/tmp/backends.php <<<"$2"; chmod 644 /tmp/horde.php /tmp/backends.php
			runuser -u www-data -- php /tmp/horde.php /tmp/backends.php "$3" "$4" "$5"`, string(script), backends, email, current, replacement)
	}
	if hasHorde {
		assert.Equal(t, "500 bad-credentials: The address or the current password is wrong.", horde("wrong", replacement))
		assert.Equal(t, "500 policy-common: The new password is one of the most common ones.", horde(password, "qwerty123456789"))
		assert.Equal(t, "changed", horde(password, replacement))
		s.assertLogin(t, email, replacement)
		assert.Equal(t, "changed", horde(replacement, password))
	}
	poppassd := func(where, current, replacement string) string {
		return s.do(t, `printf 'user %s\npass %s\nnewpass %s\nquit\n' "$1" "$2" "$3" | runuser -u www-data -- curl -sS `+where, email, current, replacement)
	}
	assert.Contains(t, poppassd("telnet://localhost --unix-socket /run/ispmail-passwd/poppassd.sock", password, replacement), "200 The password was changed.")
	s.assertLogin(t, email, replacement)

	s.do(t, `mkdir -p /etc/systemd/system/ispmail-passwd-poppassd.socket.d
		cat >/etc/systemd/system/ispmail-passwd-poppassd.socket.d/override.conf <<<"$1"
		systemctl daemon-reload
		systemctl stop ispmail-passwd.service ispmail-passwd-poppassd.socket
		systemctl start ispmail-passwd-poppassd.socket ispmail-passwd.service`, block(t, document, heading, "ini", 1))
	if hasHorde {
		backends = strings.NewReplacer("unix:///run/ispmail-passwd/poppassd.sock", "127.0.0.1", "'port' => 0", "'port' => 106").Replace(backends)
		assert.Equal(t, "changed", horde(replacement, password))
		s.assertLogin(t, email, password)
		assert.Equal(t, "changed", horde(password, replacement))
	}
	assert.Contains(t, poppassd("telnet://127.0.0.1:106", replacement, password), "200 The password was changed.")
	s.assertLogin(t, email, password)
	s.awaitLog(t, `msg="password changed" channel=poppassd`, `journalctl --output=cat --unit=ispmail-passwd | grep "user=$1 "`, email)
	assert.Contains(t, s.do(t, "ispmail-passwd-check"), "--poppassd-listen: the socket poppassd of systemd is there, on 127.0.0.1:106.")
}
