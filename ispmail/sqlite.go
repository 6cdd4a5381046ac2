package ispmail

import (
	"context"
	"errors"
	"log/slog"
)

// SQLiteOptions are the settings of SQLite that a [Store] needs, as parameters of a data source name of
// modernc.org/sqlite:
//
//	sql.Open("sqlite", "file:/var/lib/mail/mail.db?mode=rw&"+ispmail.SQLiteOptions)
//
// Transactions take the write lock when they begin, because one that takes it later can fail half way. They wait up to
// 5 s for other connections and processes. Foreign keys are enforced. A commit returns when the change would outlast a
// loss of power (synchronous=EXTRA).
//
// The journal mode is that of the file. A new one has SQLite's own default, DELETE, which is the right one here: the
// whole database is in one file between two changes, programs that may only read the file can use it, such as Dovecot
// and Postfix, and a network file system will do if its locks work. With WAL, which stays if a program has set it, no
// reader waits for a writer, and a commit is as durable, but none of these is true.
const SQLiteOptions = "_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=foreign_keys(1)&_pragma=synchronous(EXTRA)"

// Values of PRAGMA synchronous, https://www.sqlite.org/pragma.html#pragma_synchronous.
const synchronousFull = 2

// checkSQLite looks at the settings of a connection. It refuses those with which the data would get wrong without a
// word, and warns of those with which an acknowledged change may get lost or a change fail for no good reason.
// Whether transactions begin with BEGIN IMMEDIATE cannot be seen.
func (s *Store) checkSQLite(ctx context.Context) error {
	var foreignKeys, busyTimeout, synchronous int
	var journal string
	err := s.db.QueryRowContext(ctx, `SELECT (SELECT file FROM pragma_database_list WHERE name = 'main'),
		(SELECT foreign_keys FROM pragma_foreign_keys), (SELECT timeout FROM pragma_busy_timeout),
		(SELECT synchronous FROM pragma_synchronous), (SELECT journal_mode FROM pragma_journal_mode)`).
		Scan(&s.database, &foreignKeys, &busyTimeout, &synchronous, &journal)
	switch {
	case err != nil:
		return mapError(err)
	case foreignKeys == 0:
		return errors.New("ispmail: SQLite does not enforce foreign keys: open the database with ispmail.SQLiteOptions")
	case journal == "off":
		return errors.New("ispmail: SQLite cannot undo a transaction with PRAGMA journal_mode=OFF")
	}
	s.server = s.database
	file := slog.String("file", s.database)
	if busyTimeout == 0 {
		s.log.WarnContext(ctx, "ispmail: SQLite does not wait for other connections and processes", file, slog.String("advice", "PRAGMA busy_timeout=5000"))
	}
	if s.database == "" { // in memory, where nothing lasts
		return nil
	}
	if synchronous < synchronousFull {
		s.log.WarnContext(ctx, "ispmail: SQLite may lose changes that were acknowledged, when the power fails", file, slog.String("advice", "PRAGMA synchronous=EXTRA"))
	}
	if journal == "memory" {
		s.log.WarnContext(ctx, "ispmail: SQLite may damage the file when the program ends during a change", file, slog.String("advice", "PRAGMA journal_mode=DELETE"))
	}
	return nil
}

// Result codes of SQLite, https://www.sqlite.org/rescode.html. They do not overlap with those of MariaDB.
const (
	sqliteError     = 1    // SQLITE_ERROR, of a table or a column that is missing
	sqliteBusy      = 5    // SQLITE_BUSY
	sqliteLocked    = 6    // SQLITE_LOCKED
	sqliteReadOnly  = 8    // SQLITE_READONLY
	sqliteInterrupt = 9    // SQLITE_INTERRUPT, of a context that ended: it rolls back
	sqliteIO        = 10   // SQLITE_IOERR
	sqliteCorrupt   = 11   // SQLITE_CORRUPT
	sqliteFull      = 13   // SQLITE_FULL
	sqliteNoFile    = 14   // SQLITE_CANTOPEN
	sqliteNoDB      = 26   // SQLITE_NOTADB
	sqliteCheck     = 275  // SQLITE_CONSTRAINT_CHECK
	sqliteNoParent  = 787  // SQLITE_CONSTRAINT_FOREIGNKEY
	sqliteMoved     = 1032 // SQLITE_READONLY_DBMOVED
	sqliteNull      = 1299 // SQLITE_CONSTRAINT_NOTNULL
	sqliteDirectory = 1544 // SQLITE_READONLY_DIRECTORY
	sqliteKey       = 1555 // SQLITE_CONSTRAINT_PRIMARYKEY
	sqliteUnique    = 2067 // SQLITE_CONSTRAINT_UNIQUE
	sqliteType      = 3091 // SQLITE_CONSTRAINT_DATATYPE, of a STRICT table
)

// sqliteTexts say in plain words what is wrong with a file of SQLite.
var sqliteTexts = map[int]string{
	sqliteReadOnly:  "it is read-only",
	sqliteMoved:     "its file was moved or deleted",
	sqliteDirectory: "its directory is read-only, and SQLite needs a journal beside the file",
	sqliteIO:        "its file cannot be read or written",
	sqliteCorrupt:   "its file is damaged",
	sqliteFull:      "the disk is full",
	sqliteNoFile:    "its file, or the journal beside it, cannot be opened",
	sqliteNoDB:      "its file is none of SQLite",
}
