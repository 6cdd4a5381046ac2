package ispmail_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// withColumns adds columns to tables: "virtual_users.active TINYINT NOT NULL DEFAULT 1".
func withColumns(t *testing.T, db *ispmailtest.Database, columns ...string) {
	t.Helper()
	for _, column := range columns {
		table, definition, _ := strings.Cut(column, ".")
		db.Exec(t, "ALTER TABLE "+table+" ADD COLUMN "+definition)
	}
}

// withState returns a store on a database whose three tables have a column active.
func withState(t *testing.T, db *ispmailtest.Database, config ispmail.Config) *ispmail.Store {
	t.Helper()
	for _, table := range []string{"virtual_domains", "virtual_users", "virtual_aliases"} {
		withColumns(t, db, table+".active TINYINT DEFAULT 1")
	}
	config.State = []string{"active"}
	return db.Store(t, config)
}

// TestStateShapes switches a user off and on by columns of every shape, and compares what the store says.
func TestStateShapes(t *testing.T) {
	t.Parallel()
	both, maria, lite := "MariaDB SQLite", "MariaDB", "SQLite"
	for _, test := range []struct {
		databases, column, state string
		on, off                  []string
	}{
		{both, "active TINYINT", "active", []string{"1", "2", "-1"}, []string{"0", "NULL"}},
		{both, "Active BOOLEAN", "virtual_users.ACTIVE", []string{"TRUE"}, []string{"FALSE", "NULL"}},
		{both, "is_active INTEGER", "is_active", []string{"1"}, []string{"0", "NULL"}},
		{both, "enabled VARCHAR(5)", "enabled", []string{"'1'", "'yes'", "'true'", "'Y'"}, []string{"'0'", "''", "'N'", "'no'", "'FALSE'", "NULL"}},
		{both, "enabled DECIMAL(3,1)", "enabled", []string{"1.0", "0.5"}, []string{"0.0", "NULL"}},
		{maria, "active BIT(1)", "active", []string{"b'1'"}, []string{"b'0'", "NULL"}},
		{maria, "active ENUM('Y','N')", "active", []string{"'Y'"}, []string{"'N'", "NULL"}},
		{maria, "active ENUM('0','1')", "active", []string{"'1'"}, []string{"'0'", "NULL"}},
		{maria, "active CHAR(1) CHARACTER SET latin1", "active", []string{"'1'"}, []string{"'0'", "NULL"}},
		{maria, "active VARCHAR(3) COLLATE utf8mb4_bin", "active", []string{"'Yes'"}, []string{"'No'", "NULL"}},
		{both, "disabled TINYINT", "!disabled", []string{"0", "NULL"}, []string{"1"}},
		{both, "is_deleted VARCHAR(1)", "!is_deleted", []string{"'0'", "''", "NULL", "'n'"}, []string{"'1'", "'y'"}},
		{both, "deleted_at DATETIME", "!deleted_at", []string{"NULL"}, []string{"'2024-02-29 12:00:00'", "'2999-01-01'"}},
		{maria, "deleted_at DATETIME NOT NULL", "!deleted_at", []string{"'0000-00-00'"}, []string{"'2024-02-29 12:00:00'"}},
		{maria, "deleted_at TIMESTAMP NULL", "!deleted_at", []string{"NULL", "'0000-00-00 00:00:00'"}, []string{"'2024-02-29 12:00:00'"}},
		{maria, "deleted_at DATE", "!deleted_at", []string{"NULL", "'0000-00-00'"}, []string{"'2024-02-29'"}},
		{both, "deleted_at VARCHAR(30)", "!deleted_at", []string{"NULL", "''", "'0000-00-00 00:00:00'"}, []string{"'2024-02-29 12:00:00'"}},
		{lite, "deleted_at", "!deleted_at", []string{"NULL", "''", "0"}, []string{"'2024-02-29 12:00:00'", "1709208000"}},
		{both, "confirmed_at DATETIME", "confirmed_at", []string{"'2024-02-29 12:00:00'"}, []string{"NULL"}},
		{both, "status VARCHAR(20)", "status=active", []string{"'active'"}, []string{"'closed'", "''", "NULL"}},
		{maria, "status ENUM('active','closed')", "status=active", []string{"'active'"}, []string{"'closed'", "NULL"}},
		{maria, "status VARCHAR(20) COLLATE utf8mb4_general_ci", "status=active", []string{"'Active'"}, []string{"'closed'"}},
		{maria, "status VARCHAR(20) COLLATE utf8mb4_bin", "status=active", []string{"'active'"}, []string{"'Active'"}},
		{lite, "status VARCHAR(20) COLLATE NOCASE", "status=active", []string{"'Active'"}, []string{"'closed'"}},
		{lite, "status VARCHAR(20)", "status=active", []string{"'active'"}, []string{"'Active'"}},
		{both, "status TINYINT", "status=2", []string{"2"}, []string{"1", "0", "NULL"}},
		{maria, "status BIT(2)", "status=2", []string{"b'10'"}, []string{"b'01'", "NULL"}},
		{both, "status VARCHAR(20)", "!status=closed", []string{"'active'", "''", "NULL"}, []string{"'closed'"}},
		{both, "status VARCHAR(20)", "status=active status=trial", []string{"'active'", "'trial'"}, []string{"'closed'", "NULL"}},
		{both, "status VARCHAR(20)", "!status=closed !status=spam", []string{"'trial'", "NULL"}, []string{"'closed'", "'spam'"}},
		{both, "status VARCHAR(20)", "virtual_users.status=on hold", []string{"'on hold'"}, []string{"'on'"}},
	} {
		const weak = "{PLAIN}" + ispmailtest.Password
		ispmailtestEach(t, test.databases, test.column+" "+test.state, func(t *testing.T, db *ispmailtest.Database) {
			db.Example(t)
			set := func(value string) string {
				return "UPDATE virtual_users SET " + strings.Fields(test.column)[0] + " = " + value + " WHERE id = 1"
			}
			lax := db
			if strings.Contains(t.Name(), "MariaDB") { // a zero date needs a server that allows it
				lax = dbtest.Connect(t, db, map[string]string{"sql_mode": "''"})
			}
			lax.Exec(t, "ALTER TABLE virtual_users ADD COLUMN "+test.column)
			state := []string{test.state}
			if strings.Count(test.state, "status=") == 2 {
				state = strings.Fields(test.state)
			}
			store := db.Store(t, ispmail.Config{State: state})
			if lax != db { // a strict sql_mode looks more closely at the values of an UPDATE
				store = dbtest.Open(t, db.DSN, ispmail.Config{State: state})
			}
			for want, values := range map[bool][]string{true: test.on, false: test.off} {
				for _, value := range values {
					lax.Exec(t, set(value))
					user, err := store.User(t.Context(), "john@example.org")
					require.NoError(t, err)
					assert.Equal(t, want, !user.Off, value)
					require.NoError(t, store.SetStoredPassword(t.Context(), "john@example.org", weak))
					_, err = store.Authenticate(t.Context(), "john@example.org", ispmailtest.Password)
					assert.Equal(t, want, err == nil, value)
					assert.Equal(t, want, db.Stored(t, "john@example.org") != weak, "%s: a login renews it", value)
					n, err := store.CountUsers(t.Context(), ispmail.Query{State: ispmail.SwitchedOn, Search: "john"})
					require.NoError(t, err)
					assert.Equal(t, want, n == 1, value)
					off := dbtest.Collect(t, store.Users(t.Context(), ispmail.Query{State: ispmail.SwitchedOff, Search: "john"}))
					assert.Equal(t, want, len(off) == 0, value)
				}
			}
		})
	}
}

// ispmailtestEach runs a test on those of the two databases that are wanted.
func ispmailtestEach(t *testing.T, databases, name string, test func(*testing.T, *ispmailtest.Database)) {
	t.Helper()
	for kind, open := range map[string]func(testing.TB) *ispmailtest.Database{"MariaDB": ispmailtest.MariaDB, "SQLite": ispmailtest.SQLite} {
		if strings.Contains(databases, kind) {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				test(t, open(t))
			})
		}
	}
}
