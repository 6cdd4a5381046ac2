package view

import (
	"errors"

	"github.com/ispmail/go-ispmail/ispmail"
)

// A Warning is a warning of the library about a row that the administrator sees.
type Warning struct {
	Code                ispmail.WarningCode
	Address             string // whose mail it is about
	Source, Destination string // of the alias, "" if it is about a mailbox
}

// warnings returns those about rows that are seen, and the number of the others.
func (v View) warnings(all []ispmail.Warning) (seen []Warning, others int) {
	for _, w := range all {
		one := Warning{Code: w.Code, Address: w.Address}
		if w.Alias != nil {
			one.Source, one.Destination = w.Alias.Source, w.Alias.Destination
		}
		if !v.sees(w.Address) || w.Alias != nil && !v.sees(w.Alias.Source) {
			others++
			continue
		}
		seen = append(seen, one)
	}
	return seen, others
}

// isMade reports whether a change was made, or may have been.
func isMade(err error) bool { return err == nil || errors.Is(err, ispmail.ErrOutcomeUnknown) }
