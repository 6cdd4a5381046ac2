package passwd

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// A Channel says by which way an attempt came. Nothing in the request decides it.
type Channel int

// The channels.
const (
	API      Channel = iota // [Service.API], for webmail programs
	Page                    // [Service.Page], for people
	Poppassd                // [Service.ServePoppassd], for other webmail programs; it shares the limits of the API
)

// String returns "api", "page" or "poppassd".
func (c Channel) String() string {
	switch c {
	case API:
		return "api"
	case Page:
		return "page"
	}
	return "poppassd"
}

// Reasons returns all that the Reason of an [Event] of the channel can be, for counters that shall exist before the first event.
func (c Channel) Reasons() []string {
	reasons := []string{
		"ok", "bad-credentials", "limited", "busy", "unavailable", "outcome-unknown",
		"bad-request",
	}
	for _, rule := range policy.Rules() {
		reasons = append(reasons, string(rule))
	}
	switch c {
	case API:
		reasons = append(reasons, "cross-origin", "not-found", "unauthorized")
	case Page: // whose other paths are no attempts
		reasons = append(reasons, "cross-origin", "mismatch")
	}
	return reasons
}

// An Event is an attempt to change a password, and its outcome. It holds no password, and no text as a client sent it: it is
// safe to log.
type Event struct {
	Time     time.Time // of the arrival, in UTC
	Channel  Channel
	Email    string     // canonical; "" if the request named no valid address
	Client   netip.Addr // of the person; invalid if a program asks the API and does not say for whom
	Status   int        // of the HTTP answer; of poppassd, that of the API
	Reason   string     // "ok", or the first word of the answer
	Text     string     // the rest of the answer
	Duration time.Duration
}

// attemptKey is the key of the value that AttemptOf returns.
type attemptKey struct{}

// AttemptOf returns what is known of an attempt while it is made, with the context that the Changer got: Time, Channel, Email and
// Client are set. So [ispmail.Config.OnChange] can tell where a change comes from. ok is false for the context of something else.
func AttemptOf(ctx context.Context) (attempt Event, ok bool) {
	attempt, ok = ctx.Value(attemptKey{}).(Event)
	return attempt, ok
}

// LogValue returns the event as a group of attributes, see [slog.LogValuer].
func (e Event) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("channel", e.Channel.String()),
		slog.String("user", e.Email),
	}
	if e.Client.IsValid() {
		attrs = append(attrs, slog.String("client", e.Client.String()))
	}
	attrs = append(attrs, slog.Int("status", e.Status), slog.String("reason", e.Reason), slog.Duration("duration", e.Duration))
	return slog.GroupValue(attrs...)
}
