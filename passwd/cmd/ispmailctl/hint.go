package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"unicode"

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
		return fmt.Errorf("%w%s%s", err, similar(ctx, store, args), addDomain(ctx, store, args))
	case errors.Is(err, ispmail.ErrSchema) && strings.Contains(err.Error(), "a table is missing") && c.Name() != "diff": // of another database
		return fmt.Errorf("%w; if this is the right database, ispmailctl init makes the tables", err)
	case errors.Is(err, ispmail.ErrInUse):
		return fmt.Errorf("%w; correct or delete these first, ispmailctl user list --ids and alias list --ids show them; or ispmailctl domain delete NAME deletes all of a domain", err)
	case errors.Is(err, ispmail.ErrLocked) && c.Name() == "lock", errors.Is(err, ispmail.ErrNotLocked) && c.Name() == "unlock":
		return fmt.Errorf("%w, as it was before", err)
	case !errors.Is(err, ispmail.ErrInvalidAddress) && !errors.Is(err, ispmail.ErrNotFound):
		return err
	case c.Flags().Changed("id") || c.Flags().Changed("exact"):
		return err // the row is known, and the new text is at fault
	case c.Name() == "add", c.CommandPath() == "ispmailctl alias set":
		return otherForm(ctx, store, c, args, err) // nobody asks for a row that is there
	}
	if suggestion := similar(ctx, store, args); suggestion != "" && errors.Is(err, ispmail.ErrNotFound) {
		return fmt.Errorf("%w%s", err, suggestion)
	}
	invalid, ok := errors.AsType[*ispmail.AddressError](err)
	for _, arg := range args {
		if ok && arg != invalid.Value {
			continue // another argument is at fault
		}
		if isNamed(c, arg) {
			continue // which finds the row without an id
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
	return otherForm(ctx, store, c, args, err)
}

// isNamed tells whether a command finds the rows of a text without an id.
func isNamed(c *cobra.Command, text string) bool {
	var err error
	switch c.Parent().Name() {
	case "domain":
		_, err = ispmail.CanonicalDomain(text)
	case "alias":
		_, err = ispmail.CanonicalSource(text)
	default:
		_, err = ispmail.Canonical(text)
	}
	return err == nil
}

// addDomain is the end of a sentence that says that a domain is not there: how it is added.
func addDomain(ctx context.Context, store *ispmail.Store, args []string) string {
	for _, arg := range args {
		_, name, isAddress := vmail.Cut(arg)
		name, errName := ispmail.CanonicalDomain(name)
		if _, err := store.Domain(ctx, name); isAddress && errName == nil && errors.Is(err, ispmail.ErrNotFound) {
			return "; ispmailctl domain add " + name + " adds it"
		}
	}
	return ""
}

// otherForm adds to an error how what somebody seems to mean is written: an id, a domain in place of an address, an address in
// place of a domain, or a list with commas.
func otherForm(ctx context.Context, store *ispmail.Store, c *cobra.Command, args []string, err error) error {
	field := "" // of which nothing is known if the text is well-formed and not there
	text := optional(args)
	if invalid, ok := errors.AsType[*ispmail.AddressError](err); ok {
		field, text = invalid.Field, invalid.Value
	}
	if text != "" && strings.Trim(text, "0123456789") == "" && c.Flags().Lookup("id") != nil {
		return fmt.Errorf("%w; a row is named by its id with --id %s", err, text)
	}
	local, name, isAddress := vmail.Cut(text)
	_, errDomain := store.Domain(ctx, name)
	isDomain := errDomain == nil && local == ""
	switch {
	case field == "destination" && strings.Contains(text, ","):
		return fmt.Errorf("%w; several destinations have blanks between them, and no commas", err)
	case field == "source" && isDomain && !isAddress:
		return fmt.Errorf("%w; the catch-all of a domain is written as @%s", err, name)
	case field == "address" && isDomain:
		return fmt.Errorf("%w; %s is a domain: ispmailctl user list %s and ispmailctl alias list %s list what it has", err, name, name, name)
	case field == "domain" && isDomain && isAddress, field == "new name" && isAddress && local == "":
		return fmt.Errorf("%w; a domain is written without the @", err)
	case field == "domain" && isAddress, field == "new name" && isAddress:
		return fmt.Errorf("%w; the name of a domain is wanted, and this is an address", err)
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

// visible is a text without blanks and what cannot be seen.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
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
		spoilt := false // a row has it with a blank
		look := func(words words, form string) {
			_ = words(ctx, store, func(word string) bool { // without an answer there is no suggestion
				if visible(word) == word {
					known = append(known, fmt.Sprintf(form, word))
				} else if strings.EqualFold(visible(word), arg) {
					spoilt = true
				}
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
		if spoilt {
			return "; a row has this text with a blank or something else that cannot be seen: ispmailctl check tells which"
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
