package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

// scrape returns what Prometheus gets.
func scrape(m *metrics) string {
	answer := httptest.NewRecorder()
	ready := func(context.Context) error { return nil }
	m.handler(ready, noLimits.note).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	return answer.Body.String()
}

// TestMetrics has every metric before there was any event.
func TestMetrics(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", anyPort, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0")
	// What was found before the database was there holds for a second.
	require.Eventually(t, func() bool { return p.get(t, "/readyz") == http.StatusOK }, time.Minute, 100*time.Millisecond)
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
		"ispmail_passwd_notices_failed_total 0",
		"ispmail_passwd_breached_not_looked_up_total 0",
		`ispmail_passwd_connections_refused_total{listener="api"} 0`,
		`ispmail_passwd_connections_refused_total{listener="page"} 0`,
		`ispmail_passwd_connections_refused_total{listener="metrics"} 0`,
		"ispmail_passwd_log_lines_lost_total 0",
	} {
		assert.Contains(t, p.body, "\n"+want+"\n")
	}
	assert.NotContains(t, p.body, `channel="page",reason="not-found"`, "which nothing counts")
	all := len(passwd.API.Reasons()) + len(passwd.Page.Reasons()) + len(passwd.Poppassd.Reasons())
	assert.Equal(t, all, strings.Count(p.body, "\nispmail_passwd_attempts_total{"))
	p.finish(t)
}

// TestMetricsDocumented has every metric in the documentation, and asks in the alerts for nothing that is not there: such an alert
// would never come. make alerts-test says when they come.
func TestMetricsDocumented(t *testing.T) {
	t.Parallel()
	p := start(t, "--demo", anyPort, "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
		"--limits=unix:///nonexistent", "--limits-key-file="+write(t, "the key of all instances"))
	await(t, &p.stderr, "database opened")
	require.Equal(t, http.StatusOK, p.get(t, "/metrics"))
	const deployment = "../../../examples/deployment/"
	var documentation strings.Builder
	files, err := filepath.Glob(deployment + "*.md")
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file) //nolint:gosec // our own
		require.NoError(t, err)
		documentation.Write(text)
	}
	for _, metric := range regexp.MustCompile(`(?m)^# HELP (ispmail_\w+)`).FindAllStringSubmatch(p.body, -1) {
		assert.Contains(t, documentation.String(), "`"+metric[1], "in no document")
	}

	rules, err := os.ReadFile(deployment + "prometheus/ispmail-passwd.rules.yml")
	require.NoError(t, err)
	expressions := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(string(rules), -1)
	require.Greater(t, len(expressions), 5)
	for _, expression := range expressions {
		for _, metric := range regexp.MustCompile(`\b(ispmail|process)_\w+`).FindAllString(expression[1], -1) {
			assert.Regexp(t, `(?m)^`+metric+`[ {]`, p.body)
		}
		for _, matched := range regexp.MustCompile(`reason=~?"([^"]*)"`).FindAllStringSubmatch(expression[1], -1) {
			for reason := range strings.SplitSeq(matched[1], "|") {
				assert.Contains(t, p.body, `reason="`+reason+`"`)
			}
		}
	}
	p.finish(t)
}
