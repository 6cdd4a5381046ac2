package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// What the tables are like is looked at by --check, and once the database has been opened.

// tooNarrow says that no new password fits the column, "" if it does.
func (s *settings) tooNarrow(ctx context.Context, store *ispmail.Store, sample string) (string, error) {
	width, err := columnWidth(ctx, store)
	if err != nil || width == 0 || width >= len(sample) {
		return "", err
	}
	return fmt.Sprintf("The column password holds %d characters, and a {%s} value takes %d: widen it with ALTER TABLE virtual_users MODIFY password VARCHAR(150) NOT NULL",
		width, s.hasher.Scheme(), len(sample)), nil
}

// unnamedState says which columns seem to switch rows off and are not heeded.
func unnamedState(ctx context.Context, store *ispmail.Store) (sentences []string, err error) {
	columns, err := store.UnnamedState(ctx)
	for _, column := range columns {
		name, _, _ := strings.Cut(strings.TrimPrefix(column, "!"), "=")
		sentences = append(sentences, fmt.Sprintf("The column %s seems to switch rows off, and is not heeded: if Dovecot looks at it, name it, as in --state-column '%s'", name, column))
	}
	return sentences, err
}

// sayState says for --check by which columns rows are switched off, and which are not heeded.
func sayState(ctx context.Context, store *ispmail.Store, say sayer) {
	if state := store.State(); len(state) > 0 {
		say("ok", "Who is switched off cannot change the password: %s.", strings.Join(state, ", "))
	}
	sentences, err := unnamedState(ctx, store)
	for _, sentence := range sentences {
		say("warn", "%s.", sentence)
	}
	if err != nil {
		say("warn", "Whether there are columns that switch rows off cannot be seen: %v.", err)
	}
}

// warnTables logs what --check would say about the tables as they are now.
func (s *settings) warnTables(ctx context.Context, store *ispmail.Store, log *slog.Logger) {
	ctx, cancel := context.WithTimeout(ctx, database.Timeout)
	defer cancel()
	sentences, err := unnamedState(ctx, store)
	for _, sentence := range sentences {
		log.Warn("a column is not heeded", slog.String("warning", sentence))
	}
	sample, sampleErr := s.sample()
	if err != nil || sampleErr != nil {
		return // a change will say it
	}
	if narrow, err := s.tooNarrow(ctx, store, sample); err == nil && narrow != "" {
		log.Error("no new password can be stored", slog.String("cause", narrow))
	}
}
