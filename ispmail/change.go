package ispmail

import (
	"context"
	"log/slog"
	"slices"
)

// A Change tells [Config.OnChange] that caches and sessions may know an old state of a user.
type Change struct {
	// Kind says what has changed, and which of the other fields are set.
	Kind ChangeKind
	// Email is the address of the user before the change. It is "" for DomainChanged and ManyCreated.
	Email string
	// Domain is the domain of the user before the change; for DomainChanged, the old name. It is "" for ManyCreated.
	Domain string
	// To is the new address for AddressChanged, and the new name for DomainChanged after a rename.
	To string
	// Unknown is true after [ErrOutcomeUnknown]: the old state or the new one is in force.
	Unknown bool
}

// A ChangeKind says what has changed.
type ChangeKind string

// Values of ChangeKind.
const (
	// PasswordChanged means that a user has another password. A rehash is no change, because the password stays.
	PasswordChanged ChangeKind = "password"
	// StateChanged means that a user was locked or unlocked.
	StateChanged ChangeKind = "state"
	// AddressChanged means that a user was renamed.
	AddressChanged ChangeKind = "address"
	// UserDeleted means that a user was deleted.
	UserDeleted ChangeKind = "gone"
	// UserCreated means that a user was created. A cache may know that there was none.
	UserCreated ChangeKind = "new"
	// DomainChanged means that a domain was renamed, or deleted with all its users.
	DomainChanged ChangeKind = "domain"
	// ManyCreated means that Import or Restore added users.
	ManyCreated ChangeKind = "many"
)

// LogValue returns the change for a log.
func (c Change) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(c.Kind))}
	for _, field := range []struct{ name, value string }{{"user", c.Email}, {"domain", c.Domain}, {"to", c.To}} {
		if field.value != "" {
			attrs = append(attrs, slog.String(field.name, field.value))
		}
	}
	return slog.GroupValue(append(attrs, slog.Bool("unknown", c.Unknown))...)
}

// emit queues an event for Config.OnChange until the commit.
func (tx *transaction) emit(c Change) {
	tx.events = slices.DeleteFunc(tx.events, func(before Change) bool { return before == c }) // the last one tells the state
	tx.events = append(tx.events, c)
}

// notify passes committed events to Config.OnChange, even if the caller's context has ended.
func (s *Store) notify(ctx context.Context, events []Change, unknown bool) {
	if s.onChange == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, c := range events {
		c.Unknown = unknown
		s.onChange(ctx, c)
	}
}
