package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// maxBcrypt is the number of bytes of a password that bcrypt takes.
const maxBcrypt = 72

// config returns the settings of the service.
func (s *settings) config(changer passwd.Changer, log *slog.Logger, counters *metrics, refused refusals) passwd.Config {
	maxLength := 0
	if s.hasher.Scheme() == "BLF-CRYPT" {
		maxLength = maxBcrypt
	}
	return passwd.Config{
		Changer:        changer,
		MinLength:      s.MinLength,
		MaxLength:      maxLength,
		AllowSame:      s.AllowSame,
		Fields:         passwd.Fields{User: s.FieldUser, Current: s.FieldCur, New: s.FieldNew},
		Secrets:        s.Secret,
		TrustedProxies: s.proxies,
		SiteName:       s.SiteName,
		WebmailURL:     s.WebmailURL,
		Operator:       s.operator,
		MaxConcurrent:  s.MaxConcurrent,
		Floor:          s.Floor,
		Logger:         log,
		OnEvent: func(ctx context.Context, e passwd.Event) {
			counters.observe(e)
			if !refused.deserves(e) {
				return
			}
			message := "password not changed"
			if e.Reason == "ok" {
				message = "password changed"
			}
			log.LogAttrs(ctx, slog.LevelInfo, message, e.LogValue().Group()...)
		},
	}
}

// passOn returns the function that tells the programs of --on-change and --notice.
func (s *settings) passOn(log *slog.Logger, counters *metrics) func(context.Context, ispmail.Change) {
	return func(ctx context.Context, c ispmail.Change) {
		var from notify.Origin
		if attempt, ok := passwd.AttemptOf(ctx); ok {
			from = notify.Origin{Channel: attempt.Channel.String(), Client: attempt.Client}
		}
		if s.onChange != "" {
			if err := notify.Tell(ctx, s.onChange, c, from); err != nil {
				counters.notPassedOn.Inc()
				log.WarnContext(ctx, "the change was not passed on", slog.String("user", c.Email), slog.Any("cause", err))
			}
		}
		if s.Demo && s.Notice == "" {
			return // nobody on this machine has a mailbox of the demo
		}
		if err := notify.TellOwner(ctx, s.Notice, c, from); err != nil {
			counters.noNotice.Inc()
			log.WarnContext(ctx, "the owner gets no mail about the change", slog.String("user", c.Email), slog.Any("cause", err))
		}
	}
}

// opener returns the function that opens the database of the settings.
func (s *settings) opener(log *slog.Logger, counters *metrics) database.Opener {
	config := ispmail.Config{Hasher: s.hasher, Logger: log, OnChange: s.passOn(log, counters), State: s.State}
	if s.Demo {
		return database.Memory(config, fillDemo)
	}
	if path, ok := sqlitefile.Path(s.dsn); ok {
		return database.SQLite(path, config)
	}
	return database.MariaDB(s.dsn, config)
}

// logger returns the log in the format of the settings. In the journal, each line has the priority of its level.
func (s *settings) logger(w io.Writer) *slog.Logger {
	return logwriter.Logger(w, s.LogFormat, s.LogLevel, s.journal)
}
