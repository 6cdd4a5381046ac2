package main

import (
	"context"
	"log/slog"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/summary"
)

// A kind of refused requests. There are few of them: a stranger chooses neither.
type refusalKind struct {
	channel passwd.Channel
	reason  string
}

// refusals keep requests that are refused without a look at a password from filling the log, and driving out the lines about real
// changes.
type refusals struct{ *summary.Lines[refusalKind] }

func newRefusals(log *slog.Logger) refusals {
	return refusals{summary.New(func(kind refusalKind, more int) {
		log.LogAttrs(context.Background(), slog.LevelInfo, "more requests were refused", slog.String("reason", kind.reason),
			slog.String("channel", kind.channel.String()), slog.Int("count", more))
	})}
}

// deserves reports whether an event has a line of its own. Changes and wrong passwords always have.
func (r refusals) deserves(e passwd.Event) bool {
	switch e.Reason {
	case "ok", "bad-credentials", "outcome-unknown":
		return true
	}
	return r.First(refusalKind{e.Channel, e.Reason})
}
