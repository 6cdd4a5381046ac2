package main

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// maxCompletions is how many words the shell is offered.
const maxCompletions = 100

// addresses are users and the sources of aliases.
func addresses(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	goesOn := true
	err := userEmails(ctx, store, func(email string) bool { goesOn = yield(email); return goesOn })
	if err != nil || !goesOn {
		return err
	}
	return aliasSources(ctx, store, yield)
}

// words are what an argument may be, from the database.
type words func(ctx context.Context, store *ispmail.Store, yield func(string) bool) error

// complete offers the first argument to the completion of the shell.
func (a *app) complete(first words) cobra.CompletionFunc {
	return a.completeEach(func(args []string) words {
		if len(args) > 0 {
			return nil
		}
		return first
	})
}

// completeAlias offers a source, and then destinations.
func (a *app) completeAlias(source words, destinations func(source string) words) cobra.CompletionFunc {
	return a.completeEach(func(args []string) words {
		if len(args) > 0 {
			return destinations(args[0])
		}
		return source
	})
}

// completeEach offers an argument that comes after others.
func (a *app) completeEach(next func(args []string) words) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) (found []cobra.Completion, directive cobra.ShellCompDirective) {
		words := next(args)
		if words == nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if command.ReadEnvironment(c) != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		store, closer, err := a.open(c.Context(), false)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer func() { _ = closer() }() // nothing was written
		_ = words(c.Context(), store, func(word string) bool {
			if strings.HasPrefix(word, strings.ToLower(begun)) {
				found = append(found, word)
			}
			return len(found) < maxCompletions
		}) // what was found until then is good
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func domainNames(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	for domain, err := range store.Domains(ctx, ispmail.Query{}) {
		if err != nil || !yield(domain.Name) {
			return err
		}
	}
	return nil
}

func userEmails(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	for user, err := range store.Users(ctx, ispmail.Query{}) {
		if err != nil || !yield(user.Email) {
			return err
		}
	}
	return nil
}

func aliasSources(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	last := ""
	for alias, err := range store.Aliases(ctx, ispmail.Query{}) {
		if err != nil || alias.Source != last && !yield(alias.Source) {
			return err
		}
		last = alias.Source
	}
	return nil
}

// sources are the addresses of users, the sources of aliases, and the catch-alls that may be added.
func sources(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	goesOn := true
	err := domainNames(ctx, store, func(name string) bool { goesOn = yield("@" + name); return goesOn })
	if err != nil || !goesOn {
		return err
	}
	return addresses(ctx, store, yield)
}

// anybody may be the destination of any alias.
func anybody(string) words { return addresses }

// destinationsOf are those of a source.
func destinationsOf(source string) words {
	return func(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
		aliases, err := store.AliasesOf(ctx, source)
		for _, alias := range aliases {
			for _, destination := range alias.Destinations() {
				if !yield(destination) {
					return nil
				}
			}
		}
		return err
	}
}
