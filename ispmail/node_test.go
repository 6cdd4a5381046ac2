package ispmail_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// These hold what keeps the promises on a cluster, on a single server: which statements a node gets, in which order. That they
// are enough is for make cluster-test.

// needSingle skips a test of a single server where ISPMAIL_TEST_DSN names a node of a cluster.
func needSingle(t *testing.T, db *ispmailtest.Database, why string) {
	t.Helper()
	if isNode(t, db) {
		t.Skip("on a node of a cluster: " + why)
	}
}

func isNode(t *testing.T, db *ispmailtest.Database) (node bool) {
	t.Helper()
	require.NoError(t, db.DB.NewRaw("SELECT @@wsrep_on").Scan(t.Context(), &node))
	return node
}

// TestNodeReads looks at the variables of the connections of Open, which a node heeds and every other server has too.
func TestNodeReads(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	config, err := mysql.ParseDSN(db.DSN)
	require.NoError(t, err)
	config.Params = map[string]string{"wsrep_sync_wait": "0", "wsrep_dirty_reads": "1"}
	store := dbtest.Open(t, config.FormatDSN(), ispmail.Config{})
	var wait, dirty int
	require.NoError(t, store.DB().NewRaw("SELECT @@SESSION.wsrep_sync_wait, @@SESSION.wsrep_dirty_reads").Scan(t.Context(), &wait, &dirty))
	assert.Equal(t, 1, wait, "reads and BEGIN wait")
	assert.Zero(t, dirty)
}

// TestServerWithoutGalera has a server that does not know these variables, as one that was built without Galera.
func TestServerWithoutGalera(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	needSingle(t, db, "it knows the variables, and the test has them in its DSN")
	proxy, dsn := through(t, db.DSN)
	unknown := func(packet []byte) []byte {
		return []byte(strings.ReplaceAll(string(packet), "wsrep_sync_wait", "wsrep_none_such"))
	}
	proxy.rewrite.Store(&unknown)
	store := dbtest.Open(t, dsn, ispmail.Config{})
	require.NoError(t, errorOf(store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)))
	before := proxy.clients.Load()
	for range 3 {
		store.DB().(interface{ SetMaxIdleConns(int) }).SetMaxIdleConns(0) //nolint:forcetypeassert // a *bun.DB
		require.NoError(t, errorOf(store.User(t.Context(), "john@example.org")))
	}
	assert.LessOrEqual(t, proxy.clients.Load()-before, int32(3), "it is remembered")
}

func TestNewLooksAtNode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ wait, dirty, want string }{
		"waits":      {"1", "OFF", ""},
		"waits more": {"7", "OFF", ""},
		"default":    {"0", "OFF", "wsrep_sync_wait = 0, so that they miss changes that other nodes have acknowledged: set it to 1 on each connection, or let Open connect"},
		"writes":     {"6", "OFF", "wsrep_sync_wait = 6"},
		"dirty":      {"1", "ON", "wsrep_dirty_reads = ON, so that"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ispmail.CheckNode(map[string]string{"wsrep_sync_wait": test.wait, "wsrep_dirty_reads": test.dirty})
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestNodeStatements compares the statements of a node with those of a single server.
func TestNodeStatements(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	needSingle(t, db, "there is none to compare it with")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (7, 'example.com')")
	watched, ran := dbtest.Watch(db)
	single, node := watched.Store(t, ispmail.Config{}), watched.Store(t, ispmail.Config{}).ActAsNode()
	touch := []string{"UPDATE virtual_domains SET name = CONCAT('.', id)", "UPDATE virtual_domains SET name = CASE id"}
	claim := []string{"INSERT INTO virtual_domains (id, name) VALUES (0", "DELETE FROM virtual_domains WHERE id = 0"}
	for name, test := range map[string]struct {
		run  func(s *ispmail.Store, n int) error
		want []string // what a node gets more, in this order
		ids  string   // of the domains
	}{
		"Authenticate": {run: func(s *ispmail.Store, _ int) error {
			return errorOf(s.Authenticate(t.Context(), "john@example.org", ispmailtest.Password))
		}},
		"ChangePassword": {run: func(s *ispmail.Store, _ int) error {
			return s.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, ispmailtest.Password)
		}},
		"SetQuota": {run: func(s *ispmail.Store, n int) error { return s.SetQuota(t.Context(), "john@example.org", int64(n)) }},
		"CreateDomain": {run: func(s *ispmail.Store, n int) error {
			return errorOf(s.CreateDomain(t.Context(), fmt.Sprintf("d%d.example", n)))
		}, want: claim},
		"RenameDomain": {run: func(s *ispmail.Store, n int) error {
			require.NoError(t, errorOf(single.CreateDomain(t.Context(), fmt.Sprintf("r%d.example", n))))
			ran()
			return errorOf(s.RenameDomain(t.Context(), fmt.Sprintf("r%d.example", n), fmt.Sprintf("s%d.example", n)))
		}, want: append(slices.Clone(claim), touch[0])}, // which finds another name
		"CreateUser": {run: func(s *ispmail.Store, n int) error {
			return errorOf(s.CreateUser(t.Context(), fmt.Sprintf("u%d@example.org", n), "a long enough secret"))
		}, want: touch, ids: "IN (1)"},
		"CreateAlias": {run: func(s *ispmail.Store, n int) error {
			return errorOf(s.CreateAlias(t.Context(), fmt.Sprintf("a%d@example.org", n), "jim@example.com"))
		}, want: touch, ids: "IN (1, 7)"},
		"SetAliases": {run: func(s *ispmail.Store, n int) error {
			return errorOf(s.SetAliases(t.Context(), fmt.Sprintf("b%d@example.com", n), "jim@example.com", "john@example.org", "x@else.example"))
		}, want: append([]string{"SET STATEMENT wsrep_sync_wait = 0 FOR SELECT id, name FROM virtual_domains"}, touch...), ids: "IN (1, 7)"},
		"refused": {run: func(s *ispmail.Store, _ int) error {
			require.ErrorIs(t, errorOf(s.CreateUser(t.Context(), "john@example.org", "a long enough secret")), ispmail.ErrExists)
			return nil
		}},
		"only reads": {run: func(s *ispmail.Store, _ int) error {
			return s.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
				return errorOf(tx.AliasesOf(ctx, "team@example.org"))
			})
		}},
		"Users": {run: func(s *ispmail.Store, _ int) error {
			dbtest.Collect(t, s.Users(t.Context(), ispmail.Query{Limit: 1}))
			return nil
		}, want: []string{"SET STATEMENT wsrep_sync_wait = 0 FOR SELECT"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, test.run(single, 1)) // what the catalog needs
			require.NoError(t, test.run(node, 2))
			ran()
			require.NoError(t, test.run(single, 3))
			alone := ran()
			for _, statement := range alone {
				assert.NotContains(t, statement, "wsrep")
				assert.NotContains(t, statement, "SET STATEMENT")
			}
			require.NoError(t, test.run(node, 4))
			var more []string
			for _, statement := range ran() {
				if strings.HasPrefix(statement, "SET STATEMENT") || strings.Contains(statement, "WHERE id = 0") {
					more = append(more, statement)
				}
			}
			require.Len(t, more, len(test.want), "%q", more)
			for i, want := range test.want {
				assert.Contains(t, more[i], want)
				if strings.HasPrefix(want, "UPDATE") {
					assert.Contains(t, more[i], test.ids)
				}
			}
		})
	}
}

// TestNodeLeavesDomains writes the rows of domains as on a node. They must be as before, whatever other programs have made of
// the table.
func TestNodeLeavesDomains(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_domains MODIFY name VARCHAR(12) CHARACTER SET latin1 NOT NULL, ADD Changed DATETIME(6) NOT NULL DEFAULT '2001-01-01' ON UPDATE CURRENT_TIMESTAMP(6), ADD CHECK (name LIKE '%e%')")
	db.Exec(t, "INSERT INTO virtual_domains (id, name) VALUES (2, 'Example.COM'), (3, 'bücher.test')")
	db.Exec(t, "CREATE TABLE sites (name VARCHAR(12) CHARACTER SET latin1, FOREIGN KEY (name) REFERENCES virtual_domains (name))")
	db.Exec(t, "INSERT INTO sites VALUES ('example.org'), ('Example.COM')")
	domains := func() string {
		all, _, _ := strings.Cut(dbtest.Dump(t, db), "virtual_users")
		return all
	}
	before := domains()
	store := db.Store(t, ispmail.Config{}).ActAsNode()
	for _, domain := range []string{"example.org", "example.com", "bücher.test"} {
		require.NoError(t, errorOf(store.CreateUser(t.Context(), "jim@"+domain, "a long enough secret")))
		require.NoError(t, errorOf(store.SetAliases(t.Context(), "all@"+domain, "jim@example.com", "jim@bücher.test", "x@else.example")))
		require.NoError(t, errorOf(store.RenameUser(t.Context(), "jim@"+domain, "joe@"+domain)))
		assert.Equal(t, before, domains())
	}
	tx, err := db.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	within := store.WithTx(tx)
	require.NoError(t, errorOf(within.CreateUser(t.Context(), "tim@example.org", "a long enough secret")))
	require.NoError(t, errorOf(within.CreateAlias(t.Context(), "tom@example.org", "tim@example.org")))
	require.NoError(t, tx.Commit())
	assert.Equal(t, before, domains())
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "net.ten")))
	assert.Contains(t, domains(), "net.ten")
	require.NoError(t, errorOf(store.DeleteDomain(t.Context(), "net.ten")))
	assert.Equal(t, before, domains())
}

// TestNodeZero has a domain with the id 0, which a node uses for others that have none yet.
func TestNodeZero(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Exec(t, "SET STATEMENT sql_mode = 'NO_AUTO_VALUE_ON_ZERO' FOR INSERT INTO virtual_domains (id, name) VALUES (0, 'zero.example')")
	store := db.Store(t, ispmail.Config{}).ActAsNode()
	require.NoError(t, errorOf(store.CreateDomain(t.Context(), "one.example")))
	require.Len(t, dbtest.Collect(t, store.Domains(t.Context(), ispmail.Query{})), 2)
	require.NoError(t, errorOf(store.Domain(t.Context(), "zero.example")))
}

// TestNodeTrigger has a trigger that gives ids, the 0 of a node for domains that have none yet among them. Nothing of it stays,
// and a node writes the first domain instead.
func TestNodeTrigger(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dbtest.Load(t, db, "trigger")
	watched, ran := dbtest.Watch(db)
	store := watched.Store(t, ispmail.Config{}).ActAsNode()
	for _, name := range []string{"one.example", "two.example"} {
		ran()
		require.NoError(t, errorOf(store.CreateDomain(t.Context(), name)))
	}
	statements := strings.Join(ran(), "\n")
	assert.Contains(t, statements, "THEN 'one.example'")
	assert.Len(t, dbtest.Collect(t, store.Domains(t.Context(), ispmail.Query{})), 2)
	require.ErrorIs(t, errorOf(store.CreateDomain(t.Context(), "one.example")), ispmail.ErrExists)
}

// TestNodeOrphans has a user and an alias of a domain that is gone, whose id is that of the row which a node writes and deletes.
// They stay, and hinder nobody.
func TestNodeOrphans(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(t *testing.T, db *ispmailtest.Database)
		id      int
	}{
		"cascade": {func(*testing.T, *ispmailtest.Database) {}, 0},
		"restrict": {func(t *testing.T, db *ispmailtest.Database) {
			t.Helper()
			for _, table := range []string{"virtual_users", "virtual_aliases"} {
				db.Exec(t, "ALTER TABLE "+table+" DROP FOREIGN KEY "+table+"_ibfk_1")
				db.Exec(t, "ALTER TABLE "+table+" ADD FOREIGN KEY (domain_id) REFERENCES virtual_domains (id)")
			}
		}, 0},
		"trigger": {func(t *testing.T, db *ispmailtest.Database) {
			t.Helper()
			dbtest.Load(t, db, "trigger")
		}, 1002}, // the third id that it gives
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			test.prepare(t, db)
			const unchecked = "SET STATEMENT foreign_key_checks = 0 FOR "
			db.Exec(t, unchecked+"INSERT INTO virtual_users (domain_id, email, password) VALUES (?, 'john@gone.example', '')", test.id)
			db.Exec(t, unchecked+"INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (?, 'jack@gone.example', 'john@gone.example')", test.id)
			orphans := func() string {
				_, all, _ := strings.Cut(dbtest.Dump(t, db), "virtual_users")
				return all
			}
			before := orphans()
			require.NoError(t, errorOf(db.Store(t, ispmail.Config{}).ActAsNode().CreateDomain(t.Context(), "new.example")))
			assert.Equal(t, before, orphans())
		})
	}
}

// TestFence loses a commit before it reaches the server. On a node, "nothing was changed" needs a commit that keeps it from
// coming later. Where a trigger of the test refuses that, the outcome is unknown.
func TestFence(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		run   func(s *ispmail.Store) error
		table string
		grant string // of the account, "" for all
	}{
		"row": {run: func(s *ispmail.Store) error {
			return s.SetPassword(t.Context(), "john@example.org", "a long enough secret")
		}, table: "virtual_users"},
		"empty password": {run: func(s *ispmail.Store) error {
			return s.SetPassword(t.Context(), "nobody@example.org", "a long enough secret")
		}, table: "virtual_users"},
		"may not keep the time": {run: func(s *ispmail.Store) error {
			return s.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret")
		}, table: "virtual_users", grant: "GRANT SELECT, UPDATE (password) ON virtual_users TO %s"},
		"domain": {run: func(s *ispmail.Store) error {
			return errorOf(s.CreateAlias(t.Context(), "new@example.org", "john@example.org"))
		}, table: "virtual_domains"},
		"new domain": {run: func(s *ispmail.Store) error { return errorOf(s.CreateDomain(t.Context(), "new.example")) }},
	} {
		for _, refused := range []bool{false, true} {
			t.Run(fmt.Sprint(name, "/", refused), func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				db.Example(t)
				db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) VALUES (1, 'nobody@example.org', '')")
				for _, table := range []string{"virtual_domains", "virtual_users"} {
					db.Exec(t, "ALTER TABLE "+table+" ADD Changed DATETIME(6) NOT NULL DEFAULT '2001-01-01' ON UPDATE CURRENT_TIMESTAMP(6)")
				}
				dsn := db.DSN
				if test.grant != "" {
					dsn = db.Account(t, test.grant)
				}
				proxy, dsn := through(t, dsn)
				// Not by Open, which would see after the cut that this is no node.
				store := dbtest.Connect(t, &ispmailtest.Database{DSN: dsn}, nil).Store(t, ispmail.Config{}).ActAsNode()
				if refused {
					store.SetTimeout(2 * time.Second)
				}
				before := dbtest.Dump(t, db)
				proxy.armed.Store(&cut{statement: "COMMIT", moment: "before", away: true})
				result := make(chan error, 1)
				go func() {
					err := test.run(store)
					for proxy.armed.Load() != nil && errors.Is(err, ispmail.ErrUnavailable) {
						err = test.run(store) // on a busy machine the time may end before the commit
					}
					result <- err
				}()
				require.Eventually(t, proxy.away.Load, time.Minute, 2*time.Millisecond)
				settle(t, db)
				if refused {
					event := "UPDATE ON " + test.table
					if test.table == "" {
						event = "INSERT ON virtual_domains"
					}
					db.Exec(t, "CREATE TRIGGER refuse BEFORE "+event+" FOR EACH ROW SIGNAL SQLSTATE '45000'")
				}
				proxy.away.Store(false)
				err := <-result
				if refused {
					require.ErrorIs(t, err, ispmail.ErrOutcomeUnknown)
				} else {
					require.ErrorIs(t, err, ispmail.ErrUnavailable)
					require.ErrorContains(t, err, "nothing was changed")
				}
				if test.grant == "" {
					assert.Equal(t, before, dbtest.Dump(t, db))
				}
			})
		}
	}
}
