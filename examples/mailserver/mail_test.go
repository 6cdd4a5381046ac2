package mailserver_test

import (
	"crypto/rand"
	"errors"
	"net/smtp"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// login logs in as a mail program does, and returns the error of Dovecot.
func (s *server) login(t *testing.T, email, password string) (*imapclient.Client, error) {
	t.Helper()
	c, err := imapclient.DialStartTLS(s.at(t, imapPort), &imapclient.Options{TLSConfig: insecure})
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c, c.Login(email, password).Wait()
}

func (s *server) assertLogin(t *testing.T, email, password string) {
	t.Helper()
	_, err := s.login(t, email, password)
	assert.NoError(t, err)
}

func (s *server) assertNoLogin(t *testing.T, email, password string) {
	t.Helper()
	_, err := s.login(t, email, password)
	var refused *imap.Error
	if assert.ErrorAs(t, err, &refused) {
		assert.Equal(t, imap.ResponseCodeAuthenticationFailed, refused.Code)
	}
}

// awaitNoLogin waits until Dovecot refuses a password that was valid before. On a busy machine it may hear of a change after the
// answer to it.
func (s *server) awaitNoLogin(t *testing.T, email, password string) {
	t.Helper()
	assert.Eventually(t, func() bool {
		c, err := s.login(t, email, password)
		_ = c.Close()
		var refused *imap.Error
		return errors.As(err, &refused) && refused.Code == imap.ResponseCodeAuthenticationFailed
	}, time.Minute, 300*time.Millisecond, "the password is valid")
}

// send sends a mail from elsewhere and returns its text.
func (s *server) send(t *testing.T, recipient string) string {
	t.Helper()
	text := rand.Text()
	c, err := smtp.Dial(s.at(t, smtpPort))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Mail("somebody@elsewhere.invalid"))
	require.NoError(t, c.Rcpt(recipient))
	w, err := c.Data()
	require.NoError(t, err)
	_, err = w.Write([]byte("Subject: A test\r\n\r\n" + text + "\r\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, c.Quit())
	return text
}

// mailbox returns the texts of the mails of a user.
func (s *server) mailbox(t *testing.T, email string) string {
	t.Helper()
	c, err := s.login(t, email, password)
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	box, err := c.Select("INBOX", nil).Wait()
	require.NoError(t, err)
	if box.NumMessages == 0 {
		return ""
	}
	section := &imap.FetchItemBodySection{}
	all := imap.SeqSet{}
	all.AddRange(1, box.NumMessages)
	messages, err := c.Fetch(all, &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	require.NoError(t, err)
	var texts strings.Builder
	for _, m := range messages {
		texts.Write(m.FindBodySection(section))
	}
	return texts.String()
}

func (s *server) awaitMail(t *testing.T, email, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(s.mailbox(t, email), text) }, time.Minute, 300*time.Millisecond,
		"%s gets no mail", email)
}

// TestMail sends mail through Postfix to what the library has made.
func TestMail(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	_, err := s.store.CreateDomain(t.Context(), "library.example")
	require.NoError(t, err)
	for _, email := range []string{"ann@library.example", "bob@library.example"} {
		_, _, err := s.store.CreateUser(t.Context(), email, password)
		require.NoError(t, err)
	}
	for _, alias := range [][2]string{
		{"team@library.example", "ann@library.example"},
		{"team@library.example", "bob@library.example"}, // a second destination
		{"info@library.example", "team@library.example"},
		{"@library.example", "bob@library.example"}, // a catch-all
	} {
		_, _, err := s.store.CreateAlias(t.Context(), alias[0], alias[1])
		require.NoError(t, err)
	}
	ann, bob := "ann@library.example", "bob@library.example"
	for recipient, want := range map[string][]string{
		"ann@library.example":       {ann}, // and not the catch-all
		"Ann+extra@library.example": {ann},
		"team@library.example":      {ann, bob},
		"info@library.example":      {ann, bob},
		"anybody@library.example":   {bob},
	} {
		recipients, err := s.store.Recipients(t.Context(), recipient)
		require.NoError(t, err)
		var mailboxes []string
		for _, r := range recipients {
			mailboxes = append(mailboxes, r.Mailbox)
		}
		assert.ElementsMatch(t, want, mailboxes, recipient)
		text := s.send(t, recipient)
		for _, email := range want {
			s.awaitMail(t, email, text)
		}
		if len(want) == 1 && want[0] == ann {
			assert.NotContains(t, s.mailbox(t, bob), text, recipient)
		}
	}

	c, err := smtp.Dial(s.at(t, smtpPort))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Mail("somebody@elsewhere.invalid"))
	assert.ErrorContains(t, c.Rcpt("nobody@example.org"), "550", "there is no catch-all")
	assert.ErrorContains(t, c.Rcpt("somebody@else.invalid"), "Relay access denied")
}

// TestWholeDomainUser has a row "@domain" among the users. Postfix accepts mail for anybody in the domain, and Dovecot makes it
// bounce, as Recipients and the check say.
func TestWholeDomainUser(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	_, err := s.store.CreateDomain(t.Context(), "whole.example")
	require.NoError(t, err)
	c, err := smtp.Dial(s.at(t, smtpPort))
	require.NoError(t, err)
	defer func() { _ = c.Close() }()
	require.NoError(t, c.Mail("somebody@elsewhere.invalid"))
	require.ErrorContains(t, c.Rcpt("nobody@whole.example"), "550")
	s.do(t, `mariadb mailserver --execute "INSERT INTO virtual_users (domain_id, email, password) SELECT id, '@whole.example', '~' FROM virtual_domains WHERE name = 'whole.example'"`)
	s.send(t, "anybody@whole.example")
	require.Eventually(t, func() bool {
		log, err := s.run(t.Context(), `journalctl --no-pager --identifier=postfix/lmtp | grep --fixed-strings 'to=<anybody@whole.example>' || true`)
		return err == nil && strings.Contains(log, "status=bounced")
	}, time.Minute, 300*time.Millisecond, "Dovecot takes it")
	_, err = s.store.Recipients(t.Context(), "anybody@whole.example")
	require.ErrorContains(t, err, "Postfix accepts it, because row")
	steps, err := s.store.Trace(t.Context(), "anybody@whole.example")
	require.ErrorIs(t, err, ispmail.ErrNotFound)
	require.Len(t, steps, 1)
	assert.Equal(t, ispmail.FoundBounce, steps[0].Found)
	for row, err := range s.store.Users(t.Context(), ispmail.Exactly("@whole.example")) {
		require.NoError(t, err)
		_, err := s.store.DeleteRow(t.Context(), row)
		require.NoError(t, err)
	}
	require.ErrorContains(t, c.Rcpt("nobody@whole.example"), "550")
}

// TestSubmission sends mail as a mail program does. Who is logged in may send with their own address only.
func TestSubmission(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	sender, recipient := s.newUser(t), s.newUser(t)
	dial := func(password string) (*smtp.Client, error) {
		c, err := smtp.Dial(s.at(t, submissionPort))
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		require.NoError(t, c.StartTLS(insecure))
		return c, c.Auth(smtp.PlainAuth("", sender, password, "127.0.0.1"))
	}
	_, err := dial("wrong")
	require.ErrorContains(t, err, "535")
	c, err := dial(password)
	require.NoError(t, err)
	require.NoError(t, c.Mail(recipient))
	require.ErrorContains(t, c.Rcpt(recipient), "not owned by user")
	require.NoError(t, c.Reset())
	require.NoError(t, c.Mail(sender))
	require.NoError(t, c.Rcpt(recipient))
	w, err := c.Data()
	require.NoError(t, err)
	text := rand.Text()
	_, err = w.Write([]byte("Subject: A test\r\n\r\n" + text + "\r\n"))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	s.awaitMail(t, recipient, text)
}

// TestSchemes logs in over IMAP with every scheme that the library writes.
func TestSchemes(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	for _, scheme := range []string{"SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "ARGON2ID", "PBKDF2", "SCRAM-SHA-256"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			hasher, err := hash.New(hash.Config{Scheme: scheme})
			require.NoError(t, err)
			store, err := s.open(t.Context(), ispmail.Config{Hasher: hasher, Timeout: time.Minute})
			require.NoError(t, err)
			defer func() { _ = store.Close() }()
			email := strings.ToLower(scheme) + "@example.org"
			_, _, err = store.CreateUser(t.Context(), email, password)
			require.NoError(t, err)
			stored := s.stored(t, email)
			require.True(t, strings.HasPrefix(stored, "{"+scheme+"}"), stored)
			s.assertLogin(t, email, password)
			s.assertNoLogin(t, email, password+"x")
			s.assertLogin(t, strings.ToUpper(email[:1])+email[1:], password)
			assert.Equal(t, stored, s.stored(t, email), "a good scheme stays")
		})
	}
}

// TestLock keeps a user out of IMAP, but not the mail, and lets the user in again.
func TestLock(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	email := s.newUser(t)
	forget := func() { s.do(t, `doveadm auth cache flush "$1"`, email) }
	s.assertLogin(t, email, password)
	require.NoError(t, s.store.Lock(t.Context(), email))
	forget()
	for _, guess := range []string{password, "wrong", "!", s.stored(t, email)} {
		s.assertNoLogin(t, email, guess)
	}
	text := s.send(t, email)
	require.NoError(t, s.store.Unlock(t.Context(), email))
	forget()
	s.assertLogin(t, email, password)
	s.awaitMail(t, email, text)
	assert.NotContains(t, s.do(t, "journalctl --output=cat --unit=dovecot | grep --fixed-strings \"$1\" | grep --ignore-case error || true", email), email,
		"a lock is no error to Dovecot")
}

// TestRehash upgrades the row of an older guide by a plain IMAP login.
func TestRehash(t *testing.T) {
	s := theServer(t)
	email := s.newUser(t)
	s.setStored(t, email, legacy)
	s.assertNoLogin(t, email, "wrong")
	time.Sleep(time.Second) // what must not happen would have by now
	require.Equal(t, legacy, s.stored(t, email))
	s.assertLogin(t, email, summersun)
	require.Eventually(t, func() bool { return strings.HasPrefix(s.stored(t, email), "{SHA256-CRYPT}$5$") }, time.Minute, 100*time.Millisecond)
	s.assertLogin(t, email, summersun)
	s.assertNoLogin(t, email, "wrong")
	s.awaitLog(t, "The stored password of "+email+" is {SHA256-CRYPT} now.", "journalctl --output=cat --identifier=ispmail-passwd-rehash")

	// Whatever becomes of the upgrade, the login does not depend on it.
	s.undo(t, "mv /usr/lib/ispmail-passwd/rehash.away /usr/lib/ispmail-passwd/rehash; systemctl start ispmail-passwd-rehash.socket")
	s.do(t, "systemctl stop ispmail-passwd-rehash.socket")
	s.setStored(t, email, legacy)
	s.assertLogin(t, email, summersun)
	s.do(t, "mv /usr/lib/ispmail-passwd/rehash /usr/lib/ispmail-passwd/rehash.away")
	s.setStored(t, email, legacy) // or the cache would answer, and nothing be called
	s.assertLogin(t, email, summersun)
	s.assertNoLogin(t, email, "wrong")
	assert.Equal(t, legacy, s.stored(t, email))
}

// TestCache changes a password that Dovecot has in its cache: the old one is refused at once. Without word of the change,
// it would not be.
func TestCache(t *testing.T) {
	s := theServer(t)
	email := s.newUser(t)
	s.assertLogin(t, email, password)
	assert.Equal(t, "OK", s.change(t, email, password, replacement))
	s.awaitNoLogin(t, email, password)
	s.assertLogin(t, email, replacement)

	// An address that doveadm could take for an option.
	const hyphen = "-a@example.org"
	_, _, err := s.store.CreateUser(t.Context(), hyphen, password)
	require.NoError(t, err)
	s.assertLogin(t, hyphen, password)
	assert.Equal(t, "OK", s.change(t, hyphen, password, replacement))
	s.awaitNoLogin(t, hyphen, password)

	s.undo(t, "systemctl start ispmail-passwd-changed.socket")
	// Each change is forgotten twice, the second time after 2 s.
	s.do(t, `systemctl stop ispmail-passwd-changed.socket
		while systemctl --quiet is-active 'ispmail-passwd-changed@*'; do sleep 0.2; done`)
	s.assertLogin(t, email, replacement)
	assert.Equal(t, "OK", s.change(t, email, replacement, password), "the verdict is about the row")
	s.assertLogin(t, email, replacement)
	s.awaitLog(t, `msg="the change was not passed on" user=`+email, "journalctl --output=cat --unit=ispmail-passwd")
	s.do(t, `doveadm auth cache flush "$1"`, email)
	s.assertNoLogin(t, email, replacement)
	s.assertLogin(t, email, password)
}

// TestCacheRace has a login under way while the password is changed: Dovecot has read the old row already, and caches it after
// it has been told to forget it. It forgets it once more, whether who told it waits for the answer or not.
func TestCacheRace(t *testing.T) {
	for name, end := range map[string]string{"answer": `<$told> eq "OK\n" or die "it was not forgotten\n"`, "no answer": `close $told`} {
		t.Run(name, func(t *testing.T) { testCacheRace(t, end) })
	}
}

func testCacheRace(t *testing.T, end string) {
	t.Helper()
	s := theServer(t)
	email := s.newUser(t)
	// A hash that keeps Dovecot busy for about a second.
	old := strings.TrimSpace(s.do(t, `doveadm pw -s SHA256-CRYPT -r 2000000 -p "$1"`, password))
	s.setStored(t, email, old)
	s.do(t, `new=$(doveadm pw -s SHA256-CRYPT -p "$3")
		begin=$(date +%s%N)
		doveadm pw -t "$4" -p "$2"
		third=$((($(date +%s%N) - begin) / 3000000))
		doveadm auth test -x service=imap "$1" "$2" &
		sleep "$((third / 1000)).$(printf %03d $((third % 1000)))"
		mariadb mailserver --execute "UPDATE virtual_users SET password = '$new' WHERE email = '$1'"
		perl -MIO::Socket::UNIX -e '
			my $told = IO::Socket::UNIX->new(Peer => "/run/ispmail-passwd/changed.sock") or die "$!\n";
			print $told "{\"user\":\"" . shift() . "\"}\n";
			$told->flush;
			`+end+`' -- "$1"
		wait $! # the login is the one with the old password`, email, password, replacement, old)
	assert.Eventually(t, func() bool {
		_, err := s.run(t.Context(), `doveadm auth test -x service=imap "$1" "$2"`, email, password)
		return err != nil
	}, time.Minute, 100*time.Millisecond, "the old password is valid for as long as it is in the cache")
	s.assertLogin(t, email, replacement)
}

// TestEndSessions ends the other sessions of who has changed the password, where that is wanted.
func TestEndSessions(t *testing.T) {
	s := theServer(t)
	email, other := s.newUser(t), s.newUser(t)
	session, otherSession := s.session(t, email, password), s.session(t, other, password)
	assert.Equal(t, "OK", s.change(t, email, password, replacement))
	require.NoError(t, session.Noop().Wait(), "by default they stay")

	s.undo(t, "systemctl revert ispmail-passwd-changed@.service")
	s.do(t, `mkdir -p /etc/systemd/system/ispmail-passwd-changed@.service.d
		printf '[Service]\nEnvironment=END_SESSIONS=yes\n' >/etc/systemd/system/ispmail-passwd-changed@.service.d/sessions.conf
		systemctl daemon-reload`)
	assert.Equal(t, "OK", s.change(t, email, replacement, password))
	assertEnds(t, session, "a change")
	assert.NoError(t, otherSession.Noop().Wait())
}
