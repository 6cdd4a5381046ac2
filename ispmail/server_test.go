package ispmail_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/container"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestServer does to a server of its own what others could not stand. One server serves all the subtests, in turn.
func TestServer(t *testing.T) {
	if testing.Short() {
		t.Skip("a test that needs a MariaDB of its own, which -short leaves out")
	}
	t.Parallel()
	if os.Getenv("ISPMAIL_TEST_DSN") != "" {
		t.Skip("the server that ISPMAIL_TEST_DSN names is not ours to kill")
	}
	// Not the setting of the image, with which a server that is killed loses what it has committed.
	server, err := container.Start(t.Context(), "--innodb-flush-log-at-trx-commit=1")
	require.NoError(t, err)
	config := server.Config.Clone()
	config.DBName = "mysql"
	sqlDB, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	_, err = sqlDB.ExecContext(t.Context(), "CREATE DATABASE mailserver CHARACTER SET utf8mb4")
	require.NoError(t, err)
	require.NoError(t, sqlDB.Close())
	config.DBName = "mailserver"
	sqlDB, err = sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	db := &ispmailtest.Database{DB: bun.NewDB(sqlDB, mysqldialect.New()), DSN: config.FormatDSN()}
	t.Cleanup(func() { assert.NoError(t, db.DB.Close()) })
	require.NoError(t, db.Store(t, ispmail.Config{}).CreateSchema(t.Context()))
	db.Example(t)
	for _, user := range []string{"stopped", "killed"} {
		db.Exec(t, "INSERT INTO virtual_users (domain_id, email, password) SELECT 1, ?, password FROM virtual_users WHERE id = 1", user+"@example.org")
	}

	t.Run("of another server", func(t *testing.T) { ofAnotherServer(t, server) })
	t.Run("read-only", func(t *testing.T) { readOnly(t, db) })
	t.Run("stopped", func(t *testing.T) { stopped(t, db, server) })
	t.Run("killed", func(t *testing.T) { killed(t, db, server) })
	t.Run("killed under load", func(t *testing.T) { killedUnderLoad(t, db, server) })
}

// ofAnotherServer refuses a transaction of a database that has the same name on another server.
func ofAnotherServer(t *testing.T, server *container.MariaDB) {
	ours := ispmailtest.MariaDB(t)
	config, err := mysql.ParseDSN(ours.DSN)
	require.NoError(t, err)
	name := config.DBName
	config = server.Config.Clone()
	config.DBName = "mysql"
	sqlDB, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	defer func() { assert.NoError(t, sqlDB.Close()) }()
	_, err = sqlDB.ExecContext(t.Context(), "CREATE DATABASE "+name)
	require.NoError(t, err)
	tx, err := bun.NewDB(sqlDB, mysqldialect.New()).BeginTx(t.Context(), nil)
	require.NoError(t, err)
	_, err = tx.ExecContext(t.Context(), "USE "+name)
	require.NoError(t, err)
	require.ErrorContains(t, errorOf(ours.Store(t, ispmail.Config{}).WithTx(tx).CountUsers(t.Context(), ispmail.Query{})), "none of this database")
	require.NoError(t, tx.Rollback())
	again := dbtest.Connect(t, ours, nil) // another pool on the same server
	tx, err = again.DB.BeginTx(t.Context(), nil)
	require.NoError(t, err)
	require.NoError(t, errorOf(ours.Store(t, ispmail.Config{}).WithTx(tx).CountUsers(t.Context(), ispmail.Query{})))
	require.NoError(t, tx.Rollback())
}

func readOnly(t *testing.T, db *ispmailtest.Database) {
	store := dbtest.Open(t, db.Account(t, "GRANT SELECT, INSERT, UPDATE, DELETE ON * TO %s"), ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	john := newPatient(t, db, "john@example.org")
	require.NoError(t, john.change(t, store))
	old := dbtest.Dump(t, db)
	db.Exec(t, "SET GLOBAL read_only = 1")
	_, err := store.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)
	require.NoError(t, err, "without the rehash")
	require.ErrorIs(t, john.change(t, store), ispmail.ErrUnavailable)
	require.ErrorIs(t, errorOf(store.CreateDomain(t.Context(), "example.net")), ispmail.ErrUnavailable)
	require.ErrorIs(t, errorOf(store.DeleteDomain(t.Context(), "example.org")), ispmail.ErrUnavailable)
	assert.Equal(t, old, dbtest.Dump(t, db))
	db.Exec(t, "SET GLOBAL read_only = 0")
	require.NoError(t, john.change(t, store))
}

// stopped halts the server when a statement is about to reach it. It gets it when it goes on.
func stopped(t *testing.T, db *ispmailtest.Database, server *container.MariaDB) {
	proxy, dsn := through(t, db.DSN)
	john := newPatient(t, db, "stopped@example.org")
	signal := func(name string) { assert.NoError(t, server.Signal(t.Context(), name)) }
	for _, test := range []struct {
		statement string
		timeout   time.Duration
		goesOn    bool // soon
	}{
		{"SELECT", 2 * time.Second, false},
		{"START TRANSACTION", 2 * time.Second, false},
		{"UPDATE", 2 * time.Second, false},
		{"COMMIT", 2 * time.Second, false},
		{"COMMIT", time.Minute, true},
	} {
		t.Run(fmt.Sprint(test.statement, test.goesOn), func(t *testing.T) {
			// Not the connections of Open, whose driver would give up too: here the store alone keeps the time.
			config, err := mysql.ParseDSN(dsn)
			require.NoError(t, err)
			config.ReadTimeout, config.WriteTimeout = 0, 0
			through := dbtest.Connect(t, &ispmailtest.Database{DSN: config.FormatDSN()}, nil)
			store := through.Store(t, ispmail.Config{}).SetTimeout(test.timeout)
			for range times(1, 20) {
				require.Eventually(t, func() bool {
					return errorOf(store.Authenticate(t.Context(), john.email, john.password)) == nil
				}, time.Minute, time.Millisecond)
				halted := make(chan struct{})
				halt := &cut{statement: test.statement, do: func() {
					defer close(halted)
					signal("STOP")
					if test.goesOn {
						time.AfterFunc(100*time.Millisecond, func() { signal("CONT") })
					}
				}}
				var replacement string
				change := func() error {
					john.changes++
					replacement = fmt.Sprint("secret ", john.changes)
					return store.ChangePassword(t.Context(), john.email, john.password, replacement)
				}
				proxy.armed.Store(halt)
				err := change()
				for tries := 0; tries < 20 && errors.Is(err, ispmail.ErrUnavailable) && proxy.armed.CompareAndSwap(halt, nil); tries++ {
					settle(t, db) // on a busy machine the time may end before the statement
					john.judge(t, err, replacement)
					proxy.armed.Store(halt)
					err = change()
				}
				require.Nil(t, proxy.armed.Load(), "the server was stopped")
				<-halted // the signal may take longer than the store waits, and the next one must not overtake it
				signal("CONT")
				switch {
				case test.goesOn:
					require.NoError(t, err)
				case test.statement == "COMMIT":
					require.ErrorIs(t, err, ispmail.ErrOutcomeUnknown)
				default:
					require.ErrorIs(t, err, ispmail.ErrUnavailable)
				}
				settle(t, db)
				john.judge(t, err, replacement)
			}
		})
	}
	t.Log(john.verdicts)
}

// killed kills the server when a statement is about to reach it or was answered.
func killed(t *testing.T, db *ispmailtest.Database, server *container.MariaDB) {
	proxy, dsn := through(t, db.DSN)
	store := dbtest.Open(t, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: 2 * time.Minute})
	john := newPatient(t, db, "killed@example.org")
	for _, statement := range []string{"UPDATE", "COMMIT"} {
		for range times(1, 10) {
			require.NoError(t, errorOf(store.Authenticate(t.Context(), john.email, john.password)))
			proxy.armed.Store(&cut{statement: statement, do: func() { assert.NoError(t, server.Signal(t.Context(), "KILL")) }})
			john.changes++
			replacement := fmt.Sprint("secret ", john.changes)
			err := store.ChangePassword(t.Context(), john.email, john.password, replacement)
			require.ErrorIs(t, err, ispmail.ErrUnavailable, "it came back and told")
			recovered(t, db)
			settle(t, db)
			john.judge(t, err, replacement)
		}
	}
	t.Log(john.verdicts)
}

// killedUnderLoad kills the server again and again while several users change their passwords all the time.
func killedUnderLoad(t *testing.T, db *ispmailtest.Database, server *container.MariaDB) {
	store := dbtest.Open(t, db.DSN, ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: 2 * time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	patients := make([]*patient, 8)
	var working sync.WaitGroup
	for i := range patients {
		email := fmt.Sprintf("load%d@example.org", i)
		_, _, err := store.CreateUser(t.Context(), email, ispmailtest.Password)
		require.NoError(t, err)
		p := newPatient(t, db, email)
		patients[i] = p
		working.Go(func() {
			for ctx.Err() == nil {
				p.changes++
				replacement := fmt.Sprintf("secret %d of %s", p.changes, p.email)
				err := store.ChangePassword(t.Context(), p.email, p.password, replacement)
				switch {
				case err == nil:
					p.verdicts["changed"]++
					p.password = replacement
				case errors.Is(err, ispmail.ErrUnavailable):
					p.verdicts["not changed"]++ // else the next change will find its current password wrong
				default:
					assert.NoError(t, err, "a wrong verdict, or one that is unknown though the server came back")
					return
				}
			}
		})
	}
	kills := times(3, 50)
	for range kills {
		time.Sleep(rand.N(300 * time.Millisecond)) //nolint:gosec // any moment will do
		require.NoError(t, server.Signal(t.Context(), "KILL"))
		recovered(t, db)
	}
	cancel()
	working.Wait()
	total := map[string]int{}
	for _, p := range patients {
		require.NoError(t, errorOf(store.Authenticate(t.Context(), p.email, p.password)), p.email)
		for verdict, n := range p.verdicts {
			total[verdict] += n
		}
	}
	t.Log(kills, "kills", total)
	assert.Positive(t, total["changed"])
}

// recovered waits for a server that was killed.
func recovered(t *testing.T, db *ispmailtest.Database) {
	t.Helper()
	require.Eventually(t, func() bool {
		var n int
		return db.DB.NewRaw("SELECT COUNT(*) FROM virtual_users").Scan(t.Context(), &n) == nil
	}, time.Minute, 20*time.Millisecond)
}
