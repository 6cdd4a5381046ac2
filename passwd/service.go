// Package passwd is an HTTP service with which the users of a mail server change their own passwords from a webmail.
//
// A Service has a handler for the API that Roundcube's password plugin calls with its driver httpapi:
//
//	store, err := ispmail.Open(ctx, dsn, ispmail.Config{})
//	...
//	service, err := passwd.New(passwd.Config{Changer: store})
//	...
//	err = http.ListenAndServe("127.0.0.1:8080", service.API())
//
// Do not put an http.ServeMux in front that cleans paths: it would answer //api/password with a redirect, which
// Roundcube follows with a GET and may take for success. The command ispmail-passwd serves the handler with limits on
// time and size.
package passwd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A Changer replaces the current password of a mail user, after it has verified it. *ispmail.Store is one.
//
// ChangePassword is called with an address in its canonical form. It must return nil only when the change is stored
// for good, ispmail.ErrBadCredentials when there is no such user or the password is another, and
// ispmail.ErrOutcomeUnknown when it cannot tell. It must be safe for concurrent use.
type Changer interface {
	ChangePassword(ctx context.Context, email, current, replacement string) error
}

// Config holds the settings of a Service. The zero value is invalid: it has no Changer.
type Config struct {
	// Changer changes the passwords. It is required.
	Changer Changer
	// MinLength is the least number of characters (Unicode code points) of a new password. Defaults to 15, what NIST
	// SP 800-63B-4, section 3.1.1.2, asks of a password that is the only factor; less than 8 is refused.
	MinLength int
	// Logger is told about every attempt, without secrets. Defaults to slog.Default().
	Logger *slog.Logger
}

const (
	defaultMinLength = 15
	lowestMinLength  = 8
	maxPassword      = 256  // bytes of a new password
	maxCurrent       = 1024 // bytes of a current one, the limit of Roundcube's login form
	// changeTimeout is well under the time for which a webmail waits: Roundcube 1.7 gives up after 30 seconds.
	changeTimeout = 10 * time.Second
)

// A Service changes passwords over HTTP. Make one with New; the zero value does not work.
// It is safe for concurrent use.
type Service struct {
	config Config
	down   atomic.Bool // the last change found no database
}

// New returns a Service. It fails if there is no Changer or MinLength is out of range.
func New(config Config) (*Service, error) {
	if config.Changer == nil {
		return nil, errors.New("passwd: Config has no Changer")
	}
	if config.MinLength == 0 {
		config.MinLength = defaultMinLength
	}
	if config.MinLength < lowestMinLength || config.MinLength > maxPassword {
		return nil, fmt.Errorf("passwd: MinLength %d is not in %d to %d", config.MinLength, lowestMinLength, maxPassword)
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	return &Service{config: config}, nil
}

// A verdict is what became of an attempt: the status of the answer, the reason that programs read and the sentence that
// people read. Neither holds anything of the request.
type verdict struct {
	status int
	reason string
	text   string
}

var (
	changed        = verdict{http.StatusOK, "ok", "The password was changed."}
	badAddress     = verdict{http.StatusBadRequest, "bad-request", "The user is not a mail address."}
	badCredentials = verdict{http.StatusForbidden, "bad-credentials", "The address or the current password is wrong."}
	tooLong        = verdict{http.StatusUnprocessableEntity, "policy-too-long", "The new password is too long."}
	unavailable    = verdict{http.StatusServiceUnavailable, "unavailable", "The password was not changed. Try again later."}
	outcomeUnknown = verdict{http.StatusServiceUnavailable, "outcome-unknown", "It is not known whether the password was changed. Try both."}
)

func badRequest(text string) verdict { return verdict{http.StatusBadRequest, "bad-request", text} }

// verdicts is the one table from errors to answers. What is not in it means that the database could not do its work.
var verdicts = []struct {
	err error
	verdict
}{
	{nil, changed},
	{ispmail.ErrBadCredentials, badCredentials},
	{ispmail.ErrInvalidAddress, badAddress},
	{ispmail.ErrOutcomeUnknown, outcomeUnknown},
	{hash.ErrPasswordTooLong, tooLong},
	{hash.ErrInvalidPassword, badRequest("The new password is empty, not UTF-8 or holds a NUL byte.")},
}

// change makes an attempt to change a password. The address that it returns is canonical, or "".
func (s *Service) change(ctx context.Context, f form) (email string, v verdict) {
	email, err := ispmail.Canonical(f.user)
	if err != nil {
		return "", badAddress
	}
	if v, ok := s.policy(f.replacement); !ok {
		return email, v
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	err = s.config.Changer.ChangePassword(ctx, email, f.current, f.replacement)
	for _, known := range verdicts {
		if errors.Is(err, known.err) {
			v = known.verdict
			break
		}
	}
	if v == (verdict{}) {
		v = unavailable
	}
	if v.status < http.StatusInternalServerError {
		err = nil // the database answered
	}
	s.database(ctx, err)
	return email, v
}

// policy judges a new password by itself.
func (s *Service) policy(replacement string) (verdict, bool) {
	if len(replacement) > maxPassword {
		return tooLong, false
	}
	if utf8.RuneCountInString(replacement) < s.config.MinLength {
		text := fmt.Sprintf("The new password must have at least %d characters.", s.config.MinLength)
		return verdict{http.StatusUnprocessableEntity, "policy-too-short", text}, false
	}
	return verdict{}, true
}

// log tells about an attempt. Reasons and texts are constants, the address has passed Canonical.
func (s *Service) log(ctx context.Context, email string, v verdict) {
	if v == changed {
		s.config.Logger.InfoContext(ctx, "password changed", slog.String("user", email))
		return
	}
	s.config.Logger.InfoContext(ctx, "password not changed",
		slog.String("user", email), slog.String("reason", v.reason), slog.String("text", v.text))
}

// database notes whether the database does its work. An outage is logged once, and its end.
func (s *Service) database(ctx context.Context, err error) {
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		// The client has gone; that says nothing about the database.
	case err == nil && s.down.Swap(false):
		s.config.Logger.InfoContext(ctx, "the database is back")
	case err != nil && !s.down.Swap(true):
		s.config.Logger.ErrorContext(ctx, "the database does not do its work", slog.Any("cause", err))
	}
}
