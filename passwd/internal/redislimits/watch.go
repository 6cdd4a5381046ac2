package redislimits

import (
	"context"
	_ "embed"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// checkEvery is how often Redis is looked at, so that an outage is known without an attempt.
	checkEvery = 5 * time.Second
	// retryEvery is how soon Redis is asked again after it has failed. Until then no attempt waits for it.
	retryEvery = time.Second
	// keyFor is for how long Redis remembers the key of an instance that has gone.
	keyFor = time.Minute
)

//go:embed check.lua
var checkSource string

var checkScript = redis.NewScript(checkSource)

// A Problem is why limits are not shared.
type Problem struct {
	Reason string // a sentence without what Redis says about itself
	Cause  error  // nil if there is nothing to add
}

func (p *Problem) Error() string {
	if p.Cause == nil {
		return p.Reason
	}
	return p.Reason + ": " + p.Cause.Error()
}

// Unwrap returns Cause.
func (p *Problem) Unwrap() error { return p.Cause }

// errAway answers an attempt without a question to Redis.
var errAway = errors.New("redislimits: Redis has failed, and is asked again soon")

// A state is what is known about Redis.
type state struct {
	checked chan struct{} // closed after the first check

	mu      sync.Mutex
	problem *Problem
	away    bool // nobody asks
	told    bool
}

// usable returns an error while Redis is away. At the start it waits for the first check: the service may have been started
// for this very attempt.
func (s *state) usable() error {
	<-s.checked
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return errAway
	}
	return nil
}

// Problem returns why the limits are not shared, nil if they are.
func (l *Limits) Problem() *Problem {
	<-l.state.checked
	l.state.mu.Lock()
	defer l.state.mu.Unlock()
	return l.state.problem
}

// watch looks at Redis until ctx ends.
func (l *Limits) watch(ctx context.Context) {
	defer close(l.ended)
	first := sync.OnceFunc(func() { close(l.state.checked) })
	defer first()
	for {
		problem, away := l.check(ctx)
		if ctx.Err() != nil {
			return
		}
		l.note(problem, away)
		first()
		next := time.After(checkEvery)
		if away {
			next = time.After(retryEvery)
		}
		select {
		case <-next:
		case <-l.failed:
			next = time.After(retryEvery)
			select {
			case <-next:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}
}

// check asks Redis for what an attempt needs, and compares the key with that of the other instances.
func (l *Limits) check(ctx context.Context) (problem *Problem, away bool) {
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	same, err := checkScript.Run(ctx, l.client, []string{prefix + "key"}, l.hash("key"), int(keyFor.Seconds())).Int()
	switch {
	case err != nil:
		return explain(err), true
	case same == 0:
		// The instances with the same key go on to share.
		return &Problem{Reason: "another instance has another --limits-key-file"}, false
	}
	return nil, false
}

// fail notes that a question of an attempt has failed.
func (l *Limits) fail(err error) {
	l.note(explain(err), true)
	select {
	case l.failed <- struct{}{}:
	default:
	}
}

// note remembers a problem, and logs it if it is another than before.
func (l *Limits) note(problem *Problem, away bool) {
	s := &l.state
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.problem
	switch {
	case problem == nil && (was != nil || !s.told):
		l.log.Info("the limits are shared", slog.String("redis", l.client.Options().Addr))
	case problem != nil && (was == nil || was.Reason != problem.Reason):
		l.log.Warn("the limits are not shared", slog.Any("cause", problem))
	}
	s.problem, s.away, s.told = problem, away, true
}

// reasons are what the first words of the errors of Redis mean.
var reasons = map[string]string{ //nolint:gosec // sentences, and no password
	"WRONGPASS": "Redis refuses the user or the password",
	"NOAUTH":    "Redis asks for a password",
	"NOPERM":    "Redis does not allow this user what the limits need",
	"READONLY":  "Redis takes no writes",
	"MISCONF":   "Redis takes no writes",
	"OOM":       "Redis takes no writes",
	"MOVED":     "Redis is a cluster, and the limits need a single server",
}

// explain makes a problem of an error. Of an error that Redis has sent, only the first word counts: the rest may repeat what it
// was sent.
func explain(err error) *Problem {
	reply, isReply := errors.AsType[redis.Error](err)
	if !isReply {
		return &Problem{"Redis does not answer", err}
	}
	text := reply.Error()
	if _, inner, ok := strings.Cut(text, ": -"); ok { // Redis before 7 says around it that a script failed
		text = inner
	}
	word, _, _ := strings.Cut(text, " ")
	if reason := reasons[word]; reason != "" {
		return &Problem{reason, errors.New(word)}
	}
	return &Problem{"Redis refuses the limits", errors.New(word)}
}
