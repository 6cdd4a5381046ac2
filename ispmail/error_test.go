package ispmail_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// TestAddressError tells a user interface which field is wrong, and why.
func TestAddressError(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, _ *ispmailtest.Database, store *ispmail.Store) {
		ctx := t.Context()
		for _, test := range []struct {
			err  error
			want ispmail.AddressError
		}{
			{errorOf(store.User(ctx, "a b@example.org")), ispmail.AddressError{Field: "address", Value: "a b@example.org", Reason: "the part before the @ has a sign that is not allowed there"}},
			{errorOf(store.CreateDomain(ctx, "-")), ispmail.AddressError{Field: "domain", Value: "-", Reason: "the domain is no host name"}},
			{errorOf(store.CreateAlias(ctx, "jim", "x@example.org")), ispmail.AddressError{Field: "source", Value: "jim", Reason: "it has no @"}},
			{errorOf(store.SetAliases(ctx, "jim@example.org", "x@example.org", "y z")), ispmail.AddressError{Field: "destination", Value: "y z", Reason: "it has no @, and a local account has no such name"}},
			{errorOf(store.SetAliases(ctx, "jim@example.org")), ispmail.AddressError{Field: "destination", Reason: "there is none"}},
			{errorOf(store.RenameUser(ctx, "john@example.org", "john")), ispmail.AddressError{Field: "new address", Value: "john", Reason: "it has no @"}},
			{errorOf(store.RenameDomain(ctx, "example.org", "")), ispmail.AddressError{Field: "new name", Reason: "the domain is empty"}},
		} {
			require.ErrorIs(t, test.err, ispmail.ErrInvalidAddress)
			got, ok := errors.AsType[*ispmail.AddressError](test.err)
			require.True(t, ok, "%v", test.err)
			assert.Equal(t, test.want, *got)
			assert.Contains(t, test.err.Error(), got.Reason)
		}
	})
}

// TestCallersFault does not blame the database for errors of the caller.
func TestCallersFault(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		defer cancelLate()
		for ctx, want := range map[context.Context]error{canceled: context.Canceled, late: context.DeadlineExceeded} {
			for name, call := range map[string]func() error{
				"User":       func() error { return errorOf(store.User(ctx, "john@example.org")) },
				"CreateUser": func() error { return errorOf(store.CreateUser(ctx, "x@example.org", "a long enough secret")) },
				"SetAliases": func() error { return errorOf(store.SetAliases(ctx, "x@example.org", "y@example.org")) },
				"RenameUser": func() error { return errorOf(store.RenameUser(ctx, "john@example.org", "jim@example.org")) },
				"ChangePassword": func() error {
					return store.ChangePassword(ctx, "john@example.org", "summersun", "a long enough secret")
				},
				"RunInTx": func() error { return store.RunInTx(ctx, func(context.Context, *ispmail.Store) error { return nil }) },
				"New":     func() error { return errorOf(ispmail.New(ctx, db.DB, ispmail.Config{})) },
			} {
				err := call()
				require.ErrorIs(t, err, want, name)
				require.NotErrorIs(t, err, ispmail.ErrUnavailable, name)
				require.ErrorContains(t, err, "the caller did not wait", name)
			}
		}
		var after *ispmail.Store
		require.NoError(t, store.RunInTx(t.Context(), func(_ context.Context, tx *ispmail.Store) error { after = tx; return nil }))
		err := errorOf(after.User(t.Context(), "john@example.org"))
		require.ErrorIs(t, err, sql.ErrTxDone)
		require.ErrorContains(t, err, "the transaction is over")
		require.NotErrorIs(t, err, ispmail.ErrUnavailable)
		require.ErrorContains(t, errorOf(ispmail.New(t.Context(), nil, ispmail.Config{})), "this is nil")
	})
}

// TestPoolIsBusy has a pool whose only connection is in use.
func TestPoolIsBusy(t *testing.T) {
	t.Parallel()
	db := ispmailtest.SQLite(t)
	db.Example(t)
	store := db.Store(t, ispmail.Config{}).SetTimeout(50 * time.Millisecond)
	db.DB.SetMaxOpenConns(1)
	conn, err := db.DB.Conn(t.Context())
	require.NoError(t, err)
	for _, err := range []error{errorOf(store.User(t.Context(), "john@example.org")), errorOf(store.CreateDomain(t.Context(), "example.net"))} {
		require.ErrorIs(t, err, ispmail.ErrUnavailable)
		require.ErrorContains(t, err, "all 1 connections of the pool are in use")
	}
	require.NoError(t, conn.Close())
	db.DB.SetMaxOpenConns(0)
	require.NoError(t, errorOf(db.Store(t, ispmail.Config{}).User(t.Context(), "john@example.org")))
}

// TestUserSecrets prints a user in every way that a program would by accident.
func TestUserSecrets(t *testing.T) {
	t.Parallel()
	user := ispmail.User{ID: 7, DomainID: 1, Email: "jane@example.org", Password: ispmail.NewSecret("{PLAIN}summersun")}
	record := ispmail.Record{User: &user, NewPassword: ispmail.NewSecret("summersun")}
	type owner struct {
		User    ispmail.User
		Pointer *ispmail.User
		Map     map[string]ispmail.User
		Record  ispmail.Record
	}
	all := []any{user, &user, []ispmail.User{user}, []*ispmail.User{&user}, map[string]ispmail.User{"jane": user}, record, &record, []ispmail.Record{record}, owner{user, &user, map[string]ispmail.User{"jane": user}, record}}
	var out strings.Builder
	for _, value := range all {
		for _, verb := range "vsdxXqTpboUegc" {
			for _, flag := range []string{"", "+", "#", "-40", " "} {
				fmt.Fprintf(&out, "%"+flag+string(verb)+"\n", value)
			}
		}
		fmt.Fprintln(&out, value)
		for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
			slog.New(handler).Info("word", "value", value, "group", slog.GroupValue(slog.Any("inner", value)))
		}
		text, err := json.Marshal(value)
		require.NoError(t, err)
		out.Write(text)
	}
	for _, secret := range []string{"summersun", "73756d6d657273756e", "73756D6D657273756E", "{PLAIN}"} {
		assert.NotContains(t, out.String(), secret)
	}
	assert.Contains(t, out.String(), "user jane@example.org")
}

// TestModels reads and writes with queries of bun's own.
func TestModels(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, db *ispmailtest.Database, store *ispmail.Store) {
		quota := int64(5)
		_, err := db.DB.NewInsert().Model(&ispmail.User{DomainID: 1, Email: "q@example.org", Password: ispmail.NewSecret("x"), Quota: &quota}).Exec(t.Context())
		require.NoError(t, err)
		user, err := store.User(t.Context(), "q@example.org")
		require.NoError(t, err)
		require.Equal(t, int64(5), *user.Quota)
		var users []ispmail.User
		require.NoError(t, db.DB.NewSelect().Model(&users).Where("email = 'q@example.org'").Scan(t.Context()))
		require.Equal(t, int64(5), *users[0].Quota)
		db.Exec(t, "ALTER TABLE virtual_users DROP COLUMN quota")
		require.Error(t, db.DB.NewSelect().Model(&users).Scan(t.Context()), "refused, and not a wrong value")
	})
}

// TestForeignTextStaysInside refuses a clear text that the column cannot hold. MariaDB's message would hold a part of it.
func TestForeignTextStaysInside(t *testing.T) {
	t.Parallel()
	db := ispmailtest.MariaDB(t)
	db.Example(t)
	db.Exec(t, "ALTER TABLE virtual_users CONVERT TO CHARACTER SET latin1")
	store := dbtest.Open(t, db.DSN, ispmail.Config{})
	_, refused := imported(t, store, ispmail.ImportConfig{}, newUser("jim@example.org", "{PLAIN}日本語"))
	for name, err := range map[string]error{
		"SetStoredPassword": store.SetStoredPassword(t.Context(), "john@example.org", "{PLAIN}日本語"),
		"CreateUserStored":  errorOf(store.CreateUserStored(t.Context(), "jill@example.org", "{PLAIN}日本語")),
		"Import":            errors.Join(refused...),
	} {
		require.ErrorIs(t, err, ispmail.ErrTooLong, name)
		for _, clear := range []string{"日", `\xE6`, "xe6", "1366"} {
			assert.NotContains(t, fmt.Sprintf("%v %+v", err, err), clear, name)
		}
		_, driver := errors.AsType[*mysql.MySQLError](err)
		assert.False(t, driver, "%s: a log may print it", name)
	}
}
