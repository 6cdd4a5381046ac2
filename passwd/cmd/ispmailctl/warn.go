package main

import (
	"fmt"
	"slices"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// An aliasLine is an alias in JSON, with what is to be known about it.
type aliasLine struct {
	ispmail.Alias
	Warnings []ispmail.Warning `json:"warnings,omitempty"`
	DryRun   bool              `json:"dry_run,omitempty"`
}

// warn tells what an administrator should know about a change that is made.
func (a *app) warn(warnings []ispmail.Warning) error {
	for _, w := range addWarnings(nil, warnings) {
		if slices.Contains(a.warned, w.Message) { // before somebody was asked
			continue
		}
		a.warned = append(a.warned, w.Message)
		if _, err := fmt.Fprintf(a.stderr, "ispmailctl: warning: %s\n", command.Printable(w.Message)); err != nil {
			return err
		}
	}
	return nil
}

// addWarnings adds warnings to others, without those that are among them.
func addWarnings(all, more []ispmail.Warning) []ispmail.Warning {
	for _, w := range more {
		if !slices.ContainsFunc(all, func(known ispmail.Warning) bool { return known.Message == w.Message }) {
			all = append(all, w)
		}
	}
	return all
}

// warningsOf returns the warnings about an alias, and, for the last alias of a command, those about no alias.
func warningsOf(alias ispmail.Alias, warnings []ispmail.Warning, isLast bool) (its []ispmail.Warning) {
	for _, w := range warnings {
		if w.Alias != nil && w.Alias.ID == alias.ID || w.Alias == nil && isLast {
			its = append(its, w)
		}
	}
	return its
}

// split returns destinations without a source itself, and the latter.
func split(source string, destinations []string) (others, itself []string) {
	source, err := ispmail.CanonicalSource(source)
	for _, d := range destinations {
		if key, errDestination := ispmail.CanonicalSource(d); err == nil && errDestination == nil && key == source {
			itself = append(itself, d)
		} else {
			others = append(others, d)
		}
	}
	return others, itself
}
