package mailserver_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestMetrics has Prometheus read the metrics of the confined service, which has no network, and sees in them, in systemctl status
// and among the warnings of the journal that no password can be changed.
func TestMetrics(t *testing.T) {
	s := theServer(t)
	s.undo(t, `systemctl disable --now ispmail-passwd-metrics.socket
		mariadb </usr/share/doc/ispmail/examples/grants.sql
		systemctl restart ispmail-passwd`)
	s.keep(t, "/etc/default/ispmail-passwd")
	s.do(t, documented(t, `sed -i 's/^#\(ISPMAIL_PASSWD_METRICS_LISTEN\)`))
	metrics := func() string { return s.do(t, "curl --silent http://127.0.0.1:9145/metrics") }
	status := func() string {
		return strings.TrimSpace(s.do(t, "systemctl show --property=StatusText --value ispmail-passwd"))
	}
	becomes := func(text string) {
		t.Helper()
		require.Eventually(t, func() bool { return status() == text }, 60*time.Second, 300*time.Millisecond)
	}
	becomes("Passwords can be changed.")
	text := metrics()
	rules := s.do(t, "grep expr: --after-context=2 /usr/share/doc/ispmail/examples/prometheus/ispmail-passwd.rules.yml")
	for _, metric := range regexp.MustCompile(`\b(ispmail|process|go)_[a-z_]+`).FindAllString(rules, -1) {
		if metric != "ispmail_passwd_limits_shared" { // without Redis
			assert.Contains(t, text, "\n# TYPE "+strings.TrimSuffix(metric, "_bucket")+" ", "an alert needs it")
		}
	}
	for _, want := range []string{
		"ispmail_passwd_ready 1", `ispmail_passwd_not_ready{reason="passwords cannot be written"} 0`,
		`ispmail_passwd_attempts_total{channel="page",reason="ok"} 0`, "ispmail_passwd_changes_not_passed_on_total 0",
	} {
		assert.Contains(t, text, "\n"+want+"\n")
	}
	assert.Equal(t, "AF_UNIX\n", s.do(t, "systemctl show --property=RestrictAddressFamilies --value ispmail-passwd"))

	since := strings.TrimSpace(s.do(t, "date +%s"))
	warnings := func() string {
		return s.do(t, `journalctl --sync; journalctl --output=cat --priority=warning --unit=ispmail-passwd --since="@$1" || true`, since)
	}
	assert.NotContains(t, warnings(), "not ready")
	s.do(t, "mariadb --execute \"REVOKE UPDATE (password) ON mailserver.virtual_users FROM 'ispmail-passwd'@'localhost'\"")
	becomes("No password can be changed: passwords cannot be written.")
	assert.Contains(t, metrics(), `ispmail_passwd_not_ready{reason="passwords cannot be written"} 1`)
	assert.Contains(t, warnings(), `level=WARN msg="not ready: a change would not work"`)
	assert.NotContains(t, warnings(), "level=INFO")
	assert.NotContains(t, warnings(), "<4>")
	s.do(t, "mariadb </usr/share/doc/ispmail/examples/grants.sql")
	becomes("Passwords can be changed.")
	assert.Contains(t, metrics(), "\nispmail_passwd_ready 1\n")
}
