package ispmail

import (
	"context"
	"log/slog"
	"slices"
)

// A Change tells [Config.OnChange] what has changed, for caches and sessions that know the old state.
type Change struct {
	Kind ChangeKind
	// Email is the address of the user as it was. It is "" where Kind is DomainChanged or ManyCreated.
	Email string
	// Domain is that of the user, or the domain as it was where Kind is DomainChanged.
	Domain string
	// To is the new address where Kind is AddressChanged, or the new name where a domain was renamed.
	To string
	// Unknown says that the outcome is not known: both the old state and the new one may count.
	Unknown bool
}

// A ChangeKind says what has changed.
type ChangeKind string

// Values of ChangeKind.
const (
	// PasswordChanged: the password of a user is another one. A rehash is none, as the password stays.
	PasswordChanged ChangeKind = "password"
	// StateChanged: a user was locked or unlocked.
	StateChanged ChangeKind = "state"
	// AddressChanged: a user has another address, which is To.
	AddressChanged ChangeKind = "address"
	// UserDeleted: a user was deleted.
	UserDeleted ChangeKind = "gone"
	// UserCreated: a user was created. Caches may know that there was none.
	UserCreated ChangeKind = "new"
	// DomainChanged: a domain was renamed, to To, or deleted, with all its users.
	DomainChanged ChangeKind = "domain"
	// ManyCreated: any number of users were added, by Import or Restore.
	ManyCreated ChangeKind = "many"
)

// LogValue is the change as a log shows it.
func (c Change) LogValue() slog.Value {
	attrs := []slog.Attr{slog.String("kind", string(c.Kind))}
	for _, field := range []struct{ name, value string }{{"user", c.Email}, {"domain", c.Domain}, {"to", c.To}} {
		if field.value != "" {
			attrs = append(attrs, slog.String(field.name, field.value))
		}
	}
	return slog.GroupValue(append(attrs, slog.Bool("unknown", c.Unknown))...)
}

// tell notes a change for the time after the commit.
func (tx *transaction) tell(c Change) {
	if !slices.Contains(tx.news, c) {
		tx.news = append(tx.news, c)
	}
}

// notify tells Config.OnChange what was committed. That the caller has gone makes no difference.
func (s *Store) notify(ctx context.Context, news []Change, unknown bool) {
	if s.onChange == nil {
		return
	}
	ctx = context.WithoutCancel(ctx)
	for _, c := range news {
		c.Unknown = unknown
		s.onChange(ctx, c)
	}
}
