package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

func (a *app) aliasAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add SOURCE DESTINATION...", Short: "Make mail for an address go to others.",
		Long: `Makes mail for an address go to others, here or anywhere else. A source "@domain" is a catch-all: it
takes what no user and no other alias of the domain takes. A source that has a mailbox keeps a copy
only if it is one of its own destinations. A destination without a domain, such as root, is an account
of the operating system. What is to be known about the aliases, such as that one leads nowhere, is a
warning on standard error.`,
		Example:           "  ispmailctl alias add info@example.org john@example.org\n  ispmailctl alias add @example.org john@example.org\n  ispmailctl alias add john@example.org john@example.org john@example.net   # a copy elsewhere",
		ValidArgsFunction: a.completeAlias(sources, anybody),
	}
	a.setFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var aliases []ispmail.Alias
		var warnings []ispmail.Warning
		others, itself := split(args[0], args[1:]) // itself first: with a copy, there is less to warn of
		err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			aliases, warnings = nil, nil
			for _, destination := range append(itself, others...) {
				alias, more, err := tx.CreateAlias(ctx, args[0], destination)
				if err != nil {
					return err
				}
				aliases, warnings = append(aliases, alias), addWarnings(warnings, more)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for i, alias := range aliases {
			line := aliasLine{Alias: alias, Warnings: warningsOf(alias, warnings, i == len(aliases)-1)}
			if err := errors.Join(a.say("Added the alias from %s to %s.", alias.Source, alias.Destination), a.object(line)); err != nil {
				return err
			}
		}
		return a.warn(warnings)
	})
}

func (a *app) aliasList() *cobra.Command {
	c := &cobra.Command{
		Use: "list [DOMAIN | SOURCE]", Short: "List the aliases of a domain, of a source, or all.",
		Example:           "  ispmailctl alias list\n  ispmailctl alias list example.org\n  ispmailctl alias list info@example.org\n  ispmailctl alias list @example.org   # the catch-all",
		ValidArgsFunction: a.complete(domainNames),
	}
	ids := idsFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		t := a.table(ids.head(a.withState(store, "STATE", "SOURCE", "DESTINATION")...)...)
		if len(args) > 0 && strings.Contains(args[0], "@") {
			aliases, err := store.AliasesOf(ctx, args[0])
			for _, alias := range aliases {
				err = errors.Join(err, t.row(alias, ids.row(alias.ID, a.withState(store, stateOf(alias.Off), alias.Source, alias.Destination)...)...))
			}
			return errors.Join(err, t.flush())
		}
		for alias, err := range store.Aliases(ctx, selected(args)) {
			if err == nil {
				err = t.row(alias, ids.row(alias.ID, a.withState(store, stateOf(alias.Off), alias.Source, alias.Destination)...)...)
			}
			if err != nil {
				return err
			}
		}
		return t.flush()
	})
}

func (a *app) aliasDelete() *cobra.Command {
	c := &cobra.Command{
		Use: "delete {SOURCE [DESTINATION...] | --id ID | --exact TEXT}", Short: "Delete the aliases from a source to some destinations, or to all.",
		Long: `Deletes the aliases from a source to some destinations, or to all. The exact TEXT is a source or a
destination.`,
		Example:           "  ispmailctl alias delete info@example.org\n  ispmailctl alias delete info@example.org john@example.org\n  ispmailctl alias delete --id 7",
		ValidArgsFunction: a.completeAlias(aliasSources, destinationsOf),
	}
	s := a.rowFlags(c, "virtual_aliases", "source or destination", aliasIDs)
	c.Args = s.args(command.Arguments, 0)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if s.given() {
			return a.deleteAliasRow(ctx, store, s)
		}
		var deleted [][2]string
		var warnings []ispmail.Warning
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) error {
			deleted, warnings = nil, nil
			if len(args) == 1 {
				aliases, err := tx.AliasesOf(ctx, args[0])
				if err != nil {
					return err
				}
				for _, alias := range aliases {
					for _, destination := range alias.Destinations() {
						deleted = append(deleted, [2]string{args[0], destination})
					}
				}
				warnings, err = tx.DeleteAliases(ctx, args[0])
				return err
			}
			others, itself := split(args[0], args[1:]) // itself last: only what is left then counts
			seen := map[string]bool{}
			for _, destination := range append(others, itself...) {
				if seen[destination] {
					continue
				}
				seen[destination] = true
				more, err := tx.DeleteAlias(ctx, args[0], destination)
				if err != nil {
					return err
				}
				deleted, warnings = append(deleted, [2]string{args[0], destination}), addWarnings(warnings, more)
			}
			return nil
		}, func() error {
			for _, d := range deleted {
				if err := a.say("%s the alias from %s to %s.", s.verb("Deleted", "delete"), command.Printable(d[0]), command.Printable(d[1])); err != nil {
					return err
				}
			}
			return errors.Join(a.warn(warnings), s.object(a, map[string]any{"deleted": orEmpty(deleted), "warnings": orEmpty(warnings)}))
		})
	})
}

func (a *app) deleteAliasRow(ctx context.Context, store *ispmail.Store, s *selection) error {
	var alias ispmail.Alias
	var warnings []ispmail.Warning
	return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
		if alias, err = find(ctx, s, tx.Aliases); err == nil {
			warnings, err = tx.DeleteRow(ctx, alias)
		}
		return err
	}, func() error {
		return errors.Join(
			a.say("%s row %d of virtual_aliases, the alias from %q to %q.", s.verb("Deleted", "delete"), alias.ID, alias.Source, alias.Destination),
			a.warn(warnings),
			s.object(a, map[string]any{"deleted": [][2]string{{alias.Source, alias.Destination}}, "id": alias.ID, "warnings": orEmpty(warnings)}))
	})
}

func (a *app) recipients() *cobra.Command {
	c := &cobra.Command{
		Use: "recipients ADDRESS", Short: "Tell where mail for an address ends up, through aliases and catch-alls.",
		Example:           "  ispmailctl recipients info@example.org\n  ispmailctl recipients info@example.org --steps",
		ValidArgsFunction: a.complete(addresses),
	}
	steps := c.Flags().Bool("steps", false, "tell the way there: each address that Postfix looks up, and the rows by which it goes on")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if *steps {
			return a.steps(ctx, store, args[0])
		}
		recipients, err := store.Recipients(ctx, args[0])
		if err != nil {
			return err
		}
		t := a.table("ADDRESS", "MAILBOX")
		for _, r := range recipients {
			mailbox := r.Mailbox
			if mailbox == "" {
				mailbox = "elsewhere"
			}
			if err := t.row(r, r.Address, mailbox); err != nil {
				return err
			}
		}
		return t.flush()
	})
}

// steps prints the way of mail, also where it leads to nobody.
func (a *app) steps(ctx context.Context, store *ispmail.Store, address string) error {
	steps, err := store.Trace(ctx, address)
	for _, step := range steps {
		if err := errors.Join(a.say("%s", command.Printable(step.String())), a.object(step)); err != nil {
			return err
		}
	}
	return err
}
