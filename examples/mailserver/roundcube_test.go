package mailserver_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd"
)

const (
	notSaved         = "Could not save new password. "
	nichtGespeichert = "Neues Passwort konnte nicht gespeichert werden. "
)

// saying is what Roundcube says in English and in German.
type saying struct{ en, de string }

// sayings has what Roundcube says for each reason of the API.
var sayings = map[string]saying{
	"ok":               {"saved", "saved"},
	"bad-credentials":  {notSaved + "Current password incorrect.", nichtGespeichert + "Aktuelles Passwort ist falsch."},
	"limited":          {notSaved + "Too many attempts. Try again in 3 min.", nichtGespeichert + "Zu viele Versuche. Versuchen Sie es in 3 min wieder."},
	"busy":             {notSaved + "Too many changes at the same time. Try again in 10 s.", nichtGespeichert + "Zu viele Änderungen zur gleichen Zeit. Versuchen Sie es in 10 s wieder."},
	"unavailable":      {notSaved + "The database is not available. Try again later.", nichtGespeichert + "Die Datenbank ist nicht erreichbar. Versuchen Sie es später wieder."},
	"outcome-unknown":  unknown,
	"policy-control":   {notSaved + "Password contains forbidden characters.", nichtGespeichert + "Passwort enthält unzulässige Zeichen."},
	"policy-too-short": {notSaved + "Password must be at least 15 characters long.", nichtGespeichert + "Passwort muss mindestens 15 Zeichen lang sein."},
	"policy-too-long":  {notSaved + "Password is too long.", nichtGespeichert + "Passwort ist zu lang."},
	"policy-same":      {notSaved + "New password have to be different from the old one.", nichtGespeichert + "Das neue Passwort muss sich von dem Alten unterscheiden."},
	"policy-common":    {notSaved + "Password should not be a common word or name.", nichtGespeichert + "Passwort sollte kein allgemeines Wort oder Name sein."},
	"policy-guessable": {notSaved + "Password too weak.", nichtGespeichert + "Das Passwort ist zu schwach."},
	"policy-breached":  {notSaved + "This password is commonly known.", nichtGespeichert + "Dieses Passwort ist allgemein bekannt."},
	"policy-address":   {notSaved + "Password should not be made of the mail address.", nichtGespeichert + "Passwort sollte nicht aus der Mailadresse bestehen."},
	"policy-site":      {notSaved + "Password should not be made of the name of this site.", nichtGespeichert + "Passwort sollte nicht aus dem Namen dieser Website bestehen."},
	"bad-request":      faulty,
	"cross-origin":     faulty,
	"not-found":        faulty,
	"unauthorized":     faulty,
}

var (
	unknown = saying{
		"It is not known whether the new password was saved. Try both at the next login.",
		"Es ist nicht bekannt, ob das neue Passwort gespeichert wurde. Versuchen Sie bei der nächsten Anmeldung beide.",
	}
	faulty = saying{notSaved + "Connection error. Please tell the administrator.", nichtGespeichert + "Verbindungsfehler. Bitte sagen Sie es dem Administrator."}
)

// TestRoundcubeSays plays each answer of the API to the real Roundcube and our driver, and what else can come instead of one, and
// compares what people read. No password and no secret gets into its log.
func TestRoundcubeSays(t *testing.T) {
	s := theServer(t)
	t.Parallel()
	script, err := os.ReadFile("testdata/roundcube.php")
	require.NoError(t, err)
	statuses := map[string]int{"ok": 200, "bad-credentials": 403, "cross-origin": 403, "not-found": 404, "unauthorized": 401, "bad-request": 400, "limited": 429}
	waits := map[string]string{"limited": "180", "busy": "10", "unavailable": "10", "outcome-unknown": "10"}
	var names []string
	var cases []any
	var want []saying
	add := func(name string, c any, says saying) {
		names, cases, want = append(names, name), append(cases, c), append(want, says)
	}
	for _, reason := range slices.Sorted(maps.Keys(sayings)) {
		status, known := statuses[reason]
		switch {
		case waits[reason] != "" && !known:
			status = http.StatusServiceUnavailable
		case !known:
			status = http.StatusUnprocessableEntity
		}
		problem, err := json.Marshal(map[string]any{"reason": reason, "status": status, "detail": "A sentence.", "minlength": 15})
		require.NoError(t, err)
		add(reason, []any{status, map[string]string{"Retry-After": waits[reason]}, string(problem)}, sayings[reason])
	}
	assert.Subset(t, names, passwd.API.Reasons())
	none := map[string]string{"X-None": "x"}
	add("a new rule", []any{422, none, `{"reason":"policy-new"}`}, saying{
		"Password constraint violation. Password probably too weak.", "Passwortbeschränkungsverletzung. Passwort wahrscheinlich zu schwach.",
	})
	add("another server", []any{200, none, "OK"}, unknown)
	add("no object", []any{200, none, `["ok"]`}, unknown)
	add("no text", []any{200, none, `{"reason":["ok"]}`}, unknown)
	add("a proxy", []any{504, none, "<html>Gateway Timeout</html>"}, unknown)
	add("a redirect", []any{302, map[string]string{"Location": "http://localhost/"}, ""}, faulty)
	add("another path", []any{404, none, "<html>Not Found</html>"}, faulty)
	add("refused", "refused", saying{"Could not save new password. Connection error.", "Neues Passwort konnte nicht gespeichert werden. Verbindungsfehler."})
	add("silent", "silent", unknown)
	add("proxy", "proxy", sayings["bad-credentials"])

	for i, language := range []string{"en_US", "de_DE"} {
		input, err := json.Marshal([]any{language, cases})
		require.NoError(t, err)
		output := s.do(t, `cat >/tmp/roundcube.php <<<"$1"; chmod 644 /tmp/roundcube.php; runuser -u www-data -- php /tmp/roundcube.php <<<"$2" 2>>/tmp/roundcube.log`, string(script), string(input))
		var says []string
		require.NoError(t, json.Unmarshal([]byte(output), &says), output)
		require.Len(t, says, len(want))
		for n, wanted := range want {
			assert.Equal(t, []string{wanted.en, wanted.de}[i], says[n], "%s, %s", names[n], language)
		}
	}
	log := s.do(t, "cat /tmp/roundcube.log /var/log/roundcube/errors.log 2>/dev/null || true")
	assert.Contains(t, log, "Password plugin: ispmail: GuzzleHttp\\Exception\\ConnectException")
	assert.Contains(t, log, "the answer has the status 401 and is unauthorized: A sentence.")
	assert.Contains(t, log, "the answer has the status 504 and is not from ispmail-passwd")
	assert.NotContains(t, log, "canary")
}

// TestDriverReasons: the driver has a text for each reason of the API, but for those that are about Roundcube and not about a password.
func TestDriverReasons(t *testing.T) {
	t.Parallel()
	driver, err := os.ReadFile("../deployment/usr/share/roundcube/plugins/password/drivers/ispmail.php")
	require.NoError(t, err)
	about := []string{"ok", "bad-request", "cross-origin", "not-found", "unauthorized"}
	for _, reason := range passwd.API.Reasons() {
		if !slices.Contains(about, reason) {
			assert.Regexp(t, `(?m)^ +'`+reason+`' +=> `, string(driver))
		}
	}
}

// TestOneConfiguration: what the README tells people, what the package brings and what the mail server runs is one file for
// Roundcube, with no secret in a URL and no proxy for passwords.
func TestOneConfiguration(t *testing.T) {
	t.Parallel()
	read := func(path string) string {
		text, err := os.ReadFile("../../" + path) //nolint:gosec // a file of this repository
		require.NoError(t, err)
		return string(text)
	}
	const path = "examples/deployment/etc/roundcube/plugins/password/config.inc.php"
	file := read(path)
	assert.Contains(t, file, "\n    'proxy' => '',\n")
	assert.NotRegexp(t, `://[^'/]*@`, file)
	assert.Contains(t, file, "'auth' =>")
	assert.Contains(t, read("README.md"), "]("+path+")")
	assert.Contains(t, read("examples/deployment/deb/nfpm.yaml"), "src: "+path+"\n")
	assert.Contains(t, read("examples/mailserver/Dockerfile"), "COPY deployment/etc/roundcube /etc/roundcube\n")
	assert.NoFileExists(t, "etc/roundcube/plugins/password/config.inc.php", "a second one")
	for _, document := range []string{"README.md", "examples/deployment/SERVICE.md", "examples/deployment/PAGE.md", "examples/deployment/WEBMAILS.md", "examples/mailserver/README.md", "examples/deployment/TABLES.md"} {
		for _, line := range regexp.MustCompile(`(?m)^\s*\$config\['password_.*$`).FindAllString(read(document), -1) {
			assert.Contains(t, file, strings.TrimSpace(line), document)
		}
	}
}
