package main

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func (a *app) aliasSet() *cobra.Command {
	c := &cobra.Command{
		Use: "set SOURCE DESTINATION...", Short: "Make mail for an address go to these others, and nowhere else.",
		Long: `Makes mail for an address go to these destinations and no others: what is missing is added, what is
more is deleted, all at once. A source that has a mailbox keeps a copy only if it is one of its own
destinations.`,
		Example:           "  ispmailctl alias set info@example.org john@example.org jane@example.org",
		ValidArgsFunction: a.complete(aliasSources),
	}
	a.setFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var before, after []ispmail.Alias
		var warnings []ispmail.Warning
		err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if before, err = tx.AliasesOf(ctx, args[0]); err == nil {
				after, warnings, err = tx.SetAliases(ctx, args[0], args[1:]...)
			}
			return err
		})
		if err != nil {
			return err
		}
		for _, alias := range without(before, after) {
			err = errors.Join(err, a.say("Deleted the alias from %s to %s.", command.Printable(alias.Source), command.Printable(alias.Destination)))
		}
		for _, alias := range without(after, before) {
			err = errors.Join(err, a.say("Added the alias from %s to %s.", alias.Source, alias.Destination))
		}
		for i, alias := range after {
			err = errors.Join(err, a.object(aliasLine{alias, warningsOf(alias, warnings, i == len(after)-1)}))
		}
		if len(without(before, after))+len(without(after, before)) == 0 {
			err = errors.Join(err, a.say("Nothing was to be changed."))
		}
		return errors.Join(err, a.warn(warnings))
	})
}

// without returns the aliases that are not among others.
func without(aliases, others []ispmail.Alias) []ispmail.Alias {
	return slices.DeleteFunc(slices.Clone(aliases), func(alias ispmail.Alias) bool {
		return slices.ContainsFunc(others, func(other ispmail.Alias) bool { return other.ID == alias.ID && other.Destination == alias.Destination })
	})
}
