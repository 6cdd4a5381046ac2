package mailserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// session returns a session that somebody has open.
func (s *server) session(t *testing.T, email, password string) *imapclient.Client {
	t.Helper()
	c, err := s.login(t, email, password)
	require.NoError(t, err)
	require.NoError(t, c.Noop().Wait())
	return c
}

func assertEnds(t *testing.T, session *imapclient.Client, after string) {
	t.Helper()
	select {
	case <-session.Closed():
	case <-time.After(time.Minute):
		t.Errorf("the session goes on after %s", after)
	}
}

// TestAdministrator locks, resets, renames and deletes a user with ispmailctl. Each time the login is refused at once, although
// Dovecot has it in its cache, and the session that is open ends; that of somebody else goes on. Mail arrives while the user is
// there, and the printed commands move and remove it.
func TestAdministrator(t *testing.T) {
	s := theServer(t)
	jane, other := s.newUser(t), s.newUser(t)
	bystander := s.session(t, other, password)
	const told = "Dovecot was told to end the sessions that are open."

	session := s.session(t, jane, password)
	assert.Contains(t, s.do(t, `ispmailctl user lock "$1"`, jane), told)
	s.assertNoLogin(t, jane, password)
	assertEnds(t, session, "a lock")
	text := s.send(t, jane)
	s.do(t, `ispmailctl user unlock "$1"`, jane)
	s.awaitMail(t, jane, text)

	session = s.session(t, jane, password)
	assert.Contains(t, s.do(t, `printf '%s\n' "$2" | ispmailctl password set "$1"`, jane, replacement), told)
	s.assertNoLogin(t, jane, password)
	assertEnds(t, session, "a reset")
	s.assertLogin(t, jane, replacement)
	s.do(t, `printf '%s\n' "$2" | ispmailctl password set "$1" --force`, jane, password)

	session = s.session(t, jane, password)
	renamed := "new-" + jane
	said := s.do(t, `ispmailctl user rename "$1" "$2" --yes`, jane, renamed)
	assert.Contains(t, said, told)
	s.assertNoLogin(t, jane, password)
	assertEnds(t, session, "a rename")
	_, move, found := strings.Cut(said, "this moves it: ")
	require.True(t, found, said)
	s.do(t, move)
	assert.Contains(t, s.mailbox(t, renamed), text)

	session = s.session(t, renamed, password)
	said = s.do(t, `ispmailctl user delete "$1" --yes`, renamed)
	assert.Contains(t, said, told)
	s.assertNoLogin(t, renamed, password)
	assertEnds(t, session, "a deletion")
	_, remove, found := strings.Cut(said, "this removes it: ")
	require.True(t, found, said)
	s.do(t, remove)

	require.NoError(t, bystander.Noop().Wait())
}
