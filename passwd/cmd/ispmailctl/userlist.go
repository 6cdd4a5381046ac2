package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A userLine is a user for JSON.
type userLine struct {
	ispmail.User
	Scheme   string `json:"scheme,omitempty"`
	Locked   bool   `json:"locked,omitempty"`
	fault    error  // why no password can be compared with the stored one
	Password string `json:"password,omitempty"` // a generated one

	Warnings []ispmail.Warning `json:"warnings,omitempty"` // about a change
}

func (a *app) userList() *cobra.Command {
	c := &cobra.Command{
		Use: "list [DOMAIN]", Short: "List the users of a domain, or of all domains.",
		Long: `Lists the users of a domain, or of all domains. LOGIN is "locked" for a user who is locked, "off" for one
who is switched off by a column of --state-column, "never" for a row that another program keeps and with
which nobody logs in, "unknown" if the scheme of the stored password is not known here, and "no" if that is
damaged or too costly. Why, "show" tells.`,
		Example:           "  ispmailctl user list example.org\n  ispmailctl user list --search john",
		ValidArgsFunction: a.complete(domainNames),
	}
	ids := idsFlag(c)
	search := c.Flags().String("search", "", "only users whose address has this `TEXT` in it, in capitals or not")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		query := selected(args)
		query.Search = *search
		t := a.table(ids.head("USER", "QUOTA", "SCHEME", "LOGIN")...)
		for user, err := range store.Users(ctx, query) {
			if err == nil {
				line := a.line(store, user)
				err = t.row(line, ids.row(user.ID, user.Email, quota(user.Quota), line.Scheme, loginOf(line))...)
			}
			if err != nil {
				return err
			}
		}
		return t.flush()
	})
}

// line is a user with what can be seen of the password.
func (a *app) line(store *ispmail.Store, user ispmail.User) userLine {
	info, err := store.Hasher().Inspect(user.Password.Reveal())
	return userLine{User: user, Scheme: schemeOf(user, info, err), Locked: info.Locked, fault: err}
}

func loginOf(line userLine) string {
	switch {
	case line.Off && line.Locked:
		return "off, locked"
	case line.Off:
		return "off"
	case line.Locked:
		return "locked"
	case !line.CanLogin():
		return "never"
	case errors.Is(line.fault, hash.ErrUnsupported):
		return "unknown"
	case line.fault != nil:
		return "no"
	}
	return "yes"
}

// schemeOf names the scheme of a user's password, that under the lock if there is one.
func schemeOf(user ispmail.User, info hash.Info, err error) string {
	user.Off = false // which says nothing about the password
	switch {
	case info.Locked && info.Scheme != "":
		return info.Scheme
	case info.Locked, !user.CanLogin():
		return "none"
	case info.Label != "":
		return info.Label
	case err != nil:
		return "unknown"
	}
	return info.Scheme
}
