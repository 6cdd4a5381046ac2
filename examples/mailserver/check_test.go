package mailserver_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestCheck sets the service up in ways in which it would not do what it should, and has them told by the command that the
// documentation names. It looks at what systemd makes of the settings, which a shell reads otherwise.
func TestCheck(t *testing.T) {
	s := theServer(t)
	s.undo(t, `systemctl start ispmail-passwd-changed.socket
		rm -f /etc/default/ispmail-passwd.orig
		systemctl revert ispmail-passwd.service`)
	s.keep(t, "/etc/default/ispmail-passwd")
	running := func() string {
		return s.do(t, `systemctl show --property=InvocationID,ActiveState ispmail-passwd.service ispmail-passwd-api.socket ispmail-passwd-page.socket`)
	}
	before := running()
	check := func(script string) (said string, good bool) {
		said = s.do(t, `file=/etc/default/ispmail-passwd
			test -e $file.orig || cp --archive $file $file.orig
			cp --archive $file.orig $file
			set() { echo "$1" >>$file; }
			`+script+`
			if ispmail-passwd-check 2>&1; then echo "All is well."; fi
			ls /run/systemd/system/ispmail-passwd-check* /run/ispmail-passwd-check* 2>/dev/null || true`)
		assert.NotContains(t, said, "/run/systemd/system/ispmail-passwd-check", "it leaves nothing behind")
		return said, strings.Contains(said, "All is well.")
	}
	said, good := check("")
	require.True(t, good, said)
	for _, want := range []string{
		"ok    --api-listen: the socket api of systemd is there, on unix:/run/ispmail-passwd/api.sock.",
		"ok    --on-change: the program at unix:/run/ispmail-passwd/changed.sock hears of changes, and answers.",
		"ok    Passwords can be written.",
		"ok    rehash: the settings are valid.",
	} {
		assert.Contains(t, said, want)
	}
	for _, c := range []struct{ script, want string }{
		{"set 'ISPMAIL_PASSWD_DSN=ispmail-tcp:secret@tcp(127.0.0.1:3306)/mailserver'", "This process may use no network: for a database on TCP, ispmail-passwd.service and ispmail-passwd-rehash@.service need the drop-in tcp.conf"},
		{"set 'ISPMAIL_PASSWD_SCHEME=blf-crypt # what the guide has'", "what follows a # in ISPMAIL_PASSWD_SCHEME is part of its value: a comment needs a line of its own"},
		{"set 'ISPMAIL_PASSWD_MIN_LENGTH=15 # NIST'", `ISPMAIL_PASSWD_MIN_LENGTH: "15 # NIST" is not a whole number`},
		{"set ISPMAIL_PASSWD_METRICS_LISTEN=127.0.0.1:9145", "FAIL  --metrics-listen: nothing can listen on 127.0.0.1:9145"},
		{"set ISPMAIL_PASSWD_METRICS_LISTEN=unix:/run/metrics.sock", "FAIL  --metrics-listen: nothing can listen on unix:/run/metrics.sock"},
		{"set ISPMAIL_PASSWD_METRICS_LISTEN=systemd:metrics", "FAIL  --metrics-listen: systemd passed 0 sockets with FileDescriptorName=metrics"},
		{"set ISPMAIL_PASSWD_MINLENGTH=20", "the environment has ISPMAIL_PASSWD_MINLENGTH, which is no setting (did you mean ISPMAIL_PASSWD_MIN_LENGTH?)"},
		{"set 'export ISPMAIL_PASSWD_SCHEME=BLF-CRYPT'", "systemd does not know export, and takes no setting from this line."},
		{"set 'ISPMAIL_PASSWD_SCHEME BLF-CRYPT'", "this is no NAME=value, and systemd takes no setting from it."},
		{"set ISPMAIL_PASSWD_SECRET_FILE=/root/secret", "FAIL  --secret-file: open /root/secret: permission denied for the user of the service"},
		{"systemctl stop ispmail-passwd-changed.socket", "FAIL  --on-change: nobody hears of changes at unix:/run/ispmail-passwd/changed.sock"},
	} {
		said, good := check("echo 'the secret of the webmail' >/root/secret\n" + c.script)
		assert.False(t, good, c.script)
		assert.Contains(t, said, c.want, c.script)
		assert.NotContains(t, said, "another long secret", c.script)
	}
	s.do(t, "systemctl start ispmail-passwd-changed.socket; rm /root/secret")
	for _, c := range []struct{ script, want string }{
		// A shell would take "of" for a command. systemd does not.
		{"set 'ISPMAIL_PASSWD_SITE_NAME=Mail of example.org'", `ok    The title of the page is "Mail of example.org".`},
		{"set 'ISPMAIL_PASSWD_SITE_NAME=Mail # the title'", `warn  --site-name is "Mail # the title": what follows a # is part of it`},
		{"set ISPMAIL_PASSWD_MIN_LENGTH=16; set ISPMAIL_PASSWD_MIN_LENGTH=17", "ISPMAIL_PASSWD_MIN_LENGTH stands in line "},
		{"set 'ISPMAIL_PASSWD_DSN=ispmail-passwd:unused@unix(/run/mysqld/mysqld.sock)/mailserver'", "everybody on the machine may read the password of the database"},
		{"sed -i '/^ISPMAIL_PASSWD_ON_CHANGE/d' $file", "warn  Dovecot caches logins (auth_cache_size), and is not told of changes"},
		{"set ISPMAIL_PASSWD_SECRET=a-quite-long-secret-of-the-webmail", "everybody on the machine may read the secret"},
		{"set ISPMAIL_PASWD_SCHEME=BLF-CRYPT", "ISPMAIL_PASWD_SCHEME is no setting of ispmail-passwd, whose names begin with ISPMAIL_PASSWD_."},
		{`mkdir -p /etc/systemd/system/ispmail-passwd.service.d
			printf '[Service]\nEnvironment="ISPMAIL_PASSWD_SITE_NAME=By a drop-in"\n' >/etc/systemd/system/ispmail-passwd.service.d/name.conf
			systemctl daemon-reload`, `ok    The title of the page is "By a drop-in".`},
		{
			`printf '[Service]\n' >/etc/systemd/system/ispmail-passwd.service.d/name.conf`,
			"warn  Files of ispmail-passwd.service have changed since systemd read them: systemctl daemon-reload.",
		},
	} {
		said, good := check(c.script)
		assert.True(t, good, "%s: %s", c.script, said)
		assert.Contains(t, said, c.want, c.script)
	}
	assert.Equal(t, before, running(), "the service does not notice")
	_, err := s.run(t.Context(), "runuser -u www-data -- ispmail-passwd-check")
	assert.ErrorContains(t, err, "only root can do that")
	_, err = s.run(t.Context(), "ispmail-passwd-check --help")
	assert.ErrorContains(t, err, "it takes no arguments; see man ispmail-passwd-check")
}

// TestCorrectedSetting restarts the service with a setting that ends it, while people ask. Once that is mended, the next start works,
// however often they have asked.
func TestCorrectedSetting(t *testing.T) {
	s := theServer(t)
	s.undo(t, "systemctl restart ispmail-passwd")
	s.keep(t, "/etc/default/ispmail-passwd")
	since := strings.TrimSpace(s.do(t, "date +%s"))
	s.do(t, `echo 'ISPMAIL_PASSWD_ACCENT=#ffee00' >>/etc/default/ispmail-passwd
		if systemctl restart ispmail-passwd; then exit 1; fi
		for i in {1..20}; do
			curl --silent --max-time 1 --unix-socket /run/ispmail-passwd/api.sock http://localhost/ || true
			curl --silent --max-time 1 --unix-socket /run/ispmail-passwd/page.sock http://localhost/ || true
		done`)
	said, err := s.run(t.Context(), "ispmail-passwd-check")
	require.Error(t, err, said)
	assert.Contains(t, said, "FAIL  --accent: #ffee00 has a contrast of")
	// By then the sockets have given up, each after a few times.
	assert.Less(t, strings.Count(s.do(t, `journalctl --output=cat --since="@$1" --unit=ispmail-passwd.service --grep='^Starting '`, since), "\n"), 40)
	s.do(t, `sed -i '/#ffee00/d' /etc/default/ispmail-passwd
		ispmail-passwd-check && systemctl restart ispmail-passwd`)
	assert.Equal(t, "OK", s.change(t, s.newUser(t), password, replacement))

	s.do(t, "systemctl stop ispmail-passwd.service ispmail-passwd-{api,page}.socket")
	said = s.do(t, "ispmail-passwd-check && systemctl restart ispmail-passwd")
	assert.Contains(t, said, "warn  ispmail-passwd-api.socket is not active, so that nobody reaches the service: systemctl restart ispmail-passwd.\n")
	assert.NotContains(t, said, "As root, call")
}
