package mailserver_test

import (
	"context"
	"crypto/md5" //nolint:gosec // names of fields in phpMyAdmin
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/check"
)

// A person has a browser of their own, without a memory of others.
type person struct {
	*testing.T
	ctx     context.Context
	base    string        // of the web server
	dropped *atomic.Int64 // what Chromium could not load, see open
}

func (s *server) person(t *testing.T) person {
	t.Helper()
	path, err := exec.LookPath("chromium")
	require.NoError(t, err, "run make test, or install the package chromium")
	// Chromium leaves files behind, and may still write some when T.TempDir would already remove them.
	temporary, err := os.MkdirTemp("", "browser") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(temporary) })
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.Env("TMPDIR="+temporary),
		chromedp.DisableGPU,
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"),
		chromedp.Flag("ignore-certificate-errors", true), // Debian's own is self-signed
		chromedp.WSURLReadTimeout(time.Minute),
		chromedp.WindowSize(1280, 900),
	)
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox) // Chromium has none for root
	}
	ctx, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, 15*time.Minute)
	t.Cleanup(cancel)
	p := person{t, ctx, "https://" + s.at(t, webPort), new(atomic.Int64)}
	p.do()
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		if e, ok := event.(*log.EventEntryAdded); ok && strings.Contains(e.Entry.Text, "ERR_NETWORK_CHANGED") {
			p.dropped.Add(1)
		}
	}))
	p.reads("en")
	return p
}

// reads says which language the person reads.
func (p person) reads(language string) {
	p.Helper()
	_, err := chromedp.Call(p.ctx, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{
		Headers: network.Headers{"Accept-Language": language},
	})
	require.NoError(p.T, err)
}

func (p person) do(actions ...chromedp.Action[chromedp.Void]) {
	p.Helper()
	require.NoError(p.T, chromedp.Do(p.ctx, actions...))
}

// open shows a page with everything that belongs to it. Chromium drops its connections when an interface comes or goes, as
// with every container: then the page, one of its scripts or its style is missing, and it is opened again.
func (p person) open(path string) {
	p.Helper()
	for range 10 {
		before := p.dropped.Load()
		err := chromedp.Do(p.ctx, chromedp.Navigate(p.base+path))
		if err == nil && p.dropped.Load() == before {
			return
		}
		if err != nil && !strings.Contains(err.Error(), "ERR_NETWORK_CHANGED") {
			require.NoError(p.T, err)
		}
	}
	p.Fatal("The network changed during ten attempts to open the page.")
}

// fill types into the fields that CSS selectors name.
func (p person) fill(fields ...[2]string) {
	p.Helper()
	for _, field := range fields {
		selector := chromedp.CSS(field[0])
		p.do(chromedp.WaitVisible(selector))
		_, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(`document.querySelector(%q).value = ""`, field[0])))
		require.NoError(p.T, err)
		p.do(chromedp.SendKeys(selector, field[1]))
	}
}

// press presses a button by the keyboard: a mouse misses it where a page moves while it goes down, as phpMyAdmin's form does.
func (p person) press(selector string) {
	p.Helper()
	p.do(chromedp.SendKeys(chromedp.CSS(selector), kb.Enter))
}

// sees waits until an element says something.
func (p person) sees(selector, text string) {
	p.Helper()
	seen := ""
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		found, err := chromedp.Run(p.ctx, chromedp.Evaluate[string](fmt.Sprintf(
			`[...document.querySelectorAll(%q)].map(e => e.innerText).join("\n")`, selector)))
		if err == nil && strings.TrimSpace(found) != "" { // messages go after a while
			seen = found
		}
		if strings.Contains(seen, text) {
			return
		}
	}
	p.screenshot()
	p.Fatalf("%s says %q and not %q", selector, seen, text)
}

// screenshot keeps a picture of the page.
func (p person) screenshot() {
	p.Helper()
	picture, err := chromedp.Run(p.ctx, chromedp.FullScreenshot(100))
	require.NoError(p.T, err)
	path := p.ArtifactDir() + "/page.png"
	require.NoError(p.T, os.WriteFile(path, picture, 0o600))
}

// logIn logs in to Roundcube.
func (p person) logIn(email, password string) {
	p.Helper()
	p.open("/")
	p.fill([2]string{"#rcmloginuser", email}, [2]string{"#rcmloginpwd", password})
	p.press("#rcmloginsubmit")
	p.do(chromedp.WaitVisible(chromedp.CSS("body.task-mail #taskmenu")))
}

// changePassword fills in the form under Settings > Password, and waits for what Roundcube says.
func (p person) changePassword(current, replacement, want string) {
	p.Helper()
	p.open("/?_task=settings&_action=plugin.password")
	p.fill([2]string{"#curpasswd", current}, [2]string{"#newpasswd", replacement}, [2]string{"#confpasswd", replacement})
	p.press(".formbuttons .submit")
	p.sees("#messagestack", want)
}

// TestRoundcube changes passwords in Roundcube: that of the guide's John, and one that an older guide stored.
func TestRoundcube(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	old := s.newUser(t)
	s.setStored(t, old, legacy)
	for _, email := range []string{"john@example.org", old} {
		t.Run(email, func(t *testing.T) {
			t.Parallel()
			john := s.person(t)
			john.logIn(email, summersun)
			john.changePassword("winterrain", replacement, "Current password incorrect")
			john.changePassword(summersun, "short", "Password must be at least 15 characters long")
			// What Roundcube lets pass is refused by the service, and Roundcube says why.
			john.sees("#ruleslist", "Password should not be made of the mail address.")
			john.changePassword(summersun, "qwerty123456789", "Could not save new password. Password should not be a common word or name.")
			john.changePassword(summersun, "passwordpassword", "Could not save new password. Password too weak.")
			john.changePassword(summersun, "äöüäöüäö", "Could not save new password. Password must be at least 15 characters long.")
			john.changePassword(summersun, email, "Could not save new password. Password should not be made of the mail address.")
			s.assertLogin(t, email, summersun)
			john.changePassword(summersun, replacement, "Successfully saved.")
			s.awaitNoLogin(t, email, summersun)
			s.assertLogin(t, email, replacement)
			assert.True(t, strings.HasPrefix(s.stored(t, email), "{SHA256-CRYPT}$5$"), s.stored(t, email))
			john.open("/?_task=mail")
			john.sees(".header-title", "Inbox") // the session goes on with the new password
			log := s.awaitLog(t, "status=200", `journalctl --output=cat --unit=ispmail-passwd | grep "password changed.* user=$1 "`, email)
			assert.Regexp(t, `channel=api user=\S+ client=\d+\.\d+\.\d+\.\d+ status=200`, log, "Roundcube says for whom it asks")
			if email == old { // whom no other test needs
				for range 5 {
					assert.Contains(t, s.change(t, email, "wrong", replacement), "bad-credentials")
				}
				john.changePassword(replacement, password, "Could not save new password. Too many attempts. Try again in ")
			}
		})
	}
}

// TestRoundcubeUnicode has a password that is typed on few keyboards, and somebody who reads German.
func TestRoundcubeUnicode(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	email := s.newUser(t)
	jane := s.person(t)
	jane.reads("de")
	jane.logIn(email, password)
	jane.changePassword(password, email, "Neues Passwort konnte nicht gespeichert werden. Passwort sollte nicht aus der Mailadresse bestehen.")
	const unusual = "Füße & +%\"<b>' 密码 {PLAIN}x"
	jane.changePassword(password, unusual, "Erfolgreich gespeichert.")
	s.assertLogin(t, email, unusual)
}

// TestOutages shows what people see when a part of the server is away: never that the password was changed.
func TestOutages(t *testing.T) {
	s := theServer(t)
	email := s.newUser(t)
	john, visitor := s.person(t), s.person(t)
	john.logIn(email, password)

	s.undo(t, "systemctl start ispmail-passwd-api.socket ispmail-passwd-page.socket ispmail-passwd.service")
	s.do(t, "systemctl stop ispmail-passwd-api.socket ispmail-passwd-page.socket ispmail-passwd.service")
	john.changePassword(password, replacement, "Could not save new password. Connection error.")
	visitor.open("/password/")
	visitor.sees("body", "Service Unavailable")
	s.assertLogin(t, email, password)
	s.do(t, "systemctl start ispmail-passwd-api.socket ispmail-passwd-page.socket ispmail-passwd.service")

	// Without its database, Roundcube itself can do nothing.
	// Postfix lets a database that was away alone for a minute, which the tests of mail have not.
	s.undo(t, "systemctl start mariadb && systemctl restart postfix")
	john.open("/?_task=settings&_action=plugin.password")
	s.do(t, "systemctl stop mariadb")
	john.fill([2]string{"#curpasswd", password}, [2]string{"#newpasswd", replacement}, [2]string{"#confpasswd", replacement})
	john.press(".formbuttons .submit")
	john.sees("body", "Your request cannot be processed at this time.")
	visitor.visit(email, password, replacement)
	visitor.sees("main", "Your password was not changed")
	assert.Equal(t, "unavailable: The password was not changed. Try again later.\n", s.change(t, email, password, replacement))
	s.do(t, "systemctl start mariadb")
	s.assertLogin(t, email, password)

	// Without the service's own process alone, systemd starts it again.
	s.do(t, "systemctl stop ispmail-passwd.service")
	john.changePassword(password, replacement, "Successfully saved.")
	visitor.visit(email, replacement, password)
	visitor.sees("main", "Your password was changed")
	s.assertLogin(t, email, password)
}

// visit changes a password on the page of the service.
func (p person) visit(email, current, replacement string) {
	p.Helper()
	p.open("/password/")
	p.fill([2]string{"#user", email}, [2]string{"#curpass", current}, [2]string{"#newpass", replacement}, [2]string{"#repeat", replacement})
	p.press("main [type=submit]")
}

// TestPage changes a password on the page, behind the web server.
func TestPage(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	email := s.newUser(t)
	jane := s.person(t)
	jane.open("/password") // without the slash
	jane.sees("h1", "Change your password")
	jane.visit(email, "wrong", replacement)
	jane.sees("main", "The mail address or the current password is wrong.")
	jane.visit(email, password, replacement)
	jane.sees("main", "Your password was changed")
	s.awaitNoLogin(t, email, password)
	s.assertLogin(t, email, replacement)
}

// insert types a row into a table in phpMyAdmin.
func (p person) insert(table string, fields map[string]string) {
	p.Helper()
	p.open("/phpmyadmin/index.php?route=/table/change&db=mailserver&table=" + table)
	for column, value := range fields {
		name := fmt.Sprintf(`[name="fields[multi_edit][0][%x]"]`, md5.Sum([]byte(column))) //nolint:gosec // phpMyAdmin names them so
		p.fill([2]string{name, value})
	}
	p.press("#buttonYes")
	p.sees("#page_content", "1 row inserted.")
}

// TestPhpMyAdmin types rows by hand as administrators do, mistakes included.
func TestPhpMyAdmin(t *testing.T) {
	s := theServer(t)
	admin := s.person(t)
	admin.open("/phpmyadmin/")
	admin.fill([2]string{"#input_username", "mailadmin"}, [2]string{"#input_password", "ChangeMe-mailadmin"})
	admin.press("#input_go")
	admin.sees("#pma_navigation_tree", "mailserver")
	_, err := s.store.CreateDomain(t.Context(), "byhand.example")
	require.NoError(t, err)
	domain, err := s.store.Domain(t.Context(), "byhand.example")
	require.NoError(t, err)
	id := fmt.Sprint(domain.ID)
	// What is wrong here is nothing that other tests should find.
	s.undo(t, `mariadb mailserver --execute "
		DELETE FROM virtual_users WHERE email LIKE '%@byhand.example';
		DELETE FROM virtual_aliases WHERE source LIKE '%@byhand.example';
		DELETE FROM virtual_domains WHERE name = 'byhand.example'"`)

	// Mixed case.
	admin.insert("virtual_users", map[string]string{"domain_id": id, "email": "Jane@ByHand.Example", "password": legacy})
	jane := "jane@byhand.example"
	assert.Equal(t, "OK", s.change(t, jane, summersun, replacement))
	s.assertLogin(t, jane, replacement)
	s.awaitNoLogin(t, jane, summersun)

	// No prefix: the service does not guess, whatever Dovecot's default is.
	admin.insert("virtual_users", map[string]string{"domain_id": id, "email": "unprefixed@byhand.example", "password": strings.TrimPrefix(legacy, "{PLAIN-MD5}")})
	assert.Contains(t, s.change(t, "unprefixed@byhand.example", summersun, replacement), "bad-credentials")

	// The domain of somebody else.
	admin.insert("virtual_users", map[string]string{"domain_id": "1", "email": "stray@byhand.example", "password": legacy})
	assert.Equal(t, "OK", s.change(t, "stray@byhand.example", summersun, replacement))
	s.assertLogin(t, "stray@byhand.example", replacement)

	// An alias in capitals, and in the wrong domain.
	admin.insert("virtual_aliases", map[string]string{"domain_id": "1", "source": "Sales@ByHand.example", "destination": "Jane@byhand.example"})
	recipients, err := s.store.Recipients(t.Context(), "sales@byhand.example")
	require.NoError(t, err)
	require.Len(t, recipients, 1)
	assert.Equal(t, jane, recipients[0].Mailbox)
	text := s.send(t, "sales@byhand.example")
	assert.Equal(t, "OK", s.change(t, jane, replacement, password))
	s.awaitMail(t, jane, text)

	found := map[check.Code][]int64{}
	for finding, err := range check.Run(t.Context(), s.store, check.Config{}) {
		require.NoError(t, err)
		found[finding.Code] = append(found[finding.Code], finding.ID)
	}
	unprefixed, err := s.store.User(t.Context(), "unprefixed@byhand.example")
	require.NoError(t, err)
	assert.Equal(t, []int64{unprefixed.ID}, found["unprefixed-password"])
	stray, err := s.store.User(t.Context(), "stray@byhand.example")
	require.NoError(t, err)
	assert.Equal(t, []int64{stray.ID}, found["user-in-wrong-domain"])
	assert.Len(t, found["alias-in-wrong-domain"], 1)
}
