package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
	"github.com/ispmail/go-ispmail/passwd/internal/logwriter"
	"github.com/ispmail/go-ispmail/passwd/internal/notify"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// serve serves the page until the context of the command ends.
func (s *settings) serve(c *cobra.Command) error {
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	log, endLog := s.steadyLog()
	defer endLog()

	late := database.NewLate()
	administrators, password, err := s.administrators()
	if err != nil {
		return err
	}
	page, err := admin.New(s.page(late.Store, administrators, log))
	if err != nil {
		return inFlags(err)
	}
	serve.OnReload(ctx, func() { reload(administrators, log) })
	endpoints := []serve.Endpoint{{Name: "page", Setting: command.Setting(c, "listen"), Address: &s.Listen, Serve: serve.HTTP(page, log), Shown: serve.URLOf}}
	if err := serve.ListenAll(endpoints, s.mode); errors.Is(err, serve.ErrNotPassed) {
		return &command.Failure{Code: command.ExitUsage, Err: err} // as a wrong setting, so that systemd does not try again and again
	} else if err != nil {
		return command.Fail(err)
	}
	if local, _ := serve.IsLocal(s.Listen); !local { // now that it is known where systemd listens
		return command.Fail(fmt.Errorf("--listen: %s is not a loopback address", s.Listen))
	}
	for _, warning := range slices.Concat(s.overridden, serve.WarnModes(s.addresses, s.mode)) {
		log.Warn("a setting is seldom meant", slog.String("warning", warning))
	}
	var background sync.WaitGroup
	background.Go(func() {
		late.Open(ctx, log, s.opener(ispmail.Config{Hasher: s.hasher, Logger: log, OnChange: s.passOn(log), State: s.State}))
		if s.Demo && ctx.Err() == nil {
			printDemo(c.OutOrStdout(), serve.URLOf(endpoints[0].Listener), password)
		}
		page.Run(ctx)
	})
	err = serve.Serve(ctx, log, endpoints, s.proxies)
	stop()
	background.Wait()
	late.Close()
	return command.Fail(err)
}

// page returns the settings of the page. Its Hasher is that of the store, so that all hashing has one budget of memory.
func (s *settings) page(store func() (*ispmail.Store, error), administrators func() (map[string]admin.Administrator, error), log *slog.Logger) admin.Config {
	return admin.Config{
		Store: store, Administrators: administrators, Hasher: s.hasher, TrustedProxies: s.proxies, SiteName: s.SiteName,
		MinLength: s.MinLength, MaxLength: s.maxLength(), Floor: s.Floor, Plain: s.Demo, Logger: log,
	}
}

// administrators returns who may log in. Of the demo, it is one with a password of its own.
func (s *settings) administrators() (all func() (map[string]admin.Administrator, error), password string, err error) {
	if s.Demo {
		return demoAdministrators()
	}
	file := admin.NewFile(s.Administrators)
	known, err := file.Administrators()
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, "", command.Fail(fmt.Errorf("%w; \"ispmail-admin user NAME\" makes it", err))
	case err != nil:
		return nil, "", command.Fail(err)
	case len(known) == 0:
		return nil, "", command.Fail(fmt.Errorf("%s has no administrator; \"ispmail-admin user NAME\" adds one", s.Administrators))
	}
	return file.Administrators, "", nil
}

// reload reads the file of the administrators at once, which is read anyway when it has changed, and tells what is wrong with it.
// Nobody comes in with a wrong one: who was taken out in it must not come in either. All other settings need a restart.
func reload(administrators func() (map[string]admin.Administrator, error), log *slog.Logger) {
	all, err := administrators()
	if err != nil {
		log.Error("the administrators were not reloaded, and nobody comes in until the file is mended", slog.Any("cause", err))
		return
	}
	log.Info("reloaded the administrators", slog.Int("count", len(all)))
}

// passOn returns the function that tells the programs of --on-change and --notice.
func (s *settings) passOn(log *slog.Logger) func(context.Context, ispmail.Change) {
	return func(ctx context.Context, c ispmail.Change) {
		if s.onChange != "" {
			if err := notify.Tell(ctx, s.onChange, c, notify.Origin{}); err != nil {
				log.WarnContext(ctx, "the change was not passed on", slog.String("user", c.Email), slog.Any("cause", err))
			}
		}
		if s.Demo && s.Notice == "" {
			return // nobody on this machine has a mailbox of the demo
		}
		if err := notify.TellOwner(ctx, s.Notice, c, notify.Origin{}); err != nil {
			log.WarnContext(ctx, "the owner gets no mail about the change", slog.String("user", c.Email), slog.Any("cause", err))
		}
	}
}

// steadyLog returns a log that never stops or kills the service, and what ends it.
func (s *settings) steadyLog() (log *slog.Logger, end func()) {
	signal.Ignore(syscall.SIGPIPE) // which would kill
	lines := logwriter.New(s.stderr, func(n int64) {
		log.Warn("lines of the log were lost, because nobody read it", slog.Int64("count", n))
	})
	log = s.logger(lines)
	return log, func() {
		lines.Flush(time.Second)
		lines.Close()
	}
}
