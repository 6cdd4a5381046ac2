package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
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
	a.dsnless = dsn == ""
	dsn = cmp.Or(dsn, defaultDSN)
	// What is worth knowing is in the errors.
	config.Logger = slog.New(slog.DiscardHandler)
	// A batch of an import, or the commit of a restore, takes a slow disk a while. Who cannot wait can interrupt it.
	config.Timeout = time.Minute
	if path, ok := sqlitefile.Path(dsn); ok {
		mode := sqlitefile.Write
		if create {
			mode = sqlitefile.Create
		}
		store, closer, err := sqlitefile.OpenStore(ctx, path, mode, config)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !create:
			err = &command.Failure{Code: exitDatabase, Err: fmt.Errorf("%w; ispmailctl init makes a new database", err)}
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission):
			err = &command.Failure{Code: exitDatabase, Err: err}
		}
		return store, closer, failureOf(err)
	}
	store, err := ispmail.Open(ctx, dsn, config)
	if err != nil {
		return nil, nil, failureOf(a.whichDatabase(err))
	}
	return store, store.Close, nil
}

// whichDatabase adds to an error of the database where that is, if nobody has named it.
func (a *app) whichDatabase(err error) error {
	if a.dsnless && (errors.Is(err, ispmail.ErrUnavailable) || errors.Is(err, ispmail.ErrDenied)) {
		text := err.Error() + "; no database was named, and this is " + defaultDSN + ": --dsn-file names another"
		if errors.Is(err, ispmail.ErrDenied) && os.Geteuid() != 0 {
			text += ", or call ispmailctl as root"
		}
		return rewording{err, text}
	}
	return err
}

// openForeign opens the database of another program, which is only read.
func openForeign(ctx context.Context, dsn string) (*bun.DB, error) {
	if path, ok := sqlitefile.Path(dsn); ok {
		return sqlitefile.Open(path, sqlitefile.ReadOnly)
	}
	// Its connections have no limits of rows and the like that the server may have for others.
	store, err := ispmail.Open(ctx, dsn, ispmail.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return nil, err
	}
	return store.DB().(*bun.DB), nil //nolint:forcetypeassert // which it is outside of a transaction
}
