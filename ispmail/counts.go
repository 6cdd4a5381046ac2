package ispmail

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A DomainCount is a domain with the numbers of rows whose domain_id is its id.
type DomainCount struct {
	Domain
	Users   int `json:"users"`
	Aliases int `json:"aliases"`
	// OffUsers and OffAliases are how many of these are switched off, see [Config.State].
	OffUsers   int `json:"off_users,omitempty"`
	OffAliases int `json:"off_aliases,omitempty"`
}

// DomainCounts returns all domains by id with the numbers of their users and aliases. It takes one statement, and
// returns only errors of the database.
func (s *Store) DomainCounts(ctx context.Context) (counts []DomainCount, err error) {
	err = s.browse(ctx, func(ctx context.Context, db bun.IDB) error {
		counts = nil
		rows, err := db.QueryContext(ctx, s.domainCounts())
		if err != nil {
			return mapError(err)
		}
		defer func() { _ = rows.Close() }() // its error is that of Err
		for rows.Next() {
			var c DomainCount
			var name sql.NullString
			all := []any{tables.ID{Table: tables.Domains, Column: "id", To: &c.ID}, &name, &c.Users, &c.Aliases}
			if len(s.state) > 0 {
				all = append(all, &c.Off, &c.OffUsers, &c.OffAliases)
			}
			if err := rows.Scan(all...); err != nil {
				return mapError(err)
			}
			c.Name = name.String
			counts = append(counts, c)
		}
		return mapError(rows.Err())
	})
	return counts, err
}

// domainCounts returns the statement of DomainCounts.
func (s *Store) domainCounts() string {
	if len(s.state) == 0 {
		return `SELECT d.id, d.name, COALESCE(u.n, 0), COALESCE(a.n, 0) FROM virtual_domains d
			LEFT JOIN (SELECT domain_id, COUNT(*) AS n FROM virtual_users GROUP BY domain_id) u ON u.domain_id = d.id
			LEFT JOIN (SELECT domain_id, COUNT(*) AS n FROM virtual_aliases GROUP BY domain_id) a ON a.domain_id = d.id
			ORDER BY d.id`
	}
	off := func(table string) string {
		if on := s.rowsOn(table); on != "" {
			return "CASE WHEN " + on + " THEN 0 ELSE 1 END"
		}
		return "0"
	}
	// The conditions have columns without the name of their table, so that the tables must not meet in one FROM.
	return `SELECT d.id, d.name, COALESCE(u.n, 0), COALESCE(a.n, 0), d.is_off, COALESCE(u.n_off, 0), COALESCE(a.n_off, 0)
		FROM (SELECT id, name, ` + off(tables.Domains) + ` AS is_off FROM virtual_domains) d
		LEFT JOIN (SELECT domain_id, COUNT(*) AS n, SUM(` + off(tables.Users) + `) AS n_off FROM virtual_users GROUP BY domain_id) u ON u.domain_id = d.id
		LEFT JOIN (SELECT domain_id, COUNT(*) AS n, SUM(` + off(tables.Aliases) + `) AS n_off FROM virtual_aliases GROUP BY domain_id) a ON a.domain_id = d.id
		ORDER BY d.id`
}
