package ispmail

import (
	"context"
	"iter"
	"math"

	"github.com/uptrace/bun"
)

// Pages of a list. The first one is small: whoever only looks at the beginning has it soon.
const (
	firstPage = 100
	pageSize  = 1000
)

// list returns the rows of a domain, or all if domain is "", page after page by id. It keeps one page in memory and no
// connection between pages.
func list[T model](ctx context.Context, s *Store, domain string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var domainIDs []int64
		if domain != "" {
			domains, err := s.domains(ctx, domain)
			if err != nil {
				yield(none, err)
				return
			}
			for _, d := range domains {
				domainIDs = append(domainIDs, d.ID)
			}
		}
		limit := firstPage
		for after := int64(math.MinInt64); ; limit = pageSize {
			var rows []T
			err := s.read(ctx, func(ctx context.Context, db bun.IDB) (err error) {
				if domainIDs == nil {
					rows, err = selectRows[T](ctx, s, db, "id > ? ORDER BY id LIMIT ?", after, limit)
				} else {
					rows, err = selectRows[T](ctx, s, db, "domain_id IN (?) AND id > ? ORDER BY id LIMIT ?", bun.List(domainIDs), after, limit)
				}
				return err
			})
			if err != nil {
				yield(none, err)
				return
			}
			for _, r := range rows {
				if !yield(r, nil) {
					return
				}
			}
			if len(rows) < limit {
				return
			}
			after = rows[len(rows)-1].key()
		}
	}
}
