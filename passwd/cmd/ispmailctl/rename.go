package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

const mailStays = "The mail on the disk stays where it is. With the guide's layout, this moves it: %s"

func (a *app) userRename() *cobra.Command {
	c := &cobra.Command{
		Use: "rename EMAIL NEW", Short: "Give a user another address.",
		Long: `Gives a user another address, in the same domain or another one of this server. Password and quota
stay, and aliases from and to the address follow. Mail for the old address is refused from then on;
"alias add" makes an alias of it. The mail on the disk stays where it is, and the command that moves it
is printed.`,
		Example:           "  ispmailctl user rename jane@example.org jane.doe@example.org",
		ValidArgsFunction: a.complete(userEmails),
	}
	k := consentFlags(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		old, err := ispmail.Canonical(args[0])
		if err != nil {
			return err
		}
		var user ispmail.User
		var warnings []ispmail.Warning
		return k.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			user, warnings, err = tx.RenameUser(ctx, old, args[1])
			return err
		}, func() error {
			move := vmail.Move(old, user.Email)
			return errors.Join(
				a.say("%s the user %s to %s.", k.verb("Renamed", "rename"), old, user.Email),
				a.warn(warnings),
				a.sayRenamed(k, old, 1, move),
				k.object(a, map[string]any{"renamed": a.line(store, user), "from": old, "move": move, "warnings": orEmpty(warnings)}))
		})
	})
}

func (a *app) domainRename() *cobra.Command {
	c := &cobra.Command{
		Use: "rename NAME NEW", Short: "Give a domain another name, in all addresses.",
		Long: `Gives a domain another name, in the addresses of its users and in all aliases. Passwords and quotas
stay. Mail for the old name is refused from then on. The mail on the disk stays where it is, and the
command that moves it is printed.`,
		Example:           "  ispmailctl domain rename example.org example.net",
		ValidArgsFunction: a.complete(domainNames),
	}
	k := consentFlags(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var old, domain ispmail.Domain
		var users int
		var warnings []ispmail.Warning
		return k.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if old, err = tx.Domain(ctx, args[0]); err != nil {
				return err
			}
			if users, err = tx.CountUsers(ctx, ispmail.InDomain(old.Name)); err != nil {
				return err
			}
			domain, warnings, err = tx.RenameDomain(ctx, old.Name, args[1])
			return err
		}, func() error {
			move := vmail.Move(old.Name, domain.Name)
			return errors.Join(
				a.say("%s the domain %s with %s to %s.", k.verb("Renamed", "rename"), old.Name, plural(users, "user"), domain.Name),
				a.warn(warnings),
				a.sayRenamed(k, old.Name, users, move),
				k.object(a, map[string]any{"renamed": domain, "from": old.Name, "users": users, "move": move, "warnings": orEmpty(warnings)}))
		})
	})
}

// sayRenamed tells what becomes of the sessions and the mail of an old name, if it had users.
func (a *app) sayRenamed(k *consent, old string, users int, move string) error {
	if k.dryRun || users == 0 {
		return nil
	}
	return errors.Join(a.saySessions(old), a.say(mailStays, move))
}
