package ispmail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/hash"
)

// Config holds the settings of a Store. The zero value is ready to use.
type Config struct {
	// Hasher verifies and makes passwords. Defaults to one with the zero hash.Config, which writes {SHA256-CRYPT}.
	Hasher *hash.Hasher
	// Logger is told why a password was refused (level Debug, and Warn if the stored value is at fault) and why a rehash
	// failed (Warn), never a password or a hash. Defaults to slog.Default().
	Logger *slog.Logger
	// Timeout bounds how long a method works before it gives up with ErrUnavailable. If the connection breaks during a
	// commit, the method may take as long again to find out what became of it. Defaults to 5 seconds.
	Timeout time.Duration
	// Columns supplies what a table needs beyond the columns of the guide. It is called for each row that is about to be
	// inserted, a *Domain, *User or *Alias without an ID, and returns values for further columns of that table by
	// name; bun.Safe("NOW()") is an expression. What it says about columns of the guide does not count. When a transaction
	// is tried again, it is called again. Not needed where further columns have defaults.
	Columns func(ctx context.Context, row any) map[string]any
	// OnChange is told of each change of a user that others may have remembered: after its commit, before the method
	// returns, once also if a transaction was tried again. Use it to flush Dovecot's cache, to end sessions, or to send
	// word. Bulk work, [Store.Import], [Store.Restore], [Store.RenameDomain] and [Store.DeleteDomain], is one Change. If the
	// outcome is not known, it is told too. It must not call methods of a Store that is in a transaction.
	OnChange func(ctx context.Context, c Change)
}

const defaultTimeout = 5 * time.Second

// A Store reads and changes the three tables. Make one with Open or New; the zero value does not work.
// It is safe for concurrent use, except the one that RunInTx gives, which is for one goroutine.
type Store struct {
	db       *bun.DB
	owned    bool         // db is closed by Close
	tx       *transaction // that of RunInTx, else nil
	hasher   *hash.Hasher
	log      *slog.Logger
	timeout  time.Duration
	columns  func(context.Context, any) map[string]any
	onChange func(context.Context, Change)
	decoy    func() string // a stored password of nobody
	catalog  *catalog
	lax      bool // connections are not strict
}

// New returns a Store on a database of the caller's, who opens and closes it. It asks for nothing but an answer: the
// tables are looked at when they are needed. Its errors are those of Open.
//
// For SQLite, open modernc.org/sqlite with _pragma=foreign_keys(1), _pragma=busy_timeout(5000) and _txlock=immediate.
// For MariaDB, see Open for what a connection should be set to. Config.Timeout holds whatever it is set to, but a commit
// to a server that is halted keeps its connection until the readTimeout of the driver.
func New(ctx context.Context, db *bun.DB, config Config) (*Store, error) {
	if db == nil {
		return nil, errors.New("ispmail: New needs a database, and this is nil")
	}
	if name := db.Dialect().Name(); name != dialect.MySQL && name != dialect.SQLite {
		return nil, fmt.Errorf("ispmail: %s is not supported: use MariaDB or SQLite", name)
	}
	if config.Timeout < 0 {
		return nil, errors.New("ispmail: Config.Timeout is negative")
	}
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
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
	s := &Store{
		db:       db,
		hasher:   config.Hasher,
		log:      config.Logger,
		timeout:  config.Timeout,
		columns:  config.Columns,
		onChange: config.OnChange,
		catalog:  &catalog{},
	}
	s.decoy = sync.OnceValue(func() string {
		stored, _ := s.hasher.Generate("decoy") // a failure only makes the decoy cheaper to verify
		return stored
	})
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	// A ping answers even where no statement does.
	query, mode := "SELECT ''", ""
	if s.isMariaDB() {
		query = "SELECT @@SESSION.sql_mode"
	}
	if err := db.QueryRowContext(ctx, query).Scan(&mode); err != nil {
		return nil, s.explain(ctx, mapError(err))
	}
	s.lax = s.isMariaDB() && !strings.Contains(mode, "STRICT_")
	return s, nil
}

// Close closes the database if Open opened it, else it does nothing.
func (s *Store) Close() error {
	if !s.owned {
		return nil
	}
	return s.db.Close()
}

// Hasher returns what verifies and makes the passwords.
func (s *Store) Hasher() *hash.Hasher { return s.hasher }

func (s *Store) isMariaDB() bool { return s.db.Dialect().Name() == dialect.MySQL }
