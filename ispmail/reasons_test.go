package ispmail_test

import (
	"context"
	"errors"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestTrueReasons has errors of a server for which a wrong reason would be easy to give.
func TestTrueReasons(t *testing.T) {
	t.Parallel()
	store := ispmailtest.SQLite(t).Store(t, ispmail.Config{})
	kinds := []error{ispmail.ErrSchema, ispmail.ErrDenied, ispmail.ErrUnavailable, ispmail.ErrNoDomain, ispmail.ErrReferenced, ispmail.ErrExists, ispmail.ErrTooLong}
	for _, test := range []struct {
		err  error
		kind error
		want string
	}{
		{&mysql.MySQLError{Number: 1040, Message: "Too many connections"}, ispmail.ErrUnavailable, "ispmail: database unavailable: the server has all the connections that it takes (max_connections): Error 1040: Too many connections"},
		{&mysql.MySQLError{Number: 1203, Message: "User x already has more than 'max_user_connections' active connections"}, ispmail.ErrUnavailable, "the account has reached a limit of the server"},
		{&mysql.MySQLError{Number: 1226, Message: "User 'x' has exceeded the 'max_queries_per_hour' resource"}, ispmail.ErrUnavailable, "the account has reached a limit of the server"},
		{&mysql.MySQLError{Number: 1290, Message: "The MariaDB server is running with the --read-only option so it cannot execute this statement"}, ispmail.ErrUnavailable, "it is read-only"},
		{&mysql.MySQLError{Number: 1290, Message: "The MariaDB server is running with the --secure-file-priv option so it cannot execute this statement"}, nil, "ispmail: database: Error 1290: The MariaDB server is running with the --secure-file-priv"},
		{&mysql.MySQLError{Number: 1836, Message: "Running in read-only mode"}, ispmail.ErrUnavailable, "it is read-only"},
		{&mysql.MySQLError{Number: 1792, Message: "Cannot execute statement in a READ ONLY transaction"}, ispmail.ErrUnavailable, "the transaction is read-only"},
		{&mysql.MySQLError{Number: 3159, Message: "Connections using insecure transport are prohibited while --require_secure_transport=ON."}, ispmail.ErrDenied, "the DSN needs ?tls=true, or ?tls-ca=/path/ca.pem"},
		{&mysql.MySQLError{Number: 1045, Message: "Access denied for user 'x'@'y'"}, ispmail.ErrDenied, "without TLS is not accepted: Error 1045"},
		{&mysql.MySQLError{Number: 1698, Message: "Access denied for user 'mailadmin'@'localhost'"}, ispmail.ErrDenied, "its mailadmin@localhost for the socket"},
		{&mysql.MySQLError{Number: 1217, Message: "Cannot delete or update a parent row: a foreign key constraint fails"}, ispmail.ErrReferenced, "another row refers to it: Error 1217"},
		{&mysql.MySQLError{Number: 167, Message: "Out of range value for column 'id' at row 1"}, ispmail.ErrSchema, "there is no further id"},
		{&mysql.MySQLError{Number: 1193, Message: "Unknown system variable 'max_statement_time'"}, nil, "or the server is no MariaDB: Error 1193"},
		{&mysql.MySQLError{Number: 4084, Message: "Sequence 'a.b' has run out"}, ispmail.ErrSchema, "there is no further id"},
	} {
		err := store.Read(t.Context(), func(context.Context, bun.IDB) error { return test.err })
		require.ErrorContains(t, err, test.want)
		for _, kind := range kinds {
			assert.Equal(t, kind == test.kind, errors.Is(err, kind), "%v: %v", kind, err) //nolint:errorlint // the very kind
		}
	}
}

// TestTooManyOfAccount has an account that may have one connection, which is in use. That is no missing right.
func TestTooManyOfAccount(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	dsn := db.Account(t, "GRANT SELECT ON * TO %s", "GRANT USAGE ON *.* TO %s WITH MAX_USER_CONNECTIONS 1")
	store := dbtest.Open(t, dsn, ispmail.Config{})
	require.NoError(t, store.RunInTx(t.Context(), func(ctx context.Context, tx *ispmail.Store) error {
		_, err := ispmail.Open(ctx, dsn, ispmail.Config{})
		require.ErrorIs(t, err, ispmail.ErrUnavailable)
		require.NotErrorIs(t, err, ispmail.ErrDenied)
		require.ErrorContains(t, err, "the account has reached a limit of the server: Error 1226")
		return nil
	}))
}
