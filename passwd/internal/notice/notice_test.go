package notice_test

import (
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/notice"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
)

// sendmail returns a program that keeps mails, and what it has kept: its arguments and a mail, each time.
func sendmail(t *testing.T) (path string, mails func() []string) {
	t.Helper()
	dir := t.TempDir()
	path = filepath.Join(dir, "sendmail")
	script := "#!/bin/sh\nf=$(mktemp " + dir + "/mail.XXXXXX)\n" + `for a; do printf '[%s]' "$a"; done >"$f"; { echo; cat; } >>"$f"` + "\n"
	require.NoError(t, os.WriteFile(path, []byte(script), 0o700)) //nolint:gosec // a program
	return path, func() (texts []string) {
		files, err := filepath.Glob(filepath.Join(dir, "mail.*"))
		require.NoError(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file) //nolint:gosec // our own
			require.NoError(t, err)
			texts = append(texts, string(text))
		}
		return texts
	}
}

// private returns a directory of the test's own.
func private(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "state")
	require.NoError(t, os.Mkdir(dir, 0o700))
	return dir
}

func line(user string) notify.Line {
	return notify.Line{User: user, Kind: "password", Time: time.Now(), Channel: "page", Client: "192.0.2.1"}
}

// TestSend looks at a mail: null sender, no automatic answer, and nothing of the request in a header.
func TestSend(t *testing.T) {
	t.Parallel()
	program, mails := sendmail(t)
	german, err := os.ReadFile("../../../examples/deployment/notice.de.txt")
	require.NoError(t, err)
	for text, want := range map[string]string{"": "the password of john@example.org was changed.", string(german): "das Passwort von john@example.org wurde geändert."} {
		m, err := notice.New(text, program, private(t))
		require.NoError(t, err)
		sent, err := m.Send(t.Context(), line("john@example.org"))
		require.NoError(t, err)
		require.True(t, sent)
		found := false
		for _, text := range mails() {
			arguments, text, _ := strings.Cut(text, "\n")
			assert.Equal(t, "[-i][-f][][--][john@example.org]", arguments)
			message, err := mail.ReadMessage(strings.NewReader(text))
			require.NoError(t, err)
			assert.Equal(t, "auto-generated", message.Header.Get("Auto-Submitted"))
			assert.Equal(t, "postmaster@example.org", message.Header.Get("From"))
			assert.Equal(t, "john@example.org", message.Header.Get("To"))
			headers, body, _ := strings.Cut(text, "\n\n")
			assert.NotContains(t, headers, "192.0.2.1")
			assert.Contains(t, body, "192.0.2.1")
			found = found || strings.Contains(body, want)
		}
		assert.True(t, found, want)
	}
}

// TestOnce: ten changes at the same time make one mail, also when each comes in a process of its own; the next one counts them.
func TestOnce(t *testing.T) {
	t.Parallel()
	program, mails := sendmail(t)
	state := private(t)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			m, err := notice.New("", program, state)
			assert.NoError(t, err)
			_, err = m.Send(t.Context(), line("john@example.org"))
			assert.NoError(t, err)
		})
	}
	all.Wait()
	assert.Len(t, mails(), 1)
	m, err := notice.New("", program, state)
	require.NoError(t, err)
	sent, err := m.Send(t.Context(), line("jane@example.org"))
	require.NoError(t, err)
	assert.True(t, sent, "another account")

	files, err := filepath.Glob(filepath.Join(state, "*"))
	require.NoError(t, err)
	for _, file := range files {
		assert.NotContains(t, file, "john")
		then := time.Now().Add(-11 * time.Minute)
		require.NoError(t, os.Chtimes(file, then, then))
	}
	sent, err = m.Send(t.Context(), line("john@example.org"))
	require.NoError(t, err)
	assert.True(t, sent)
	assert.Contains(t, strings.Join(mails(), ""), "There were 9 more changes")
}

// TestFailedMail is none: the next change has one.
func TestFailedMail(t *testing.T) {
	t.Parallel()
	state := private(t)
	m, err := notice.New("", "/bin/false", state)
	require.NoError(t, err)
	_, err = m.Send(t.Context(), line("john@example.org"))
	require.ErrorContains(t, err, "/bin/false: exit status 1")
	program, mails := sendmail(t)
	m, err = notice.New("", program, state)
	require.NoError(t, err)
	_, err = m.Send(t.Context(), line("john@example.org"))
	require.NoError(t, err)
	assert.Len(t, mails(), 1)
}

// TestPrivate: nobody else may see who got a mail.
func TestPrivate(t *testing.T) {
	t.Parallel()
	program, mails := sendmail(t)
	state := private(t)
	m, err := notice.New("", program, state)
	require.NoError(t, err)
	for mode, want := range map[os.FileMode]string{0o755: "others may look into " + state, 0o710: "others may look into " + state} {
		require.NoError(t, os.Chmod(state, mode))
		_, err = m.Send(t.Context(), line("john@example.org"))
		require.ErrorContains(t, err, want)
	}
	assert.Empty(t, mails())
	require.NoError(t, os.Chmod(state, 0o700)) //nolint:gosec // a directory
	_, err = m.Send(t.Context(), line("john@example.org"))
	require.NoError(t, err)
	files, err := os.ReadDir(state)
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		info, err := file.Info()
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o077, file.Name())
	}
}

// TestNoMail: a line that is no change of a password of an address has no mail, and what is odd in a line reaches none.
func TestNoMail(t *testing.T) {
	t.Parallel()
	program, mails := sendmail(t)
	m, err := notice.New("", program, private(t))
	require.NoError(t, err)
	for _, user := range []string{"", "*", "@example.org", "john@example.org\nBcc: x@example.net", "John@Example.org", "-oQ/tmp", "john"} {
		_, err := m.Send(t.Context(), line(user))
		require.Error(t, err, "%q", user)
	}
	other := line("john@example.org")
	other.Kind = "state"
	_, err = m.Send(t.Context(), other)
	require.NoError(t, err)
	assert.Empty(t, mails())

	odd := line("john@example.org")
	odd.Client, odd.Channel = "192.0.2.1\nBuy this: http://example.net", "page\nBuy this"
	_, err = m.Send(t.Context(), odd)
	require.NoError(t, err)
	require.Len(t, mails(), 1)
	assert.NotContains(t, mails()[0], "Buy this")
}

func TestWrongTemplate(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"Hello\n":                                 `does not begin with "Subject: ..."`,
		"From: a@example.org\n\nHello":            `needs a line "Subject: ..."`,
		"Subject: {{.Email}}\n\nHello":            "which is no template itself",
		"Subject: a\nBcc: b@example.org\n\nHello": "the header Bcc",
		"Subject: a\nFrom: nobody\n\nHello":       "has no mail address",
		"Subject: a\n\n{{.Nothing}}":              "the template is wrong",
		"Subject: a\n\n{{.Email":                  "the template is wrong",
		"Subject: a\n\n\xff":                      "is not UTF-8",
	} {
		_, err := notice.New(text, "", "")
		assert.ErrorContains(t, err, want, "%q", text)
	}
}
