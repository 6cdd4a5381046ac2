package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/ispmail/go-ispmail/passwd"
)

// reloadOnSignal reads the secrets again at each SIGHUP, until ctx ends. Everything else needs a restart, which forgets the limits.
func (s *settings) reloadOnSignal(ctx context.Context, service *passwd.Service, log *slog.Logger) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-signals:
				s.reload(service, log)
			case <-ctx.Done():
				return // SIGHUP goes on to do nothing while requests finish
			}
		}
	}()
}

// reload reads the secrets again. If they are wrong, the old ones stay.
func (s *settings) reload(service *passwd.Service, log *slog.Logger) {
	if s.SecretFile == "" {
		log.Info("nothing to reload: there is no --secret-file, and other settings need a restart")
		return
	}
	secrets, err := readSecretFile(s.SecretFile)
	if err == nil {
		if err = service.SetSecrets(secrets); err != nil {
			err = inFlags(err)
		}
	}
	if err != nil {
		log.Error("the secrets were not reloaded, and the old ones count", slog.Any("cause", err))
		return
	}
	log.Info("reloaded the secrets", slog.Int("count", len(secrets)))
}
