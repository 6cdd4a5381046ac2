package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/vmail"
)

// The tables, and the columns in them that a command fills itself.
var ours = map[string][]string{
	"virtual_domains": {"id", "name"},
	"virtual_users":   {"id", "domain_id", "email", "password", "quota"},
	"virtual_aliases": {"id", "domain_id", "source", "destination"},
}

// Further are the values of --set for columns of other programs.
type further struct {
	texts  []string
	now    string
	values map[string]map[string]string // by table and column, with placeholders
}

// setFlag adds --set to a command that inserts rows.
func (a *app) setFlag(c *cobra.Command) {
	setting(c, func(flags *pflag.FlagSet) {
		flags.Var(command.Lines(&a.further.texts), "set", "`[TABLE.]COLUMN=VALUE` for a column of another program, in each row that is added; several times, or one a line in the variable. In VALUE, %u is the address, %n the part before the @, %d the domain, %t the time in UTC, and %% a percent sign")
	})
}

// columns is for [ispmail.Config.Columns], nil if there is nothing to set.
func (f *further) columns() func(context.Context, any) map[string]any {
	if len(f.texts) == 0 {
		return nil
	}
	return func(_ context.Context, row any) map[string]any {
		table, address := "", ""
		switch r := row.(type) {
		case *ispmail.Domain:
			table, address = "virtual_domains", "@"+r.Name
		case *ispmail.User:
			table, address = "virtual_users", r.Email
		case *ispmail.Alias:
			table, address = "virtual_aliases", r.Source
		}
		local, domain, _ := vmail.Cut(address)
		fill := strings.NewReplacer("%%", "%", "%u", address, "%n", local, "%d", domain, "%t", f.now)
		columns := make(map[string]any, len(f.values[table]))
		for column, value := range f.values[table] {
			columns[column] = fill.Replace(value)
		}
		return columns
	}
}

// read understands --set, for the columns that there are.
func (f *further) read(ctx context.Context, store *ispmail.Store) error {
	if len(f.texts) == 0 {
		return nil
	}
	there, err := store.FurtherColumns(ctx)
	if err != nil {
		return err
	}
	f.now = time.Now().UTC().Format(time.DateTime)
	f.values = map[string]map[string]string{}
	given := map[string]bool{}
	qualified := map[string]bool{}
	for table := range ours {
		f.values[table] = map[string]string{}
	}
	for _, text := range f.texts {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" {
			return errUsage{errors.New("--set takes COLUMN=VALUE or TABLE.COLUMN=VALUE")}
		}
		name = strings.ToLower(name)
		if given[name] {
			return errUsage{fmt.Errorf("--set %s is there twice", name)}
		}
		given[name] = true
		tables, column, err := tablesWith(there, name)
		if err == nil {
			err = checkPlaceholders(value, slices.Contains(tables, "virtual_domains"))
		}
		if err != nil {
			return errUsage{fmt.Errorf("--set %s: %w", command.Printable(name), err)}
		}
		byName := column != name
		for _, table := range tables {
			if byName || !qualified[table+"."+column] { // the one that names the table goes before
				f.values[table][column] = value
			}
			qualified[table+"."+column] = qualified[table+"."+column] || byName
		}
	}
	return nil
}

// tablesWith returns the tables with a column of another program, of a name that may have the table before it.
func tablesWith(there map[string][]string, name string) (tables []string, column string, err error) {
	table, column, dotted := strings.Cut(name, ".")
	if dotted && ours[table] != nil {
		switch {
		case slices.Contains(ours[table], column):
			return nil, "", errors.New("the guide has this column, and the command fills it itself")
		case !slices.Contains(there[table], column):
			return nil, "", fmt.Errorf("there is no such column of another program%s", known(there))
		}
		return []string{table}, column, nil
	}
	isOurs := false
	for _, table := range slices.Sorted(maps.Keys(there)) {
		if slices.Contains(there[table], name) {
			tables = append(tables, table)
		}
		isOurs = isOurs || slices.Contains(ours[table], name)
	}
	switch {
	case tables != nil:
		return tables, name, nil
	case isOurs:
		return nil, "", errors.New("the guide has this column, and the command fills it itself")
	case dotted:
		return nil, "", fmt.Errorf("the table is none of %s", strings.Join(slices.Sorted(maps.Keys(ours)), ", "))
	}
	return nil, "", fmt.Errorf("there is no such column of another program%s", known(there))
}

// known is the end of a sentence that tells which columns there are.
func known(there map[string][]string) string {
	var names []string
	for _, table := range slices.Sorted(maps.Keys(there)) {
		for _, column := range there[table] {
			names = append(names, command.Printable(table+"."+column))
		}
	}
	if names == nil {
		return ", and no other either"
	}
	return "; there are " + strings.Join(names, ", ")
}

// checkPlaceholders returns an error for a value with a placeholder that is none, or that means nothing for a domain.
func checkPlaceholders(value string, domain bool) error {
	for {
		_, rest, found := strings.Cut(value, "%")
		if !found {
			return nil
		}
		if rest == "" || !strings.Contains("undt%", rest[:1]) {
			return errors.New("there are the placeholders %u, %n, %d and %t only; write %% for a percent sign")
		}
		if domain && (rest[0] == 'u' || rest[0] == 'n') {
			return errors.New("a domain has no address, so %u and %n mean nothing; write the table too, such as virtual_users, if the domains are not meant")
		}
		value = rest[1:]
	}
}
