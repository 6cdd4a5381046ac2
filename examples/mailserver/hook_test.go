package mailserver_test

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// hookFile is where Dovecot of a version hands logins to ispmail-passwd.
var hookFile = map[string]string{"2.3": "/etc/dovecot/conf.d/auth-sql.conf.ext", "2.4": "/etc/dovecot/conf.d/99-ispmail-upgrade.conf"}

// dovecot returns the version of Dovecot, "2.3" or "2.4".
func (s *server) dovecot(t *testing.T) string {
	t.Helper()
	return strings.TrimSpace(s.do(t, `dovecot --version | cut --delimiter=. --fields=1,2`))
}

// Sentences of try-rehash.
const (
	hookTold    = ", and tells ispmail-passwd of it. A wrong password is refused."
	hookNotTold = "tells ispmail-passwd nothing:"
	hookRefuses = ", so nothing can be said"
)

var full = flag.Bool("full", false, "run what takes longer too: TestHook leaves out each line in turn, and not only those that keep people out or hand logins on")

// hookLines begin the lines of the hook that keep people out, or without which nothing is handed on.
var hookLines = []string{"result_success", "skip", "auth"}

// TestHook leaves out each line of what hands logins to ispmail-passwd, in turn: nobody gets in with a wrong password, and where
// ispmail-passwd is not told, try-rehash says so.
func TestHook(t *testing.T) {
	s := theServer(t)
	email := s.newUser(t)
	file := hookFile[s.dovecot(t)]
	require.NotEmpty(t, file)
	const pam, quick = "/etc/pam.d/ispmail-passwd", "/etc/dovecot/conf.d/99-quick.conf"
	s.undo(t, "rm "+quick+"; systemctl reset-failed dovecot; systemctl restart dovecot")
	s.keep(t, file)
	s.keep(t, pam)
	s.do(t, `echo auth_failure_delay = 0 >"$1"`, quick)
	// try is what becomes of a wrong password, and what try-rehash says.
	try := func() string {
		return s.do(t, `systemctl reset-failed dovecot
			systemctl restart dovecot || true
			if systemctl is-active --quiet dovecot && echo wrong | timeout 5 doveadm auth test -x service=imap "$1" >/dev/null 2>&1; then echo "A wrong password got in."; fi
			printf '%s\n' "$2" | /usr/lib/ispmail-passwd/try-rehash "$1" || true`, email, password)
	}
	assert.Contains(t, try(), hookTold)
	s.assertLogin(t, email, password)
	s.assertNoLogin(t, email, "wrong")

	silent := 0
	for _, path := range []string{file, pam} {
		for number, line := range strings.Split(s.do(t, `cat "$1"`, path), "\n") {
			setting := strings.TrimSpace(line)
			if setting == "" || setting[0] == '#' {
				continue
			}
			if !*full && !slices.ContainsFunc(hookLines, func(begin string) bool { return strings.HasPrefix(setting, begin) }) {
				continue
			}
			said := s.without(t, path, number+1, try)
			assert.NotContains(t, said, "got in", setting)
			assert.NotContains(t, said, "DANGER", setting)
			ways := 0
			for _, sentence := range []string{hookTold, hookNotTold, hookRefuses} {
				ways += strings.Count(said, sentence)
			}
			assert.Equal(t, 1, ways, "without %q: %s", setting, said)
			t.Logf("without %q: %s", setting, said)
			if strings.Contains(said, hookNotTold) {
				silent++
			}
			switch {
			case strings.HasPrefix(setting, "result_success"), strings.Contains(setting, "pam_exec.so"):
				assert.Contains(t, said, hookNotTold, setting)
			case strings.HasPrefix(setting, "skip"), strings.Contains(setting, "pam_deny.so"):
				assert.Contains(t, said, hookTold, setting)
			}
		}
	}
	assert.GreaterOrEqual(t, silent, 2)

	// try-rehash tells a hook that lets everybody in, as one does whose PAM says yes and that is asked about everybody.
	s.do(t, `sed -i 's/pam_deny/pam_permit/; s/required  pam_exec/optional  pam_exec/' "$1"
		sed -i '/skip = unauthenticated/d' "$2"`, pam, file)
	assert.Contains(t, try(), "DANGER")
}

// without runs a function while a line of a file is missing.
func (s *server) without(t *testing.T, path string, number int, f func() string) string {
	t.Helper()
	s.do(t, `cp --archive "$1" /root/whole && sed -i "$2d" "$1"`, path, itoa(number))
	defer s.do(t, `cp --archive /root/whole "$1"`, path)
	return f()
}

// TestHookAndFail2ban logs in with the right password where Dovecot logs every verdict of a passdb: fail2ban finds nothing to ban
// for, and finds a wrong password.
func TestHookAndFail2ban(t *testing.T) {
	s := theServer(t)
	email := s.newUser(t)
	const verbose = "/etc/dovecot/conf.d/99-verbose.conf"
	s.undo(t, "rm "+verbose+"; systemctl reset-failed dovecot; systemctl restart dovecot")
	found := func(guess string) string {
		return s.do(t, `echo auth_verbose = yes >"$1"
			systemctl reset-failed dovecot
			systemctl restart dovecot
			rm -rf /run/ispmail-passwd/logins
			begin=$(date +%s)
			printf '%s\n' "$3" | doveadm auth test -x service=imap -x rip=192.0.2.7 "$2" || true
			test -e /run/ispmail-passwd/logins || echo "the hook was not asked"
			journalctl --sync
			journalctl --output=short --unit=dovecot --since="@$begin" >/tmp/dovecot.log
			fail2ban-regex --print-all-matched /tmp/dovecot.log /etc/fail2ban/filter.d/dovecot.conf
			cat /tmp/dovecot.log`, verbose, email, guess)
	}
	right := found(password)
	assert.NotContains(t, right, "the hook was not asked")
	assert.Contains(t, right, "pam_authenticate() failed: System error", "this is what it must not take for a guess")
	assert.Regexp(t, `Lines: \d+ lines, 0 ignored, 0 matched`, right)
	if s.dovecot(t) == "2.3" { // the filter of Debian 13 does not know these lines of Dovecot 2.4
		assert.Regexp(t, `Lines: \d+ lines, 0 ignored, [1-9]\d* matched`, found("wrong"))
	}
}
