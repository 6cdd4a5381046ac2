package ispmail

import (
	"context"
	"crypto/rand"
	"database/sql"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail/internal/address"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// On a Galera cluster, each node runs transactions by itself. At the commit, the cluster compares the rows that they have
// written: of two transactions that wrote one row, the second to commit fails with a deadlock, and is tried again. Rows that
// were only read or locked are not compared (https://galeracluster.com/library/documentation/certification-based-replication.html).
// So where a lock on a single server keeps others from adding a row, a cluster needs a row that both have written.

// onNode reports whether the database is a node of a cluster.
func (s *Store) onNode() bool { return s.node.Load() }

// atOnce makes queries of a node read what it has, without waiting for what other nodes have acknowledged.
type atOnce struct{ bun.IDB }

const withoutWait = "SET STATEMENT wsrep_sync_wait = 0 FOR "

func (a atOnce) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return a.IDB.QueryContext(ctx, withoutWait+query, args...)
}

func (a atOnce) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return a.IDB.QueryRowContext(ctx, withoutWait+query, args...)
}

// guard remembers a domain that the transaction has locked, for holdOff.
func (tx *transaction) guard(d Domain) {
	if tx.guards == nil {
		tx.guards = map[int64]string{}
	}
	tx.guards[d.ID] = d.Name
}

// holdOff makes a transaction that has written something fail, at its commit, where others have locked the same domains and
// written something on another node. It writes another name into the rows of the domains, and the old one again. On a node
// that applies this, it also ends transactions that have locked a domain and not yet read or written on.
//
// It must be written: to undo the first UPDATE by a savepoint leaves a mark for the comparison, but nothing to apply, so that
// those others go on with what they have read before. And "name = name" writes nothing.
func (s *Store) holdOff(ctx context.Context, tx *transaction) error {
	if !tx.wrote || len(tx.guards) == 0 {
		return nil
	}
	_, err := s.touchDomains(ctx, tx, tx.guards)
	if tx.external {
		tx.guards = nil // the next method locks anew what it needs
	}
	return tx.noteFailure(err)
}

// lockMailbox locks the domain of a user who is to be deleted, if this is a node. Otherwise another node could add an alias to the
// mailbox at the same time; on a single server, the lock on the user's row prevents that. An email of "" has no mailbox.
func (s *Store) lockMailbox(ctx context.Context, tx *transaction, email string) error {
	if email == "" || !s.onNode() {
		return nil
	}
	_, err := s.lockDomains(ctx, tx, address.DomainOf(email))
	return err
}

// unchecked is for a change that is undone at once: nobody's foreign keys and conditions are to hinder it.
const unchecked = "SET STATEMENT foreign_key_checks = 0, check_constraint_checks = 0 FOR "

// touchDomains writes the rows of domains without changing them, and returns how many it found. It leaves out those that have
// another name by now, and so were written already.
func (s *Store) touchDomains(ctx context.Context, tx *transaction, names map[int64]string) (found int64, err error) {
	err = s.withTable(ctx, tx, tables.Domains, func(t *tables.Table) error {
		for some := range slices.Chunk(slices.Sorted(maps.Keys(names)), maxKeys) {
			var same, back []byte
			for i, id := range some {
				if i > 0 {
					same = append(same, " OR "...)
				}
				same = s.db.QueryGen().AppendQuery(same, "id = ? AND CAST(CONVERT(name USING utf8mb4) AS BINARY) = ?", id, []byte(names[id]))
				back = s.db.QueryGen().AppendQuery(back, " WHEN ? THEN ?", id, names[id])
			}
			// No domain has such a name, and no two rows have the same.
			const other = "CONCAT('.', id)"
			result, err := tx.ExecContext(ctx, unchecked+"UPDATE virtual_domains SET name = "+other+keepStamps(t)+" WHERE id IN (?) AND (?)",
				bun.List(some), bun.Safe(same))
			if err != nil {
				return mapError(err)
			}
			n, err := result.RowsAffected()
			if err != nil || n == 0 {
				return mapError(err)
			}
			found += n
			_, err = tx.ExecContext(ctx, unchecked+"UPDATE virtual_domains SET name = CASE id? END"+keepStamps(t)+" WHERE id IN (?) AND name = "+other,
				bun.Safe(back), bun.List(some))
			if err != nil {
				return mapError(err)
			}
		}
		return nil
	})
	return found, err
}

// keepStamps returns the end of a SET that keeps the times of the last change.
func keepStamps(t *tables.Table) (set string) {
	for _, name := range slices.Sorted(maps.Keys(t.Columns)) {
		if t.Columns[name].Stamped {
			set += ", `" + name + "` = `" + name + "`"
		}
	}
	return set
}

// claimNames is what holdOff is for a domain that is not there yet: of two transactions on different nodes that name a
// domain, the second to commit is tried again, whether or not the table has a unique key. Both write and delete the row 0,
// which AUTO_INCREMENT never gives to a domain. Call it before the look at the names.
func (s *Store) claimNames(ctx context.Context, tx *transaction) error {
	if !s.onNode() {
		return nil
	}
	const mode = "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO', foreign_key_checks = 0, check_constraint_checks = 0 FOR "
	name := "." + rand.Text()[:7] // no domain has it
	_, err := tx.ExecContext(ctx, mode+"INSERT INTO virtual_domains (id, name) VALUES (0, ?)", name)
	if errorCode(err) == mariaDuplicate { // somebody has made such a domain: it does as any other
		_, err := selectRows[Domain](ctx, s, tx, "id = 0 FOR UPDATE")
		tx.claimed = err == nil
		return err
	}
	if err != nil {
		return tx.noteFailure(mapError(err))
	}
	// The users and aliases of a domain 0 that is long gone stay: a foreign key would take them along, or refuse.
	result, err := tx.ExecContext(ctx, unchecked+"DELETE FROM virtual_domains WHERE id = 0")
	if err != nil {
		return tx.noteFailure(mapError(err))
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		tx.claimed = err == nil
		return tx.noteFailure(mapError(err))
	}
	return tx.noteFailure(s.claimFirst(ctx, tx, name))
}

// claimFirst is claimNames where a trigger has given the row 0 another id, so that two nodes would not write the same: it
// removes that row, and both write the first domain instead. The first domain of all has nothing of the kind.
func (s *Store) claimFirst(ctx context.Context, tx *transaction, name string) error {
	if _, err := tx.ExecContext(ctx, unchecked+"DELETE FROM virtual_domains WHERE name = ?", name); err != nil {
		return mapError(err)
	}
	rows, err := selectRows[Domain](ctx, s, tx, "TRUE ORDER BY id LIMIT 1 FOR UPDATE")
	for _, d := range rows {
		tx.guard(d)
	}
	return err
}

// domainsOf returns the ids of the domains of a source and of destinations, as far as they are on this server, if this is a
// node. Who adds an alias locks them together, in [transaction.alongside]: somebody may lead a destination back to the source at
// the same time, elsewhere. It reads before the transaction, so that the snapshot is not older than the locks.
func (s *Store) domainsOf(ctx context.Context, source string, to ...destination) (ids []int64, err error) {
	if !s.onNode() {
		return nil, nil
	}
	names := []string{address.DomainOf(source)}
	for _, d := range to {
		if name := d.domain(); name != "" {
			names = append(names, name)
		}
	}
	names = route.Unique(names)
	if ids, known := s.catalog.domainIDs(names); known {
		return ids, nil
	}
	err = s.browse(ctx, func(ctx context.Context, db bun.IDB) error {
		rows, err := lookup[Domain](ctx, s, db, "name", readRows, names...)
		s.catalog.remember(rows)
		for _, d := range rows {
			ids = append(ids, d.ID)
		}
		return err
	})
	return ids, err
}
