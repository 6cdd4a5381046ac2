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
more is deleted, all at once. It does not ask if nothing is to be deleted. A source that has a mailbox
keeps a copy only if it is one of its own destinations.`,
		Example:           "  ispmailctl alias set info@example.org john@example.org jane@example.org",
		ValidArgsFunction: a.completeAlias(aliasSources, anybody),
	}
	a.setFlag(c)
	k := consentFlags(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var after, deleted, added []ispmail.Alias
		var warnings []ispmail.Warning
		return k.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) error {
			before, err := tx.AliasesOf(ctx, args[0])
			if err == nil {
				after, warnings, err = tx.SetAliases(ctx, args[0], args[1:]...)
			}
			deleted, added = without(before, after), without(after, before)
			k.harmless = len(deleted) == 0
			return err
		}, func() (err error) {
			for _, alias := range deleted {
				err = errors.Join(err, a.say("%s the alias from %s to %s.", k.verb("Deleted", "delete"), command.Printable(alias.Source), command.Printable(alias.Destination)))
			}
			for _, alias := range added {
				err = errors.Join(err, a.say("%s the alias from %s to %s.", k.verb("Added", "add"), alias.Source, alias.Destination))
			}
			for i, alias := range after {
				err = errors.Join(err, a.object(aliasLine{alias, warningsOf(alias, warnings, i == len(after)-1), k.dryRun}))
			}
			if len(deleted)+len(added) == 0 {
				err = errors.Join(err, a.say("Nothing was to be changed."))
			}
			return errors.Join(err, a.warn(warnings))
		})
	})
}

// without returns the aliases that are not among others.
func without(aliases, others []ispmail.Alias) []ispmail.Alias {
	return slices.DeleteFunc(slices.Clone(aliases), func(alias ispmail.Alias) bool {
		return slices.ContainsFunc(others, func(other ispmail.Alias) bool { return other.ID == alias.ID && other.Destination == alias.Destination })
	})
}
