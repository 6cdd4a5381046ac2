package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

func (a *app) userAdd() *cobra.Command {
	c := &cobra.Command{
		Use: "add EMAIL", Short: "Add a user.",
		Long: `Adds a user, whose domain must be there. The password is asked for twice, or read from the first
line of standard input if that is no terminal; or --generate makes one.`,
		Example: "  ispmailctl user add john@example.org\n  ispmailctl user add jane@example.org --generate --quota 5G\n  ispmailctl user add jim@example.org < file-with-password",
	}
	p := a.passwordFlags(c)
	size := c.Flags().String("quota", "", "`SIZE` of the mailbox, such as 500M or 5G; 0 for no limit")
	a.setFlag(c)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var bytes int64
		if *size != "" {
			var err error
			if bytes, err = parseQuota(*size); err != nil {
				return err
			}
		}
		email, err := ispmail.Canonical(args[0])
		if err != nil {
			return err
		}
		if err := missing(ctx, store, email); err != nil { // before anybody types a password in vain
			return err
		}
		password, err := p.read(ctx, a, email)
		if err != nil {
			return err
		}
		var user ispmail.User
		var warnings []ispmail.Warning
		err = store.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if user, warnings, err = tx.CreateUser(ctx, email, password); err != nil || *size == "" {
				return err
			}
			if err := tx.SetQuota(ctx, email, bytes); err != nil {
				return err
			}
			user.Quota = &bytes
			return nil
		})
		if err != nil {
			return err
		}
		return errors.Join(a.say("Added the user %s.", user.Email), p.show(a), a.stillOff(store, user), a.warn(warnings),
			a.object(userLine{User: user, Password: p.generated, Warnings: warnings}))
	})
}

// missing returns an error unless there is no such user, but the domain.
func missing(ctx context.Context, store *ispmail.Store, email string) error {
	if user, err := store.User(ctx, email); !errors.Is(err, ispmail.ErrNotFound) {
		note := ""
		if user.Off {
			note = ", which is switched off (" + stateOfUsers(store) + ")"
		}
		return cmp.Or(err, fmt.Errorf("%w: user %s%s", ispmail.ErrExists, email, note))
	}
	domain := email[strings.LastIndexByte(email, '@')+1:]
	_, err := store.Domain(ctx, domain)
	if errors.Is(err, ispmail.ErrNotFound) {
		return fmt.Errorf("%w: %s", ispmail.ErrNoDomain, domain)
	}
	return err
}

func (a *app) userQuota() *cobra.Command {
	c := &cobra.Command{
		Use: "quota EMAIL SIZE", Short: "Set the size of a user's mailbox, such as 500M or 5G; 0 for no limit.",
		Example:           "  ispmailctl user quota john@example.org 5G",
		ValidArgsFunction: a.complete(userEmails),
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		bytes, err := parseQuota(args[1])
		if err != nil {
			return err
		}
		if err := store.SetQuota(ctx, args[0], bytes); err != nil {
			return err
		}
		user, err := store.User(ctx, args[0])
		if err != nil {
			return err
		}
		return errors.Join(a.say("The quota of %s is %s now.", user.Email, quota(user.Quota)), a.object(userLine{User: user}))
	})
}

func (a *app) userDelete() *cobra.Command {
	c := &cobra.Command{
		Use: "delete {EMAIL | --id ID | --exact TEXT}", Short: "Delete a user. The mail that is there stays on the disk.",
		Long: `Deletes a user, and ends open sessions. The mail that is there stays on the disk, where a new user of that
address would get it; the command that removes it is printed.`,
		Example:           "  ispmailctl user delete john@example.org\n  ispmailctl user delete --id 7\n  ispmailctl user delete --exact ' kim@example.org'",
		ValidArgsFunction: a.complete(userEmails),
	}
	s := a.rowFlags(c, "virtual_users", "email", userIDs)
	c.Args = s.args(command.Arguments, 0)
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		var user ispmail.User
		var warnings []ispmail.Warning
		gone := false
		return s.perform(ctx, a, store, func(ctx context.Context, tx *ispmail.Store) (err error) {
			if s.given() {
				if user, err = find(ctx, s, tx.Users); err == nil {
					warnings, err = tx.DeleteRow(ctx, user)
				}
			} else if user, err = tx.User(ctx, args[0]); err == nil {
				warnings, err = tx.DeleteUser(ctx, args[0])
			}
			if err != nil {
				return err
			}
			gone, err = isGone(ctx, tx, user.Email)
			return err
		}, func() (err error) {
			if s.given() {
				err = a.say("%s row %d of virtual_users, the user %q.", s.verb("Deleted", "delete"), user.ID, user.Email)
			} else {
				err = a.say("%s the user %s.", s.verb("Deleted", "delete"), user.Email)
			}
			return errors.Join(
				err,
				a.warn(warnings),
				a.sayMailOfUser(user.Email, gone, s.dryRun),
				s.object(a, map[string]any{"deleted": user, "warnings": orEmpty(warnings)}))
		})
	})
}

// sayMailOfUser tells about the sessions and the mail of a user who was deleted. A text that is no address names no folder that
// should be removed.
func (a *app) sayMailOfUser(email string, gone, dryRun bool) error {
	_, err := ispmail.Canonical(email)
	switch {
	case dryRun:
		return nil
	case err != nil:
		return a.say("Mail that may be on the disk stays.")
	case !gone:
		return a.say("Another row has the address %s, so its mail stays.", email)
	}
	return errors.Join(
		a.saySessions(email),
		a.say("The mail on the disk stays, and a new %s would get it. With the guide's layout, this removes it: %s", email, vmail.Remove(email)))
}

func optional(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}
