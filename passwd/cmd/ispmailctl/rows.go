package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// A selection names one row where an address cannot: by its id, or by exactly what it holds.
type selection struct {
	*consent
	c     *cobra.Command
	id    int64
	exact exactText
}

// An exactText may be empty, as a string of the command line may not.
type exactText string

func (e *exactText) Set(text string) error { *e = exactText(text); return nil }
func (e *exactText) String() string        { return string(*e) }
func (e *exactText) Type() string          { return "text" }

const rowFlagsHelp = `

A row that no address names, because what it holds is no address or because several rows hold the same
one, is named by --id, which the lists show with --ids, or by --exact: the text as it is stored, capitals
and blanks included.`

// rowFlags gives a command the flags that name a row of a table, and those of its consent. ids offers ids to the shell.
func (a *app) rowFlags(c *cobra.Command, table, column string, ids func(context.Context, *ispmail.Store, func(string) bool) error) *selection {
	c.Long += rowFlagsHelp
	s := &selection{c: c, consent: consentFlags(c)}
	c.Flags().Int64Var(&s.id, "id", 0, "the row of "+table+" with this `ID`")
	c.Flags().Var(&s.exact, "exact", "the row whose "+column+" is exactly this `TEXT`")
	_ = c.RegisterFlagCompletionFunc("id", a.complete(ids)) // these fail only for flags that there are not
	_ = c.RegisterFlagCompletionFunc("exact", cobra.NoFileCompletions)
	return s
}

// given reports whether a flag names the row.
func (s *selection) given() bool { return s.c.Flags().Changed("id") || s.c.Flags().Changed("exact") }

// args checks the arguments: after a flag that names the row at most some more, otherwise as usual. A nil usual means that a
// flag must name the row.
func (s *selection) args(usual cobra.PositionalArgs, more int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		switch {
		case c.Flags().Changed("id") && c.Flags().Changed("exact"):
			return errors.New("--id and --exact exclude each other")
		case !s.given() && usual == nil:
			return errors.New("which row? --id or --exact names it")
		case !s.given():
			return usual(c, args)
		case len(args) > more:
			return fmt.Errorf("%q is one argument too many beside --id or --exact", args[more])
		}
		return nil
	}
}

// find returns the row that the flags name.
func find[T any](ctx context.Context, s *selection, list func(context.Context, ispmail.Query) iter.Seq2[T, error]) (row T, err error) {
	byID := s.c.Flags().Changed("id")
	q := ispmail.Exactly(string(s.exact))
	if byID {
		q = ispmail.ByID(s.id)
	}
	q.Limit = maxNamed
	var rows []T
	for row, err := range list(ctx, q) {
		if err != nil {
			return row, err
		}
		rows = append(rows, row)
	}
	switch {
	case len(rows) == 1:
		return rows[0], nil
	case len(rows) > 1:
		return row, fmt.Errorf("several rows of %s hold exactly this text: %s; --id names one of them", tableOfRow(row), places(rows))
	case byID:
		return row, fmt.Errorf("%w: %s has no row with the id %d", ispmail.ErrNotFound, tableOfRow(row), s.id)
	}
	return row, fmt.Errorf("%w: no row of %s holds exactly this text", ispmail.ErrNotFound, tableOfRow(row))
}

const maxNamed = 20 // rows in a sentence

// withIDs says whether a list has a column of ids.
type withIDs struct{ wanted bool }

func idsFlag(c *cobra.Command) *withIDs {
	w := &withIDs{}
	c.Flags().BoolVar(&w.wanted, "ids", false, "tell the ids of the rows, which --id of other commands takes")
	return w
}

func (w *withIDs) head(columns ...string) []string {
	if w.wanted {
		return append([]string{"ID"}, columns...)
	}
	return columns
}

func (w *withIDs) row(id int64, texts ...string) []string {
	if w.wanted {
		return append([]string{strconv.FormatInt(id, 10)}, texts...)
	}
	return texts
}

func tableOfRow(row any) string {
	switch row.(type) {
	case ispmail.Domain:
		return "virtual_domains"
	case ispmail.User:
		return "virtual_users"
	}
	return "virtual_aliases"
}

func idOf(row any) int64 {
	switch row := row.(type) {
	case ispmail.Domain:
		return row.ID
	case ispmail.User:
		return row.ID
	case ispmail.Alias:
		return row.ID
	}
	return 0
}

// places names rows by their ids: "3, 7".
func places[T any](rows []T) string {
	ids := make([]string, len(rows))
	for i, row := range rows {
		ids[i] = strconv.FormatInt(idOf(row), 10)
	}
	return strings.Join(ids, ", ")
}

func domainIDs(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	for row, err := range store.Domains(ctx, ispmail.Query{}) {
		if err != nil || !yield(offer(row.ID, row.Name)) {
			return err
		}
	}
	return nil
}

func userIDs(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	for row, err := range store.Users(ctx, ispmail.Query{}) {
		if err != nil || !yield(offer(row.ID, row.Email)) {
			return err
		}
	}
	return nil
}

func aliasIDs(ctx context.Context, store *ispmail.Store, yield func(string) bool) error {
	for row, err := range store.Aliases(ctx, ispmail.Query{}) {
		if err != nil || !yield(offer(row.ID, row.Source+" > "+row.Destination)) {
			return err
		}
	}
	return nil
}

// offer is an id for the completion of the shell, with what the row holds.
func offer(id int64, text string) string { return fmt.Sprintf("%d\t%s", id, command.Printable(text)) }
