package cluster_test

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// What the service lets through for an account: see passwd/internal/limit.
const (
	guessBurst    = 5
	guessInterval = 3 * time.Minute
)

// guessPhases are parts of TestLoad, each with accounts of its own to guess at.
var guessPhases = []struct {
	name  string
	share float64 // of the time
	redis bool
}{
	{"first", 0.2, true},
	{"second", 0.2, true},
	{"away", 0.1, false},
	{"back", 0.25, true},
	{"last", 0.25, true},
}

const guessedAccounts = 4 // of each phase

func guessedAccount(phase string, n int) string {
	return fmt.Sprintf("guessed-%s-%d@example.org", phase, n)
}

// An attack guesses passwords through all instances.
type attack struct {
	redis     *redis
	instances []*instance

	accounts, exact   int // exact are those at which as many guesses came through as the limits that the instances share let
	through, compared int
	attempts, alone   int // while Redis was there; those that an instance has counted alone
	together          int // phases in which no attempt was
}

// run goes through the phases until ctx ends.
func (a *attack) run(ctx context.Context, t *testing.T) {
	total := time.Until(deadline(ctx))
	for _, phase := range guessPhases {
		if phase.redis {
			a.redis.run(t)
		} else {
			a.redis.kill()
		}
		want := map[bool]float64{true: 1, false: 0}[phase.redis]
		for i, instance := range a.instances {
			if !assert.Eventually(t, func() bool { return instance.metric(t, "ispmail_passwd_limits_shared") == want }, time.Minute, 100*time.Millisecond,
				"%s: instance %d shares its limits: %v", phase.name, i, phase.redis) {
				return
			}
		}
		before := a.countedAlone(t)
		ctx, end := context.WithTimeout(ctx, time.Duration(phase.share*float64(total)))
		var done sync.WaitGroup
		all := make([][]*bucket, guessedAccounts)
		for n := range all {
			done.Go(func() { all[n] = a.guess(ctx, t, guessedAccount(phase.name, n), phase.redis) })
		}
		done.Wait()
		end()
		alone := a.countedAlone(t) - before
		if phase.redis {
			a.alone += alone
			if alone == 0 {
				a.together++
			}
		}
		for n, buckets := range all {
			a.accounts++
			compared := 0
			for _, b := range buckets {
				a.through += b.through
				compared += b.compared
				if phase.redis {
					a.attempts += b.attempts
				}
				if phase.redis && alone > 0 { // Redis was too slow once: each instance alone still lets no more through
					assert.LessOrEqual(t, b.through, len(a.instances)*b.most(time.Now()), "%s, account %d", phase.name, n)
				} else {
					assert.Empty(t, b.wrong, "%s, account %d", phase.name, n)
				}
			}
			a.compared += compared
			if phase.redis && alone == 0 && compared > 0 && !slices.ContainsFunc(buckets, func(b *bucket) bool { return b.wrong != nil }) {
				a.exact++
			}
		}
	}
}

func (a *attack) countedAlone(t *testing.T) (n int) {
	for _, instance := range a.instances {
		n += int(instance.metric(t, "ispmail_passwd_limits_alone_total"))
	}
	return n
}

// guess guesses the password of an account through all instances at the same time, again and again. It returns what the limits of
// the account let through: one limit if the instances share it, one of each instance if not.
func (a *attack) guess(ctx context.Context, t *testing.T, email string, shared bool) (buckets []*bucket) {
	buckets = make([]*bucket, len(a.instances))
	for i := range buckets {
		if buckets[i] = (&bucket{}); i > 0 && shared {
			buckets[i] = buckets[0]
		}
	}
	for ctx.Err() == nil {
		begin := time.Now()
		reasons := make([]string, len(a.instances))
		var done sync.WaitGroup
		for i, instance := range a.instances {
			done.Go(func() { reasons[i] = instance.ask(t, email, "a wrong guess of it", "a long enough secret") })
		}
		done.Wait()
		end := time.Now()
		if shared {
			buckets[0].note(begin, end, reasons...)
		} else {
			for i, reason := range reasons {
				buckets[i].note(begin, end, reason)
			}
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if shared {
		return buckets[:1]
	}
	return buckets
}

// A bucket is the limit of an account.
type bucket struct {
	attempts   int
	through    int
	begin, end time.Time // of the round in which the first guess came through
	compared   int
	wrong      []string
}

// note notes the answers of a round. If none came through, the limit has nothing left: then what has come through so far is
// known to the last one.
func (b *bucket) note(begin, end time.Time, reasons ...string) {
	b.attempts += len(reasons)
	limited := 0
	for _, reason := range reasons {
		switch reason {
		case "bad-credentials":
			if b.through == 0 {
				b.begin, b.end = begin, end
			}
			b.through++
		case "limited":
			limited++
		}
	}
	if b.through == 0 {
		if limited > 0 {
			b.wrong = append(b.wrong, "limited before a guess came through")
		}
		return
	}
	if most := b.most(end); b.through > most {
		b.wrong = append(b.wrong, fmt.Sprintf("%d came through, and at most %d may", b.through, most))
	}
	if least := guessBurst + int(begin.Sub(b.end)/guessInterval); limited == len(reasons) {
		b.compared++
		if b.through < least {
			b.wrong = append(b.wrong, fmt.Sprintf("%d came through, and %d may", b.through, least))
		}
	}
}

func (b *bucket) most(now time.Time) int { return guessBurst + int(now.Sub(b.begin)/guessInterval) }

// A redis is a Redis that keeps nothing.
type redis struct {
	address string
	command *exec.Cmd
}

// run starts it, unless it runs, and waits until it answers.
func (r *redis) run(t *testing.T) {
	if r.command == nil {
		_, port, _ := strings.Cut(r.address, ":")
		r.command = exec.Command("redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no") //nolint:gosec // make cluster-test installs it
		r.command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if !assert.NoError(t, r.command.Start()) {
			r.command = nil
			return
		}
	}
	assert.Eventually(t, func() bool {
		c, err := net.Dial("tcp", r.address)
		if err != nil {
			return false
		}
		defer func() { _ = c.Close() }()
		answer := make([]byte, len("+PONG"))
		_, _ = c.Write([]byte("PING\r\n"))
		_, _ = c.Read(answer)
		return string(answer) == "+PONG"
	}, time.Minute, 50*time.Millisecond, "Redis answers")
}

func (r *redis) kill() {
	if r.command != nil {
		_ = r.command.Process.Kill()
		_ = r.command.Wait()
		r.command = nil
	}
}
