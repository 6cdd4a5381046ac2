package ispmail

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// An item is a record on its way through an import.
type item struct {
	Record             // in canonical form
	from   Record      // as given
	key    string      // its canonical name, address or source
	to     destination // of an alias
	domain string      // the canonical name of its domain
	unfit  error       // why it is refused whatever the tables hold
	// The result.
	present bool
	err     error // why it is refused
}

// newItem returns the item of a record, with a canonical copy of its row.
func newItem(r Record) item {
	it := item{Record: r, from: r}
	switch {
	case r.Domain != nil:
		it.key, it.unfit = canonicalDomainIn("domain", r.Domain.Name)
		it.domain = it.key
		it.Domain = &Domain{Name: it.key, Off: r.Domain.Off}
	case r.User != nil:
		it.key, it.unfit = newAddressIn("address", r.User.Email)
		it.User = &User{Email: it.key, Password: r.User.Password, Quota: r.User.Quota, Off: r.User.Off}
	case r.Alias != nil:
		it.key, it.to, it.unfit = canonicalAlias(r.Alias.Source, r.Alias.Destination)
		it.Alias = &Alias{Source: it.key, Destination: it.to.stored, Off: r.Alias.Off}
	default:
		it.unfit = fmt.Errorf("%w: it is empty", ErrRecord)
	}
	if it.domain == "" {
		it.domain = it.key[strings.LastIndexByte(it.key, '@')+1:]
	}
	return it
}

// prepare checks the password of a user.
func (im *importer) prepare(it *item) (err error) {
	switch {
	case it.NewPassword.Reveal() == "":
		err = im.s.checkStored(it.User.Password.Reveal())
	case it.User.Password.Reveal() != "":
		err = fmt.Errorf("%w: a user has a stored password and a new one", ErrRecord)
	case im.seen[it.key]: // only a verification could tell whether the passwords are equal
		err = fmt.Errorf("%w: the user comes twice", ErrExists)
	default:
		err = im.s.hasher.Validate(it.NewPassword.Reveal())
	}
	im.seen[it.key] = im.seen[it.key] || err == nil
	return err
}

// checkStored returns hash.ErrMalformed unless a stored password is a lock or one that Dovecot could verify a login
// with.
func (s *Store) checkStored(stored string) error {
	info, err := s.hasher.Inspect(stored)
	switch {
	case strings.ContainsRune(stored, 0), !utf8.ValidString(stored): // never allowed
	case err == nil, errors.Is(err, hash.ErrTooCostly), info.Locked, info.Label != "" && (errors.Is(err, hash.ErrUnsupported) || tables.IsStar(stored)):
		return nil
	}
	return fmt.Errorf("%w: the stored password", hash.ErrMalformed)
}

// hash makes stored values of the new passwords. For users who exist, it verifies their stored password instead.
func (im *importer) hash(ctx context.Context, items []item) error {
	var plain []*item
	var emails []string
	for i := range items {
		if it := &items[i]; it.unfit == nil && it.NewPassword.Reveal() != "" {
			plain, emails = append(plain, it), append(emails, it.key)
		}
	}
	if plain == nil {
		return nil
	}
	there := map[string]User{}
	err := im.s.read(ctx, func(ctx context.Context, db bun.IDB) error {
		users, err := lookup[User](ctx, im.s, db, "email", readRows, emails...)
		for _, user := range users {
			if twin, ok := there[user.canonical()]; !ok || twin.Off || !user.Off {
				there[user.canonical()] = user
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	sample := ""
	if im.config.DryRun { // the width of the column is all that a dry run checks
		if sample, err = im.s.hasher.Generate("sample"); err != nil {
			return err
		}
	}
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(plain)) {
		workers.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(plain)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				it := plain[i]
				switch user, ok := there[it.key]; {
				case ok && im.s.hasher.VerifyContext(ctx, user.Email, user.Password.Reveal(), it.NewPassword.Reveal()) == nil:
					it.User.Password = user.Password
				case im.config.DryRun:
					it.User.Password = NewSecret(sample)
				default:
					var stored string
					stored, it.unfit = im.s.hasher.GenerateContext(ctx, it.NewPassword.Reveal())
					it.User.Password = NewSecret(stored)
				}
			}
		})
	}
	workers.Wait()
	return ctx.Err()
}
