package logwriter

import (
	"context"
	"io"
	"log/slog"
	"os"

	"github.com/coreos/go-systemd/v22/journal"
)

// Priorities of syslog(3), as a line says them at its beginning where standard error is systemd's journal, see sd-daemon(3).
const (
	priorityError   = "<3>"
	priorityWarning = "<4>"
	priorityInfo    = "<6>"
	priorityDebug   = "<7>"
)

// IsJournal reports whether systemd's journal reads a writer. Only standard error is looked at.
func IsJournal(w io.Writer) bool {
	if w != io.Writer(os.Stderr) {
		return false
	}
	connected, err := journal.StderrIsJournalStream()
	return err == nil && connected // a malformed JOURNAL_STREAM is none
}

// A priorityWriter puts a priority before each line. Each Write is a line.
type priorityWriter struct {
	out      io.Writer
	priority string
}

func (w priorityWriter) Write(line []byte) (int, error) {
	if _, err := w.out.Write(append([]byte(w.priority), line...)); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Errors returns a writer whose lines have the priority of an error in the journal.
func Errors(out io.Writer) io.Writer { return priorityWriter{out, priorityError} }

// Logger returns a log of a level (debug, info, warn or error) in a format (text or json). In the journal, each line has the
// priority of its level.
func Logger(w io.Writer, format, level string, inJournal bool) *slog.Logger {
	var least slog.Level
	_ = least.UnmarshalText([]byte(level)) // a word that slog knows
	options := &slog.HandlerOptions{Level: least, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && a.Value.Kind() == slog.KindTime {
			a.Value = slog.TimeValue(a.Value.Time().UTC())
		}
		return a
	}}
	newHandler := func(w io.Writer) slog.Handler {
		if format == "json" {
			return slog.NewJSONHandler(w, options)
		}
		return slog.NewTextHandler(w, options)
	}
	if inJournal {
		return slog.New(newJournalHandler(w, newHandler))
	}
	return slog.New(newHandler(w))
}

// A journalHandler has a handler for each priority, which differ in nothing else.
type journalHandler struct{ debug, info, warning, failure slog.Handler }

// newJournalHandler returns a handler for the journal. newHandler makes one that writes a record by one Write.
func newJournalHandler(out io.Writer, newHandler func(io.Writer) slog.Handler) slog.Handler {
	with := func(priority string) slog.Handler { return newHandler(priorityWriter{out, priority}) }
	return journalHandler{debug: with(priorityDebug), info: with(priorityInfo), warning: with(priorityWarning), failure: with(priorityError)}
}

func (h journalHandler) of(level slog.Level) slog.Handler {
	switch {
	case level < slog.LevelInfo:
		return h.debug
	case level < slog.LevelWarn:
		return h.info
	case level < slog.LevelError:
		return h.warning
	}
	return h.failure
}

// Enabled implements [slog.Handler].
func (h journalHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.of(level).Enabled(ctx, level)
}

// Handle implements [slog.Handler].
func (h journalHandler) Handle(ctx context.Context, r slog.Record) error {
	return h.of(r.Level).Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h journalHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithAttrs(attrs) })
}

// WithGroup implements [slog.Handler].
func (h journalHandler) WithGroup(name string) slog.Handler {
	return h.each(func(one slog.Handler) slog.Handler { return one.WithGroup(name) })
}

func (h journalHandler) each(f func(slog.Handler) slog.Handler) slog.Handler {
	return journalHandler{debug: f(h.debug), info: f(h.info), warning: f(h.warning), failure: f(h.failure)}
}
