package ispmail_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

var soak = flag.Bool("soak", false, "run the faults and races in the numbers that the project promises")

// times is how often a test does something: a few times usually, as often as promised with -soak.
func times(few, promised int) int {
	if *soak {
		return promised
	}
	return few
}

// A patient is a user whose password is changed under faults. It knows which one must be valid.
type patient struct {
	db       *ispmailtest.Database
	email    string
	password string
	stored   string // what the row must hold as long as no change succeeds
	changes  int
	verdicts map[string]int
}

func newPatient(t *testing.T, db *ispmailtest.Database, email string) *patient {
	t.Helper()
	return &patient{db: db, email: email, password: ispmailtest.Password, stored: db.Stored(t, email), verdicts: map[string]int{}}
}

// change changes the password through a store, and then looks whether the answer is true and stays true: once no
// transaction is open any more, nothing can come later.
func (p *patient) change(t *testing.T, store *ispmail.Store) error {
	t.Helper()
	p.changes++
	replacement := fmt.Sprintf("secret %d of %s", p.changes, p.email)
	err := store.ChangePassword(t.Context(), p.email, p.password, replacement)
	settle(t, p.db)
	p.judge(t, err, replacement)
	return err
}

func (p *patient) judge(t *testing.T, err error, replacement string) {
	t.Helper()
	now := p.db.Stored(t, p.email)
	switch {
	case err == nil:
		p.verdicts["changed"]++
		require.NotEqual(t, p.stored, now, "the answer was: changed")
	case errors.Is(err, ispmail.ErrOutcomeUnknown):
		p.verdicts["unknown"]++
		if now == p.stored {
			return
		}
	default:
		p.verdicts["not changed"]++
		require.Equal(t, p.stored, now, "the answer was: %v", err)
		return
	}
	p.password, p.stored = replacement, now
	_, err = p.db.Store(t, ispmail.Config{}).Authenticate(t.Context(), p.email, p.password)
	require.NoError(t, err, "what was written is the new password")
}

// settle waits until no transaction is open in the database.
func settle(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	var busy []string
	var err error
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if busy, err = underWay(t.Context(), db); err == nil && len(busy) == 0 {
			return
		}
	}
	require.NoError(t, err)
	require.Empty(t, busy, "what the connections do")
}

var ofThread = regexp.MustCompile(`MariaDB thread id (\d+)`)

// underWay returns what connections to the database do that run a statement or have begun a transaction. information_schema.innodb_trx
// does not tell: while it is asked more often than every 100 ms, it says the same again.
func underWay(ctx context.Context, db *ispmailtest.Database) (busy []string, err error) {
	var kind, name, status string
	if err := db.DB.QueryRowContext(ctx, "SHOW ENGINE INNODB STATUS").Scan(&kind, &name, &status); err != nil {
		return nil, err
	}
	begun := "0"
	for _, transaction := range strings.Split(status, "---TRANSACTION ")[1:] {
		state, _, _ := strings.Cut(transaction, "\n")
		if thread := ofThread.FindStringSubmatch(transaction); strings.Contains(state, ", ACTIVE") && thread != nil {
			begun += ", " + thread[1]
		}
	}
	err = db.DB.NewRaw("SELECT CONCAT_WS(' ', command, time, state, info) FROM information_schema.processlist "+
		"WHERE db = DATABASE() AND id <> CONNECTION_ID() AND (command = 'Query' OR id IN ("+begun+"))").Scan(ctx, &busy)
	return busy, err
}

func TestUnderWay(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	for _, statement := range []string{"SELECT id FROM virtual_users", "UPDATE virtual_users SET password = 'x' WHERE id = 1"} {
		settle(t, db)
		tx, err := db.DB.BeginTx(t.Context(), nil)
		require.NoError(t, err)
		_, err = tx.ExecContext(t.Context(), statement)
		require.NoError(t, err)
		busy, err := underWay(t.Context(), db)
		require.NoError(t, err)
		assert.Len(t, busy, 1, statement)
		require.NoError(t, tx.Rollback())
	}
}

// TestCut cuts the connection at each packet of a change.
func TestCut(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"SELECT", "START TRANSACTION", "UPDATE", "COMMIT"} {
		for _, moment := range []moment{before, during, after} {
			t.Run(statement+"/"+string(moment), func(t *testing.T) {
				t.Parallel()
				db, proxy, store := proxied(t)
				john := newPatient(t, db, "john@example.org")
				require.NoError(t, john.change(t, store)) // has looked at the table
				for range times(4, 100) {
					proxy.armed.Store(&cut{statement: statement, moment: moment})
					err := john.change(t, store)
					require.Nil(t, proxy.armed.Load(), "the cut took place")
					switch {
					case statement == "COMMIT" && moment == after:
						require.NoError(t, err, "it is changed, and the rows say so")
					case statement == "COMMIT" && moment == during:
						require.NotErrorIs(t, err, ispmail.ErrOutcomeUnknown)
					default:
						require.ErrorIs(t, err, ispmail.ErrUnavailable)
					}
				}
				t.Log(john.verdicts)
			})
		}
	}
}

// TestCutAndAway cuts the connection and refuses new ones.
func TestCutAndAway(t *testing.T) {
	t.Parallel()
	for _, statement := range []string{"START TRANSACTION", "UPDATE", "COMMIT"} {
		for _, moment := range []moment{before, after} {
			t.Run(statement+"/"+string(moment), func(t *testing.T) {
				t.Parallel()
				db := ispmailtest.MariaDB(t)
				db.Example(t)
				proxy, dsn := through(t, db.DSN)
				var heard []ispmail.Change
				store := dbtest.Open(t, dsn, ispmail.Config{
					Logger: slog.New(slog.DiscardHandler), Timeout: 5 * time.Second,
					OnChange: func(_ context.Context, c ispmail.Change) { heard = append(heard, c) },
				})
				john := newPatient(t, db, "john@example.org")
				require.NoError(t, john.change(t, db.Store(t, ispmail.Config{})))
				for range times(1, 20) {
					heard = nil
					proxy.armed.Store(&cut{statement: statement, moment: moment, away: true})
					err := john.change(t, store)
					proxy.away.Store(false)
					if statement == "COMMIT" {
						require.ErrorIs(t, err, ispmail.ErrOutcomeUnknown)
						require.Equal(t, []ispmail.Change{{Kind: ispmail.PasswordChanged, Email: "john@example.org", Domain: "example.org", Unknown: true}}, heard)
					} else {
						require.ErrorIs(t, err, ispmail.ErrUnavailable)
						require.Empty(t, heard, "nothing was changed")
					}
				}
				t.Log(john.verdicts)
			})
		}
	}
}

// TestCutRestore loses the answer to the commit of a Restore, which takes empty tables.
func TestCutRestore(t *testing.T) {
	t.Parallel()
	full := ispmailtest.MariaDB(t)
	full.Example(t)
	for _, moment := range []moment{before, during, after} {
		t.Run(string(moment), func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			proxy, dsn := through(t, db.DSN)
			store := dbtest.Open(t, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
			for range times(2, 100) {
				proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
				err := store.Restore(t.Context(), full.Store(t, ispmail.Config{}).Export(t.Context()))
				require.Nil(t, proxy.armed.Load(), "the cut took place")
				settle(t, db)
				if err == nil {
					require.Equal(t, dbtest.Dump(t, full), dbtest.Dump(t, db))
				} else {
					require.Empty(t, dbtest.Dump(t, db))
					require.ErrorIs(t, err, ispmail.ErrUnavailable)
				}
				if moment != during {
					require.Equal(t, moment == after, err == nil, "%v", err)
				}
				db.Exec(t, "DELETE FROM virtual_domains")
			}
		})
	}
}

// TestCutEveryMethod loses the answer to the commit of each method that changes something.
func TestCutEveryMethod(t *testing.T) {
	t.Parallel()
	for _, moment := range []moment{before, during, after} {
		t.Run(string(moment), func(t *testing.T) {
			t.Parallel()
			db, proxy, store := proxied(t)
			for round := range times(2, 100) {
				domain := fmt.Sprintf("example%d.net", round)
				for name, method := range map[string]func(context.Context, *ispmail.Store) error{
					"CreateDomain": func(ctx context.Context, s *ispmail.Store) error { return errorOf(s.CreateDomain(ctx, domain)) },
					"CreateUser": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.CreateUser(ctx, fmt.Sprintf("jane%d@example.org", round), "a long enough secret"))
					},
					"CreateAlias": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.CreateAlias(ctx, fmt.Sprintf("alias%d@example.org", round), "john@example.org"))
					},
					"ChangeAlias": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.ChangeAlias(ctx, fmt.Sprintf("change%d@example.org", round), "john@example.org", "md5@example.org"))
					},
					"DeleteAlias": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.DeleteAlias(ctx, fmt.Sprintf("delete%d@example.org", round), "john@example.org"))
					},
					"DeleteAliases": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.DeleteAliases(ctx, fmt.Sprintf("clear%d@example.org", round)))
					},
					"DeleteUser": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.DeleteUser(ctx, fmt.Sprintf("judy%d@example.org", round)))
					},
					"DeleteDomain": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.DeleteDomain(ctx, fmt.Sprintf("example%d.com", round)))
					},
					"Import": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.Import(ctx, dbtest.Sequence(nil, newDomain(fmt.Sprintf("import%d.net", round)), newPlain(fmt.Sprintf("john@import%d.net", round), "a long enough secret"),
							newAlias(fmt.Sprintf("@import%d.net", round), "john@example.org")), ispmail.ImportConfig{}))
					},
					"SetQuota": func(ctx context.Context, s *ispmail.Store) error {
						return s.SetQuota(ctx, "john@example.org", int64(round+1))
					},
					"SetPassword": func(ctx context.Context, s *ispmail.Store) error {
						return s.SetPassword(ctx, "john@example.org", "secret")
					},
					"RenameUser": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.RenameUser(ctx, fmt.Sprintf("judy%d@example.com", round), fmt.Sprintf("june%d@example.org", round)))
					},
					"RenameDomain": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.RenameDomain(ctx, fmt.Sprintf("old%d.example", round), fmt.Sprintf("new%d.example", round)))
					},
					"SetAliases": func(ctx context.Context, s *ispmail.Store) error {
						return errorOf(s.SetAliases(ctx, fmt.Sprintf("set%d@example.org", round), "john@example.org", "a@elsewhere.example"))
					},
					"Lock":   func(ctx context.Context, s *ispmail.Store) error { return s.Lock(ctx, "lock@example.org") },
					"Unlock": func(ctx context.Context, s *ispmail.Store) error { return s.Unlock(ctx, "unlock@example.org") },
					"SetStoredPassword": func(ctx context.Context, s *ispmail.Store) error {
						return s.SetStoredPassword(ctx, "john@example.org", fmt.Sprintf("{PLAIN}a long enough secret %d", round))
					},
					"RunInTx": func(ctx context.Context, s *ispmail.Store) error {
						return s.RunInTx(ctx, func(ctx context.Context, tx *ispmail.Store) error {
							if _, err := tx.CreateDomain(ctx, fmt.Sprintf("tx%d.net", round)); err != nil {
								return err
							}
							if _, _, err := tx.CreateUser(ctx, fmt.Sprintf("john@tx%d.net", round), "a long enough secret"); err != nil {
								return err
							}
							if err := tx.SetPassword(ctx, fmt.Sprintf("john@tx%d.net", round), "another long secret"); err != nil {
								return err
							}
							return errorOf(tx.DeleteUser(ctx, fmt.Sprintf("john@tx%d.net", round)))
						})
					},
				} {
					db.Exec(t, "INSERT IGNORE INTO virtual_domains (name) VALUES (?)", fmt.Sprintf("example%d.com", round))
					db.Exec(t, "INSERT IGNORE INTO virtual_users (domain_id, email, password) VALUES (1, ?, '')", fmt.Sprintf("judy%d@example.org", round))
					db.Exec(t, "INSERT IGNORE INTO virtual_users (domain_id, email, password) VALUES (1, ?, '')", fmt.Sprintf("judy%d@example.com", round))
					db.Exec(t, "DELETE FROM virtual_domains WHERE name LIKE 'new%' OR name LIKE 'old%'")
					db.Exec(t, "INSERT INTO virtual_domains (name) VALUES (?)", fmt.Sprintf("old%d.example", round))
					db.Exec(t, "REPLACE INTO virtual_users (domain_id, email, password) VALUES (1, 'lock@example.org', ?), (1, 'unlock@example.org', ?)", dbtest.Sound(), "{CRYPT}!"+dbtest.Sound())
					for _, alias := range []string{"change", "delete", "clear"} {
						db.Exec(t, "DELETE FROM virtual_aliases WHERE source = ?", fmt.Sprintf("%s%d@example.org", alias, round))
						db.Exec(t, "INSERT INTO virtual_aliases (domain_id, source, destination) VALUES (1, ?, 'john@example.org')", fmt.Sprintf("%s%d@example.org", alias, round))
					}
					old := dbtest.Dump(t, db)
					proxy.armed.Store(&cut{statement: "COMMIT", moment: moment})
					err := method(t.Context(), store)
					require.Nil(t, proxy.armed.Load(), "the cut took place")
					settle(t, db)
					if err == nil {
						require.NotEqual(t, old, dbtest.Dump(t, db), name)
					} else {
						require.Equal(t, old, dbtest.Dump(t, db), name)
						require.ErrorIs(t, err, ispmail.ErrUnavailable, name)
					}
					if moment != during {
						require.Equal(t, moment == after, err == nil, "%s: %v", name, err)
					}
				}
			}
		})
	}
}

// TestLostGrants takes rights away while the store runs.
func TestLostGrants(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	dsn := db.Account(t, "GRANT SELECT, UPDATE ON virtual_users TO %s")
	config, err := mysql.ParseDSN(dsn)
	require.NoError(t, err)
	store := dbtest.Open(t, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	john := newPatient(t, db, "john@example.org")
	require.NoError(t, john.change(t, store))
	db.Exec(t, "REVOKE UPDATE ON virtual_users FROM "+config.User)
	err = john.change(t, store)
	require.ErrorIs(t, err, ispmail.ErrDenied)
	assert.ErrorContains(t, err, "UPDATE command denied")
	_, err = store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
	require.NoError(t, err, "a login does not need to write")
	db.Exec(t, "REVOKE SELECT ON virtual_users FROM "+config.User)
	db.Exec(t, "GRANT SELECT (id, email) ON virtual_users TO "+config.User)
	_, err = store.Authenticate(t.Context(), "john@example.org", john.password)
	require.ErrorIs(t, err, ispmail.ErrDenied)
}

// TestSwallowedError ignores a deadlock inside RunInTx. MariaDB has rolled everything back by then, and would answer a commit
// with OK.
func TestSwallowedError(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := dbtest.Open(t, db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	for round := range times(5, 500) {
		users := []string{"john@example.org", "md5@example.org"}
		var both, done sync.WaitGroup
		both.Add(2)
		var runs [2]atomic.Int32
		errs := make([]error, 2)
		for i := range users {
			done.Go(func() {
				errs[i] = store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
					_ = tx.SetPassword(ctx, users[i], fmt.Sprintf("secret %d of %d", round, i))
					if runs[i].Add(1) == 1 {
						both.Done()
						both.Wait()
					}
					_ = tx.SetPassword(ctx, users[1-i], fmt.Sprintf("secret %d of %d", round, i))
					return nil
				})
			})
		}
		done.Wait()
		require.NoError(t, errors.Join(errs...))
		require.EqualValues(t, 3, runs[0].Load()+runs[1].Load(), "one ran again")
		last := 0
		if runs[1].Load() == 2 {
			last = 1
		}
		for _, user := range users {
			_, err := store.Authenticate(t.Context(), user, fmt.Sprintf("secret %d of %d", round, last))
			require.NoError(t, err)
		}
	}
}

// TestFailedStatement goes on after a statement that failed. The transaction must not be committed.
func TestFailedStatement(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	store := db.As(t, "GRANT SELECT, INSERT, UPDATE ON * TO %s")
	old := dbtest.Dump(t, db)
	err := store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		if _, err := tx.CreateDomain(ctx, "example.net"); err != nil {
			return err
		}
		_, err := tx.DeleteUser(ctx, "john@example.org")
		assert.ErrorIs(t, err, ispmail.ErrDenied)
		return nil
	})
	require.ErrorIs(t, err, ispmail.ErrDenied)
	assert.Equal(t, old, dbtest.Dump(t, db))
}

// TestCanceled cancels the context of the caller at each statement of a change.
func TestCanceled(t *testing.T) {
	t.Parallel()
	db, proxy, store := proxied(t)
	john := newPatient(t, db, "john@example.org")
	require.NoError(t, john.change(t, store))
	for _, statement := range []string{"SELECT", "START TRANSACTION", "UPDATE", "COMMIT"} {
		ctx, cancel := context.WithCancel(t.Context())
		proxy.armed.Store(&cut{statement: statement, do: cancel})
		john.changes++
		replacement := fmt.Sprint("secret ", john.changes)
		err := store.ChangePassword(ctx, john.email, john.password, replacement)
		settle(t, db)
		john.judge(t, err, replacement)
		if statement == "COMMIT" {
			require.NoError(t, err, "the commit was on its way")
		} else {
			require.ErrorIs(t, err, context.Canceled)
		}
	}
}
