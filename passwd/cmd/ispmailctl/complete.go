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

// complete offers the first argument to the completion of the shell, from the database if that can be asked.
func (a *app) complete(words func(ctx context.Context, store *ispmail.Store, yield func(string) bool) error) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) (found []cobra.Completion, directive cobra.ShellCompDirective) {
		if len(args) > 0 {
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
