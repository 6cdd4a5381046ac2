package main

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/passwd"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/redislimits"
)

// limitsTimeout is how long an attempt waits for Redis; tests set it.
var limitsTimeout time.Duration

func (s *settings) addLimitsFlags(f *pflag.FlagSet) {
	s.Limits = command.SourceFlags(environment, "limits",
		"`FILE` whose first line is the address of a Redis or Valkey in which several instances share their limits of guesses: "+
			"rediss://user:password@host:6379, redis:// without TLS, or unix:///run/redis/redis-server.sock (default: each instance counts alone)",
		"the `ADDRESS` itself", f)
	f.StringVar(&s.LimitsKeyFile, "limits-key-file", "", "`FILE` whose first line is a random text of at least 16 bytes, the same for all instances: with it they hash the names of accounts and clients for Redis")
	command.Group("Several instances", f)
}

// readLimits reads where the limits are shared, and the key.
func (s *settings) readLimits() error {
	text, err := s.Limits.Read()
	if err != nil {
		return err
	}
	if text == "" {
		if s.LimitsKeyFile != "" {
			return errors.New("--limits-key-file is for limits that are shared: add --limits-file, or leave it out")
		}
		return nil
	}
	if s.limits, err = redislimits.ParseAddress(text); err != nil {
		return fmt.Errorf("the address of --limits or --limits-file: %w", err)
	}
	if s.limits.HasPassword() {
		if err := s.Limits.Exposed(); err != nil {
			return err
		}
	}
	if s.LimitsKeyFile == "" {
		return errors.New("limits that are shared need --limits-key-file, with the same key for all instances")
	}
	key, err := command.FirstLine(s.LimitsKeyFile)
	switch {
	case err != nil:
		return fmt.Errorf("--limits-key-file: %w", err)
	case len(key) < redislimits.MinKey:
		return fmt.Errorf("--limits-key-file: the key has less than %d bytes", redislimits.MinKey)
	}
	s.limitsKey = []byte(key)
	return nil
}

func (s *settings) openLimits(log *slog.Logger) *redislimits.Limits {
	return redislimits.New(redislimits.Config{Address: s.limits, Key: s.limitsKey, Timeout: limitsTimeout, Logger: log})
}

// warnLimits is about who else reaches the limits that are shared.
func (s *settings) warnLimits() []string {
	if s.limits == nil || s.limits.Warning() == "" {
		return nil
	}
	return []string{s.limits.Warning()}
}

// sharing is what the service says about the limits that it shares.
type sharing struct {
	note  func() string // a line for /readyz, "" if all is well
	close func()
}

var noLimits = sharing{note: func() string { return "" }, close: func() {}}

// shareLimits lets a service share its limits if the settings say so. A check asks by itself.
func (s *settings) shareLimits(config *passwd.Config, log *slog.Logger, counters *metrics) sharing {
	if s.limits == nil || s.Check {
		return noLimits
	}
	limits := s.openLimits(log)
	config.SharedLimits = limits
	counters.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "ispmail_passwd_limits_shared",
			Help: "Whether the limits of guesses are shared with the other instances: 0 while Redis does not answer, or they have another key.",
		}, func() float64 {
			if limits.Problem() != nil {
				return 0
			}
			return 1
		}),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "ispmail_passwd_limits_alone_total",
			Help: "Attempts that this instance has counted alone, because Redis did not answer.",
		}, func() float64 { return float64(limits.Alone()) }),
	)
	return sharing{
		note: func() string {
			if problem := limits.Problem(); problem != nil {
				return "the limits are not shared: " + problem.Reason + "\n"
			}
			return ""
		},
		close: func() { _ = limits.Close() }, // there is nothing left to lose
	}
}

// checkLimits asks Redis for what an attempt needs, and returns false if that fails.
func (s *settings) checkLimits(say sayer) bool {
	if s.limits == nil {
		return true
	}
	limits := s.openLimits(slog.New(slog.DiscardHandler))
	defer func() { _ = limits.Close() }()
	if problem := limits.Problem(); problem != nil {
		say("FAIL", "The limits are not shared, and this instance counts alone: %v.", problem)
		return false
	}
	say("ok", "The limits are shared through %s.", s.limits)
	return true
}
