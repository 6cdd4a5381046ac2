package ispmail

import (
	"context"
	"slices"
	"strings"
)

// dangling returns the aliases to an address, or for "@domain" to an address in that domain, that lead nowhere: no
// user, no other alias and no catch-all takes the mail.
func (s *Store) dangling(ctx context.Context, tx *transaction, gone string) ([]Alias, error) {
	rows, err := s.leadingTo(ctx, tx, gone)
	if err != nil {
		return nil, err
	}
	taken := map[string]bool{}
	for _, row := range rows {
		for _, d := range row.Destinations() {
			address := canonicalDestination(d)
			if _, known := taken[address]; known || !covers(gone, address) {
				continue
			}
			if taken[address], err = s.takes(ctx, tx, address); err != nil {
				return nil, err
			}
		}
	}
	return slices.DeleteFunc(rows, func(row Alias) bool {
		return !slices.ContainsFunc(row.Destinations(), func(d string) bool {
			address := canonicalDestination(d)
			return covers(gone, address) && !taken[address]
		})
	}), nil
}

// leadingTo returns the aliases to an address, or for "@domain" to any address in that domain. The column has no index in
// any release of the guide.
func (s *Store) leadingTo(ctx context.Context, tx *transaction, gone string) ([]Alias, error) {
	var found []Alias
	for _, spelling := range spellings(gone) {
		rows, err := selectRows[Alias](ctx, s, tx, "INSTR(LOWER(destination), ?) > 0 ORDER BY id", spelling)
		if isForeignText(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			leads := slices.ContainsFunc(row.Destinations(), func(d string) bool { return covers(gone, canonicalDestination(d)) })
			if leads && !slices.ContainsFunc(found, func(a Alias) bool { return a.ID == row.ID }) {
				found = append(found, row)
			}
		}
	}
	return found, nil
}

// covers tells whether what is gone is an address, or its whole domain.
func covers(gone, address string) bool {
	return address == gone || gone[0] == '@' && strings.HasSuffix(address, gone)
}

// takes tells whether mail for an address of this server gets anywhere. An alias to the address itself is not enough.
func (s *Store) takes(ctx context.Context, tx *transaction, address string) (bool, error) {
	at := strings.LastIndexByte(address, '@')
	if at > 0 {
		users, err := lookup[User](ctx, s, tx, "email", address, readRows)
		if err != nil || len(users) > 0 {
			return true, err
		}
	}
	for _, source := range slices.Compact([]string{address, address[at:]}) {
		rows, err := lookup[Alias](ctx, s, tx, "source", source, readRows)
		if err != nil {
			return false, err
		}
		for _, row := range rows {
			if slices.ContainsFunc(row.Destinations(), func(d string) bool { return canonicalDestination(d) != address }) {
				return true, nil
			}
		}
	}
	return false, nil
}
