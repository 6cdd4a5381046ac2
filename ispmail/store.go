package ispmail

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Config holds the settings of a [Store]. The zero value is ready to use.
type Config struct {
	// Hasher verifies and makes passwords. The default has the zero [hash.Config], which makes {SHA256-CRYPT}.
	Hasher *hash.Hasher
	// Logger receives the reason for each refused password (Debug; Warn if a row is at fault and has to be corrected)
	// and for each rehash that failed (Warn), and which server of a DSN with several is passed over (Warn). It never
	// receives a password or a hash. The default is slog.Default().
	Logger *slog.Logger
	// Timeout bounds how long a method works. After it, the method returns [ErrUnavailable]. If the connection breaks
	// during a commit, or the commit takes longer, the method may take as long again to find out the outcome. 0 means 5
	// seconds; a negative value is an error of [New].
	//
	// When a node of a Galera cluster dies, hangs or is cut off, the others suspect it after evs.suspect_timeout, 5 seconds,
	// and commits everywhere wait until they agree, some 6 seconds in all. That is longer than Timeout and shorter than twice
	// that, so most of them are known in the end. With less than 4 seconds they are [ErrOutcomeUnknown], and none is wrong.
	// evs.inactive_timeout, 15 seconds, is for nodes of which the others disagree. Certification costs nothing but a repetition
	// in a conflict; while a slow node holds the others back (flow control), commits wait as for a slow disk.
	Timeout time.Duration
	// Columns returns values, by name, for columns that are not in the guide. It is not needed if these columns have
	// defaults.
	//
	// It is called with each row to insert: a *[Domain], *[User] or *[Alias] without an ID. bun.Safe("NOW()") is an
	// expression. Values for columns of the guide are ignored, except an id for a table whose ids have neither a
	// default nor AUTO_INCREMENT, and so are those that a [Record] has itself. [Store.FurtherColumns] tells which columns
	// there are. It is called again if a transaction is tried again.
	Columns func(ctx context.Context, row any) map[string]any
	// State names columns of other programs that switch rows on and off, such as active, so that they are heeded as the
	// queries of Dovecot and Postfix heed them. See the section "Rows that are switched off" of the package. [New] returns
	// [ErrSchema] or [ErrDenied] if a column is not there or may not be read, and [CheckState] checks the form alone.
	State []string
	// OnChange receives each committed change of a user, to flush caches or end sessions. It is called before the
	// method returns, once for each change, even if the transaction was tried again.
	//
	// Each call of [Store.Import], [Store.Restore], [Store.RenameDomain] and [Store.DeleteDomain] is one [Change]. A
	// change whose outcome is unknown is reported too. OnChange must not call methods of a Store inside a transaction.
	OnChange func(ctx context.Context, c Change)
}

const defaultTimeout = 5 * time.Second

// A Store reads and changes the three tables. [Open] and [New] make one; the zero value does not work. It is safe for
// concurrent use, except inside [Store.RunInTx] and [Store.WithTx], where it belongs to one goroutine.
type Store struct {
	database string // its name, or the file of SQLite
	server   string // what databaseOf returns
	db       *bun.DB
	owned    bool         // Close closes db
	tx       *transaction // of RunInTx or WithTx, else nil
	hasher   *hash.Hasher
	log      *slog.Logger
	timeout  time.Duration
	columns  func(context.Context, any) map[string]any
	onChange func(context.Context, Change)
	decoy    func() hash.Decoy
	dearest  *atomic.Pointer[hash.Decoy] // of AdaptDecoy
	node     *atomic.Bool                // see onNode
	catalog  *catalog
	state    []tables.Switch // of Config.State, each with its table
	lax      bool            // the sql_mode is not strict: MariaDB cuts values that are too long
}

// New returns a Store on a database that the caller opens and closes. It needs a database that answers. Tables are read
// only when a method needs them, unless [Config.State] names columns.
//
// For SQLite, open modernc.org/sqlite with [SQLiteOptions]. New refuses connections that do not enforce foreign keys or
// cannot undo a transaction, and logs a warning for those that do not wait for others, and with which an acknowledged
// change may get lost. For MariaDB, use the settings of [Open]; without a readTimeout, a commit on a server that hangs
// keeps its connection for good.
//
// It returns an error for a nil db, another dialect, a negative [Config.Timeout], a malformed [Config.State], or a session variable
// of MariaDB that changes what statements mean: autocommit is off, the sql_mode has NO_BACKSLASH_ESCAPES, a node of a cluster
// has no wsrep_sync_wait=1, and so on; the error names the variable and the right value. The other errors are those of Open.
//
// New looks at the variables of one connection. All connections of db must have the same ones.
func New(ctx context.Context, db *bun.DB, config Config) (_ *Store, err error) {
	if db == nil {
		return nil, errors.New("ispmail: New needs a database, and this is nil")
	}
	if name := db.Dialect().Name(); name != dialect.MySQL && name != dialect.SQLite {
		return nil, fmt.Errorf("ispmail: %s is not supported: use MariaDB or SQLite", name)
	}
	if config.Timeout < 0 {
		return nil, errors.New("ispmail: Config.Timeout is negative")
	}
	state, err := parseState(config.State)
	if err != nil {
		return nil, err
	}
	config.Timeout = cmp.Or(config.Timeout, defaultTimeout)
	if config.Hasher == nil {
		if config.Hasher, err = hash.New(hash.Config{}); err != nil {
			return nil, err
		}
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
	s.decoy = sync.OnceValue(s.hasher.NewDecoy)
	s.dearest, s.node = new(atomic.Pointer[hash.Decoy]), new(atomic.Bool)
	ctx, cancel := s.deadline(ctx)
	defer cancel()
	// A ping succeeds even on a server that runs no statement.
	if s.isMariaDB() {
		mode, err := s.lookAtSession(ctx)
		if err != nil {
			return nil, s.explain(ctx, err)
		}
		s.lax = !strings.Contains(mode, "STRICT_")
	} else if err := s.checkSQLite(ctx); err != nil {
		return nil, s.explain(ctx, err)
	}
	if len(state) > 0 {
		if err := s.findState(ctx, state); err != nil {
			return nil, s.explain(ctx, err)
		}
	}
	return s, nil
}

// Close closes the database if [Open] opened it. Otherwise it does nothing.
func (s *Store) Close() error {
	if !s.owned {
		return nil
	}
	return s.db.Close()
}

// Hasher returns the hasher that verifies and makes the passwords.
func (s *Store) Hasher() *hash.Hasher { return s.hasher }

func (s *Store) isMariaDB() bool { return s.db.Dialect().Name() == dialect.MySQL }
