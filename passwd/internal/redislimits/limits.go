// Package redislimits keeps the limits that several instances of the service share, in a Redis or Valkey.
//
// A limit is a bucket by the generic cell rate algorithm, as those of package passwd, on the clock of Redis. Nothing there
// names anybody: buckets are called by a keyed hash, and each is gone when it is full again.
package redislimits

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/ispmail/go-ispmail/passwd"
)

// Config holds the settings of [Limits].
type Config struct {
	Address *Address
	Key     []byte        // names the buckets: all instances have the same
	Timeout time.Duration // of a question to Redis; 0 means DefaultTimeout
	Logger  *slog.Logger
}

const (
	// MinKey is the least number of bytes of a key.
	MinKey = 16
	// DefaultTimeout is more than the 200 ms after which TCP sends a lost packet again: one of them is no outage.
	DefaultTimeout = 250 * time.Millisecond
	// places is how many questions are under way at the same time. The others wait for a place, and not for Redis: a flood
	// here does not look like an outage there.
	places = 8
)

// prefix begins the name of every key. The braces keep the keys together where Redis spreads them.
const prefix = "ispmail-passwd:{limits}:"

//go:embed take.lua
var takeSource string

//go:embed give.lua
var giveSource string

var takeScript, giveScript = redis.NewScript(takeSource), redis.NewScript(giveSource)

// Limits are [passwd.SharedLimits]. Make them with [New]. They are safe for concurrent use.
type Limits struct {
	client  *redis.Client
	key     []byte
	timeout time.Duration
	log     *slog.Logger
	places  chan struct{}
	alone   atomic.Int64

	state  state
	failed chan struct{} // tells watch
	stop   context.CancelFunc
	ended  chan struct{}
}

// New returns limits in a Redis that need not be there yet. Close them.
func New(config Config) *Limits {
	logging.Disable() // what matters of it is in the problems
	options := *config.Address.options
	l := &Limits{
		key: config.Key, timeout: config.Timeout, log: config.Logger,
		places: make(chan struct{}, places),
		state:  state{checked: make(chan struct{})}, failed: make(chan struct{}, 1), ended: make(chan struct{}),
	}
	if l.timeout == 0 {
		l.timeout = DefaultTimeout
	}
	options.Protocol = 2
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	options.DisableIdentity = true // one question less, and one right less that the account needs
	options.ContextTimeoutEnabled = true
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = l.timeout, l.timeout, l.timeout, l.timeout
	options.MaxRetries = -1 // a charge that is asked for again may be charged twice
	options.DialerRetries = 1
	options.PoolSize = places
	options.PipelinePoolSize = -1
	const buffer = 4 << 10
	options.ReadBufferSize, options.WriteBufferSize = buffer, buffer
	l.client = redis.NewClient(&options)
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.watch(ctx)
	return l
}

// Close ends the connections. No attempt may be under way.
func (l *Limits) Close() error {
	l.stop()
	<-l.ended
	return l.client.Close()
}

// Take charges an attempt, see [passwd.SharedLimits].
func (l *Limits) Take(ctx context.Context, buckets []passwd.Bucket) (wait time.Duration, empty int, err error) {
	reply, err := l.ask(ctx, takeScript, buckets)
	if err == nil && len(reply) != 2 {
		err = errors.New("redislimits: the script answers something else")
	}
	if err != nil {
		l.alone.Add(1)
		return 0, 0, err
	}
	return time.Duration(reply[0]) * time.Microsecond, int(reply[1]), nil
}

// Give takes the charge of an attempt back, see [passwd.SharedLimits].
func (l *Limits) Give(ctx context.Context, buckets []passwd.Bucket) {
	_, _ = l.ask(ctx, giveScript, buckets) // then it stays charged, and watch tells why
}

// Alone returns how many attempts were counted by this instance alone, because Redis could not be asked.
func (l *Limits) Alone() int64 { return l.alone.Load() }

// ask runs a script on buckets, unless Redis is known to be away.
func (l *Limits) ask(ctx context.Context, script *redis.Script, buckets []passwd.Bucket) ([]int64, error) {
	if err := l.state.usable(); err != nil {
		return nil, err
	}
	l.places <- struct{}{}
	defer func() { <-l.places }()
	if err := l.state.usable(); err != nil { // after the wait
		return nil, err
	}
	keys, args := make([]string, len(buckets)), make([]any, 0, 2*len(buckets))
	for i, b := range buckets {
		keys[i] = prefix + l.hash(b.Name)
		args = append(args, b.Burst, b.Interval.Microseconds())
	}
	asking, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	reply, err := script.Run(asking, l.client, keys, args...).Int64Slice()
	if err != nil && ctx.Err() == nil {
		l.fail(err)
	}
	return reply, err
}

// hash returns what is stored instead of a name: without the key, nobody finds out whether an address is among the hashes.
func (l *Limits) hash(name string) string {
	const size = 16 // bytes: enough that no two names are the same
	mac := hmac.New(sha256.New, l.key)
	_, _ = mac.Write([]byte(name)) // never fails
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:size])
}
