package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// outboxSQL returns the statements of outbox.sql that begin with a word, for the account "%s".
func outboxSQL(t *testing.T, words string) []string {
	t.Helper()
	text, err := os.ReadFile("outbox.sql")
	require.NoError(t, err)
	list := regexp.MustCompile(`(?ms)^(`+words+`) .*?;`).FindAllString(string(text), -1)
	for i, s := range list {
		list[i] = strings.ReplaceAll(strings.TrimSuffix(s, ";"), "provision@localhost", "%s")
	}
	return list
}

// TestRun serves with the rights of outbox.sql, and answers what has begun before it ends.
func TestRun(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	for _, s := range outboxSQL(t, "CREATE TABLE|INSERT") {
		db.Exec(t, s)
	}
	grants := outboxSQL(t, "GRANT")
	require.Len(t, grants, 5)
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := free.Addr().String()
	env := settings{"DSN": db.Account(t, grants...), "TOKEN_FILE": file, "LISTEN": address}
	require.ErrorContains(t, run(t.Context(), env.get, slog.New(slog.DiscardHandler)), "PROVISION_LISTEN must name an address that is free: listen tcp "+address)
	require.NoError(t, free.Close())
	ctx, end := context.WithCancel(t.Context())
	defer end()
	var logs bytes.Buffer // read after the end
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, env.get, slog.New(slog.NewTextHandler(&logs, nil))) }()
	dials := func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	require.Eventually(t, dials, time.Minute, 10*time.Millisecond)

	put := func(path, body string) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+path, strings.NewReader(body))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+token)
		w, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, w.Body.Close())
		return w.StatusCode
	}
	assert.Equal(t, 200, put("/domains/example.org", ""))
	assert.Equal(t, 409, put("/domains/example.org", ""))
	assert.Equal(t, 422, put("/users/-", `{"password": "`+password+`"}`))
	assert.Equal(t, 400, put("/users/john@example.org", `{"`+password+`": "`+password+`"}`))

	// The server asks for the body, so the request has begun.
	conn, err := net.Dial("tcp", address)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	body := `{"password": "` + password + `"}`
	_, err = fmt.Fprintf(conn, "PUT /users/john@example.org HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", token, len(body))
	require.NoError(t, err)
	lines := bufio.NewReader(conn)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = lines.ReadString('\n')
	require.NoError(t, err)
	end()
	require.Eventually(t, func() bool { return !dials() }, time.Minute, 10*time.Millisecond)
	_, err = fmt.Fprint(conn, body)
	require.NoError(t, err)
	w, err := http.ReadResponse(lines, nil)
	require.NoError(t, err)
	defer func() { _ = w.Body.Close() }()
	assert.Equal(t, http.StatusOK, w.StatusCode)
	require.NoError(t, <-ended)

	_, err = db.Store(t, ispmail.Config{}).Authenticate(t.Context(), "john@example.org", password)
	require.NoError(t, err)
	assert.Contains(t, logs.String(), "listening")
	for _, secret := range []string{password, token, db.Stored(t, "john@example.org")} {
		assert.NotContains(t, logs.String(), secret)
	}
}

// TestSettings expects that wrong settings end the daemon with a reason, which holds no secret.
func TestSettings(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for name, text := range map[string]string{"good": token, "short": "secret\n"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	tests := []struct {
		settings settings
		want     string
	}{
		{settings{}, "PROVISION_TOKEN_FILE"},
		{settings{"TOKEN_FILE": folder + "/short"}, "at least 32"},
		{settings{"TOKEN_FILE": folder + "/none"}, "no such file"},
		{settings{"TOKEN_FILE": folder + "/good"}, "DSN"},
		{settings{"TOKEN_FILE": folder + "/good", "DSN": "me:secret@nowhere"}, "DSN"},
	}
	for _, test := range tests {
		err := run(t.Context(), test.settings.get, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, test.want)
		assert.NotContains(t, err.Error(), "secret")
		assert.NotContains(t, err.Error(), token)
	}
}

// TestFault expects that what the database cannot do is no answer about the request, and that the rest stays in the log.
func TestFault(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]int{
		ispmail.ErrUnavailable: 503, ispmail.ErrOutcomeUnknown: 504, context.DeadlineExceeded: 503,
		ispmail.ErrDenied: 500, ispmail.ErrSchema: 500, errors.New("secret"): 500,
	} {
		status, answer := explain(fmt.Errorf("wrapped: %w", err))
		assert.Equal(t, want, status, err)
		if want == 500 {
			assert.Equal(t, map[string]string{"error": "internal error"}, answer)
		}
	}
}

// settings stand for environment variables.
type settings map[string]string

func (s settings) get(name string) string { return s[strings.TrimPrefix(name, "PROVISION_")] }
