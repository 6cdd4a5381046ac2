package records

import (
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/address"
)

// A Difference is what one source of records has and another one does not.
type Difference struct {
	Kind Kind
	// Record is that of the new source, or that of the old one where Kind is [Removed].
	Record ispmail.Record
	// Before is the record of the old source where Kind is [Changed].
	Before ispmail.Record
	// Fields are those in which the two differ where Kind is [Changed]: "name", "email", "password", "quota" or "source", then
	// the names of columns of other programs.
	Fields []string
}

// A Kind says what a [Difference] is.
type Kind string

// Values of Kind.
const (
	Added   Kind = "added"
	Removed Kind = "removed"
	Changed Kind = "changed"
)

// Diff compares two sources of records, such as two files, two databases, or a file and a database: what changed from the
// old one to the new one. It yields what was removed and changed in the order of the old source, then what was added in
// the order of the new one. It ends with the first error of a source.
//
// A record is known by its canonical name or address, and an alias by its source and its destination, one of which may
// stand in several rows; ids do not count. A user has changed if the stored password or the quota has, or the spelling of
// the address. A quota or a column of another program that one of the sources does not know is no difference, nor are the
// capitals and quotes of a destination.
//
// It keeps the new source in memory, some 300 bytes for each record.
func Diff(before, after iter.Seq2[ispmail.Record, error]) iter.Seq2[Difference, error] {
	return func(yield func(Difference, error) bool) {
		fresh := map[string][]ispmail.Record{} // those that are not met yet, by key
		var keys []string
		for r, err := range after {
			if err != nil {
				yield(Difference{}, err)
				return
			}
			key := keyOf(r)
			if fresh[key] == nil {
				keys = append(keys, key)
			}
			fresh[key] = append(fresh[key], r)
		}
		for r, err := range before {
			if err != nil {
				yield(Difference{}, err)
				return
			}
			key := keyOf(r)
			twins := fresh[key]
			if len(twins) == 0 {
				if !yield(Difference{Kind: Removed, Record: r}, nil) {
					return
				}
				continue
			}
			// Of several rows with one key, the most alike are taken for the same.
			at := 0
			for i := range twins {
				if len(fieldsOf(r, twins[i])) < len(fieldsOf(r, twins[at])) {
					at = i
				}
			}
			now := twins[at]
			fresh[key] = slices.Delete(twins, at, at+1)
			if fields := fieldsOf(r, now); fields != nil && !yield(Difference{Kind: Changed, Record: now, Before: r, Fields: fields}, nil) {
				return
			}
		}
		for _, key := range keys {
			for _, r := range fresh[key] {
				if !yield(Difference{Kind: Added, Record: r}, nil) {
					return
				}
			}
		}
	}
}

// keyOf returns by what a record is known. What has no canonical form is known by its text.
func keyOf(r ispmail.Record) string {
	switch {
	case r.Domain != nil:
		name, err := address.Domain(r.Domain.Name)
		if err != nil {
			name = r.Domain.Name
		}
		return "domain " + name
	case r.User != nil:
		email, err := address.Canonical(r.User.Email)
		if err != nil {
			email = r.User.Email
		}
		return "user " + email
	case r.Alias != nil:
		destinations := r.Alias.Destinations()
		for i, d := range destinations {
			destinations[i] = address.Key(d)
		}
		slices.Sort(destinations)
		return "alias " + cmp.Or(address.SourceOrNone(r.Alias.Source), r.Alias.Source) + " " + strings.Join(destinations, ",")
	}
	return ""
}

// fieldsOf returns the fields in which two records of one key differ.
func fieldsOf(before, after ispmail.Record) (fields []string) {
	switch {
	case before.Domain != nil:
		if before.Domain.Name != after.Domain.Name {
			fields = append(fields, "name")
		}
	case before.User != nil:
		old, now := before.User, after.User
		if old.Email != now.Email {
			fields = append(fields, "email")
		}
		if old.Password.Reveal() != now.Password.Reveal() || after.NewPassword.Reveal() != "" {
			fields = append(fields, "password")
		}
		if was, is := quotaOf(before), quotaOf(after); was != nil && is != nil && !same(was, is) {
			fields = append(fields, "quota")
		}
	case before.Alias != nil:
		if before.Alias.Source != after.Alias.Source {
			fields = append(fields, "source")
		}
	}
	return append(fields, differingColumns(before, after)...)
}
