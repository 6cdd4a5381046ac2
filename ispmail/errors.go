package ispmail

import (
	"context"
	"crypto/tls"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// Answers about the arguments and the rows. Test for them with errors.Is; the text of an error names the row. [AddressError]
// has the field and the value of an invalid address.
var (
	// ErrNotFound means that there is no such domain, user or alias.
	ErrNotFound = errors.New("ispmail: not found")
	// ErrReferenced means that a row of another table refers to the row by a foreign key, so that it cannot be deleted or
	// changed. The text of the error names the table and the column.
	ErrReferenced = errors.New("ispmail: another row refers to it")
	// ErrExists means that there already is such a domain, user or alias.
	ErrExists = errors.New("ispmail: already exists")
	// ErrAmbiguous means that several rows hold one address, perhaps in different spellings. [Store.DeleteRow] deletes one
	// of them, and [Store.CorrectUser] gives it another address.
	ErrAmbiguous = errors.New("ispmail: several rows hold this address")
	// ErrChanged means that a row is not as it was listed, see [Store.DeleteRow]. List it again.
	ErrChanged = errors.New("ispmail: the row has changed")
	// ErrInUse means that users or aliases belong to the row of a domain. Delete or correct them first.
	ErrInUse = errors.New("ispmail: rows belong to this one")
	// ErrInvalidAddress means that the server cannot serve an address or a domain name. An [AddressError] says which,
	// and why.
	ErrInvalidAddress = errors.New("ispmail: invalid address")
	// ErrTooLong means that a value does not fit its column: it is too long, too high, or of another type or character
	// set. Nothing was written. Values are never cut.
	ErrTooLong = errors.New("ispmail: value does not fit its column")
	// ErrNoDomain means that the domain of an address is not in virtual_domains.
	ErrNoDomain = errors.New("ispmail: domain is not in virtual_domains")
	// ErrNoQuota means that virtual_users has no column quota, or that the account may not see it.
	ErrNoQuota = errors.New("ispmail: virtual_users has no column quota")
	// ErrAliasLoop means that an alias leads, or would lead, back to itself.
	ErrAliasLoop = errors.New("ispmail: alias loop")
	// ErrAliasLimit means that aliases lead on for more levels or to more addresses than Postfix follows. It then
	// accepts no mail for the address, as in a loop.
	ErrAliasLimit = errors.New("ispmail: aliases beyond the limits of Postfix")
	// ErrLocked means that a user is locked already.
	ErrLocked = errors.New("ispmail: the account is locked")
	// ErrNotLocked means that a user is not locked, or that there is no password behind the lock.
	ErrNotLocked = errors.New("ispmail: the account is not locked")
	// ErrAddressInPassword means that the address is part of a stored {DIGEST-MD5} password, which would match no login
	// under another address. Set a new password first.
	ErrAddressInPassword = errors.New("ispmail: the stored password belongs to the address")
	// ErrRecord means that a [Record] is empty or has a field that its use does not allow.
	ErrRecord = errors.New("ispmail: invalid record")
	// ErrBusy means that other passwords took all the memory of [Config].Hasher until the time was over, see
	// [hash.Hasher.VerifyContext]. Nothing was changed.
	ErrBusy = errors.New("ispmail: too many passwords at the same time")
	// ErrBadCredentials means that an address and a password do not belong together, for whatever reason.
	ErrBadCredentials = errors.New("ispmail: wrong address or password")
)

// Reasons why the database could not do its work.
var (
	// ErrSchema means that the tables are not as this package needs them: a table or a column is missing, ids are no
	// numbers or used up, the engine of a table has no transactions, or a column of another program stands in the way (see
	// [ColumnError]).
	ErrSchema = errors.New("ispmail: the tables do not fit")
	// ErrDenied means that MariaDB refuses the account, its password, or a right that the method needs.
	ErrDenied = errors.New("ispmail: access denied")
	// ErrUnavailable means that the database cannot do it now: it is down, busy, read-only or too slow, or its certificate
	// cannot be verified. Nothing was changed. Try again later.
	ErrUnavailable = errors.New("ispmail: database unavailable")
	// ErrOutcomeUnknown means that the connection broke during a commit and that the outcome could not be found out:
	// the database did not come back in time, or others have changed the same rows since. The change may have been made
	// or lost. If the server only hangs, the change may still be made when it goes on.
	ErrOutcomeUnknown = errors.New("ispmail: outcome unknown")
)

// Error codes of MariaDB, https://mariadb.com/docs/server/reference/error-codes/mariadb-error-code-reference.
const (
	mariaRecordChanged   = 1020 // ER_CHECKREAD, since 11.6 for a row that changed after the snapshot
	mariaNoNumber        = 167  // HA_ERR_AUTOINC_ERANGE
	mariaTooManyClients  = 1040 // ER_CON_COUNT_ERROR
	mariaDatabaseDenied  = 1044 // ER_DBACCESS_DENIED_ERROR
	mariaAccessDenied    = 1045 // ER_ACCESS_DENIED_ERROR
	mariaNoSelectedDB    = 1046 // ER_NO_DB_ERROR
	mariaNull            = 1048 // ER_BAD_NULL_ERROR
	mariaNoQuorum        = 1047 // ER_UNKNOWN_COM_ERROR, of a Galera node that lost its cluster
	mariaNoDatabase      = 1049 // ER_BAD_DB_ERROR
	mariaShutdown        = 1053 // ER_SERVER_SHUTDOWN
	mariaNoColumn        = 1054 // ER_BAD_FIELD_ERROR
	mariaDuplicate       = 1062 // ER_DUP_ENTRY
	mariaHostBlocked     = 1129 // ER_HOST_IS_BLOCKED
	mariaHostDenied      = 1130 // ER_HOST_NOT_PRIVILEGED
	mariaTableDenied     = 1142 // ER_TABLEACCESS_DENIED_ERROR
	mariaColumnDenied    = 1143 // ER_COLUMNACCESS_DENIED_ERROR
	mariaNoTable         = 1146 // ER_NO_SUCH_TABLE
	mariaUnknownVariable = 1193 // ER_UNKNOWN_SYSTEM_VARIABLE, of a MySQL
	mariaTooManyOfUser   = 1203 // ER_TOO_MANY_USER_CONNECTIONS
	mariaReferenced      = 1217 // ER_ROW_IS_REFERENCED, for an account that may not see by what
	mariaLockWait        = 1205 // ER_LOCK_WAIT_TIMEOUT
	mariaDeadlock        = 1213 // ER_LOCK_DEADLOCK
	mariaCommitFailed    = 1180 // ER_ERROR_DURING_COMMIT, of a Galera node that loses its cluster during a commit
	mariaUserLimit       = 1226 // ER_USER_LIMIT_REACHED
	mariaRightDenied     = 1227 // ER_SPECIFIC_ACCESS_DENIED_ERROR
	mariaOutOfRange      = 1264 // ER_WARN_DATA_OUT_OF_RANGE
	mariaCut             = 1265 // WARN_DATA_TRUNCATED, of a word that an ENUM or SET does not have
	mariaMixCollation    = 1267 // ER_CANT_AGGREGATE_2COLLATIONS
	mariaMix3Collations  = 1270 // ER_CANT_AGGREGATE_3COLLATIONS, of a list of two values
	mariaMixCollations   = 1271 // ER_CANT_AGGREGATE_NCOLLATIONS, of a longer one
	mariaOption          = 1290 // ER_OPTION_PREVENTS_STATEMENT, of a server that is read_only
	mariaWrongDate       = 1292 // ER_TRUNCATED_WRONG_VALUE
	mariaInterrupted     = 1317 // ER_QUERY_INTERRUPTED
	mariaNoDefault       = 1364 // ER_NO_DEFAULT_FOR_FIELD
	mariaWrongValue      = 1366 // ER_TRUNCATED_WRONG_VALUE_FOR_FIELD
	mariaNoDouble        = 1367 // ER_ILLEGAL_VALUE_FOR_TYPE, of a number beyond DOUBLE
	mariaTooLong         = 1406 // ER_DATA_TOO_LONG
	mariaNoGeometry      = 1416 // ER_CANT_CREATE_GEOMETRY_OBJECT
	mariaReferenced2     = 1451 // ER_ROW_IS_REFERENCED_2
	mariaNoParent        = 1452 // ER_NO_REFERENCED_ROW_2
	mariaNoNumberLeft    = 1467 // ER_AUTOINC_READ_FAILED
	mariaAuthSocket      = 1698 // ER_ACCESS_DENIED_NO_PASSWORD_ERROR
	mariaReadOnlyTx      = 1792 // ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION
	mariaReadOnly        = 1836 // ER_READ_ONLY_MODE
	mariaMustChange      = 1820 // ER_MUST_CHANGE_PASSWORD
	mariaKilled          = 1927 // ER_CONNECTION_KILLED
	mariaStatementTime   = 1969 // ER_STATEMENT_TIMEOUT
	mysqlStatementTime   = 3024 // ER_QUERY_TIMEOUT of MySQL
	mariaNeedsTLS        = 3159 // ER_SECURE_TRANSPORT_REQUIRED
	mariaCheck           = 4025 // ER_CONSTRAINT_FAILED, of a CHECK, such as that of JSON
	mariaSequenceEnd     = 4084 // ER_SEQUENCE_RUN_OUT
	mariaLocked          = 4151 // ER_ACCOUNT_HAS_BEEN_LOCKED
)

// A databaseError is a statement that failed, as opposed to an answer. Its transaction must not be committed.
type databaseError struct {
	kind  error // ErrSchema, ErrDenied, ErrUnavailable or nil
	text  string
	file  string // of SQLite; Store.named sets it
	cause error
}

func (e *databaseError) Error() string {
	text := "ispmail: database"
	if e.kind != nil {
		text = e.kind.Error()
	}
	if e.text != "" {
		text += ": " + e.text
	}
	if e.file != "" {
		text += ": " + e.file
	}
	return text + ": " + e.cause.Error()
}

func (e *databaseError) Unwrap() []error {
	if e.kind == nil {
		return []error{e.cause}
	}
	return []error{e.kind, e.cause}
}

// Reasons why the caller, and not the database, ended a statement.
var (
	errTxOver     = errors.New("ispmail: the transaction is over, and its Store must not be used any more")
	errCallerGone = errors.New("ispmail: the caller did not wait for the database")
)

// explain adds the file of SQLite to an error, and the true reason to one for which the driver only reports that the time
// is over: the context of the caller, a pool without a free connection, or Config.Timeout.
func (s *Store) explain(ctx context.Context, err error) error {
	err = blameCaller(ctx, s.named(err))
	e, ok := errors.AsType[*databaseError](err)
	if !ok || errors.Is(err, ErrOutcomeUnknown) || errors.Is(err, errCallerGone) {
		return err
	}
	if code := errorCode(e.cause); s.onNode() && (code == mariaStatementTime || code == mariaLockWait) {
		e.text = "others are in the way, or the node waits for its cluster"
	}
	if !isContextError(e.cause) {
		return err
	}
	if pool := s.db.Stats(); pool.MaxOpenConnections > 0 && pool.InUse >= pool.MaxOpenConnections {
		text := fmt.Sprintf("all %d connections of the pool are in use", pool.MaxOpenConnections)
		return &databaseError{kind: ErrUnavailable, text: text, cause: e.cause}
	}
	return &databaseError{kind: ErrUnavailable, text: fmt.Sprintf("it did not answer within %v", s.timeout), cause: e.cause}
}

// blameCaller returns errCallerGone in place of an error of the database, if the context of the caller has ended.
func blameCaller(ctx context.Context, err error) error {
	caller := callerOf(ctx)
	e, ok := errors.AsType[*databaseError](err)
	if !ok || caller.Err() == nil || errors.Is(err, ErrOutcomeUnknown) {
		return err
	}
	if isContextError(e.cause) || errors.Is(e.cause, sql.ErrTxDone) || isBroken(e.cause) {
		return &databaseError{kind: errCallerGone, cause: context.Cause(caller)}
	}
	return err
}

// named adds the file of SQLite to an error.
func (s *Store) named(err error) error {
	if e, ok := errors.AsType[*databaseError](err); ok && !s.isMariaDB() && e.file == "" {
		e.file = s.database
	}
	return err
}

// deniedHint explains what goes wrong for most people who connect to a server of the guide for the first time, if it is with an
// account of the guide.
func deniedHint(err error) string {
	hint := "the account, its password, the place it connects from or a connection without TLS is not accepted"
	for _, account := range []string{"'mailuser'@", "'mailadmin'@", "'mailserver'@"} {
		if strings.Contains(err.Error(), account) {
			return hint + "; the guide's mailuser@127.0.0.1 is for TCP and its mailadmin@localhost for the socket, unix(/run/mysqld/mysqld.sock); " +
				"over TCP, mailadmin@localhost works only if the server resolves names (skip_name_resolve is OFF)"
		}
	}
	return hint
}

// tlsHint explains how to name an authority.
const tlsHint = "the certificate of the server is not accepted; one of an authority of your own needs ?tls-ca=/path/ca.pem in the DSN"

// mapError turns an error of a driver into one of this package. Every place that runs a statement calls it.
func mapError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	if _, mapped := errors.AsType[*databaseError](err); mapped {
		return err
	}
	if misfit, ok := errors.AsType[*tables.MisfitError](err); ok { // database/sql may have put words before it
		return fmt.Errorf("%w: %w", ErrSchema, misfit)
	}
	e := &databaseError{cause: err}
	if errors.Is(err, sql.ErrTxDone) {
		e.kind = errTxOver
		return e
	}
	switch code := errorCode(err); code {
	case mariaDuplicate, sqliteKey, sqliteUnique:
		return fmt.Errorf("%w: %w", ErrExists, err)
	case mariaWrongValue, mariaNull, mariaCut, mariaWrongDate, mariaNoDouble, mariaNoGeometry, mariaCheck, sqliteNull, sqliteType:
		return &valueError{code, err.Error()}
	case mariaTooLong, mariaOutOfRange, sqliteCheck:
		return fmt.Errorf("%w: %w", ErrTooLong, err)
	case mariaNoParent:
		return noParentError(err)
	case mariaReferenced, mariaReferenced2, sqliteNoParent: // refusedRow has looked at that of an INSERT
		return referencedError(err)
	case mariaNoNumber, mariaNoNumberLeft, mariaSequenceEnd:
		e.kind, e.text = ErrSchema, "there is no further id"
	case mariaNoDatabase, mariaNoSelectedDB:
		e.kind, e.text = ErrSchema, "there is no such database"
	case mariaNoTable:
		e.kind, e.text = ErrSchema, "a table is missing"
	case mariaNoColumn, mariaNoDefault:
		e.kind = ErrSchema
	case sqliteError: // which has one code for a table and a column
		e.kind = ErrSchema
		if strings.Contains(err.Error(), "no such table") {
			e.text = "a table is missing"
		}
	case mariaUnknownVariable:
		e.text = "the server does not know a setting of the connection: the DSN has a wrong one, or the server is no MariaDB"
	case mariaMustChange, mariaLocked, mariaHostBlocked:
		e.kind = ErrDenied
	case mariaAccessDenied, mariaAuthSocket, mariaHostDenied:
		e.kind, e.text = ErrDenied, deniedHint(err)
	case mariaDatabaseDenied, mariaTableDenied, mariaColumnDenied, mariaRightDenied:
		e.kind, e.text = ErrDenied, "the account lacks a grant"
	case mariaOption:
		if strings.Contains(err.Error(), "read-only") { // there are other options
			e.kind, e.text = ErrUnavailable, "it is read-only"
		}
	case mariaReadOnlyTx:
		e.kind, e.text = ErrUnavailable, "the transaction is read-only"
	case mariaReadOnly:
		e.kind, e.text = ErrUnavailable, "it is read-only"
	case mariaNeedsTLS:
		e.kind, e.text = ErrDenied, "the server takes only encrypted connections: the DSN needs ?tls=true, or ?tls-ca=/path/ca.pem for an authority of your own"
	case mariaTooManyClients:
		e.kind, e.text = ErrUnavailable, "the server has all the connections that it takes (max_connections)"
	case mariaTooManyOfUser, mariaUserLimit:
		e.kind, e.text = ErrUnavailable, "the account has reached a limit of the server"
	case mariaLockWait, mariaDeadlock, mariaRecordChanged, mariaStatementTime, mysqlStatementTime, sqliteBusy, sqliteLocked:
		e.kind, e.text = ErrUnavailable, "others are in the way"
	case mariaNoQuorum:
		e.kind, e.text = ErrUnavailable, "this node of the cluster has lost the others, or is just joining them"
	case mariaCommitFailed:
		e.kind, e.text = ErrUnavailable, "it could not commit"
	case mariaShutdown, mariaInterrupted, mariaKilled:
		e.kind = ErrUnavailable
	case sqliteReadOnly, sqliteMoved, sqliteDirectory, sqliteIO, sqliteCorrupt, sqliteFull, sqliteNoFile:
		e.kind, e.text = ErrUnavailable, sqliteTexts[code]
	case sqliteNoDB:
		e.kind, e.text = ErrSchema, sqliteTexts[code]
	default:
		_, untrusted := errors.AsType[*tls.CertificateVerificationError](err)
		switch {
		case untrusted:
			e.kind, e.text = ErrUnavailable, tlsHint
		case errors.Is(err, mysql.ErrNoTLS), errors.Is(err, errNoMember):
			e.kind = ErrUnavailable
		case isBroken(err):
			e.kind, e.text = ErrUnavailable, "it does not answer"
		}
	}
	return e
}

// isContextError reports whether an error is the end of a context.
func isContextError(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// isBroken reports whether an error comes from the connection rather than from the database.
func isBroken(err error) bool {
	_, network := errors.AsType[net.Error](err) // including context.DeadlineExceeded
	return network || errors.Is(err, mysql.ErrInvalidConn) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, sql.ErrConnDone)
}

// errorCode returns the error code of MariaDB or SQLite, or 0.
func errorCode(err error) int {
	if e, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return int(e.Number)
	}
	// An interface, so that programs without SQLite do not link its driver.
	if e, ok := errors.AsType[interface {
		error
		Code() int
	}](err); ok {
		// For these, the primary code says enough. It is the low byte of an extended one.
		switch primary := e.Code() & 0xff; primary {
		case sqliteReadOnly:
			if e.Code() != sqliteMoved && e.Code() != sqliteDirectory {
				return primary
			}
		case sqliteBusy, sqliteLocked, sqliteIO, sqliteCorrupt, sqliteFull, sqliteNoFile, sqliteNoDB:
			return primary
		}
		return e.Code()
	}
	return 0
}

// isRetryable reports whether MariaDB rolled a transaction back because of another one, so that it is worth trying
// again.
func isRetryable(err error) bool {
	switch errorCode(err) {
	case mariaDeadlock, mariaLockWait, mariaRecordChanged:
		return true
	}
	return false
}

// mayUndo reports whether an error may have rolled back the whole transaction silently:
// https://mariadb.com/docs/server/reference/sql-statements/transactions, https://www.sqlite.org/lang_transaction.html.
func mayUndo(err error) bool {
	switch errorCode(err) {
	case sqliteBusy, sqliteLocked, sqliteInterrupt, sqliteIO, sqliteFull:
		return true
	}
	return isRetryable(err) || err != nil && (isBroken(err) || isContextError(err))
}

// isForeignText reports whether MariaDB could not compare a value with a column because the character set of the column
// lacks its characters. Then no row holds the value.
func isForeignText(err error) bool {
	switch errorCode(err) {
	case mariaMixCollation, mariaMix3Collations, mariaMixCollations, mariaWrongValue:
		return true
	}
	return false
}
