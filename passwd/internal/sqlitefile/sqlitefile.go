// Package sqlitefile opens SQLite for the commands, with the settings of [ispmail.SQLiteOptions].
package sqlitefile

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
)

// Path returns the file that a DSN names, "sqlite:/path".
func Path(dsn string) (path string, ok bool) { return strings.CutPrefix(dsn, "sqlite:") }

// A Mode says what may be done with a file.
type Mode string

// The modes, https://www.sqlite.org/uri.html.
const (
	ReadOnly Mode = "ro"
	Write    Mode = "rw"
	Create   Mode = "rwc" // write, and make the file if it is not there
)

// Open prepares a file for use; the first statement opens it. A new one can be read by its owner alone, because it will hold
// the hashes of all passwords. The error names the file; it is [fs.ErrNotExist] if there is none and mode is not Create.
func Open(path string, mode Mode) (*bun.DB, error) {
	if mode == Create {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the file of the user's choice
		if err == nil {
			err = file.Close()
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("the database: %w", err)
		}
	} else if _, err := os.Stat(path); err != nil { // SQLite says the same of all files that it cannot open
		return nil, fmt.Errorf("the database: %w", err)
	}
	db, err := open("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=" + string(mode))
	if err == nil {
		// A connection goes on with what it has found: a file that was read-only then, or one that was replaced since.
		db.SetConnMaxLifetime(time.Minute)
	}
	return db, err
}

// memories counts the databases in memory, whose connections find them by name in the whole process.
var memories atomic.Int64

// Memory opens a new database in memory, which ends with its last connection.
func Memory() (*bun.DB, error) {
	db, err := open(fmt.Sprintf("file:/%d?vfs=memdb", memories.Add(1)))
	if err == nil {
		db.SetMaxIdleConns(2)
	}
	return db, err
}

// open opens a database by a data source name that has at least one parameter.
func open(dsn string) (*bun.DB, error) {
	db, err := sql.Open("sqlite", dsn+"&"+ispmail.SQLiteOptions)
	if err != nil {
		return nil, fmt.Errorf("the database: %w", err)
	}
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// OpenStore opens a file as [Open] does, as a Store, and says how to close it.
func OpenStore(ctx context.Context, path string, mode Mode, config ispmail.Config) (store *ispmail.Store, closer func() error, err error) {
	db, err := Open(path, mode)
	if err != nil {
		return nil, nil, err
	}
	store, err = ispmail.New(ctx, db, config)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return store, db.Close, nil
}
