package ispmail

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-sql-driver/mysql"
)

// Errors of the methods of a Store. Test for them with errors.Is.
var (
	// ErrNotFound says that there is no such domain, user or alias.
	ErrNotFound = errors.New("ispmail: not found")
	// ErrExists says that there is such a domain, user or alias already.
	ErrExists = errors.New("ispmail: already exists")
	// ErrAmbiguous says that several rows hold one address in different spellings, so that it is not clear which of
	// them is meant.
	ErrAmbiguous = errors.New("ispmail: several rows hold this address")
	// ErrInvalidAddress says that an address or a domain name is none that a server of this kind can serve.
	ErrInvalidAddress = errors.New("ispmail: invalid address")
	// ErrTooLong says that a value does not fit its column. Nothing was written, and nothing is ever cut.
	ErrTooLong = errors.New("ispmail: value is too long for its column")
	// ErrNoDomain says that the domain of an address is not in virtual_domains.
	ErrNoDomain = errors.New("ispmail: domain is not in virtual_domains")
	// ErrBadCredentials says that an address and a password do not belong together, for whatever reason.
	ErrBadCredentials = errors.New("ispmail: wrong address or password")
	// ErrOutcomeUnknown says that the connection broke while a change was being committed and that the database did
	// not come back in time to tell whether it was. The change may be there or not; it will not come later.
	ErrOutcomeUnknown = errors.New("ispmail: outcome unknown")
)

// Numbers of MariaDB, https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference.
const (
	mariaDuplicate    = 1062 // ER_DUP_ENTRY
	mariaLockWait     = 1205 // ER_LOCK_WAIT_TIMEOUT
	mariaDeadlock     = 1213 // ER_LOCK_DEADLOCK
	mariaMixCollation = 1267 // ER_CANT_AGGREGATE_2COLLATIONS
	mariaWrongValue   = 1366 // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
	mariaTooLong      = 1406 // ER_DATA_TOO_LONG
	mariaNoParent     = 1452 // ER_NO_REFERENCED_ROW_2
)

// Extended result codes of SQLite, https://www.sqlite.org/rescode.html.
const (
	sqliteCheck      = 275  // SQLITE_CONSTRAINT_CHECK
	sqliteForeignKey = 787  // SQLITE_CONSTRAINT_FOREIGNKEY
	sqliteUnique     = 2067 // SQLITE_CONSTRAINT_UNIQUE
)

// mapError is the one place in which an error of a driver becomes one of this package. It is called where a statement
// is run, and nowhere else.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	switch errorCode(err) {
	case mariaDuplicate, sqliteUnique:
		return ErrExists
	case mariaTooLong, sqliteCheck:
		return ErrTooLong
	case mariaNoParent, sqliteForeignKey:
		return ErrNoDomain
	}
	return fmt.Errorf("ispmail: database: %w", err)
}

// errorCode returns the number that MariaDB or SQLite gave an error, else 0. The numbers above do not overlap.
func errorCode(err error) int {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return int(e.Number)
	}
	// The SQLite driver is the caller's, so that nobody links it who does not use it.
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		return e.Code()
	}
	return 0
}

// isRetryable tells whether MariaDB undid a transaction for the sake of another one, so that it is worth trying again.
func isRetryable(err error) bool {
	code := errorCode(err)
	return code == mariaDeadlock || code == mariaLockWait
}

// isForeignText tells whether MariaDB could not compare a value with a column because the column's character set has
// no such characters. No row can hold the value then.
func isForeignText(err error) bool {
	code := errorCode(err)
	return code == mariaMixCollation || code == mariaWrongValue
}
