package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// TestMain is the program itself where a test needs a process of its own.
func TestMain(m *testing.M) {
	if os.Getenv("ISPMAIL_TEST_COMMAND") != "" {
		if uid, err := strconv.Atoi(os.Getenv("ISPMAIL_TEST_UID")); err == nil && syscall.Setuid(uid) != nil {
			os.Exit(1)
		}
		main()
	}
	os.Exit(m.Run())
}

// built returns a directory with the program, for tests that take a shell or a terminal, and the environment in which it
// runs from there.
func built(t *testing.T) (dir string, env []string) {
	t.Helper()
	dir = t.TempDir()
	executable, err := os.Executable()
	require.NoError(t, err)
	require.NoError(t, os.Symlink(executable, filepath.Join(dir, "ispmailctl")))
	// Under the race detector, a process would sleep a second at its end.
	return dir, append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "ISPMAIL_TEST_COMMAND=1", "GORACE=atexit_sleep_ms=0")
}

// withoutRace skips a test that runs a hundred processes, one after the other. .ci/tests runs it again without the race detector.
func withoutRace(t *testing.T) {
	t.Helper()
	if raced {
		t.Skip("it runs without the race detector, see .ci/tests")
	}
}

// foreign makes small databases of other programs.
func foreign(t *testing.T, dir string) {
	t.Helper()
	for name, statements := range map[string][]string{
		"postfixadmin": {
			"CREATE TABLE domain (domain varchar(255) PRIMARY KEY, backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1)",
			"CREATE TABLE mailbox (username varchar(255) PRIMARY KEY, password varchar(255) NOT NULL, name varchar(255), quota bigint(20) NOT NULL DEFAULT 0, domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
			"CREATE TABLE alias (address varchar(255) PRIMARY KEY, goto text NOT NULL, domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
			"CREATE TABLE alias_domain (alias_domain varchar(255) PRIMARY KEY, target_domain varchar(255), active tinyint(1) NOT NULL DEFAULT 1)",
			"INSERT INTO domain (domain) VALUES ('example.net')",
			"INSERT INTO mailbox (username, password, name, active) VALUES ('jill@example.net', '$1$c9809462$gmnia3zkY/MaUkpcX8b9S0', 'Jill', 1), ('old@example.net', '$1$c9809462$gmnia3zkY/MaUkpcX8b9S0', '', 0)",
			"INSERT INTO alias (address, goto) VALUES ('jill@example.net', 'jill@example.net'), ('sales@example.net', 'jill@example.net,john@example.org')",
		},
		"vimbadmin": {
			"CREATE TABLE domain (id integer PRIMARY KEY, domain varchar(255), backupmx tinyint(1) NOT NULL DEFAULT 0, active tinyint(1) NOT NULL DEFAULT 1)",
			"CREATE TABLE mailbox (id integer PRIMARY KEY, username varchar(255), password varchar(255) NOT NULL, quota bigint(20) NOT NULL DEFAULT 0, Domain_id bigint, active tinyint(1) NOT NULL DEFAULT 1)",
			"CREATE TABLE alias (id integer PRIMARY KEY, address varchar(255), goto text NOT NULL, Domain_id bigint, active tinyint(1) NOT NULL DEFAULT 1)",
			"INSERT INTO domain (id, domain) VALUES (1, 'example.com')",
			"INSERT INTO mailbox (id, username, password, quota, Domain_id) VALUES (1, 'jeff@example.com', '$6$003x3FQoj4ZmR2Tx$QaMl4MUtGBBLWDa1JUUBCeDoUBkivKuieHRZ9lCZ7PTFsxCYsJ6yXdT8J2iF2haydvpMGKvc7QXcvSzFS0NyZ.', 0, 1)",
			"INSERT INTO alias (id, address, goto, Domain_id) VALUES (1, 'jeff@example.com', 'jeff@example.com', 1), (2, '@example.com', 'jeff@example.com', 1)",
		},
	} {
		db, err := sqlitefile.Open(filepath.Join(dir, name+".db"), sqlitefile.Create)
		require.NoError(t, err)
		for _, statement := range statements {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err, statement)
		}
		require.NoError(t, db.Close())
	}
}

// A session is a database and what runs on it.
type session struct {
	t    *testing.T
	dsn  string
	args []string
}

// do runs a command and returns what it prints and its exit code.
func (s session) do(stdin string, args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	code = run(s.t.Context(), append(s.args, args...), strings.NewReader(stdin), &out, &errs)
	return out.String(), errs.String(), code
}

// ok runs a command that must succeed.
func (s session) ok(stdin string, args ...string) string {
	s.t.Helper()
	out, errs, code := s.do(stdin, args...)
	require.Equal(s.t, command.ExitOK, code, "%v: %s", args, errs)
	require.Empty(s.t, errs, "%v", args)
	return out
}

func dsnFile(t *testing.T, dsn string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dsn")
	require.NoError(t, os.WriteFile(file, []byte(dsn+"\n"), 0o600))
	return file
}

// sessions runs a test on both kinds of database, with -short on SQLite alone.
func sessions(t *testing.T, test func(t *testing.T, s session)) {
	t.Helper()
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		if testing.Short() {
			t.Skip("-short: a MariaDB needs Docker")
		}
		db := ispmailtest.MariaDB(t)
		test(t, session{t: t, dsn: db.DSN, args: []string{"--on-change", "none", "--dsn-file", dsnFile(t, db.DSN)}})
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
		s.args = []string{"--on-change", "none", "--dsn", s.dsn}
		s.ok("", "init")
		test(t, s)
	})
}
