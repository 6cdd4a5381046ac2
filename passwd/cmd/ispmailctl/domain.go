package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
)

func (a *app) domainAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add DOMAIN...", Short: "Add domains whose mail the server is to keep.",
		Example: "  ispmailctl domain add example.org",
		Args:    cobra.MinimumNArgs(1),
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
	c := &cobra.Command{Use: "list", Short: "List the domains."}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, _ []string) error {
		t := a.table(a.withState(store, "STATE", "DOMAIN")...)
		for domain, err := range store.Domains(ctx, ispmail.Query{}) {
			if err == nil {
				err = t.row(domain, a.withState(store, stateOf(domain.Off), domain.Name)...)
			}
			if err != nil {
				return err
			}
		}
		return t.flush()
	})
}

func (a *app) domainDelete() *cobra.Command {
	c := &cobra.Command{
		Use: "delete DOMAIN", Short: "Delete a domain with all its users and aliases.",
		Long: `Deletes a domain with all its users and aliases, after it has asked. The mail that is there stays on
the disk.`,
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.complete(domainNames),
	}
	yes := c.Flags().Bool("yes", false, "do not ask")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		domain, err := store.Domain(ctx, args[0])
		if err != nil {
			return err
		}
		users, err := store.CountUsers(ctx, ispmail.InDomain(domain.Name))
		if err != nil {
			return err
		}
		aliases, err := store.CountAliases(ctx, ispmail.InDomain(domain.Name))
		if err != nil {
			return err
		}
		if !*yes {
			if err := a.confirm(ctx, domain.Name, users, aliases); err != nil {
				return err
			}
		}
		warnings, err := store.DeleteDomain(ctx, domain.Name)
		if err != nil {
			return err
		}
		return errors.Join(
			a.say("Deleted the domain %s with %s and %s.", domain.Name, plural(users, "user"), plural(aliases, "alias")),
			a.warn(warnings),
			a.sayMailOf(domain.Name, users),
			a.object(map[string]any{"deleted": domain, "users": users, "aliases": aliases, "warnings": orEmpty(warnings)}))
	})
}

// sayMailOf tells about the mail and the sessions of a domain that was deleted, if it had users.
func (a *app) sayMailOf(domain string, users int) error {
	if users == 0 {
		return nil
	}
	return errors.Join(
		a.say("%s", endSessions(domain)),
		a.say("The mail on the disk stays. With the guide's layout, this removes it: %s", removeMail(domain)))
}

// confirm asks whoever sits at the terminal.
func (a *app) confirm(ctx context.Context, name string, users, aliases int) error {
	if !a.isTerminal() {
		return errUsage{errors.New("there is no terminal to ask at: say --yes to delete the domain with everything in it")}
	}
	_, _ = fmt.Fprintf(a.stderr, "This deletes %s with %s and %s. Type the name of the domain to go on: ", name, plural(users, "user"), plural(aliases, "alias"))
	line, err := wait(ctx, func() (string, error) { return bufio.NewReader(a.stdin).ReadString('\n') })
	if err != nil && !errors.Is(err, io.EOF) {
		_, _ = fmt.Fprintln(a.stderr)
		return err
	}
	if !strings.EqualFold(strings.TrimSpace(line), name) {
		return errors.New("nothing was deleted")
	}
	return nil
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
