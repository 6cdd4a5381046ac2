package ispmail_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// waits are the settings of a server and a driver that wait longer than a test does.
var waits = map[string]string{"innodb_lock_wait_timeout": "60", "lock_wait_timeout": "60", "max_statement_time": "60", "readTimeout": "70s"}

// TestHeldRowLock has a transaction of another connection that locks the row. The change must give up by itself and must not
// come true when the lock goes, whether the server ends the wait or the context of the caller does.
func TestHeldRowLock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		settings map[string]string
		timeout  time.Duration
		patience time.Duration
	}{
		{name: "server", settings: map[string]string{"innodb_lock_wait_timeout": "0"}, timeout: time.Minute},
		{name: "store", settings: waits, timeout: 100 * time.Millisecond},
		{name: "caller", settings: waits, timeout: time.Minute, patience: 100 * time.Millisecond},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			db.Example(t)
			store := dbtest.Open(t, dbtest.Connect(t, db, test.settings).DSN, ispmail.Config{}).SetTimeout(test.timeout)
			john := newPatient(t, db, "john@example.org")
			require.NoError(t, john.change(t, db.Store(t, ispmail.Config{}))) // with time to spare
			for range times(5, 200) {
				holder, err := db.DB.BeginTx(t.Context(), nil)
				require.NoError(t, err)
				_, err = holder.ExecContext(t.Context(), "SELECT id FROM virtual_users WHERE id = 1 FOR UPDATE")
				require.NoError(t, err)
				ctx := t.Context()
				if test.patience > 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, test.patience)
					defer cancel()
				}
				err = store.ChangePassword(ctx, john.email, john.password, "a long enough secret")
				if test.patience == 0 || !errors.Is(err, context.DeadlineExceeded) { // on a busy machine it may end before the lock
					require.ErrorIs(t, err, ispmail.ErrUnavailable)
				}
				require.NoError(t, holder.Rollback())
				settle(t, db)
				john.judge(t, err, "a long enough secret")
			}
			t.Log(john.verdicts)
		})
	}
}

// TestHeldSQLite has another connection that locks the whole database.
func TestHeldSQLite(t *testing.T) {
	t.Parallel()
	for name, timeout := range map[string]time.Duration{"store": 100 * time.Millisecond, "database": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := onDisk(t)
			patient := db.Store(t, ispmail.Config{})
			require.NoError(t, patient.CreateSchema(t.Context()))
			db.Example(t)
			store := db.Store(t, ispmail.Config{}).SetTimeout(timeout)
			holder, err := db.DB.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			old := db.Stored(t, "john@example.org")
			err = store.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret")
			require.ErrorIs(t, err, ispmail.ErrUnavailable)
			require.NoError(t, errorOf(patient.Authenticate(t.Context(), "md5@example.org", ispmailtest.Password)), "without the rehash")
			require.NoError(t, holder.Rollback())
			assert.Equal(t, old, db.Stored(t, "john@example.org"))
			require.NoError(t, patient.ChangePassword(t.Context(), "john@example.org", ispmailtest.Password, "a long enough secret"))
		})
	}
}

// onDisk returns an SQLite database in a file, without tables, whose connections wait 200 ms for others.
func onDisk(t *testing.T) *ispmailtest.Database {
	t.Helper()
	dsn := "file:" + filepath.Join(t.TempDir(), "mail.db") + "?_txlock=immediate&_pragma=foreign_keys(1)&_pragma=busy_timeout(200)"
	sqlDB, err := sql.Open("sqlite", dsn)
	require.NoError(t, err)
	db := &ispmailtest.Database{DB: bun.NewDB(sqlDB, sqlitedialect.New()), DSN: dsn}
	t.Cleanup(func() { require.NoError(t, db.DB.Close()) })
	return db
}

// TestHeldTableLock has an ALTER TABLE that waits, and that makes everybody else wait for the table.
func TestHeldTableLock(t *testing.T) {
	t.Parallel()
	for name, settings := range map[string]map[string]string{"server": {"lock_wait_timeout": "1"}, "store": waits} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := ispmailtest.MariaDB(t)
			needSingle(t, db, "ALTER waits for nobody there, but ends whoever reads")
			db.Example(t)
			timeout := time.Minute
			if name == "store" {
				timeout = 200 * time.Millisecond
			}
			store := dbtest.Open(t, dbtest.Connect(t, db, settings).DSN, ispmail.Config{}).SetTimeout(timeout)
			john := newPatient(t, db, "john@example.org")
			patient := db.Store(t, ispmail.Config{})
			require.NoError(t, john.change(t, patient))
			reader, err := db.DB.BeginTx(t.Context(), nil)
			require.NoError(t, err)
			_, err = reader.ExecContext(t.Context(), "SELECT id FROM virtual_users")
			require.NoError(t, err)
			var altered sync.WaitGroup
			altered.Go(func() {
				_, err := db.DB.ExecContext(t.Context(), "ALTER TABLE virtual_users ADD COLUMN note TEXT")
				assert.NoError(t, err)
			})
			require.Eventually(t, func() bool {
				var waiting int
				err := db.DB.NewRaw(`SELECT COUNT(*) FROM information_schema.processlist
					WHERE db = DATABASE() AND state = 'Waiting for table metadata lock'`).Scan(t.Context(), &waiting)
				return err == nil && waiting > 0
			}, time.Minute, 5*time.Millisecond)
			_, err = store.Authenticate(t.Context(), john.email, john.password)
			require.ErrorIs(t, err, ispmail.ErrUnavailable)
			err = store.ChangePassword(t.Context(), john.email, john.password, "a long enough secret")
			require.ErrorIs(t, err, ispmail.ErrUnavailable)
			require.NoError(t, reader.Rollback())
			altered.Wait()
			settle(t, db)
			john.judge(t, err, "a long enough secret")
			require.NoError(t, john.change(t, patient))
		})
	}
}

// TestLateCommit has a COMMIT that is on its way for longer than its caller waits. What is read back meanwhile must not be
// the row as it was before: the commit is yet to come.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	proxy, dsn := through(t, db.DSN)
	store := dbtest.Open(t, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: 5 * time.Minute})
	john := newPatient(t, db, "john@example.org")
	require.NoError(t, john.change(t, store))
	for round := range times(3, 100) {
		ctx, cancel := context.WithCancel(t.Context())
		proxy.armed.Store(&cut{statement: "COMMIT", do: func() {
			cancel()
			assert.Eventually(t, func() bool { // the look at the row waits
				var waiting int
				err := db.DB.NewRaw(`SELECT COUNT(*) FROM information_schema.processlist
					WHERE db = DATABASE() AND command = 'Query' AND info LIKE '%FOR UPDATE'`).Scan(t.Context(), &waiting)
				return err == nil && waiting > 0
			}, time.Minute, 5*time.Millisecond)
		}})
		replacement := fmt.Sprint("late secret ", round)
		err := store.ChangePassword(ctx, john.email, john.password, replacement)
		settle(t, db)
		john.judge(t, err, replacement)
		require.NoError(t, err, "it came")
	}
}
