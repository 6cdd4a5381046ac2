package main

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// Omission are the columns of --without, which records lose on their way into the database.
type omission struct {
	names []string
	left  map[string]int // the numbers of records that lost a column, by table and column
}

// withoutFlag adds --without to a command that reads records.
func withoutFlag(c *cobra.Command) *omission {
	o := &omission{}
	c.Flags().Var(command.List(&o.names), "without", "leave out the `[TABLE.]COLUMN` of another program, or quota, in all records; several times, or with commas between them")
	return o
}

// check refuses names that no record can do without.
func (o *omission) check() error {
	for i, name := range o.names {
		o.names[i] = strings.ToLower(name)
		table, column, ok := strings.Cut(o.names[i], ".")
		if !ok || ours[table] == nil {
			continue
		}
		if slices.Contains(ours[table], column) && column != "quota" {
			return errUsage{fmt.Errorf("--without %s: a row cannot do without it", command.Printable(name))}
		}
	}
	return nil
}

// from yields records without the columns. A name that no record has is an error at the end, before anything is committed
// by a restore, and at the first look of an import.
func (o *omission) from(all iter.Seq2[ispmail.Record, error]) iter.Seq2[ispmail.Record, error] {
	if len(o.names) == 0 {
		return all
	}
	return func(yield func(ispmail.Record, error) bool) {
		o.left = map[string]int{}
		used := map[string]bool{}
		for r, err := range all {
			if err == nil {
				r = o.strip(r, used)
			}
			if !yield(r, err) {
				return
			}
		}
		for _, name := range o.names {
			if !used[name] {
				yield(ispmail.Record{}, fmt.Errorf("--without %s: no record has such a column", command.Printable(name)))
				return
			}
		}
	}
}

// strip returns a record without the columns.
func (o *omission) strip(r ispmail.Record, used map[string]bool) ispmail.Record {
	table := tableOf(r)
	r.Columns = maps.Clone(r.Columns)
	for _, name := range o.names {
		column := strings.TrimPrefix(name, table+".")
		_, had := r.Columns[column]
		delete(r.Columns, column)
		if column == "quota" && r.User != nil && r.User.Quota != nil {
			user := *r.User
			user.Quota, r.User, had = nil, &user, true
		}
		if had {
			used[name] = true
			o.left[table+"."+column]++
		}
	}
	return r
}

func tableOf(r ispmail.Record) string {
	switch {
	case r.Domain != nil:
		return "virtual_domains"
	case r.User != nil:
		return "virtual_users"
	}
	return "virtual_aliases"
}

// say tells what was left out.
func (o *omission) say(a *app) (err error) {
	for _, name := range slices.Sorted(maps.Keys(o.left)) {
		err = errors.Join(err, a.say("Left out %s of %s.", command.Printable(name), plural(o.left[name], "record")))
	}
	return err
}
