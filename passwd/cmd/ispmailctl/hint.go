package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

// hint adds to an error which rows are meant, and what can be done with them, where an address does not name one row.
func hint(ctx context.Context, store *ispmail.Store, c *cobra.Command, args []string, err error) error {
	switch {
	case errors.Is(err, ispmail.ErrAmbiguous):
		return fmt.Errorf("%w; ispmailctl user delete --id ID deletes one of them, ispmailctl user correct --id ID EMAIL gives it another address", err)
	case errors.Is(err, ispmail.ErrNoDomain):
		return fmt.Errorf("%w%s", err, similar(ctx, store, args))
	case errors.Is(err, ispmail.ErrInUse):
		return fmt.Errorf("%w; correct or delete these first, ispmailctl user list --ids and alias list --ids show them; or ispmailctl domain delete NAME deletes all of a domain", err)
	case !errors.Is(err, ispmail.ErrInvalidAddress) && !errors.Is(err, ispmail.ErrNotFound):
		return err
	case c.Flags().Changed("id") || c.Flags().Changed("exact"):
		return err // the row is known, and the new text is at fault
	case c.Name() == "add", c.CommandPath() == "ispmailctl alias set":
		return err // nobody asks for a row that is there
	}
	if suggestion := similar(ctx, store, args); suggestion != "" && errors.Is(err, ispmail.ErrNotFound) {
		return fmt.Errorf("%w%s", err, suggestion)
	}
	invalid, ok := errors.AsType[*ispmail.AddressError](err)
	for _, arg := range args {
		if ok && arg != invalid.Value {
			continue // another argument is at fault
		}
		q := ispmail.Exactly(arg)
		q.Limit = maxNamed
		what := ""
		switch c.Parent().Name() {
		case "domain":
			what = holders(ctx, "domain", "NAME", q, store.Domains)
		case "alias":
			what = holders(ctx, "alias", "[--source ADDRESS] [--destination ADDRESS]", q, store.Aliases)
		default:
			what = holders(ctx, "user", "EMAIL", q, store.Users)
		}
		if what != "" {
			return fmt.Errorf("%w; %s", err, what)
		}
	}
	return err
}

// holders tells which rows hold exactly a text, "" if none does.
func holders[T any](ctx context.Context, kind, value string, q ispmail.Query, list func(context.Context, ispmail.Query) iter.Seq2[T, error]) string {
	var rows []T
	for row, err := range list(ctx, q) {
		if err != nil {
			return ""
		}
		rows = append(rows, row)
	}
	switch len(rows) {
	case 0:
		return ""
	case 1:
		id := idOf(rows[0])
		return fmt.Sprintf("row %d of %s holds exactly this text: ispmailctl %s delete --id %d deletes it, ispmailctl %s correct --id %d %s corrects it", id, tableOfRow(rows[0]), kind, id, kind, id, value)
	}
	return fmt.Sprintf("the rows %s of %s hold exactly this text: ispmailctl %s delete --id ID deletes one, ispmailctl %s correct --id ID %s corrects it", places(rows), tableOfRow(rows[0]), kind, kind, value)
}

// maxSimilar is how many rows are looked at for one that may be meant.
const maxSimilar = 10_000

// similar is the end of a sentence that says which address or domain may be meant by the first argument that is not there. It is
// empty if none is like it.
func similar(ctx context.Context, store *ispmail.Store, args []string) string {
	for _, arg := range args {
		local, domain, isAddress := vmail.Cut(arg)
		_, err := store.Domain(ctx, domain)
		var known []string
		look := func(words words, form string) {
			_ = words(ctx, store, func(word string) bool { // without an answer there is no suggestion
				known = append(known, fmt.Sprintf(form, word))
				return len(known) < maxSimilar
			})
		}
		switch {
		case errors.Is(err, ispmail.ErrNotFound) && isAddress:
			look(domainNames, strings.ReplaceAll(local, "%", "%%")+"@%s")
		case errors.Is(err, ispmail.ErrNotFound):
			look(domainNames, "%s")
		case err == nil && isAddress:
			look(addresses, "%s")
		}
		if slices.Contains(known, strings.ToLower(arg)) {
			continue // it is another argument
		}
		if suggestion := command.DidYouMean(arg, known); suggestion != "" {
			return command.Printable(suggestion)
		}
	}
	return ""
}
