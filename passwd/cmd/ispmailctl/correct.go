package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

func (a *app) userCorrect() *cobra.Command {
	c := &cobra.Command{
		Use: "correct {--id ID | --exact TEXT} [EMAIL]", Short: "Correct a row of another program: the address, and the domain it belongs to.",
		Long: `Gives one row of virtual_users an address, and the domain_id that belongs to it. Without EMAIL the address
stays, in lower case, and only the domain_id is set right. It is for rows that "user rename" does not
find or refuses. If the row alone holds a valid address, aliases follow, as with "user rename".`,
		Example:           "  ispmailctl user correct --id 7 kim@example.org\n  ispmailctl user correct --exact ' kim@example.org' kim@example.org\n  ispmailctl user correct --id 7   # only the domain_id",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	s := a.rowFlags(c, "virtual_users", "email", userIDs)
	c.Args = s.args(nil, 1)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var before, after ispmail.User
		var warnings []ispmail.Warning
		alone := false
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if before, err = find(ctx, s, tx.Users); err != nil {
				return err
			}
			if after, warnings, err = tx.CorrectUser(ctx, before, orStays(args, before.Email)); err != nil {
				return err
			}
			s.harmless = before.Email == after.Email && before.DomainID == after.DomainID
			alone, err = isGone(ctx, tx, before.Email)
			return err
		}, func() error {
			if err := errors.Join(s.sayCorrected(a, "virtual_users", before.ID, before.Email, after.Email, before.DomainID, after.DomainID),
				a.warn(warnings),
				s.object(a, map[string]any{"corrected": a.line(store, after), "before": before, "warnings": orEmpty(warnings)})); err != nil || s.dryRun || !alone {
				return err
			}
			old, err := ispmail.Canonical(before.Email)
			if err != nil || old == after.Email {
				return nil //nolint:nilerr // nobody had sessions or mail by it
			}
			return errors.Join(a.saySessions(old), a.say(mailStays, vmail.Move(old, after.Email)))
		})
	})
}

func (a *app) aliasCorrect() *cobra.Command {
	c := &cobra.Command{
		Use: "correct {--id ID | --exact TEXT} [flags]", Short: "Correct a row of another program: source, destination, and the domain it belongs to.",
		Long: `Gives one row of virtual_aliases another source or destination, and the domain_id that belongs to the
source. What is not given stays as it is. The exact TEXT is a source or a destination.`,
		Example: "  ispmailctl alias correct --id 7 --destination kim@example.org\n  ispmailctl alias correct --exact '*@example.org' --source @example.org\n  ispmailctl alias correct --id 7   # only the domain_id",
	}
	s := a.rowFlags(c, "virtual_aliases", "source or destination", aliasIDs)
	source := c.Flags().String("source", "", "the new source, an `ADDRESS` or @domain")
	destination := c.Flags().String("destination", "", "the new destination, an `ADDRESS`")
	c.Args = s.args(nil, 0)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		var before, after ispmail.Alias
		var warnings []ispmail.Warning
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if before, err = find(ctx, s, tx.Aliases); err != nil {
				return err
			}
			from, to := before.Source, before.Destination
			if *source != "" {
				from = *source
			}
			if *destination != "" {
				to = *destination
			}
			after, warnings, err = tx.CorrectAlias(ctx, before, from, to)
			s.harmless = before == after
			return err
		}, func() error {
			return errors.Join(
				s.sayCorrected(a, "virtual_aliases", before.ID, before.Source+" > "+before.Destination, after.Source+" > "+after.Destination, before.DomainID, after.DomainID),
				a.warn(warnings),
				s.object(a, map[string]any{"corrected": after, "before": before, "warnings": orEmpty(warnings)}))
		})
	})
}

func (a *app) domainCorrect() *cobra.Command {
	c := &cobra.Command{
		Use: "correct {--id ID | --exact TEXT} [NAME]", Short: "Correct a row of another program: the name of a domain.",
		Long: `Gives one row of virtual_domains another name. Without NAME the name stays, in lower case. It is for rows
that "domain rename" does not find, and for one of several rows with the same name: users and aliases of
the row whose addresses are in a domain of another row move there. If the row alone holds a valid name,
all addresses follow, as with "domain rename".`,
		Example:           "  ispmailctl domain correct --id 2 example.org\n  ispmailctl domain correct --exact 'example.org ' example.org",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	s := a.rowFlags(c, "virtual_domains", "name", domainIDs)
	c.Args = s.args(nil, 1)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var before, after ispmail.Domain
		var warnings []ispmail.Warning
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if before, err = find(ctx, s, tx.Domains); err != nil {
				return err
			}
			after, warnings, err = tx.CorrectDomain(ctx, before, orStays(args, before.Name))
			s.harmless = before.Name == after.Name
			return err
		}, func() error {
			return errors.Join(s.sayCorrected(a, "virtual_domains", before.ID, before.Name, after.Name, 0, 0),
				a.warn(warnings),
				s.object(a, map[string]any{"corrected": after, "before": before, "warnings": orEmpty(warnings)}))
		})
	})
}

// orStays returns the new text of a row, or the one that it has.
func orStays(args []string, now string) string {
	if len(args) == 0 {
		return now
	}
	return args[0]
}

// sayCorrected tells what was different.
func (s *selection) sayCorrected(a *app, table string, id int64, before, after string, domainBefore, domainAfter int64) error {
	switch {
	case before != after:
		return a.say("%s row %d of %s: %q to %s.", s.verb("Corrected", "correct"), id, table, before, command.Printable(after))
	case domainBefore != domainAfter:
		return a.say("%s row %d of %s: %s to row %d of virtual_domains.", s.verb("Corrected", "correct"), id, table, command.Printable(after), domainAfter)
	}
	return a.say("Nothing was to be changed.")
}

// isGone reports whether no row has a valid address any more. It is false for what is no address.
func isGone(ctx context.Context, store *ispmail.Store, email string) (bool, error) {
	_, err := store.User(ctx, email)
	switch {
	case errors.Is(err, ispmail.ErrNotFound):
		return true, nil
	case errors.Is(err, ispmail.ErrAmbiguous), errors.Is(err, ispmail.ErrInvalidAddress):
		return false, nil
	}
	return false, err
}
