package main

import (
	"context"
	"errors"
	"iter"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
)

func (a *app) search() *cobra.Command {
	c := &cobra.Command{
		Use: "search TEXT", Short: "List the domains, users and aliases that have a text in them.",
		Long: `Lists the domains, users and aliases that have a text in them, in capitals or not: in the name of a domain,
the address of a user, the source or a destination of an alias.`,
		Example:           "  ispmailctl search jane",
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) error {
		q := ispmail.Query{Search: args[0]}
		if args[0] == "" {
			return errUsage{errors.New("TEXT is empty: domain list, user list and alias list list all")}
		}
		t := a.table(a.withState(store, "STATE", "KIND", "ID", "ADDRESS", "DESTINATION")...)
		err := list(store.Domains(ctx, q), func(d ispmail.Domain) error {
			return t.row(struct {
				Type string `json:"type"`
				ispmail.Domain
			}{"domain", d}, a.withState(store, stateOf(d.Off), "domain", id(d.ID), d.Name, "")...)
		})
		if err != nil {
			return err
		}
		err = list(store.Users(ctx, q), func(u ispmail.User) error {
			return t.row(struct {
				Type string `json:"type"`
				userLine
			}{"user", a.line(store, u)}, a.withState(store, stateOf(u.Off), "user", id(u.ID), u.Email, "")...)
		})
		if err != nil {
			return err
		}
		err = list(store.Aliases(ctx, q), func(alias ispmail.Alias) error {
			return t.row(struct {
				Type string `json:"type"`
				ispmail.Alias
			}{"alias", alias}, a.withState(store, stateOf(alias.Off), "alias", id(alias.ID), alias.Source, alias.Destination)...)
		})
		if err != nil {
			return err
		}
		return t.flush()
	})
}

// list calls a function with each row, until there is an error.
func list[T any](rows iter.Seq2[T, error], do func(T) error) error {
	for row, err := range rows {
		if err == nil {
			err = do(row)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func id(number int64) string { return strconv.FormatInt(number, 10) }

func (a *app) count() *cobra.Command {
	c := &cobra.Command{
		Use: "count [DOMAIN]", Short: "Count the domains, users and aliases, of a domain or of all.",
		Example:           "  ispmailctl count\n  ispmailctl count example.org",
		ValidArgsFunction: a.complete(domainNames),
	}
	return a.on(c, func(ctx context.Context, store *ispmail.Store, args []string) (err error) {
		var counts struct {
			Domains int `json:"domains"`
			Users   int `json:"users"`
			Aliases int `json:"aliases"`
		}
		q := selected(args)
		for _, part := range []struct {
			into  *int
			count func(context.Context, ispmail.Query) (int, error)
		}{{&counts.Domains, store.CountDomains}, {&counts.Users, store.CountUsers}, {&counts.Aliases, store.CountAliases}} {
			if *part.into, err = part.count(ctx, q); err != nil {
				return err
			}
		}
		t := a.table("DOMAINS", "USERS", "ALIASES")
		if err := t.row(counts, strconv.Itoa(counts.Domains), strconv.Itoa(counts.Users), strconv.Itoa(counts.Aliases)); err != nil {
			return err
		}
		return t.flush()
	})
}
