// Package passwd is an HTTP service with which the users of a mail server change their own passwords.
//
// A [Service] has two handlers: [Service.API], which Roundcube's password plugin calls, and [Service.Page], a form for people;
// [Service.ServePoppassd] is for webmails that speak another protocol. Each belongs on a listener of its own, and can be there
// alone:
//
//	store, err := ispmail.Open(ctx, dsn, ispmail.Config{})
//	...
//	service, err := passwd.New(passwd.Config{Changer: store})
//	...
//	err = http.ListenAndServe("127.0.0.1:8080", service.API())
//
// Do not put an [http.ServeMux] in front: it cleans paths, and would answer //api/password with a redirect, which
// Roundcube follows with a GET and may take for success. The command ispmail-passwd serves the handlers with limits on
// time and size.
//
// # Order of an attempt
//
// The request and the form of the new password are judged first, without the database. Then the attempt is charged to its
// limits, those of the service and the [SharedLimits] of several. Then it waits for one of a few places, so that hashing does not
// take the machine away from the mail server. There it is judged how hard the new password is to guess, which takes milliseconds,
// and then the current one is verified. The charge is given back unless the credentials are wrong; a person whose new password
// is refused as easy to guess is charged as one who asks for an account that has to wait. The answer to wrong
// credentials comes at a fixed time after the request, whether there is such a user or not.
package passwd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/limit"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

// A Changer verifies the current password of a mail user and replaces it. [ispmail.Store] is one. It must be safe for
// concurrent use.
type Changer interface {
	// ChangePassword changes a password. The address is in its canonical form, see [ispmail.Canonical]. The current password
	// may be any bytes.
	//
	// It returns nil only when the change is stored for good, [ispmail.ErrBadCredentials] when there is no such user or
	// the current password is wrong, and [ispmail.ErrOutcomeUnknown] when it cannot tell. Every other error means that
	// nothing was changed. [ispmail.ErrUnavailable] means an outage, which is logged once.
	ChangePassword(ctx context.Context, email, current, replacement string) error
}

// Config holds the settings of a [Service]. The zero value is invalid: it has no Changer.
type Config struct {
	// Changer changes the passwords. It is required.
	Changer Changer

	// MinLength is the least number of characters (Unicode code points) of a new password, from 8 to 64. Defaults to 15,
	// which NIST SP 800-63B-4, section 3.1.1.2, asks of a password that is the only factor.
	MinLength int
	// MaxLength is the greatest number of bytes of a new password, from 64 to 256. Defaults to 256. Set it to 72 if
	// new passwords are hashed with bcrypt, which ignores all further bytes.
	MaxLength int
	// AllowSame accepts a new password that equals the current one. Such a change only renews the stored hash.
	AllowSame bool

	// Breached reports whether a new password is in a list of those that others have lost. It is called for a password that is
	// good otherwise, in one of the places of MaxConcurrent, before the current password is verified. It must be safe for
	// concurrent use and return soon. By default there is no such list.
	Breached func(ctx context.Context, password string) bool

	// Fields are the names of the fields of the API's form. The zero value means user, curpass and newpass.
	Fields Fields
	// Secrets are the passwords of the programs that may use the API. A request needs one of them. With two of them a
	// secret can be changed without a gap. By default the API asks for none: then it belongs on a loopback address or a
	// unix socket.
	Secrets []string

	// TrustedProxies are the networks of proxies. Their header X-Forwarded-For names the client of the page. By default
	// there are none, and the client is the peer. The peer of a unix socket is always trusted. What such a header says on
	// the API is written at [Service.API].
	TrustedProxies []netip.Prefix
	// SiteName is the title of the page. A new password must not consist of it. Defaults to "Mail".
	SiteName string
	// WebmailURL is the target of a link on the page. By default there is no link.
	WebmailURL string
	// Operator is what the page says and shows of whoever runs it. See [Service.SetOperator].
	Operator Operator

	// MaxConcurrent is the greatest number of changes at the same time. The API has one more place for itself. Defaults to
	// one less than GOMAXPROCS, at least 1.
	MaxConcurrent int
	// Floor is the time from the arrival of a request to the answer that the credentials are wrong. On the page, it is also
	// the time to the answer that the password was changed. A random tenth comes on top. What takes longer is answered at
	// a multiple of Floor. It should be longer than a verification takes, and is at most 10 s. Defaults to 500 ms. See
	// [Service.SetFloor].
	Floor time.Duration

	// SharedLimits count attempts together with other services, in addition to the limits of this one. By default each
	// service counts alone, so that n instances let through n times the guesses.
	SharedLimits SharedLimits

	// OnEvent is called for every attempt, before the answer is sent. It must be safe for concurrent use, and return soon.
	// By default there is none.
	OnEvent func(context.Context, Event)
	// Logger logs outages of the database. Defaults to [slog.Default].
	Logger *slog.Logger
}

// Fields are the names of form fields. An empty name means its default.
type Fields struct {
	User    string // defaults to user
	Current string // defaults to curpass
	New     string // defaults to newpass
}

const (
	maxCurrent   = 1024 // bytes of a current password, the limit of Roundcube's login form
	defaultFloor = 500 * time.Millisecond
	// changeTimeout is well under the time for which a webmail waits: Roundcube 1.7 gives up after 30 seconds. It is more than
	// the 6 seconds for which a cluster that has lost a node takes no commit. To find out the outcome of a commit may take
	// Config.Timeout of the Store, 5 seconds, beyond it.
	changeTimeout = 10 * time.Second
)

// A Service changes passwords over HTTP. Make one with [New]; the zero value does not work. It is safe for concurrent use.
type Service struct {
	config   Config
	secrets  atomic.Pointer[secrets]
	gate     *gate
	attempts [2]*limit.Attempts // by channel: an attack on the page does not stop the webmail
	underWay [2]sync.Map        // by channel, the accounts of attempts that are not answered yet

	policy  *policy.Policy
	face    atomic.Pointer[face]
	down    atomic.Bool
	refused atomic.Pointer[string] // the last error that is no outage, while no attempt has worked since
	floor   atomic.Int64           // nanoseconds
}

// New returns a [Service]. It returns an error if config has no Changer or a setting is out of its range.
func New(config Config) (*Service, error) {
	if config.Changer == nil {
		return nil, errors.New("passwd: Config has no Changer")
	}
	config.MinLength = cmp.Or(config.MinLength, policy.DefaultMinLength)
	config.MaxLength = cmp.Or(config.MaxLength, policy.DefaultMaxLength)
	config.SiteName = cmp.Or(config.SiteName, "Mail")
	config.Floor = cmp.Or(config.Floor, defaultFloor)
	config.Logger = cmp.Or(config.Logger, slog.Default())
	fields := Fields{
		User:    cmp.Or(config.Fields.User, "user"),
		Current: cmp.Or(config.Fields.Current, "curpass"),
		New:     cmp.Or(config.Fields.New, "newpass"),
	}
	config.Fields = fields
	switch {
	case config.MaxConcurrent < 0:
		return nil, fmt.Errorf("passwd: MaxConcurrent %d is negative", config.MaxConcurrent)
	case fields.User == fields.Current || fields.User == fields.New || fields.Current == fields.New:
		return nil, errors.New("passwd: two of the Fields have the same name")
	}
	if err := checkURL("WebmailURL", config.WebmailURL, webSchemes); err != nil {
		return nil, err
	}
	rules, err := policy.New(policy.Config{
		MinLength: config.MinLength, MaxLength: config.MaxLength, AllowSame: config.AllowSame, SiteName: config.SiteName,
		Breached: config.Breached,
	})
	if err != nil {
		return nil, fmt.Errorf("passwd: %w", err)
	}
	s := &Service{config: config, gate: newGate(config.MaxConcurrent), policy: rules}
	if err := errors.Join(s.SetSecrets(config.Secrets), s.SetFloor(config.Floor), s.SetOperator(config.Operator)); err != nil {
		return nil, err
	}
	for channel := range s.attempts {
		s.attempts[channel] = limit.NewAttempts()
	}
	return s, nil
}

// A verdict is the outcome of an attempt: the status of the answer, the reason for programs and the sentence for people.
// Neither text holds anything of the request.
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
	badPassword    = badRequest(http.StatusBadRequest, "The new password is empty or not UTF-8.")
	longCurrent    = badRequest(http.StatusBadRequest, "The current password is too long.")
	badCredentials = verdict{status: http.StatusForbidden, reason: "bad-credentials", text: "The address or the current password is wrong."}
	tooLong        = verdict{status: http.StatusUnprocessableEntity, reason: "policy-too-long", text: "The new password is too long."}
	control        = verdict{status: http.StatusUnprocessableEntity, reason: "policy-control", text: "The new password holds a line end, a tab or another character that cannot be seen."}
	busy           = verdict{status: http.StatusServiceUnavailable, reason: "busy", text: "Too many changes at the same time. Try again later.", retryAfter: retryAfter}
	unavailable    = verdict{status: http.StatusServiceUnavailable, reason: "unavailable", text: "The password was not changed. Try again later.", retryAfter: retryAfter}
	outcomeUnknown = verdict{status: http.StatusServiceUnavailable, reason: "outcome-unknown", text: "It is not known whether the password was changed. Try both.", retryAfter: retryAfter}
)

func limited(wait time.Duration) verdict {
	number, unit := wholeSeconds(wait), "s"
	if number > 90 {
		number, unit = (number+59)/60, "min"
	}
	text := fmt.Sprintf("Too many attempts. Try again in %d %s.", number, unit)
	return verdict{status: http.StatusTooManyRequests, reason: "limited", text: text, retryAfter: wait}
}

// wholeSeconds is never less: who comes back when told so is let in.
func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// verdicts is the one table from errors to answers. Any other error means that the database could not do its work.
var verdicts = []struct {
	err error
	verdict
}{
	{nil, changed},
	{ispmail.ErrBadCredentials, badCredentials},
	{ispmail.ErrInvalidAddress, badAddress},
	{ispmail.ErrOutcomeUnknown, outcomeUnknown},
	{ispmail.ErrBusy, busy},
	{hash.ErrPasswordTooLong, tooLong},
	{hash.ErrControlCharacter, control},
	{hash.ErrInvalidPassword, badPassword},
}

// refusal is the verdict about a password that breaks a rule.
func (s *Service) refusal(rule policy.Rule) verdict {
	return verdict{status: http.StatusUnprocessableEntity, reason: string(rule), text: s.policy.Text(rule)}
}

// form holds what a change needs.
type form struct{ user, current, replacement string }

// change makes an attempt to change a password. The client is invalid if a program asks and does not say for whom. The email
// that change returns is canonical, or "". A client that leaves, or closes its side of the connection, changes nothing: an answer that came earlier
// then would tell how far the attempt had got.
func (s *Service) change(ctx context.Context, way Channel, arrival time.Time, client netip.Addr, f form) (email string, v verdict) {
	ctx = context.WithoutCancel(ctx)
	channel := way
	if way == Poppassd {
		channel = API // it is one of the webmails: of two ways to guess, none has a budget of its own
	}
	email, err := ispmail.Canonical(f.user)
	if err != nil {
		return "", badAddress
	}
	ctx = context.WithValue(ctx, attemptKey{}, Event{Time: arrival.UTC(), Channel: way, Email: email, Client: client})
	if len(f.current) > maxCurrent {
		return email, longCurrent
	}
	if rule := s.policy.CheckForm(email, f.user, f.current, f.replacement); rule != "" {
		return email, s.refusal(rule)
	}
	// An account has one attempt at a time, until it is answered. Otherwise the wait of the second reveals how long the
	// first took.
	if _, underWay := s.underWay[channel].LoadOrStore(email, true); underWay {
		return email, busy
	}
	defer s.underWay[channel].Delete(email)
	giveBack, wait, ok := s.charge(ctx, channel, client, email)
	if !ok {
		return email, limited(wait)
	}
	v, weak := s.changeNow(ctx, channel, email, f)
	if v != badCredentials {
		giveBack()
	}
	if weak && client.IsValid() { // it took a place, and has verified no password that could be charged
		s.attempts[channel].Ask(client)
	}
	if v == badCredentials || v == changed && channel == Page {
		s.waitForFloor(arrival)
	}
	return email, v
}

// SetFloor replaces [Config].Floor while the service runs. The time of a verification depends on the stored passwords:
// [ispmail.Store.AdaptDecoy] and VerifyDecoy tell how long the dearest one takes. A floor of three times that hides it also
// on a machine that has other things to do. SetFloor returns an error for a time that is not in 1 ns to 10 s.
func (s *Service) SetFloor(floor time.Duration) error {
	if floor <= 0 || floor > changeTimeout {
		return fmt.Errorf("passwd: Floor %v is not in 0 to %v", floor, changeTimeout)
	}
	s.floor.Store(int64(floor))
	return nil
}

// waitForFloor waits until Config.Floor after the arrival, or the next multiple of it. Then the time of an answer does not
// reveal why credentials are wrong. On the page, where people can time their own changes, it does not reveal either what
// the attempts before theirs cost. The attempt has left the gate: nobody waits for this sleep.
func (s *Service) waitForFloor(arrival time.Time) {
	limit.WaitForFloor(arrival, time.Duration(s.floor.Load()))
}

// changeNow judges the strength of the new password, and makes the change, in a place of the gate: both take time. weak means
// that the new password was refused there.
func (s *Service) changeNow(ctx context.Context, channel Channel, email string, f form) (v verdict, weak bool) {
	leave, ok := s.gate.enter(channel)
	if !ok {
		return busy, false
	}
	defer leave()
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	rule, err := s.changePassword(ctx, email, f)
	if rule != "" {
		return s.refusal(rule), true
	}
	v = unavailable
	for _, known := range verdicts {
		if errors.Is(err, known.err) {
			v = known.verdict
			break
		}
	}
	switch {
	case v.status < http.StatusInternalServerError:
		s.noteOutage(ctx, nil) // the database answered
	case v != busy:
		s.noteOutage(ctx, err)
	}
	return v, false
}

// changePassword judges the strength, and calls the Changer unless a rule refuses the password. A panic counts as an error.
func (s *Service) changePassword(ctx context.Context, email string, f form) (rule policy.Rule, err error) {
	defer func() {
		if recover() != nil { // its value may hold anything
			rule, err = "", errors.New("panic in an attempt")
		}
	}()
	if rule := s.policy.CheckStrength(ctx, email, f.user, f.replacement); rule != "" {
		return rule, nil
	}
	return "", s.config.Changer.ChangePassword(ctx, email, f.current, f.replacement)
}

// emit completes an event and passes it to Config.OnEvent.
func (s *Service) emit(ctx context.Context, arrival time.Time, e Event, v verdict) {
	if s.config.OnEvent == nil {
		return
	}
	e.Status, e.Reason, e.Text = v.status, v.reason, v.text
	e.Time = arrival.UTC() // which has no monotonic clock any more
	e.Duration = time.Since(arrival)
	s.config.OnEvent(ctx, e)
}

// noteOutage logs an outage of the database once, its end once, and every other error once until the database works again:
// strangers can cause it as often as they like.
func (s *Service) noteOutage(ctx context.Context, err error) {
	log := s.config.Logger
	switch {
	case err == nil:
		s.refused.Store(nil)
		if s.down.Swap(false) {
			log.InfoContext(ctx, "the database is back")
		}
	case !isOutage(err):
		text := err.Error()
		if last := s.refused.Swap(&text); last == nil || *last != text {
			log.ErrorContext(ctx, "the database refuses a change", slog.Any("cause", err))
		}
	case !s.down.Swap(true):
		log.ErrorContext(ctx, "the database is not available", slog.Any("cause", err))
	}
}

func isOutage(err error) bool {
	return errors.Is(err, ispmail.ErrUnavailable) || errors.Is(err, ispmail.ErrOutcomeUnknown) || errors.Is(err, context.DeadlineExceeded)
}
