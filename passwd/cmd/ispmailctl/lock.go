package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
)

func (a *app) userLock() *cobra.Command {
	c := &cobra.Command{
		Use: "lock EMAIL", Short: "Keep a user from logging in, without loss of the password.",
		Long: `Keeps a user from logging in. The password stays, behind a lock that "user unlock" takes away; a new
one from "password set" is behind the lock too. Mail still arrives. Sessions that are open are ended where
the package has put its socket; elsewhere the command that ends them is printed.`,
		Example:           "  ispmailctl user lock john@example.org",
		ValidArgsFunction: a.complete(userEmails),
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		if err := store.Lock(ctx, args[0]); err != nil {
			return err
		}
		user, err := store.User(ctx, args[0])
		if err != nil {
			return err
		}
		return errors.Join(
			a.say("Locked the user %s. Mail still arrives.", user.Email),
			a.saySessions(user.Email),
			a.object(a.line(store, user)))
	})
}

func (a *app) userUnlock() *cobra.Command {
	c := &cobra.Command{
		Use: "unlock EMAIL", Short: "Let a locked user log in again, with the password from before.",
		Example:           "  ispmailctl user unlock john@example.org",
		ValidArgsFunction: a.complete(userEmails),
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		a.herald.keeps = true
		if err := store.Unlock(ctx, args[0]); err != nil {
			return err
		}
		user, err := store.User(ctx, args[0])
		if err != nil {
			return err
		}
		return errors.Join(a.say("Unlocked the user %s.", user.Email), a.stillOff(store, user), a.object(a.line(store, user)))
	})
}
