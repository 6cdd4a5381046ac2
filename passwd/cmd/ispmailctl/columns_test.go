package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/sqlitefile"
)

// sql runs a statement on the database of a session.
func (s session) sql(statements ...string) {
	s.t.Helper()
	db, err := openForeign(s.t.Context(), s.dsn)
	if path, ok := sqlitefile.Path(s.dsn); ok {
		require.NoError(s.t, db.Close())
		db, err = sqlitefile.Open(path, sqlitefile.Write)
	}
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, db.Close()) }()
	for _, statement := range statements {
		_, err := db.ExecContext(s.t.Context(), statement)
		require.NoError(s.t, err, statement)
	}
}

// needy makes tables with columns of another program that need values.
func needy(s session) {
	s.t.Helper()
	if strings.HasPrefix(s.dsn, "sqlite:") { // which adds no column without a default
		s.sql("DROP TABLE virtual_users", `CREATE TABLE virtual_users (id INTEGER PRIMARY KEY, domain_id INTEGER NOT NULL, email TEXT NOT NULL UNIQUE, password TEXT NOT NULL, quota INTEGER DEFAULT 0,
			maildir TEXT NOT NULL, Created TEXT NOT NULL, computed INT GENERATED ALWAYS AS (id + 1))`,
			"ALTER TABLE virtual_aliases ADD COLUMN created TEXT NOT NULL DEFAULT 'never'", "ALTER TABLE virtual_domains ADD COLUMN note TEXT")
		return
	}
	s.sql("ALTER TABLE virtual_users ADD COLUMN maildir VARCHAR(50) NOT NULL, ADD COLUMN Created DATETIME NOT NULL, ADD COLUMN computed INT AS (domain_id + 1)",
		"ALTER TABLE virtual_aliases ADD COLUMN created VARCHAR(20) NOT NULL DEFAULT 'never'", "ALTER TABLE virtual_domains ADD COLUMN note TEXT")
}

// TestSet gives columns of other programs their values, in every command that inserts.
func TestSet(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		needy(s)
		s.ok("", "domain", "add", "example.org", "--set", "note=%d at 100 %%", "--set", "created=%t")
		_, errs, code := s.do("a long enough secret", "user", "add", "john@example.org")
		assert.Equal(t, exitDatabase, code)
		assert.Equal(t, "ispmailctl: virtual_users.created, virtual_users.maildir have no default; give them a value by --set virtual_users.created=VALUE --set virtual_users.maildir=VALUE\n", errs)
		const user = `{"type":"user","email":"jim@example.org","password":"{CRYPT}!"}`
		_, errs, code = s.do(user, "import", "file", "-", "--set", "created=%t")
		assert.Equal(t, exitDatabase, code)
		assert.Equal(t, "ispmailctl: nothing was changed: virtual_users.maildir has no default; give it a value by --set virtual_users.maildir=VALUE\n", errs)
		s.ok("a long enough secret", "user", "add", "John@example.org", "--set", "Created=2026-01-02 03:04:05", "--set", "virtual_users.MAILDIR=/%d/%n=%u")
		s.ok("", "alias", "add", "@example.org", "john@example.org", "--set", "created=(%n)%d")
		s.ok("", "alias", "set", "info@example.org", "john@example.org", "--set", "created=%n")
		s.ok(user, "import", "file", "-", "--set", "created=2026-01-02 03:04:05", "--set", "maildir=/imported")
		export := s.ok("", "export")
		for _, part := range []string{
			`"columns":{"note":"example.org at 100 %"}`, `"columns":{"created":"2026-01-02 03:04:05","maildir":"/example.org/john=john@example.org"}`,
			`"columns":{"created":"()example.org"}`, `"columns":{"created":"info"}`, `"columns":{"created":"2026-01-02 03:04:05","maildir":"/imported"}`,
		} {
			assert.Contains(t, export, part)
		}
		s.ok("a long enough secret", "user", "add", "time@example.org", "--set", "created=%t", "--set", "virtual_users.maildir=y", "--set", "maildir=x")
		assert.Regexp(t, `"created":"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d","maildir":"y"`, s.ok("", "export"))
	})
}

// TestSetRefused has one sentence for what cannot be set, and changes nothing.
func TestSetRefused(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		needy(s)
		s.ok("", "domain", "add", "example.net")
		before := s.ok("", "export")
		for set, want := range map[string]string{
			"maildir":                  "--set takes COLUMN=VALUE or TABLE.COLUMN=VALUE",
			"=x":                       "--set takes COLUMN=VALUE or TABLE.COLUMN=VALUE",
			"maildr=x":                 "--set maildr: there is no such column of another program; there are virtual_aliases.created, virtual_domains.note, virtual_users.created, virtual_users.maildir",
			"virtual_domains.created=": "--set virtual_domains.created: there is no such column of another program; there are ",
			"virtual_user.maildir=x":   "--set virtual_user.maildir: the table is none of virtual_aliases, virtual_domains, virtual_users",
			"computed=x":               "--set computed: there is no such column of another program",
			"Email=x":                  "--set email: the guide has this column, and the command fills it itself",
			"virtual_users.quota=1":    "--set virtual_users.quota: the guide has this column, and the command fills it itself",
			"note=%n":                  "--set note: a domain has no address, so %u and %n mean nothing",
			"maildir=%h":               "--set maildir: there are the placeholders %u, %n, %d and %t only; write %% for a percent sign",
			"maildir=100%":             "--set maildir: there are the placeholders",
			"":                         "--set is empty: leave it out, or give it a value",
		} {
			_, errs, code := s.do("", "domain", "add", "example.org", "--set", set)
			assert.Equal(t, command.ExitUsage, code, set)
			assert.Contains(t, errs, want, set)
			assert.Equal(t, 1, strings.Count(errs, "\n"))
		}
		_, errs, code := s.do("", "domain", "add", "example.org", "--set", "note=1", "--set", "Note=2")
		assert.Equal(t, command.ExitUsage, code)
		assert.Contains(t, errs, "--set note is there twice")
		assert.Equal(t, before, s.ok("", "export"))
	})
}

// TestSetEnvironment takes the values from the environment, one a line.
func TestSetEnvironment(t *testing.T) {
	t.Setenv("ISPMAILCTL_SET", "maildir=/%n\r\n\ncreated=2026-01-02 03:04:05\n")
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--on-change", "none", "--dsn", s.dsn}
	s.ok("", "init")
	needy(s)
	s.ok("", "domain", "add", "example.org")
	s.ok("a long enough secret", "user", "add", "john@example.org")
	assert.Contains(t, s.ok("", "export"), `"columns":{"created":"2026-01-02 03:04:05","maildir":"/john"}`)
}

// TestMove moves a database with columns of another program from SQLite to the guide's tables on MariaDB and back, and says
// what cannot come along before anything is written.
func TestMove(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("-short: a MariaDB needs Docker")
	}
	from := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	from.args = []string{"--on-change", "none", "--dsn", from.dsn}
	from.ok("", "init")
	from.sql("ALTER TABLE virtual_users ADD COLUMN note", "ALTER TABLE virtual_users ADD COLUMN n INT")
	from.ok("", "domain", "add", "example.org", "example.net")
	from.ok("a long enough secret", "user", "add", "john@example.org", "--quota", "1G", "--set", "note=x")
	from.ok("a long enough secret", "user", "add", "jane@example.org")
	from.ok("", "alias", "add", "info@example.org", "john@example.org", "jane@elsewhere.example")
	from.sql("UPDATE virtual_users SET note = 5, n = NULL WHERE id = 2", "UPDATE virtual_users SET note = '日本' WHERE id = 1")
	db := ispmailtest.MariaDB(t)
	to := session{t: t, dsn: db.DSN, args: []string{"--on-change", "none", "--dsn-file", dsnFile(t, db.DSN)}}
	file := filepath.Join(t.TempDir(), "all.jsonl")
	from.ok("", "export", file)
	text, err := os.ReadFile(file) //nolint:gosec // our own file
	require.NoError(t, err)
	back := func() session {
		s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "back.db")}
		s.args = []string{"--on-change", "none", "--dsn", s.dsn}
		s.ok("", "init")
		s.sql("ALTER TABLE virtual_users ADD COLUMN note", "ALTER TABLE virtual_users ADD COLUMN n INT")
		return s
	}
	refused := func(want string, code int, args ...string) {
		_, errs, got := to.do("", append([]string{"restore", file}, args...)...)
		assert.Equal(t, code, got, args)
		assert.Equal(t, "ispmailctl: nothing was restored: "+want+"\n", errs)
		assert.Equal(t, "There are none.\n", to.ok("", "domain", "list"))
	}
	refused("line 4, user john@example.org: there are no virtual_users.n, virtual_users.note, and the record has a value for them; leave them out by --without virtual_users.n --without virtual_users.note", exitDatabase)
	refused("line 4, user john@example.org: there is no virtual_users.n, and the record has a value for it; leave it out by --without virtual_users.n", exitDatabase, "--without", "note")
	refused("--without n0: no record has such a column", command.ExitFailed, "--without", "n,note,n0")
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN note VARCHAR(1), ADD COLUMN n INT")
	refused("line 4, user john@example.org: value does not fit its column: 2 characters are too long for virtual_users.note, which holds 1", command.ExitFailed)
	db.Exec(t, "ALTER TABLE virtual_users MODIFY note VARCHAR(9) CHARACTER SET latin1")
	refused("line 4, user john@example.org: value does not fit its column: virtual_users.note does not take the value", command.ExitFailed)
	db.Exec(t, "ALTER TABLE virtual_users MODIFY note VARCHAR(9), DROP COLUMN quota")
	refused("line 4, user john@example.org: virtual_users has no column quota; leave the quotas out by --without quota", command.ExitFailed)
	assert.Equal(t, "Restored 6 records.\nLeft out virtual_users.quota of 2 records.\n", to.ok("", "restore", file, "--without", "quota"))
	db.Exec(t, "DELETE FROM virtual_domains")
	assert.JSONEq(t, `{"records":6,"left_out":{"virtual_users.n":2,"virtual_users.quota":2}}`, to.ok("", "restore", file, "--without", "quota,N", "--json"))
	db.Exec(t, "DELETE FROM virtual_domains")
	db.Exec(t, "ALTER TABLE virtual_users ADD COLUMN quota BIGINT NOT NULL DEFAULT 0")
	to.ok("", "restore", file)
	again := back()
	again.ok(to.ok("", "export"), "restore", "-")
	assert.Equal(t, strings.Replace(string(text), `"note":5`, `"note":"5"`, 1), again.ok("", "export"), "a number became a text of its digits")
	plain := back()
	plain.sql("ALTER TABLE virtual_users DROP COLUMN note", "ALTER TABLE virtual_users DROP COLUMN n")
	_, errs, code := plain.do("", "import", "file", file)
	assert.Equal(t, exitDatabase, code)
	assert.Equal(t, "ispmailctl: nothing was changed: line 4, user john@example.org: there are no virtual_users.n, virtual_users.note, and the record has a value for them; leave them out by --without virtual_users.n --without virtual_users.note\n", errs)
	assert.Contains(t, plain.ok("", "import", "file", file, "--without", "virtual_users.note,n"), "Left out virtual_users.n of 2 records.\nLeft out virtual_users.note of 2 records.\n")
	_, errs, code = plain.do("", "import", "file", file, "--without", "virtual_users.email")
	assert.Equal(t, command.ExitUsage, code)
	assert.Contains(t, errs, "--without virtual_users.email: a row cannot do without it")
}

// TestRestoreUnknownSchemes restores a database as it was, and says with which passwords nobody can log in.
func TestRestoreUnknownSchemes(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		out, errs, code := s.do(`{"type":"domain","id":1,"name":"example.org"}
{"type":"user","id":1,"domain_id":1,"email":"a@example.org","password":"{BCRYPT}$2y$10$QVsJqpCuzMpWEw"}
{"type":"user","id":2,"domain_id":1,"email":"b@example.org","password":"{FOO}bar"}
{"type":"user","id":3,"domain_id":1,"email":"c@example.org","password":"{CRYPT}!"}
{"type":"user","id":4,"domain_id":1,"email":"@example.org","password":"~"}`, "restore", "-")
		assert.Equal(t, command.ExitOK, code)
		assert.Equal(t, "Restored 5 records.\n", out)
		assert.Equal(t, "note: nobody can log in with the stored passwords of 2 users, because no Dovecot knows them; check tells whose they are\n", errs)
		checked, _, _ := s.do("", "check")
		assert.Contains(t, checked, "virtual_users 1: ")
		assert.Contains(t, checked, "virtual_users 2: ")
	})
}

// TestMoveInUnknownSchemes refuses such passwords in a move from PostfixAdmin, by the names of the rows.
func TestMoveInUnknownSchemes(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		dir := t.TempDir()
		foreign(t, dir)
		source := session{t: t, dsn: "sqlite:" + filepath.Join(dir, "postfixadmin.db")}
		source.sql("UPDATE mailbox SET password = '{BCRYPT}$2y$10$QVsJqpCuzMpWEw/W.8vIMuKLvOpH6i1cCxys6L3QXt5omTRNF0VJy'")
		_, errs, code := s.do("", "import", "postfixadmin", "--source-dsn", source.dsn)
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, errs, "refused: mailbox jill@example.net, user jill@example.net: stored value is malformed: the stored password\n")
		assert.Equal(t, "There are none.\n", s.ok("", "domain", "list"))
	})
}

// TestExportKeeps keeps a file that is there, unless it is empty or --force is given.
func TestExportKeeps(t *testing.T) {
	t.Parallel()
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--on-change", "none", "--dsn", s.dsn}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	file := filepath.Join(t.TempDir(), "backup.jsonl")
	require.NoError(t, os.WriteFile(file, nil, 0o644)) //nolint:gosec // as a shell makes one
	s.ok("", "export", file)
	read := func() string {
		text, err := os.ReadFile(file) //nolint:gosec // our own file
		require.NoError(t, err)
		return string(text)
	}
	first := read()
	info, err := os.Stat(file)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.ok("", "domain", "add", "example.net")
	_, errs, code := s.do("", "export", file)
	assert.Equal(t, command.ExitFailed, code)
	assert.Equal(t, "ispmailctl: "+file+" is there already: --force replaces it\n", errs)
	assert.Equal(t, first, read())
	s.ok("", "export", file, "--force")
	assert.Equal(t, s.ok("", "export"), read())
	left, err := os.ReadDir(filepath.Dir(file))
	require.NoError(t, err)
	assert.Len(t, left, 1, "no other file is left")
}
