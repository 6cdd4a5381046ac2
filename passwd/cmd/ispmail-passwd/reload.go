package main

import (
	"log/slog"

	"github.com/ispmail/go-ispmail/passwd"
)

// reload reads the secrets, what the page shows of its operator and the list of breached passwords again. What is wrong with one leaves
// the old one in use. Everything else needs a restart, which forgets the limits.
func (s *settings) reload(service *passwd.Service, listed *lookup, log *slog.Logger) {
	if s.SecretFile == "" && !s.Operator.hasFiles() && s.breached == nil {
		log.Info("nothing to reload: there is no --secret-file, --help-text, --logo or --breached, and other settings need a restart")
	}
	if s.SecretFile != "" {
		s.reloadSecrets(service, log)
	}
	if s.Operator.hasFiles() {
		s.reloadOperator(service, log)
	}
	listed.reload()
}

func (s *settings) reloadOperator(service *passwd.Service, log *slog.Logger) {
	operator, err := s.Operator.read()
	if err == nil {
		if err = service.SetOperator(operator); err != nil {
			err = inFlags(err)
		}
	}
	if err != nil {
		log.Error("the help and the logo of the page were not reloaded, and the old ones are shown", slog.Any("cause", err))
		return
	}
	log.Info("reloaded the help and the logo of the page")
}

func (s *settings) reloadSecrets(service *passwd.Service, log *slog.Logger) {
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
