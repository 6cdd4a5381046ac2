package hash

import (
	"context"
	"crypto/fips140"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/sync/semaphore"
)

// A Hasher verifies and generates stored passwords. Make one with [New]. The zero value and nil work, too: they are one
// Hasher with the zero [Config], the one of the functions of this package. A Hasher is safe for concurrent use.
type Hasher struct {
	config Config
	scheme *scheme
	// memory holds what [Config].MemoryBudget leaves, in KiB.
	memory *semaphore.Weighted
}

// New returns a [Hasher]. It fails if a setting is out of its range, does not belong to the scheme or names a scheme
// that cannot be generated.
func New(config Config) (*Hasher, error) {
	c, s, err := config.settled()
	if err != nil {
		return nil, err
	}
	return &Hasher{config: c, scheme: s, memory: semaphore.NewWeighted(int64(c.MemoryBudget))}, nil
}

// orStandard replaces the zero Hasher.
func (h *Hasher) orStandard() *Hasher {
	if h == nil || h.scheme == nil {
		return standard
	}
	return h
}

// Scheme returns the scheme that [Hasher.Generate] writes, in upper case.
func (h *Hasher) Scheme() string { return h.orStandard().scheme.name }

// Verify returns nil if password is the password of the stored value. It is [Hasher.VerifyContext] without a user and
// without an end to the wait for memory.
func (h *Hasher) Verify(stored, password string) error {
	return h.VerifyContext(context.Background(), "", stored, password)
}

// VerifyFor is [Hasher.Verify] for all schemes, DIGEST-MD5 among them, which hashes the user name with the password.
func (h *Hasher) VerifyFor(user, stored, password string) error {
	return h.VerifyContext(context.Background(), user, stored, password)
}

// VerifyContext returns nil if password is the password of the stored value. Else the error is [ErrMismatch],
// [ErrMalformed], [ErrUnsupported], [ErrTooCostly], [ErrPasswordTooLong], [ErrFIPS], [ErrUserRequired] or that of ctx.
//
// A value that needs memory waits until [Config].MemoryBudget has room for it. ctx ends that wait, but not the work
// after it. Call it before you begin a transaction or take a connection, so that these do not wait as well. A value that
// needs no memory never waits and does not look at ctx.
//
// user is the name with which the user logs in to Dovecot, in the same case of letters. What follows its last @ is the
// realm. Only DIGEST-MD5 needs it; it may be empty for all others.
//
// The password is cut where Dovecot cuts it: after 72 bytes for bcrypt, after 8 for DES-CRYPT. An empty password and one
// with a NUL byte match nothing. The first is no secret. The second cannot be sent to Dovecot, and bcrypt takes "a" and
// "a\x00a" for the same.
func (h *Hasher) VerifyContext(ctx context.Context, user, stored, password string) error {
	h = h.orStandard()
	v, err := h.read(stored)
	switch {
	case v.locked:
		return ErrMismatch
	case err != nil:
		return err
	case password == "" || strings.IndexByte(password, 0) >= 0:
		return ErrMismatch
	case len(password) > v.maxPassword():
		return ErrPasswordTooLong
	case v.algorithm.userBound && user == "":
		return ErrUserRequired
	case v.algorithm.userBound && len(user) > maxLogin:
		return ErrMismatch
	case v.algorithm.forbidden():
		return ErrFIPS
	}
	if err := h.reserve(ctx, v.cost.memory); err != nil {
		return err
	}
	defer h.release(v.cost.memory)
	switch matches, err := v.matcher.match(user, password); {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrMalformed, err)
	case !matches:
		return ErrMismatch
	}
	return nil
}

// read parses a stored value and compares its cost with the limits. Of a locked value it reads what is under the lock.
func (h *Hasher) read(stored string) (value, error) {
	if len(stored) > MaxStored {
		return value{}, fmt.Errorf("%w: it is longer than %d bytes", ErrTooCostly, MaxStored)
	}
	rest, locked := h.underLock(stored)
	v, err := parse(rest, h.config.Default)
	if locked {
		v.locked = true
		v.label, _, _ = splitPrefix(stored)
		v.unprefixed = v.label == ""
	}
	switch {
	case locked && isEmpty(rest):
		err = ErrNoPassword
	case err == nil && !h.config.affords(v.cost):
		err = ErrTooCostly
	}
	return v, err
}

// reserve waits for KiB of the budget. [Hasher.release] gives them back.
func (h *Hasher) reserve(ctx context.Context, memory int) error {
	if memory == 0 {
		return nil
	}
	if err := h.memory.Acquire(ctx, int64(memory)); err != nil {
		return fmt.Errorf("hash: waiting for memory: %w", err)
	}
	return nil
}

// largePart is the part of the budget from which on a call gives its memory back only when it has been collected. Else the garbage of
// the last call would lie beside the memory of the next, and a program with a hard limit would be killed: the collector runs beside the
// program, and a busy machine leaves it behind. What takes less is not worth a collection.
const largePart = 8

func (h *Hasher) release(memory int) {
	if memory == 0 {
		return
	}
	if memory >= h.config.MemoryBudget/largePart {
		runtime.GC()
	}
	h.memory.Release(int64(memory))
}

// forbidden tells whether this program may not use the algorithm.
func (a *algorithm) forbidden() bool { return a.notFIPS && fips140.Enforced() }
