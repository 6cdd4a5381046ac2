package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// grants returns those of README.md.
func grants(t *testing.T) (list []string) {
	t.Helper()
	text, err := os.ReadFile("README.md")
	require.NoError(t, err)
	for _, g := range regexp.MustCompile(`(GRANT .* ON )mailserver\.(\w+ TO )provision@localhost;`).FindAllStringSubmatch(string(text), -1) {
		list = append(list, g[1]+g[2]+"%s")
	}
	require.Len(t, list, 5)
	return list
}

// TestRun serves with the rights of README.md, and answers what has begun before it ends.
func TestRun(t *testing.T) {
	t.Parallel()
	ispmailtest.Each(t, func(t *testing.T, db *ispmailtest.Database) {
		dsn := db.DSN
		if !strings.HasPrefix(dsn, "file:") {
			dsn = db.Account(t, grants(t)...)
		}
		file := filepath.Join(t.TempDir(), "token")
		require.NoError(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
		ctx, end := context.WithCancel(t.Context())
		defer end()
		logs := &buffer{}
		ended := make(chan error, 1)
		go func() {
			ended <- run(ctx, nil, settings{"DSN": dsn, "TOKEN_FILE": file, "LISTEN": "127.0.0.1:0"}.get, logs)
		}()
		var address string
		require.Eventually(t, func() bool {
			found := regexp.MustCompile(`listening address=(\S+)`).FindStringSubmatch(logs.String())
			if found != nil {
				address = found[1]
			}
			return found != nil
		}, time.Minute, 10*time.Millisecond)

		post := func(path, body string) int {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+address+path, strings.NewReader(body))
			require.NoError(t, err)
			r.Header.Set("Authorization", "Bearer "+token)
			w, err := http.DefaultClient.Do(r)
			require.NoError(t, err)
			require.NoError(t, w.Body.Close())
			return w.StatusCode
		}
		assert.Equal(t, http.StatusCreated, post("/domains", `{"name": "example.org"}`))
		assert.Equal(t, http.StatusConflict, post("/domains", `{"name": "example.org"}`))
		assert.Equal(t, http.StatusUnprocessableEntity, post("/users", `{"email": "`+password+`", "password": "`+password+`"}`))

		// The server asks for the body, so the request has begun.
		conn, err := net.Dial("tcp", address)
		require.NoError(t, err)
		defer func() { _ = conn.Close() }()
		body := `{"email": "john@example.org", "password": "` + password + `"}`
		_, err = fmt.Fprintf(conn, "POST /users HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", token, len(body))
		require.NoError(t, err)
		lines := bufio.NewReader(conn)
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		require.Contains(t, line, "100 Continue")
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		end()
		require.Eventually(t, func() bool {
			late, err := net.Dial("tcp", address)
			if err == nil {
				_ = late.Close()
			}
			return err != nil
		}, time.Minute, 10*time.Millisecond)
		_, err = fmt.Fprint(conn, body)
		require.NoError(t, err)
		w, err := http.ReadResponse(lines, nil)
		require.NoError(t, err)
		defer func() { _ = w.Body.Close() }()
		assert.Equal(t, http.StatusCreated, w.StatusCode)
		require.NoError(t, <-ended)

		_, err = db.Store(t, ispmail.Config{}).Authenticate(t.Context(), "john@example.org", password)
		require.NoError(t, err)
		assert.Contains(t, logs.String(), "john@example.org")
		for _, secret := range []string{password, token, db.Stored(t, "john@example.org")} {
			assert.NotContains(t, logs.String(), secret)
		}
	})
}

// TestSettings expects that wrong settings end the daemon with a reason, which holds no secret.
func TestSettings(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(file, []byte("\n"), 0o600))
	tests := []struct {
		settings settings
		args     []string
		want     string
	}{
		{settings{"TOKEN": token}, []string{token}, "there are no arguments"},
		{settings{}, nil, "one of them"},
		{settings{"TOKEN": token, "TOKEN_FILE": file}, nil, "one of them"},
		{settings{"TOKEN": "secret"}, nil, "less than 32"},
		{settings{"TOKEN_FILE": file}, nil, "less than 32"},
		{settings{"TOKEN_FILE": file + "x"}, nil, "no such file"},
		{settings{"TOKEN": token}, nil, "DSN"},
		{settings{"TOKEN": token, "DSN": "me:secret@nowhere"}, nil, "DSN"},
		{settings{"TOKEN": token, "DSN": "file:" + t.TempDir() + "/none/mail.db"}, nil, "ispmail: database unavailable"},
		{settings{"TOKEN": token, "DSN": "file:/settings?vfs=memdb", "LISTEN": "nowhere"}, nil, "nowhere"},
	}
	for _, test := range tests {
		var logs bytes.Buffer
		err := run(ctx, test.args, test.settings.get, &logs)
		require.ErrorContains(t, err, test.want)
		assert.NotContains(t, err.Error(), "secret")
		assert.NotContains(t, err.Error(), token)
		assert.Empty(t, logs.String())
	}
	host, _, err := net.SplitHostPort(defaultListen)
	require.NoError(t, err)
	assert.True(t, net.ParseIP(host).IsLoopback())
}

// TestToken expects that nothing happens without the token.
func TestToken(t *testing.T) {
	t.Parallel()
	reached := 0
	h := admit(token, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	for _, wrong := range []string{"", token[1:], token + "0", strings.ToUpper(token)} {
		got := client{h, wrong}.ask(t, "GET", "/users", "")
		assert.Equal(t, answer{http.StatusUnauthorized, `{"error":"unauthorized"}`}, got, wrong)
	}
	assert.Zero(t, reached)
	client{h, token}.do(t, "GET", "/users", "")
	assert.Equal(t, 1, reached)
}

// TestFault expects that what the database cannot do is no answer about the request, and that its reason stays in the log.
func TestFault(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]answer{
		ispmail.ErrUnavailable:    {503, `{"error":"unavailable"}`},
		ispmail.ErrOutcomeUnknown: {504, `{"error":"outcome-unknown"}`},
		ispmail.ErrDenied:         {500, `{"error":"internal"}`},
		ispmail.ErrSchema:         {500, `{"error":"internal"}`},
		errors.New("else"):        {500, `{"error":"internal"}`},
		context.DeadlineExceeded:  {503, `{"error":"unavailable"}`},
	} {
		status, p := explain(fmt.Errorf("%w: secret", err))
		text, err := json.Marshal(p)
		require.NoError(t, err)
		assert.Equal(t, want, answer{status, string(text)})
	}
}

// settings stand for environment variables.
type settings map[string]string

func (s settings) get(name string) string { return s[strings.TrimPrefix(name, "PROVISION_")] }

// A buffer takes what others write at the same time.
type buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
