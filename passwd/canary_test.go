package passwd_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
)

// suggestions are the passphrases on the page, of which "canary" is a word.
var suggestions = regexp.MustCompile(`<code id="suggestion"[^>]*>([a-z-]*)</code>`)

const (
	guessable = "canarycanarycanary"
	breached  = "canary that others know"
)

// TestCanaries looks at what a program sees of attempts, whatever it does with it: events that are printed or logged, answers, and
// the log of the service, when the Changer refuses, fails or panics. TestCanaries of the command has the rest.
func TestCanaries(t *testing.T) {
	t.Parallel()
	for _, handler := range []func(*bytes.Buffer) slog.Handler{
		func(b *bytes.Buffer) slog.Handler {
			return slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
		func(b *bytes.Buffer) slog.Handler {
			return slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug})
		},
	} {
		var seen bytes.Buffer
		var suggested []string
		log := slog.New(handler(&seen))
		var fails func(current, replacement string) error
		service := newService(t, passwd.Config{
			Changer: changerFunc(func(_ context.Context, _, current, replacement string) error { return fails(current, replacement) }),
			Logger:  log,
			Secrets: []string{"the canary of roundcube"},
			Breached: func(_ context.Context, password string) bool {
				return password == breached
			},
			OnEvent: func(ctx context.Context, e passwd.Event) {
				log.DebugContext(ctx, "event", slog.Any("event", e))
				object, err := json.Marshal(e)
				assert.NoError(t, err)
				_, _ = fmt.Fprintf(&seen, "%v %+v %#v %s\n", e, e, e, object)
			},
		})
		for name, fail := range map[string]func(current, replacement string) error{
			"ok":              func(string, string) error { return nil },
			"bad-credentials": func(string, string) error { return ispmail.ErrBadCredentials },
			"unavailable":     func(string, string) error { return ispmail.ErrUnavailable },
			"outcome-unknown": func(string, string) error { return ispmail.ErrOutcomeUnknown },
			"panic":           func(current, replacement string) error { panic(current + replacement) },
			"panic, error":    func(current, _ string) error { panic(fmt.Errorf("the password is %s", current)) },
		} {
			fails = fail
			for _, body := range []string{
				good, good + "&newpass=canary", form("user", "canary", "curpass", current, "newpass", replacement),
				form("user", "john@example.org", "curpass", current, "newpass", guessable), form("user", "john@example.org", "curpass", current, "newpass", breached),
			} {
				w := call(service, func(r *http.Request) { r.SetBasicAuth("canary", "the canary of roundcube") }, body)
				_, _ = fmt.Fprintln(&seen, name, w.Code, w.Header(), w.Body)
				w = call(service, func(r *http.Request) { r.SetBasicAuth("canary", "another canary") }, body)
				_, _ = fmt.Fprintln(&seen, name, w.Code, w.Header(), w.Body)
				// What people typed as their address comes back to them.
				if w = visit(service.Page(), http.MethodPost, "/", body+"&repeat=canary"); !strings.Contains(body, "user=canary") {
					text := w.Body.String()
					for _, found := range suggestions.FindAllStringSubmatch(text, -1) {
						suggested = append(suggested, found[1])
					}
					_, _ = fmt.Fprintln(&seen, name, w.Code, w.Header(), suggestions.ReplaceAllString(text, ""))
				}
			}
			for _, newpass := range []string{replacement, "canary\x00", guessable, breached} {
				_, _ = fmt.Fprintln(&seen, name, overPoppassd(t, service, "user john@example.org\npass "+current+"\nnewpass "+newpass+"\nquit\ncanary\n"))
			}
			_, _ = fmt.Fprintln(&seen, name, overPoppassd(t, service, "canary "+current+"\n"))
			service.Forgive("john@example.org", "192.0.2.1")
		}
		for _, text := range []string{"bad-credentials", "outcome-unknown", "panic in an attempt", "unauthorized", "mismatch", "john@example.org", "poppassd", "500 policy-control", "policy-guessable", "policy-breached"} {
			require.True(t, strings.Contains(seen.String(), text), "nothing of: %s", text)
		}
		for line := range strings.Lines(seen.String()) {
			require.NotContains(t, line, "canary")
		}
		require.NotEmpty(t, suggested)
		for _, passphrase := range suggested {
			require.NotContains(t, seen.String(), passphrase)
		}
	}
}
