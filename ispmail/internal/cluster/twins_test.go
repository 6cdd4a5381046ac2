package cluster_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A pair is two changes that do not go together, made on two nodes at the same time.
type pair struct {
	prepare func(ctx context.Context, store *ispmail.Store) error
	one     func(ctx context.Context, store *ispmail.Store) error
	other   func(ctx context.Context, store *ispmail.Store) error
	// count is a query of what there must be at most one of. Without it, at most one of the two may be done without a warning.
	count string
	both  bool // both may say that they have done it
	none  bool // there may be nothing to count, though one has done it
}

// twins makes pairs of changes, and counts those after which there is what a single server would not have let pass.
func twins(t *testing.T, w *world, pairOf func(round int) pair) (n tally) {
	stores := []*ispmail.Store{w.store(t, 0), w.store(t, 1)}
	for ; n.rounds < times(150); n.rounds++ {
		p := pairOf(n.rounds)
		if p.prepare != nil {
			require.NoError(t, p.prepare(t.Context(), stores[0]), "round %d", n.rounds)
			w.Agree(t)
		}
		errs := together(
			func() error { return p.one(t.Context(), stores[0]) },
			func() error { return p.other(t.Context(), stores[1]) },
		)
		done := 0
		for _, err := range errs {
			n.count(err)
			if err == nil {
				done++
			}
		}
		found := min(done, 1)
		if p.count != "" {
			found = w.number(t, fmt.Sprintf(p.count, w.name))
		}
		sure := !errors.Is(errors.Join(errs...), ispmail.ErrOutcomeUnknown)
		if found > 1 || !p.both && done > 1 || sure && !p.none && found < min(done, 1) {
			n.wrong++
			if n.wrong <= 3 {
				t.Logf("round %d: %v and %v, and there are %d", n.rounds, errs[0], errs[1], found)
			}
		}
	}
	return n
}

func twinDomains(round int) pair {
	name := fmt.Sprintf("twin%d.example", round)
	create := func(ctx context.Context, store *ispmail.Store) error { return errorOf(store.CreateDomain(ctx, name)) }
	return pair{one: create, other: create, count: "SELECT COUNT(*) FROM %s.virtual_domains WHERE name = '" + name + "'"}
}

func twinUsers(round int) pair {
	email := fmt.Sprintf("twin%d@example.org", round)
	create := func(ctx context.Context, store *ispmail.Store) error {
		_, _, err := store.CreateUser(ctx, email, first)
		return err
	}
	return pair{one: create, other: create, count: "SELECT COUNT(*) FROM %s.virtual_users WHERE email = '" + email + "'"}
}

func twinRenames(round int) pair {
	names := []string{fmt.Sprintf("a%d@example.org", round), fmt.Sprintf("b%d@example.org", round)}
	to := fmt.Sprintf("c%d@example.org", round)
	rename := func(email string) func(context.Context, *ispmail.Store) error {
		return func(ctx context.Context, store *ispmail.Store) error {
			_, _, err := store.RenameUser(ctx, email, to)
			return err
		}
	}
	return pair{
		prepare: func(ctx context.Context, store *ispmail.Store) (err error) {
			for _, name := range names {
				_, _, failed := store.CreateUser(ctx, name, first)
				err = errors.Join(err, failed)
			}
			return err
		},
		one: rename(names[0]), other: rename(names[1]),
		count: "SELECT COUNT(*) FROM %s.virtual_users WHERE email = '" + to + "'",
	}
}

func twinDomainRenames(round int) pair {
	names := []string{fmt.Sprintf("a%d.example", round), fmt.Sprintf("b%d.example", round)}
	to := fmt.Sprintf("c%d.example", round)
	rename := func(name string) func(context.Context, *ispmail.Store) error {
		return func(ctx context.Context, store *ispmail.Store) error {
			_, _, err := store.RenameDomain(ctx, name, to)
			return err
		}
	}
	return pair{
		prepare: func(ctx context.Context, store *ispmail.Store) error {
			return errors.Join(errorOf(store.CreateDomain(ctx, names[0])), errorOf(store.CreateDomain(ctx, names[1])))
		},
		one: rename(names[0]), other: rename(names[1]),
		count: "SELECT COUNT(*) FROM %s.virtual_domains WHERE name = '" + to + "'",
	}
}

// createAlias returns a function that creates an alias.
func createAlias(source, destination string) func(context.Context, *ispmail.Store) error {
	return func(ctx context.Context, store *ispmail.Store) error {
		_, warnings, err := store.CreateAlias(ctx, source, destination)
		return cmp.Or(err, loopIn(warnings))
	}
}

// setAliases returns a function that sets the aliases of a source.
func setAliases(source string, destinations ...string) func(context.Context, *ispmail.Store) error {
	return func(ctx context.Context, store *ispmail.Store) error {
		_, warnings, err := store.SetAliases(ctx, source, destinations...)
		return cmp.Or(err, loopIn(warnings))
	}
}

var errWarned = errors.New("done, with a warning of a loop")

func loopIn(warnings []ispmail.Warning) error {
	if slices.ContainsFunc(warnings, func(w ispmail.Warning) bool { return w.Code == ispmail.WarningLoop }) {
		return errWarned
	}
	return nil
}

func twinAliases(round int) pair {
	source := fmt.Sprintf("alias%d@example.org", round)
	create := createAlias(source, "john@example.org")
	return pair{one: create, other: create, count: "SELECT COUNT(*) FROM %s.virtual_aliases WHERE source = '" + source + "'"}
}

// twinSets sets the aliases of one source to two sets. One of them is what there is in the end, and not both.
func twinSets(round int) pair {
	source := fmt.Sprintf("set%d@example.org", round)
	return pair{
		one: setAliases(source, "john@example.org", "jane@example.org"), other: setAliases(source, "june@example.net"),
		count: "SELECT COUNT(DISTINCT destination = 'june@example.net') FROM %s.virtual_aliases WHERE source = '" + source + "'", both: true,
	}
}

// loop makes a pair of aliases of which each leads to the other. Whoever comes second is warned.
func loop(a, b string) pair { return pair{one: createAlias(a, b), other: createAlias(b, a)} }

func loopInDomain(round int) pair {
	return loop(fmt.Sprintf("a%d@example.org", round), fmt.Sprintf("b%d@example.org", round))
}

func loopOverDomains(round int) pair {
	return loop(fmt.Sprintf("a%d@example.org", round), fmt.Sprintf("b%d@example.net", round))
}

func loopBySets(round int) pair {
	a, b := fmt.Sprintf("a%d@example.net", round), fmt.Sprintf("b%d@example.org", round)
	return pair{one: setAliases(a, b), other: setAliases(b, a)}
}

// domainDeleted deletes a domain while it gets a user. No user may be left without a domain.
func domainDeleted(round int) pair {
	domain := fmt.Sprintf("gone%d.example", round)
	return pair{
		prepare: func(ctx context.Context, store *ispmail.Store) error { return errorOf(store.CreateDomain(ctx, domain)) },
		one: func(ctx context.Context, store *ispmail.Store) error {
			_, err := store.DeleteDomain(ctx, domain)
			return err
		},
		other: func(ctx context.Context, store *ispmail.Store) error {
			_, _, err := store.CreateUser(ctx, "john@"+domain, first)
			return err
		},
		count: "SELECT 2 * COUNT(*) FROM %s.virtual_users AS u LEFT JOIN %[1]s.virtual_domains AS d ON d.id = u.domain_id WHERE d.id IS NULL", both: true, none: true,
	}
}

// mailboxDeleted deletes a user while the address gets an alias to itself: a copy for the mailbox, or a loop without one. Whoever
// comes second is refused or warned.
func mailboxDeleted(round int) pair {
	email := fmt.Sprintf("copy%d@example.org", round)
	return pair{
		prepare: func(ctx context.Context, store *ispmail.Store) error {
			_, _, err := store.CreateUser(ctx, email, first)
			return err
		},
		one: func(ctx context.Context, store *ispmail.Store) error {
			warnings, err := store.DeleteUser(ctx, email)
			if err == nil && len(warnings) > 0 {
				return errWarned
			}
			return err
		},
		other: createAlias(email, email),
	}
}
