package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// defaultDSN is how root gets at the database on Debian, where the socket tells MariaDB who asks.
const defaultDSN = "root@unix(/run/mysqld/mysqld.sock)/mailserver"

// open opens the database that the flags or the environment name. Only a command that makes the tables may make an SQLite
// file.
func (a *app) open(ctx context.Context, create bool) (*ispmail.Store, func() error, error) {
	return a.openWith(ctx, create, ispmail.Config{})
}

func (a *app) openWith(ctx context.Context, create bool, config ispmail.Config) (*ispmail.Store, func() error, error) {
	dsn, err := a.dsn.Read()
	if err != nil {
		return nil, nil, err
	}
	dsn = cmp.Or(dsn, defaultDSN)
	// What is worth knowing is in the errors.
	config.Logger = slog.New(slog.DiscardHandler)
	// A batch of an import, or the commit of a restore, takes a slow disk a while. Who cannot wait can interrupt it.
	config.Timeout = time.Minute
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		mode := "rw"
		if create {
			mode = "rwc"
		} else if _, err := os.Stat(path); err != nil {
			return nil, nil, &command.Failure{Code: exitDatabase, Err: fmt.Errorf("%w; ispmailctl init makes a new database", err)}
		}
		db, err := openSQLite(path, mode)
		if err != nil {
			return nil, nil, failureOf(err)
		}
		store, err := ispmail.New(ctx, db, config)
		if err != nil {
			return nil, nil, failureOf(errors.Join(err, db.Close()))
		}
		return store, db.Close, nil
	}
	store, err := ispmail.Open(ctx, dsn, config)
	if err != nil {
		return nil, nil, failureOf(err)
	}
	return store, store.Close, nil
}

// openSQLite opens a file. Transactions take the write lock at once: one that took it later could fail half way.
func openSQLite(path, mode string) (*bun.DB, error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode="+mode+"&_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)")
	if err != nil {
		return nil, err
	}
	return bun.NewDB(db, sqlitedialect.New()), nil
}

// openForeign opens the database of another program, which is only read.
func openForeign(ctx context.Context, dsn string) (*bun.DB, error) {
	if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, err
		}
		return openSQLite(path, "ro")
	}
	// Its connections have no limits of rows and the like that the server may have for others.
	store, err := ispmail.Open(ctx, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return store.DB().(*bun.DB), nil //nolint:forcetypeassert // which it is outside of a transaction
}
