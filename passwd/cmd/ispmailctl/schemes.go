package main

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
)

// A fate is what stored passwords of one scheme are, and what happens to them at the next login.
type fate struct {
	Scheme string `json:"scheme"`
	Due    bool   `json:"due"`
	Next   string `json:"next_login"`
}

func (a *app) passwordSchemes() *cobra.Command {
	c := &cobra.Command{
		Use: "schemes [DOMAIN]", Short: "Count the stored passwords by scheme, and tell what the next login makes of them.",
		Long: `Counts the stored passwords of a domain, or of all, by their scheme, and tells what happens to them at the
next login that is verified here: by "password check", by ispmail-passwd, or by Dovecot if it hands logins to
ispmail-passwd. Weak ones are replaced by --scheme, and with --upgrade also those of a weaker class. Give it
the settings of ispmail-passwd. --due lists the users whose password is due. Nothing is changed.`,
		Example:           "  ispmailctl password schemes\n  ispmailctl password schemes --scheme BLF-CRYPT --upgrade\n  ispmailctl password schemes --due",
		ValidArgsFunction: a.complete(domainNames),
	}
	a.schemeFlag(c, "replace a weak hash")
	a.upgradeFlag(c, "the next login")
	due := c.Flags().Bool("due", false, "list the users whose stored password the next login replaces")
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		counts := map[fate]int{}
		users := a.table("USER", "SCHEME", "AT THE NEXT LOGIN")
		a.progress.begin("Reading", -1)
		defer a.progress.end()
		err := list(store.Users(ctx, selected(args)), func(user ispmail.User) error {
			a.progress.add(1)
			f := a.fateOf(store, user)
			counts[f]++
			if !*due || !f.Due {
				return nil
			}
			return users.row(struct {
				Email string `json:"email"`
				fate
			}{user.Email, f}, user.Email, f.Scheme, f.Next)
		})
		if err != nil {
			return err
		}
		if *due {
			return users.flush()
		}
		t := a.table("SCHEME", "USERS", "AT THE NEXT LOGIN")
		for _, f := range slices.SortedFunc(maps.Keys(counts), func(x, y fate) int {
			return cmp.Or(counts[y]-counts[x], cmp.Compare(x.Scheme, y.Scheme), cmp.Compare(x.Next, y.Next))
		}) {
			line := struct {
				fate
				Users int `json:"users"`
			}{f, counts[f]}
			if err := t.row(line, f.Scheme, strconv.Itoa(counts[f]), f.Next); err != nil {
				return err
			}
		}
		return t.flush()
	})
}

// fateOf tells what the next login makes of a user's stored password.
func (a *app) fateOf(store *ispmail.Store, user ispmail.User) fate {
	hasher, stored := store.Hasher(), user.Password.Reveal()
	info, err := hasher.Inspect(stored)
	f := fate{Scheme: schemeOf(user, info, err), Next: "stays"}
	user.Off = false // which says nothing about the password
	switch {
	case info.Locked:
		f.Next = "refused: locked"
	case !user.CanLogin():
		f.Next = "refused: no password"
	case errors.Is(err, hash.ErrUnsupported):
		f.Next = "unknown here"
	case err != nil:
		f.Next = "refused: damaged or too costly"
	case hasher.NeedsRehash(stored):
		f.Due, f.Next = true, "becomes "+hasher.Scheme()
	}
	return f
}
