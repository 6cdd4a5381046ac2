// Package passwd is an HTTP service with which the users of a mail server change their own passwords from a webmail.
//
// A Service has two handlers: API, which Roundcube's password plugin calls with its driver httpapi, and Page, a form for
// people. Each belongs on a listener of its own; either can be mounted alone:
//
//	store, err := ispmail.Open(ctx, dsn, ispmail.Config{})
//	...
//	service, err := passwd.New(passwd.Config{Changer: store})
//	...
//	err = http.ListenAndServe("127.0.0.1:8080", service.API())
//
// Do not put an http.ServeMux in front that cleans paths: it would answer //api/password with a redirect, which
// Roundcube follows with a GET and may take for success. The command ispmail-passwd serves the handlers with limits on
// time and size.
//
// # Order of an attempt
//
// The form of the request and the password policy are judged first, by the request alone. Then the attempt is charged
// to its limits, and then it waits for one of a few places, so that hashing does not take the machine away from the mail
// server. What was charged is given back unless the credentials are wrong. The answer to wrong credentials comes at a
// fixed time after the request, whether there is such a user or not.
package passwd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A Changer replaces the current password of a mail user, after it has verified it. *ispmail.Store is one.
//
// ChangePassword is called with an address in its canonical form. It must return nil only when the change is stored
// for good, ispmail.ErrBadCredentials when there is no such user or the password is another, and
// ispmail.ErrOutcomeUnknown when it cannot tell. Every other error means that nothing was changed; one that is
// ispmail.ErrUnavailable tells of an outage, which is logged once. It must be safe for concurrent use.
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
	// MaxLength is the greatest number of bytes of a new password, from 64 to 256. Defaults to 256. Set it to 72 if
	// new passwords are hashed by bcrypt, which ignores what comes after.
	MaxLength int
	// AllowSame accepts a new password that is the current one. Then a change only renews the stored hash.
	AllowSame bool

	// Fields are the names of the fields of the API's form. The zero value means user, curpass and newpass.
	Fields Fields
	// Secrets are the passwords of the programs that may use the API, any one of them. Two allow for a change of the
	// secret without a gap. By default the API asks for none: then it belongs on a loopback address or a unix socket.
	Secrets []string

	// TrustedProxies are the networks whose X-Forwarded-For header says who uses the page. By default there are none,
	// and the client is the peer; over a unix socket the peer is trusted.
	TrustedProxies []netip.Prefix
	// SiteName is the title of the page, and no good password. Defaults to "Mail".
	SiteName string
	// WebmailURL is where a link on the page leads back to. By default there is no link.
	WebmailURL string

	// MaxConcurrent is the number of changes that are under way at the same time, beside one more for the API alone.
	// Defaults to one less than GOMAXPROCS, at least 1.
	MaxConcurrent int
	// Floor is the time from the arrival of a request to the answer that the credentials are wrong, and on the page also
	// to the answer that the password was changed, with a random tenth on top. What takes longer is answered at a
	// multiple of it. Defaults to 500 ms. It should be longer than it takes to verify a password.
	Floor time.Duration

	// OnEvent is told about every attempt, before the answer is sent. It must be safe for concurrent use, and return
	// soon. By default nobody is told.
	OnEvent func(context.Context, Event)
	// Logger is told about outages of the database. Defaults to slog.Default().
	Logger *slog.Logger
}

// Fields are the names of form fields. An empty name means its default.
type Fields struct {
	User    string // defaults to user
	Current string // defaults to curpass
	New     string // defaults to newpass
}

const (
	defaultMinLength = 15
	lowestMinLength  = 8
	defaultMaxLength = 256  // bytes of a new password
	lowestMaxLength  = 64   // NIST SP 800-63B-4, section 3.1.1.2: at least 64 characters must be possible
	maxCurrent       = 1024 // bytes of a current one, the limit of Roundcube's login form
	defaultFloor     = 500 * time.Millisecond
	jitterPart       = 10 // of the floor, on top of it
	// changeTimeout is well under the time for which a webmail waits: Roundcube 1.7 gives up after 30 seconds.
	changeTimeout = 10 * time.Second
)

// Limits of wrong guesses. They slow an attacker down to where guessing a password of the least length is hopeless, and
// make a person who mistypes wait for minutes at most.
const (
	accountBurst    = 5
	accountInterval = 3 * time.Minute
	clientBurst     = 20
	clientInterval  = 30 * time.Second
)

// A Service changes passwords over HTTP. Make one with New; the zero value does not work.
// It is safe for concurrent use.
type Service struct {
	config   Config
	secrets  secrets
	gate     *gate
	accounts [2]*limit   // by channel: an attack on the page does not stop the webmail
	clients  *limit      // of the page
	underWay [2]sync.Map // by channel, the accounts of attempts that are not answered yet

	siteWords []string // that make no good password
	down      atomic.Bool
}

// New returns a Service. It fails if there is no Changer or a setting is out of its range.
func New(config Config) (*Service, error) {
	if config.Changer == nil {
		return nil, errors.New("passwd: Config has no Changer")
	}
	setDefault(&config.MinLength, defaultMinLength)
	setDefault(&config.MaxLength, defaultMaxLength)
	setDefault(&config.Fields.User, "user")
	setDefault(&config.Fields.Current, "curpass")
	setDefault(&config.Fields.New, "newpass")
	setDefault(&config.SiteName, "Mail")
	setDefault(&config.Floor, defaultFloor)
	setDefault(&config.Logger, slog.Default())
	fields := config.Fields
	switch {
	case config.MaxLength < lowestMaxLength || config.MaxLength > defaultMaxLength:
		return nil, fmt.Errorf("passwd: MaxLength %d is not in %d to %d", config.MaxLength, lowestMaxLength, defaultMaxLength)
	case config.MinLength < lowestMinLength || config.MinLength > lowestMaxLength:
		return nil, fmt.Errorf("passwd: MinLength %d is not in %d to %d", config.MinLength, lowestMinLength, lowestMaxLength)
	case config.MaxConcurrent < 0:
		return nil, fmt.Errorf("passwd: MaxConcurrent %d is negative", config.MaxConcurrent)
	case config.Floor < 0 || config.Floor > changeTimeout:
		return nil, fmt.Errorf("passwd: Floor %v is not in 0 to %v", config.Floor, changeTimeout)
	case fields.User == fields.Current || fields.User == fields.New || fields.Current == fields.New:
		return nil, errors.New("passwd: two of the Fields have the same name")
	case slices.ContainsFunc(config.Secrets, func(secret string) bool { return len(secret) < lowestSecret }):
		return nil, fmt.Errorf("passwd: one of the Secrets has less than %d bytes", lowestSecret)
	}
	if config.WebmailURL != "" {
		u, err := url.Parse(config.WebmailURL)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" {
			return nil, errors.New("passwd: WebmailURL is not a URL that starts with https:// or http://")
		}
	}
	s := &Service{
		config:  config,
		secrets: newSecrets(config.Secrets),
		gate:    newGate(config.MaxConcurrent),
		clients: newLimit(clientBurst, clientInterval),

		siteWords: siteWords(config.SiteName),
	}
	for channel := range s.accounts {
		s.accounts[channel] = newLimit(accountBurst, accountInterval)
	}
	return s, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// A verdict is what became of an attempt: the status of the answer, the reason that programs read and the sentence that
// people read. Neither holds anything of the request.
type verdict struct {
	status     int
	reason     string
	text       string
	field      string // that has to be corrected, or ""
	retryAfter time.Duration
}

const retryAfter = 10 * time.Second

var (
	changed        = verdict{status: http.StatusOK, reason: "ok", text: "The password was changed."}
	badAddress     = badRequest(http.StatusBadRequest, "The user is not a mail address.")
	badPassword    = badRequest(http.StatusBadRequest, "The new password is empty, not UTF-8 or holds a NUL byte.")
	badCredentials = verdict{status: http.StatusForbidden, reason: "bad-credentials", text: "The address or the current password is wrong."}
	tooLong        = verdict{status: http.StatusUnprocessableEntity, reason: "policy-too-long", text: "The new password is too long."}
	busy           = verdict{status: http.StatusServiceUnavailable, reason: "busy", text: "Too many changes at the same time. Try again later.", retryAfter: retryAfter}
	unavailable    = verdict{status: http.StatusServiceUnavailable, reason: "unavailable", text: "The password was not changed. Try again later.", retryAfter: retryAfter}
	outcomeUnknown = verdict{status: http.StatusServiceUnavailable, reason: "outcome-unknown", text: "It is not known whether the password was changed. Try both.", retryAfter: retryAfter}
)

func limited(wait time.Duration) verdict {
	return verdict{status: http.StatusTooManyRequests, reason: "limited", text: "Too many attempts. Try again later.", retryAfter: wait}
}

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
	{hash.ErrInvalidPassword, badPassword},
}

// form holds what a change needs.
type form struct{ user, current, replacement string }

// change makes an attempt to change a password that arrived at some time from some client, which counts on the page
// only. The address that it returns is canonical, or "".
func (s *Service) change(ctx context.Context, channel Channel, arrival time.Time, client string, f form) (email string, v verdict) {
	email, err := ispmail.Canonical(f.user)
	if err != nil {
		return "", badAddress
	}
	if len(f.current) > maxCurrent {
		return email, badRequest(http.StatusBadRequest, "The current password is too long.")
	}
	if v, ok := s.policy(email, f); !ok {
		return email, v
	}
	// One attempt for an account at a time, until it is answered: with more, the time that the second one waits for the
	// first would tell what that costs.
	if _, underWay := s.underWay[channel].LoadOrStore(email, true); underWay {
		return email, busy
	}
	defer s.underWay[channel].Delete(email)
	giveBack, wait, ok := s.charge(channel, client, email)
	if !ok {
		return email, limited(wait)
	}
	v = s.changeNow(ctx, channel, email, f)
	if v != badCredentials {
		giveBack()
	}
	if v == badCredentials || v == changed && channel == Page {
		s.waitForFloor(ctx, arrival)
	}
	return email, v
}

// waitForFloor waits until a fixed time after the arrival, or a multiple of it where that is over, so that the time does
// not tell what was done: why credentials are wrong, or on the page, whose users may time their own changes, what the
// attempts of others cost that they had to wait for. It is not done in a place of the gate, where others would wait too.
func (s *Service) waitForFloor(ctx context.Context, arrival time.Time) {
	floor := s.config.Floor // which New leaves at no less than a nanosecond
	answer := (time.Since(arrival)/floor + 1) * floor
	// Timers wake up to a millisecond late, by how much depends on when they were set, and so on the work that was done:
	// the jitter drowns that.
	answer += rand.N(floor/jitterPart + 1) //nolint:gosec // jitter is no secret
	select {
	case <-time.After(time.Until(arrival.Add(answer))):
	case <-ctx.Done():
	}
}

// charge takes an attempt from the limits of its channel, the client's first: a client that has to wait takes nothing
// from the account.
func (s *Service) charge(channel Channel, client, email string) (giveBack func(), wait time.Duration, ok bool) {
	account := s.accounts[channel]
	if channel == API {
		wait, ok := account.take(email)
		return func() { account.give(email) }, wait, ok
	}
	if wait, ok := s.clients.take(client); !ok {
		return nil, wait, false
	}
	if wait, ok := account.take(email); !ok {
		return nil, wait, false // the client's charge stays: asking costs
	}
	return func() { s.clients.give(client); account.give(email) }, 0, true
}

// changeNow makes the change in a place of the gate.
func (s *Service) changeNow(ctx context.Context, channel Channel, email string, f form) verdict {
	leave, ok := s.gate.enter(ctx, channel)
	if !ok {
		return busy
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	err := s.changePassword(ctx, email, f)
	v := unavailable
	for _, known := range verdicts {
		if errors.Is(err, known.err) {
			v = known.verdict
			break
		}
	}
	if v.status < http.StatusInternalServerError {
		err = nil // the database answered
	}
	s.database(ctx, err)
	return v
}

// changePassword calls the Changer, and takes a panic of it for a failure.
func (s *Service) changePassword(ctx context.Context, email string, f form) (err error) {
	defer func() {
		if recover() != nil { // its value may hold anything
			err = errors.New("panic in the Changer")
		}
	}()
	return s.config.Changer.ChangePassword(ctx, email, f.current, f.replacement)
}

// tell completes an event and tells it.
func (s *Service) tell(ctx context.Context, e Event, v verdict) {
	if s.config.OnEvent == nil {
		return
	}
	e.Status, e.Reason, e.Text = v.status, v.reason, v.text
	e.Duration = time.Since(e.Time)
	s.config.OnEvent(ctx, e)
}

// database notes whether the database does its work. An outage is logged once, and its end; another failure each time.
func (s *Service) database(ctx context.Context, err error) {
	log := s.config.Logger
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		// The client has gone; that says nothing about the database.
	case err == nil:
		if s.down.Swap(false) {
			log.InfoContext(ctx, "the database is back")
		}
	case !isOutage(err):
		log.ErrorContext(ctx, "the database refuses a change", slog.Any("cause", err))
	case !s.down.Swap(true):
		log.ErrorContext(ctx, "the database is not available", slog.Any("cause", err))
	}
}

func isOutage(err error) bool {
	return errors.Is(err, ispmail.ErrUnavailable) || errors.Is(err, ispmail.ErrOutcomeUnknown) || errors.Is(err, context.DeadlineExceeded)
}
