package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
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
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		old, err := ispmail.Canonical(args[0])
		if err != nil {
			return err
		}
		user, warnings, err := store.RenameUser(ctx, old, args[1])
		if err != nil {
			return err
		}
		move := moveMail(old, user.Email)
		return errors.Join(
			a.say("The user %s is %s now.", old, user.Email),
			a.warn(warnings),
			a.say("%s", endSessions(old)),
			a.say(mailStays, move),
			a.object(map[string]any{"renamed": a.line(store, user), "from": old, "move": move, "warnings": orEmpty(warnings)}))
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
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		old, err := store.Domain(ctx, args[0])
		if err != nil {
			return err
		}
		domain, warnings, err := store.RenameDomain(ctx, old.Name, args[1])
		if err != nil {
			return err
		}
		move := moveMail(old.Name, domain.Name)
		return errors.Join(
			a.say("The domain %s is %s now.", old.Name, domain.Name),
			a.warn(warnings),
			a.say("%s", endSessions(old.Name)),
			a.say(mailStays, move),
			a.object(map[string]any{"renamed": domain, "from": old.Name, "move": move, "warnings": orEmpty(warnings)}))
	})
}
