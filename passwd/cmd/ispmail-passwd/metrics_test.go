package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

// TestMetrics has every metric before there was any event.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", anyPort, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0")
	await(t, &p.stderr, "database opened")
	require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	for _, want := range []string{
		"ispmail_passwd_ready 1",
		`ispmail_passwd_not_ready{reason="passwords cannot be written"} 0`,
		`ispmail_passwd_attempts_total{channel="api",reason="unauthorized"} 0`,
		`ispmail_passwd_attempts_total{channel="page",reason="mismatch"} 0`,
		`ispmail_passwd_attempts_total{channel="poppassd",reason="limited"} 0`,
		`ispmail_passwd_attempt_duration_seconds_count{channel="api"} 0`,
		`ispmail_passwd_attempt_duration_seconds_count{channel="page"} 0`,
		"ispmail_passwd_changes_not_passed_on_total 0",
		"ispmail_passwd_log_lines_lost_total 0",
	} {
		assert.Contains(t, p.body, "\n"+want+"\n")
	}
	all := len(passwd.API.Reasons()) + len(passwd.Page.Reasons()) + len(passwd.Poppassd.Reasons())
	assert.Equal(t, all, strings.Count(p.body, "\nispmail_passwd_attempts_total{"))
	p.finish(t)
}
