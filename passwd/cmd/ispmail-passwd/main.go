// Ispmail-passwd lets the users of a mail server that was built after the ISPmail guide change their passwords, through a
// webmail or on a page of its own. Call it with --help for its settings, with --demo for a try.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/ispmail/go-ispmail/passwd"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// maxBcrypt is the number of bytes of a password that bcrypt takes.
const maxBcrypt = 72

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the command, until ctx ends.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fail := func(code int, err error) int {
		_, _ = fmt.Fprintln(stderr, "ispmail-passwd:", err)
		return code
	}
	s, err := parse(args, stdout, stderr)
	if errors.Is(err, errDone) {
		return exitOK
	}
	if err != nil {
		return fail(exitUsage, err)
	}
	log := s.logger(stderr)
	if s.Command == commandRehash {
		if err := rehash(ctx, s, log, stdin, stdout); err != nil {
			return fail(exitFailed, err)
		}
		return exitOK
	}
	database, counters := newLateStore(), newMetrics()
	service, err := passwd.New(s.config(database, log, counters))
	if err != nil {
		return fail(exitUsage, err)
	}
	if s.Check {
		if !check(ctx, s, stdout) {
			return exitFailed
		}
		return exitOK
	}
	inherited, err := inherit()
	if err != nil {
		return fail(exitFailed, err)
	}

	// Listen first: whoever comes before the database answers gets 503 and not a closed port.
	doors := []door{{name: "api", address: &s.APIListen, handler: service.API()}}
	if s.Listen != "" {
		doors = append(doors, door{name: "page", address: &s.Listen, handler: service.Page()})
	}
	if s.MetricsListen != "" {
		doors = append(doors, door{name: "metrics", address: &s.MetricsListen, handler: counters.handler(database.ready)})
	}
	for i := range doors {
		d := &doors[i]
		if d.listener, err = inherited.listen(*d.address, s.mode); err != nil {
			return fail(exitFailed, fmt.Errorf("the %s cannot listen: %w", d.name, err))
		}
		*d.address = addressOf(d.listener)
	}
	if err := s.validateSecrets(); err != nil { // now that it is known where systemd listens
		return fail(exitUsage, err)
	}
	for _, warning := range s.warnings() {
		log.Warn(warning)
	}

	ctx, stop := context.WithCancel(ctx)
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		database.open(ctx, log, s.opener(log))
		if s.Demo && ctx.Err() == nil {
			printDemo(stdout, doors[0].listener, doors[1].listener)
		}
	}()
	err = serve(ctx, log, doors)
	stop()
	<-opened
	database.close()
	if err != nil {
		return fail(exitFailed, err)
	}
	return exitOK
}

// warnings are what is allowed and seldom meant.
func (s *settings) warnings() []string {
	if s.Listen == "" || s.Demo {
		return nil
	}
	local, _ := isLocal(s.Listen)
	switch {
	case !local:
		return []string{"the page is not on a loopback address: passwords must reach it through TLS only"}
	case len(s.proxies) == 0 && !strings.HasPrefix(s.Listen, "unix:"):
		return []string{"without --trusted-proxy everybody behind the web server counts as one client: a few wrong guesses keep all out of the page"}
	}
	return nil
}

// config is how the settings describe the service.
func (s *settings) config(changer passwd.Changer, log *slog.Logger, counters *metrics) passwd.Config {
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
		MaxConcurrent:  s.MaxConcurrent,
		Floor:          s.Floor,
		Logger:         log,
		OnEvent: func(ctx context.Context, e passwd.Event) {
			// Either password may count when the outcome is not known.
			if s.OnChange != "" && (e.Reason == "ok" || e.Reason == "outcome-unknown") {
				if err := passOn(ctx, s.OnChange, e.Email); err != nil {
					log.WarnContext(ctx, "the change was not passed on", slog.String("user", e.Email), slog.Any("cause", err))
				}
			}
			message := "password not changed"
			if e.Reason == "ok" {
				message = "password changed"
			}
			log.LogAttrs(ctx, slog.LevelInfo, message, e.LogValue().Group()...)
			counters.observe(e)
		},
	}
}
