package ispmailtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/container"
)

// A server is a MariaDB server for the databases of a test binary.
type server struct {
	config *mysql.Config
	db     *sql.DB
}

// mariaDB returns the server of this test binary. The first call connects to it.
var mariaDB = sync.OnceValues(func() (*server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	config, err := serverConfig(ctx)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("mysql", config.FormatDSN())
	if err != nil {
		return nil, err
	}
	var version string
	if err := db.QueryRowContext(ctx, "SELECT VERSION()").Scan(&version); err != nil {
		return nil, err
	}
	if !strings.Contains(version, "MariaDB") {
		return nil, fmt.Errorf("the test server is %s, not MariaDB", version)
	}
	return &server{config: config, db: db}, nil
})

// serverConfig returns how to connect to the server that ISPMAIL_TEST_DSN names, or to a new container if it names none.
func serverConfig(ctx context.Context) (*mysql.Config, error) {
	if dsn := os.Getenv("ISPMAIL_TEST_DSN"); dsn != "" {
		config, err := mysql.ParseDSN(dsn)
		if err != nil {
			return nil, fmt.Errorf("ISPMAIL_TEST_DSN: %w", err)
		}
		config.DBName = ""
		return config, nil
	}
	server, err := container.Start(ctx)
	if err != nil {
		return nil, err
	}
	return server.Config, nil
}

// Account creates a MariaDB account with no rights but those of the grants, and returns its DSN. Each grant is a statement
// such as "GRANT SELECT ON * TO %s", in which "%s" stands for the account and "ON *" means all tables of the database. The
// account ends with the test.
func (d *Database) Account(tb testing.TB, grants ...string) (dsn string) {
	tb.Helper()
	config, err := mysql.ParseDSN(d.DSN)
	require.NoError(tb, err)
	config.User, config.Passwd = "t"+rand.Text()[:15], rand.Text()
	account := "'" + config.User + "'@'%'"
	d.Exec(tb, "CREATE USER "+account+" IDENTIFIED BY '"+config.Passwd+"'")
	tb.Cleanup(func() {
		_, err := d.DB.ExecContext(context.WithoutCancel(tb.Context()), "DROP USER "+account)
		require.NoError(tb, err)
	})
	for _, grant := range grants {
		d.Exec(tb, fmt.Sprintf(grant, account))
	}
	return config.FormatDSN()
}

// As returns an [ispmail.Store] that connects as a new [Database.Account] with these grants. Its Logger discards everything,
// and its Timeout is a minute.
func (d *Database) As(tb testing.TB, grants ...string) *ispmail.Store {
	tb.Helper()
	store, err := ispmail.Open(tb.Context(), d.Account(tb, grants...), ispmail.Config{Logger: slog.New(slog.DiscardHandler), Timeout: time.Minute})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, store.Close()) })
	return store
}
