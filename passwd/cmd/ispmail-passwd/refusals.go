package main

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/ispmail/go-ispmail/passwd"
)

// refusalWindow is for how long refused requests of one kind are summed up.
const refusalWindow = 10 * time.Second

// A kind of refused requests. There are few of them: a stranger chooses neither.
type refusalKind struct {
	channel passwd.Channel
	reason  string
}

// refusals keep requests that are refused without a look at a password from filling the log, and driving out the lines about real
// changes. Of each kind the first has its line, and those of the next seconds are summed up in one.
type refusals struct {
	log    *slog.Logger
	mu     sync.Mutex
	counts map[refusalKind]int // beside the first, of kinds whose window is open
}

func newRefusals(log *slog.Logger) *refusals {
	return &refusals{log: log, counts: map[refusalKind]int{}}
}

// deserves reports whether an event has a line of its own. Changes and wrong passwords always have.
func (r *refusals) deserves(e passwd.Event) bool {
	switch e.Reason {
	case "ok", "bad-credentials", "outcome-unknown":
		return true
	}
	kind := refusalKind{e.Channel, e.Reason}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, open := r.counts[kind]; open {
		r.counts[kind]++
		return false
	}
	r.counts[kind] = 0
	time.AfterFunc(refusalWindow, func() { r.end(kind) })
	return true
}

// end closes the window of a kind.
func (r *refusals) end(kind refusalKind) {
	r.mu.Lock()
	n := r.counts[kind]
	delete(r.counts, kind)
	r.mu.Unlock()
	if n > 0 {
		r.log.LogAttrs(context.Background(), slog.LevelInfo, "more requests were refused", slog.String("reason", kind.reason),
			slog.String("channel", kind.channel.String()), slog.Int("count", n))
	}
}

// flush closes all windows.
func (r *refusals) flush() {
	r.mu.Lock()
	var kinds []refusalKind
	for kind := range r.counts {
		kinds = append(kinds, kind)
	}
	r.mu.Unlock()
	for _, kind := range kinds {
		r.end(kind)
	}
}
