package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestWarnings has a sentence for each setting that is seldom meant, in the log at the start and from --check, and none for
// those that are usual.
func TestWarnings(t *testing.T) {
	t.Parallel()
	const secret, sqlite = "the secret of roundcube", "--dsn=sqlite:/missing.db"
	readable := func(content string) string {
		path := write(t, content)
		require.NoError(t, os.Chmod(path, 0o644)) //nolint:gosec // the point
		return path
	}
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{sqlite}, ""},
		{[]string{sqlite, "--api-listen=systemd:api", "--listen=systemd:page"}, ""},
		{[]string{sqlite, "--listen=unix:/run/page", "--secret-file=" + write(t, secret)}, ""},
		{[]string{sqlite, "--listen=127.0.0.1:8081", "--trusted-proxy=127.0.0.1"}, ""},
		{[]string{sqlite, "--listen=127.0.0.1:8081", "--trusted-proxy=10.0.0.0/8,fd00::/8,203.0.113.0/24,2001:db8::/48"}, ""},
		{[]string{sqlite, "--metrics-listen=127.0.0.1:9100", "--socket-mode=0777"}, "--socket-mode has no effect: the service opens no unix:/path itself"},
		{[]string{sqlite, "--api-listen=systemd:api", "--socket-mode=0600"}, "--socket-mode has no effect"},
		{[]string{sqlite, "--site-name=Mail # of example.org"}, `--site-name is "Mail # of example.org": what follows a # is part of it`},
		{[]string{sqlite, "--site-name=Mail#1", "--webmail-url=https://mail.example.org/#top"}, ""},
		{[]string{sqlite, "--listen=127.0.0.1:8081"}, "without --trusted-proxy everybody behind the web server counts as one client"},
		{[]string{sqlite, "--listen=192.0.2.1:80", "--trusted-proxy=127.0.0.1"}, "the page is not on a loopback address"},
		{[]string{sqlite, "--listen=unix:/run/page", "--trusted-proxy=0.0.0.0/0"}, "whoever comes from 0.0.0.0/0 may say who he is"},
		{[]string{sqlite, "--listen=unix:/run/page", "--trusted-proxy=::/0"}, "whoever comes from ::/0 may say who he is"},
		{[]string{sqlite, "--listen=unix:/run/page", "--trusted-proxy=10.0.0.0/1"}, "whoever comes from 10.0.0.0/1 may say who he is"},
		{[]string{sqlite, "--api-listen=0.0.0.0:8080", "--secret-file=" + write(t, secret)}, "the API is on 0.0.0.0:8080, and not on a loopback address"},
		{[]string{sqlite, "--poppassd-listen=127.0.0.1:106"}, ""},
		{[]string{sqlite, "--poppassd-listen=127.0.0.1:106", "--secret-file=" + write(t, secret)}, "--poppassd-listen: at 127.0.0.1:106 everybody on the machine can guess passwords without the secret"},
		{[]string{sqlite, "--poppassd-listen=unix:/run/poppassd", "--secret-file=" + write(t, secret)}, ""},
		{[]string{sqlite, "--poppassd-listen=unix:/run/poppassd", "--socket-mode=0666"}, "--poppassd-listen: everybody on the machine can use the socket /run/poppassd: set --socket-mode to 0660"},
		{[]string{sqlite, "--metrics-listen=0.0.0.0:9100"}, "the metrics are on 0.0.0.0:9100"},
		{[]string{sqlite, "--api-listen=unix:/run/api", "--socket-mode=0777"}, "--api-listen: everybody on the machine can use the socket /run/api"},
		{[]string{sqlite, "--api-listen=unix:/run/api", "--socket-mode=0662"}, "--api-listen: everybody on the machine can use the socket /run/api"},
		{[]string{sqlite, "--api-listen=unix:/run/api", "--socket-mode=0664"}, ""},
		{[]string{sqlite, "--secret-file=" + readable(secret)}, "--secret-file: everybody on the machine can read "},
		{[]string{"--dsn-file=" + readable("u:p@tcp(127.0.0.1:3306)/mailserver")}, "--dsn-file: everybody on the machine can read "},
		{[]string{"--dsn=u@tcp(192.0.2.1:3306)/mailserver"}, "the database at 192.0.2.1:3306 is reached without TLS"},
		{[]string{"--dsn=u@unix(/run/mysqld/mysqld.sock),tcp(127.0.0.1,192.0.2.2)/mailserver"}, "the database at 192.0.2.2:3306 is reached without TLS"},
		{[]string{"--dsn=u@tcp(db.example.org)/mailserver?tls=false"}, "the database at db.example.org:3306 is reached without TLS"},
		{[]string{"--dsn=u@tcp(192.0.2.1:3306)/mailserver?tls=preferred"}, "is reached with tls=preferred, which does not look at who answers"},
		{[]string{"--dsn=u@tcp(192.0.2.1:3306)/mailserver?tls=skip-verify"}, "is reached with tls=skip-verify"},
		{[]string{"--dsn=u@tcp(192.0.2.1:3306)/mailserver?tls=true"}, ""},
		{[]string{"--dsn=u@tcp([::1]:3306)/mailserver"}, ""},
		{[]string{sqlite, "--limits=unix:///run/redis.sock", "--limits-key-file=" + write(t, secret)}, ""},
		{[]string{sqlite, "--limits-file=" + write(t, "rediss://:canary@192.0.2.1"), "--limits-key-file=" + write(t, secret)}, ""},
		{[]string{sqlite, "--limits-file=" + write(t, "redis://:canary@192.0.2.1"), "--limits-key-file=" + write(t, secret)}, "the limits are at 192.0.2.1:6379 without TLS"},
		{[]string{sqlite, "--limits=redis://127.0.0.1", "--limits-key-file=" + write(t, secret)}, "the limits are at 127.0.0.1:6379 without a password"},
		{[]string{sqlite, "--limits-file=" + readable("unix:///run/redis.sock"), "--limits-key-file=" + write(t, secret)}, "--limits-file: everybody on the machine can read "},
		{[]string{sqlite, "--limits=unix:///run/redis.sock", "--limits-key-file=" + readable(secret)}, "--limits-key-file: everybody on the machine can read "},
		{[]string{"--dsn=u@unix(/run/mysqld/mysqld.sock)/mailserver"}, ""},
	} {
		s, err := parse(t, c.args...)
		require.NoError(t, err, "%v", c.args)
		if c.want == "" {
			assert.Empty(t, s.warnings(), "%v", c.args)
			continue
		}
		if assert.Len(t, s.warnings(), 1, "%v", c.args) {
			assert.Contains(t, s.warnings()[0], c.want)
		}
	}
}
