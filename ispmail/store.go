package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/hash"
)

// Config holds the settings of a Store. The zero value is ready to use.
type Config struct {
	// Hasher verifies and makes passwords. Defaults to one with the zero hash.Config, which writes {SHA256-CRYPT}.
	Hasher *hash.Hasher
	// Logger is told why a password was refused (level Debug, and Warn if the stored value is at fault) and why a rehash
	// failed (Warn), never a password or a hash. Defaults to
	// slog.Default().
	Logger *slog.Logger
}

// A Store reads and changes the three tables. Make one with Open or New; the zero value does not work.
// It is safe for concurrent use.
type Store struct {
	db     bun.IDB // root, or the transaction of RunInTx
	root   *bun.DB
	owned  bool // root is closed by Close
	hasher *hash.Hasher
	log    *slog.Logger
	decoy  func() string // a stored password of nobody
	width  *columnWidth  // of virtual_users.password
}

const (
	attempts        = 3 // of a transaction that a deadlock undid
	readBackTimeout = 5 * time.Second
	pageSize        = 1000
)

// Open connects to MariaDB and returns a Store that Close ends. The DSN is that of github.com/go-sql-driver/mysql:
//
//	user:password@tcp(127.0.0.1:3306)/mailserver
//	user:password@unix(/run/mysqld/mysqld.sock)/mailserver
//
// The guide's mailadmin@localhost can only use the socket, its mailuser@127.0.0.1 only TCP.
//
// Connections are set up so that a value is refused rather than cut (strict sql_mode) and that no statement outlasts a
// few seconds: 2 s to connect, 8 s for the network, 3 s for a statement and 2 s for a row lock on the server. What the
// DSN itself says about these goes first, except the sql_mode.
func Open(ctx context.Context, dsn string, config Config) (*Store, error) {
	c, err := mysql.ParseDSN(dsn)
	if err != nil || c.DBName == "" {
		// The text of err may hold parts of the DSN, and with them the password.
		return nil, errors.New("ispmail: the DSN is not of the form user:password@tcp(host:port)/database or user:password@unix(/path)/database")
	}
	if err := c.Apply(mysql.Charset("utf8mb4", "")); err != nil {
		return nil, fmt.Errorf("ispmail: %w", err)
	}
	setDefault(&c.Timeout, 2*time.Second)
	setDefault(&c.ReadTimeout, 8*time.Second)
	setDefault(&c.WriteTimeout, 8*time.Second)
	c.ClientFoundRows = true
	c.MultiStatements = false
	c.Params = withDefaults(c.Params, map[string]string{
		"innodb_lock_wait_timeout": "2",
		"lock_wait_timeout":        "3",
		"max_statement_time":       "3",
	})
	c.Params["sql_mode"] = "'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'"
	connector, err := mysql.NewConnector(c)
	if err != nil {
		return nil, errors.New("ispmail: the DSN has settings that do not fit together")
	}
	db := sql.OpenDB(connector)
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxLifetime(3 * time.Minute) // well under any wait_timeout
	db.SetConnMaxIdleTime(time.Minute)
	// bun.NewDB asks for the version and only logs a failure, which would lose features for good.
	if err := db.PingContext(ctx); err != nil {
		return nil, errors.Join(mapError(err), db.Close())
	}
	store, err := New(ctx, bun.NewDB(db, mysqldialect.New()), config)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	store.owned = true
	return store, nil
}

// New returns a Store on a database of the caller's, who opens and closes it. It asks for nothing but an answer: the
// tables are looked at when they are needed.
//
// For SQLite, open modernc.org/sqlite with _pragma=foreign_keys(1), _pragma=busy_timeout(5000) and _txlock=immediate.
// For MariaDB, see Open for what a connection should be set to.
func New(ctx context.Context, db *bun.DB, config Config) (*Store, error) {
	if name := db.Dialect().Name(); name != dialect.MySQL && name != dialect.SQLite {
		return nil, fmt.Errorf("ispmail: %s is not supported: use MariaDB or SQLite", name)
	}
	if err := db.PingContext(ctx); err != nil {
		return nil, mapError(err)
	}
	if config.Hasher == nil {
		hasher, err := hash.New(hash.Config{})
		if err != nil {
			return nil, err
		}
		config.Hasher = hasher
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	s := &Store{db: db, root: db, hasher: config.Hasher, log: config.Logger, width: &columnWidth{}}
	s.decoy = sync.OnceValue(func() string {
		stored, _ := s.hasher.Generate("decoy") // a failure only makes the decoy cheaper to verify
		return stored
	})
	return s, nil
}

// Close closes the database if Open opened it, else it does nothing.
func (s *Store) Close() error {
	if !s.owned {
		return nil
	}
	return s.root.Close()
}

// RunInTx runs fn in a transaction. Everything that fn does through the Store that it is given happens completely if
// fn returns nil, else not at all. A transaction that MariaDB undid because of a deadlock or a lock is tried again, at
// most twice: fn must not have effects elsewhere that may not happen twice. Within fn, Authenticate does not rehash.
// A RunInTx within fn joins the transaction.
//
// The error is that of fn, or ErrOutcomeUnknown if the connection broke during the commit.
func (s *Store) RunInTx(ctx context.Context, fn func(ctx context.Context, tx *Store) error) error {
	if s.inTx() {
		return fn(ctx, s)
	}
	return s.transact(ctx, func(ctx context.Context, tx bun.IDB) error {
		within := *s
		within.db, within.owned = tx, false
		return fn(ctx, &within)
	})
}

func (s *Store) inTx() bool { return s.db != bun.IDB(s.root) }

func (s *Store) isMariaDB() bool { return s.root.Dialect().Name() == dialect.MySQL }

// transact runs fn in a transaction, its own or the one of RunInTx.
func (s *Store) transact(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	if s.inTx() {
		return fn(ctx, s.db)
	}
	for attempt := 1; ; attempt++ {
		err := s.transactOnce(ctx, fn)
		if err == nil || attempt == attempts || !isRetryable(err) {
			return err
		}
		// The other transaction is on its way; step aside for a moment, not in lockstep with other waiters.
		select {
		case <-time.After(rand.N(time.Duration(attempt) * 20 * time.Millisecond)): //nolint:gosec // jitter is no secret
		case <-ctx.Done():
			return err
		}
	}
}

func (s *Store) transactOnce(ctx context.Context, fn func(context.Context, bun.IDB) error) error {
	tx, err := s.root.BeginTx(ctx, nil)
	if err != nil {
		return mapError(err)
	}
	// After an error the transaction must end even if MariaDB undid only the statement; after Commit this is a no-op.
	defer func() { _ = tx.Rollback() }()
	if err := fn(ctx, tx); err != nil {
		return err
	}
	// From here on the caller's context cannot stop the commit, only keep it from being sent.
	if err := ctx.Err(); err != nil {
		return mapError(err)
	}
	if err := tx.Commit(); err != nil {
		if _, refused := errors.AsType[*mysql.MySQLError](err); refused {
			return mapError(err) // MariaDB answered: it did not commit
		}
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
	return nil
}

// list returns the rows of a domain, or all if domain is "", page after page by id. It keeps one page in memory and no
// connection between pages.
func list[T any](ctx context.Context, s *Store, domain string, id func(T) int64) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var of Domain
		if domain != "" {
			var err error
			if of, err = s.Domain(ctx, domain); err != nil {
				yield(none, err)
				return
			}
		}
		for after := int64(0); ; {
			var rows []T
			query := s.db.NewSelect().Model(&rows).Where("id > ?", after).Order("id").Limit(pageSize)
			if domain != "" {
				query.Where("domain_id = ?", of.ID)
			}
			if err := query.Scan(ctx); err != nil {
				yield(none, mapError(err))
				return
			}
			for _, row := range rows {
				after = id(row)
				if !yield(row, nil) {
					return
				}
			}
			if len(rows) < pageSize {
				return
			}
		}
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func withDefaults(params, defaults map[string]string) map[string]string {
	for name, value := range params {
		defaults[name] = value
	}
	return defaults
}
