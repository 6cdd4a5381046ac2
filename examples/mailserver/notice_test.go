package mailserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// inRoundcube changes a password in Roundcube, by the requests that a browser makes.
const inRoundcube = `cd "$(mktemp -d)"
	web() { curl --silent --show-error --insecure --location --cookie jar --cookie-jar jar "$@"; }
	token() { grep --only-matching '"request_token":"[^"]*"' page | cut --delimiter='"' --fields=4; }
	web --output page https://localhost/
	web --output page --data-urlencode "_token=$(token)" --data "_task=login&_action=login" --data-urlencode "_user=$1" --data-urlencode "_pass=$2" "https://localhost/?_task=login"
	web --output page "https://localhost/?_task=settings&_action=plugin.password"
	web --output page --data-urlencode "_token=$(token)" --data-urlencode "_curpasswd=$2" --data-urlencode "_newpasswd=$3" --data-urlencode "_confpasswd=$3" \
		"https://localhost/?_task=settings&_action=plugin.password-save"
	grep --fixed-strings "Successfully saved." page`

// onPage changes a password on the page.
const onPage = `curl --silent --show-error --insecure --header "Sec-Fetch-Site: same-origin" --data-urlencode "user=$1" --data-urlencode "curpass=$2" \
	--data-urlencode "newpass=$3" --data-urlencode "repeat=$3" https://localhost/password/ | grep --fixed-strings "Your password was changed"`

// hangUp is a script that tells a socket that the password of its argument was changed, and waits for no answer.
func hangUp(socket string) string {
	return `perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new("/run/ispmail-passwd/` + socket + `.sock")->print("{\"user\":\"$ARGV[0]\",\"kind\":\"password\"}\n") or die' "$1"`
}

// TestNotice: whoever owns an account gets mail about a change, wherever it was made, and one for ten changes.
func TestNotice(t *testing.T) {
	s := theServer(t)
	s.undo(t, "systemctl disable --now ispmail-passwd-notice.socket")
	s.do(t, "systemctl enable --now ispmail-passwd-notice.socket")
	mail := func(email string) string {
		return s.do(t, `doveadm fetch -u "$1" text mailbox INBOX`, email)
	}
	for _, c := range []struct{ script, where string }{
		{inRoundcube, "Where:   webmail"},
		{onPage, "Where:   the page for changes of passwords"},
		{`ispmailctl password set "$1" <<<"$3"`, "was changed by an administrator."},
	} {
		email := s.newUser(t)
		s.do(t, c.script, email, password, replacement)
		require.Eventually(t, func() bool { return strings.Contains(mail(email), c.where) }, time.Minute, 300*time.Millisecond, c.where)
		text := mail(email)
		assert.Contains(t, text, "Return-Path: <>\n")
		assert.Contains(t, text, "Auto-Submitted: auto-generated\n")
		assert.Contains(t, text, "To: "+email+"\n")
	}

	email, current := s.newUser(t), password
	for i := range 10 {
		next := replacement + strings.Repeat("!", i)
		require.Equal(t, "OK", s.change(t, email, current, next))
		current = next
	}
	require.Eventually(t, func() bool {
		return strings.Count(s.do(t, `journalctl --output=cat --unit="ispmail-passwd-notice@*" --grep="$1 gets no mail" | sort`, email), "\n") == 9
	}, time.Minute, 300*time.Millisecond)
	assert.Equal(t, 1, strings.Count(mail(email), "Return-Path: <>"))

	// On a slow machine the service may have stopped waiting for an answer. There is a mail all the same.
	jane := s.newUser(t)
	s.do(t, hangUp("notice"), jane)
	require.Eventually(t, func() bool { return strings.Contains(mail(jane), "Return-Path: <>") }, time.Minute, 300*time.Millisecond)

	// A failure never changes the verdict.
	s.undo(t, "rm -r /etc/systemd/system/ispmail-passwd-notice@.service.d; systemctl daemon-reload")
	s.do(t, `mkdir /etc/systemd/system/ispmail-passwd-notice@.service.d
		printf '[Service]\nExecStart=\nExecStart=/bin/false\n' >/etc/systemd/system/ispmail-passwd-notice@.service.d/no.conf
		systemctl daemon-reload`)
	assert.Equal(t, "OK", s.change(t, email, current, replacement))
}
