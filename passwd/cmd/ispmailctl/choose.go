package main

import (
	"context"
	"fmt"
	"iter"

	"github.com/spf13/cobra"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A choice keeps new passwords that users may not choose out of an import.
type choice struct {
	rules   *rules
	force   bool
	refused []error // of the last import
}

// choiceFlag adds --force to a command that reads records with new passwords.
func (a *app) choiceFlag(c *cobra.Command) *choice {
	o := &choice{rules: &a.rules}
	c.Flags().BoolVar(&o.force, "force", false, "store also what users themselves may not choose: a \"new_password\" that is short, common or made of the address")
	return o
}

// from yields the records that are not refused.
func (o *choice) from(ctx context.Context, all iter.Seq2[ispmail.Record, error]) iter.Seq2[ispmail.Record, error] {
	if o == nil || o.force {
		return all
	}
	return func(yield func(ispmail.Record, error) bool) {
		o.refused = nil
		for r, err := range all {
			if err == nil && r.User != nil && r.NewPassword.Reveal() != "" {
				if unfit := o.rules.judge(ctx, r.User.Email, r.NewPassword.Reveal()); unfit != nil {
					o.refused = append(o.refused, fmt.Errorf("%s, %v: %w", r.Origin, r, unfit))
					continue
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}

// count adds what was refused to the result of an import.
func (o *choice) count(r *ispmail.ImportResult) (refused []error) {
	if o == nil {
		return nil
	}
	r.Refused += len(o.refused)
	return o.refused
}
