package main

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

func (a *app) domainAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add DOMAIN...", Short: "Add domains whose mail the server is to keep.",
		Example: "  ispmailctl domain add example.org",
	}
	a.setFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var domains []ispmail.Domain
		err := store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
			domains = nil
			for _, name := range args {
				domain, err := tx.CreateDomain(ctx, name)
				if err != nil {
					return err
				}
				domains = append(domains, domain)
			}
			return nil
		})
		if err != nil {
			return err
		}
		for _, domain := range domains {
			if err := errors.Join(a.say("Added the domain %s.", domain.Name), a.object(domain)); err != nil {
				return err
			}
		}
		return nil
	})
}

func (a *app) domainList() *cobra.Command {
	c := &cobra.Command{Use: "list", Short: "List the domains, with the numbers of their users and aliases."}
	ids := idsFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		t := a.table(ids.head(a.withState(store, "STATE", "DOMAIN", "USERS", "ALIASES")...)...)
		counts, err := store.DomainCounts(ctx)
		if err != nil {
			return err
		}
		for _, d := range counts {
			if err := t.row(d, ids.row(d.ID, a.withState(store, stateOf(d.Off), d.Name, strconv.Itoa(d.Users), strconv.Itoa(d.Aliases))...)...); err != nil {
				return err
			}
		}
		return t.flush()
	})
}

func (a *app) domainDelete() *cobra.Command {
	c := &cobra.Command{
		Use: "delete {DOMAIN | --id ID | --exact TEXT}", Short: "Delete a domain with all its users and aliases.",
		Long: `Deletes a domain with all its users and aliases, and ends open sessions. The mail that is there stays on
the disk. With --id or --exact it deletes that row and nothing else: users and aliases that belong to it
move to the row of the domain in their address, and if there is none, the row stays.`,
		Example:           "  ispmailctl domain delete example.org\n  ispmailctl domain delete --id 2",
		ValidArgsFunction: a.complete(domainNames),
	}
	s := a.rowFlags(c, "virtual_domains", "name", domainIDs)
	c.Args = s.args(command.Arguments, 0)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if s.given() {
			return a.deleteDomainRow(ctx, store, s)
		}
		var domain ispmail.Domain
		var users, aliases int
		var warnings []ispmail.Warning
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if domain, err = tx.Domain(ctx, args[0]); err != nil {
				return err
			}
			s.word = domain.Name
			if users, err = tx.CountUsers(ctx, ispmail.InDomain(domain.Name)); err != nil {
				return err
			}
			if aliases, err = tx.CountAliases(ctx, ispmail.InDomain(domain.Name)); err != nil {
				return err
			}
			warnings, err = tx.DeleteDomain(ctx, domain.Name)
			return err
		}, func() error {
			return errors.Join(
				a.say("%s the domain %s with %s and %s.", s.verb("Deleted", "delete"), domain.Name, plural(users, "user"), plural(aliases, "alias")),
				a.warn(warnings),
				a.sayMailOf(domain.Name, users, s.dryRun),
				s.object(a, map[string]any{"deleted": domain, "users": users, "aliases": aliases, "warnings": orEmpty(warnings)}))
		})
	})
}

// deleteDomainRow deletes one row of virtual_domains, and tells what had belonged to it.
func (a *app) deleteDomainRow(ctx context.Context, store *ispmail.Store, s *selection) error {
	var domain ispmail.DomainCount
	var warnings []ispmail.Warning
	return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) error {
		row, err := find(ctx, s, tx.Domains)
		if err != nil {
			return err
		}
		counts, err := tx.DomainCounts(ctx)
		if err != nil {
			return err
		}
		domain.Domain = row
		for _, count := range counts {
			if count.ID == row.ID {
				domain = count
			}
		}
		warnings, err = tx.DeleteRow(ctx, row)
		return err
	}, func() error {
		err := a.say("%s row %d of virtual_domains, the domain %q.", s.verb("Deleted", "delete"), domain.ID, domain.Name)
		if domain.Users+domain.Aliases > 0 {
			err = errors.Join(err, a.say("%s of it: moved to the rows of their domains.", plural(domain.Users, "user")+" and "+plural(domain.Aliases, "alias")))
		}
		return errors.Join(err, a.warn(warnings),
			s.object(a, map[string]any{"deleted": domain.Domain, "moved_users": domain.Users, "moved_aliases": domain.Aliases, "warnings": orEmpty(warnings)}))
	})
}

// sayMailOf tells about the mail and the sessions of a domain that was deleted, if it had users.
func (a *app) sayMailOf(domain string, users int, dryRun bool) error {
	if users == 0 || dryRun {
		return nil
	}
	return errors.Join(
		a.saySessions(domain),
		a.say("The mail on the disk stays. With the guide's layout, this removes it: %s", vmail.Remove(domain)))
}

// selected is the query for the domain that an argument names, or for all if there is none.
func selected(args []string) ispmail.Query {
	if len(args) == 0 {
		return ispmail.Query{}
	}
	return ispmail.InDomain(args[0])
}

// orEmpty is a list that is [] in JSON even where it is nil.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}
