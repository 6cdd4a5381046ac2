// Package view is the one way to the tables for the pages of administrators. A [View] belongs to one administrator and shows
// and changes nothing outside of the domains of that administrator. Nothing else of the pages can reach the database.
package view

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/ispmail/go-ispmail/ispmail"
)

// PageSize is how many rows a page of a list has.
const PageSize = 50

var (
	// ErrStale means that somebody has changed a row since it was shown.
	ErrStale = errors.New("the row has changed since it was shown")
	// ErrForbidden means that only who may see all domains may do it.
	ErrForbidden = errors.New("only an administrator of all domains may do this")
)

// Data are the tables and what is known about them. Make it with [New]. It is safe for concurrent use.
type Data struct {
	store   func() (*ispmail.Store, error)
	key     [32]byte // of versions
	changed func(context.Context, Change)
	doctor  doctor

	mu      sync.Mutex
	changes []Change // the last ones, the oldest first
}

// New returns Data on a store, which may come later. changed is told of each change.
func New(store func() (*ispmail.Store, error), changed func(context.Context, Change)) *Data {
	d := &Data{store: store, changed: changed}
	d.doctor.wanted = make(chan struct{}, 1)
	_, _ = rand.Read(d.key[:]) // never fails
	return d
}

// A Person is who works on a page.
type Person struct {
	Name    string
	Client  string   // address
	Domains []string // canonical; nil for all
}

// View returns what a person sees. A person with an empty list of domains sees nothing.
func (d *Data) View(p Person) View {
	v := View{data: d, person: p, all: p.Domains == nil}
	if !v.all {
		v.domains = map[string]bool{}
		for _, name := range p.Domains {
			v.domains[name] = true
		}
	}
	return v
}

// A View is the tables as one administrator sees them. Rows of other domains do not exist for it: they are
// [ispmail.ErrNotFound].
type View struct {
	data    *Data
	person  Person
	all     bool
	domains map[string]bool
}

// All reports whether the administrator sees all domains, and may make, rename and delete them.
func (v View) All() bool { return v.all }

// sees reports whether an address, "@domain" or a name of a domain is in a domain of the administrator. What is in no domain is
// seen by those only who see everything.
func (v View) sees(address string) bool {
	if v.all {
		return true
	}
	name, err := ispmail.CanonicalDomain(address[strings.LastIndexByte(address, '@')+1:])
	return err == nil && v.domains[name]
}

// seesRow reports whether a row is seen, by its address and by the domain of its domain_id: in a faulty row these may differ.
func (v View) seesRow(address string, domainID int64, names map[int64]string) bool {
	return v.all || v.sees(address) && names[domainID] != "" && v.sees(names[domainID])
}

// names returns the names of the domains that are seen, by id. It is nil if all are.
func (v View) names(ctx context.Context, store *ispmail.Store) (map[int64]string, error) {
	if v.all {
		return nil, nil
	}
	rows, err := v.domainRows(ctx, store)
	names := make(map[int64]string, len(rows))
	for _, d := range rows {
		names[d.ID] = d.Name
	}
	return names, err
}

// domainRows returns the domains of an administrator who has some, by id.
func (v View) domainRows(ctx context.Context, store *ispmail.Store) (rows []ispmail.Domain, err error) {
	for name := range v.domains {
		for d, err := range store.Domains(ctx, ispmail.InDomain(name)) {
			if errors.Is(err, ispmail.ErrNotFound) {
				break // a domain of the file that is not on this server
			}
			if err != nil {
				return nil, err
			}
			rows = append(rows, d)
		}
	}
	slices.SortFunc(rows, func(a, b ispmail.Domain) int { return int(a.ID - b.ID) })
	return rows, nil
}

// version stands for the state of a row as it is shown, without telling anything of it.
func (d *Data) version(values ...any) string {
	mac := hmac.New(sha256.New, d.key[:])
	for _, value := range values {
		_, _ = fmt.Fprintf(mac, "%T %q\n", value, fmt.Sprint(value)) // a hash takes everything
	}
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// pointee is the number behind a quota, for texts and versions.
func pointee(quota *int64) any {
	if quota == nil {
		return nil
	}
	return *quota
}

func userVersion(d *Data, u ispmail.User) string {
	return d.version(u.ID, u.DomainID, u.Email, u.Password.Reveal(), pointee(u.Quota), u.Off)
}

func aliasVersion(d *Data, rows []ispmail.Alias) string {
	var values []any
	for _, a := range rows {
		values = append(values, a.ID, a.DomainID, a.Source, a.Destination, a.Off)
	}
	return d.version(values...)
}
