package main

import (
	"context"
	"log/slog"
	"sync/atomic"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/breached"
)

// A lookup looks for new passwords in the list of --breached; nil is one without a list. It is safe for concurrent use.
type lookup struct {
	list     *breached.List
	log      *slog.Logger // which never blocks: an attempt waits for it, in one of the few places
	counters *metrics
	faulty   atomic.Bool // whether the log has said that the list cannot be used
}

// lookUp lets a service look new passwords up if the settings name a list. It returns nil if they do not.
func (s *settings) lookUp(config *passwd.Config, log *slog.Logger, counters *metrics) *lookup {
	if s.breached == nil {
		return nil
	}
	l := &lookup{list: s.breached, log: log, counters: counters}
	config.Breached = l.has
	return l
}

// has reports whether a password is in the list. If the list cannot be used, the log has that once, and the answer is no.
func (l *lookup) has(ctx context.Context, password string) bool {
	found, err := l.list.Has(password)
	if err == nil {
		return found
	}
	l.counters.notLookedUp.Inc()
	if !l.faulty.Swap(true) {
		l.log.ErrorContext(ctx, "the list of breached passwords cannot be used, and new passwords are not looked up in it",
			slog.String("list", l.list.String()), slog.Any("cause", err))
	}
	return false
}

// reload opens the file again.
func (l *lookup) reload() {
	if l == nil {
		return
	}
	if err := l.list.Reload(); err != nil {
		l.log.Error("the list of breached passwords was not reloaded, and the old one stays in use", slog.Any("cause", err))
		return
	}
	l.faulty.Store(false)
	l.log.Info("reloaded the list of breached passwords", slog.String("list", l.list.String()))
	l.warnPartial()
}

// warnPartial says if the file ends too early.
func (l *lookup) warnPartial() {
	if l != nil && l.list.Partial() {
		l.log.Warn("the list of breached passwords ends before the last hashes: its download may have been cut", slog.String("list", l.list.String()))
	}
}
