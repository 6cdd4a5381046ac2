package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestRefused has one sentence on standard error for everything that cannot be done, nothing on standard output, and changes
// nothing.
func TestRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	foreign(t, dir)
	write := func(name, text string) string {
		path := filepath.Join(dir, strings.ReplaceAll(t.Name(), "/", "_")+name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	const whole = `{"type":"records","version":1}` + "\n" + `{"type":"domain","name":"example.com"}` + "\n"
	empty := write("empty", "")
	cut := write("cut", whole+`{"type":"user","email":"jim@ex`)
	unfinished := write("unfinished", whole)
	dump := write("dump", "-- MariaDB dump 10.19\nCREATE TABLE `mailbox` (\n")
	twice := write("twice", whole+`{"type":"user","email":"jim@example.com","new_password":"a long enough secret"}`+"\n"+`{"type":"user","email":"Jim@example.com","new_password":"a long enough secret"}`+"\n"+`{"type":"end","records":3}`)
	long := write("long", whole+`{"type":"user","email":"`+strings.Repeat("j", 64)+"@"+strings.Repeat("long.", 10)+`example.com","new_password":"a long enough secret"}`+"\n"+`{"type":"end","records":2}`)
	tab := write("tab", whole+`{"type":"user","email":"jim@example.com","new_password":"a long\tenough secret"}`+"\n"+`{"type":"end","records":2}`)
	weak := write("weak", whole+`{"type":"user","email":"jim@example.com","new_password":"jim@example.com.1"}`+"\n"+`{"type":"user","email":"jill@example.com","new_password":"passwordpassword1"}`+"\n"+`{"type":"end","records":3}`)
	const unseen = "invalid password: it holds a line end, a tab or another character that cannot be seen"
	tests := []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"", []string{"domain", "add", "example.org"}, command.ExitFailed, "already exists: domain example.org"},
		{"", []string{"domain", "add", "example.com", "exa mple.com"}, command.ExitFailed, "invalid address: the domain"},
		{"", []string{"domain", "delete", "example.com", "--yes"}, command.ExitFailed, "not found: domain example.com"},
		{"", []string{"domain", "delete", "example.org", "--yes", "--dry-run"}, command.ExitUsage, "--yes and --dry-run exclude each other"},
		{"", []string{"domain", "rename", "example.org", "example.com"}, command.ExitUsage, "nobody can be asked here"},
		{"", []string{"user", "delete", "john@example.org"}, command.ExitUsage, "nobody can be asked here"},
		{"", []string{"user", "rename", "john@example.org", "jane@example.org", "--json"}, command.ExitUsage, "nobody can be asked here"},
		{"", []string{"domain", "delete", "example.org"}, command.ExitUsage, "nobody can be asked here: --yes does it, --dry-run tells what it would do"},
		{"", []string{"user", "add", "jim@example.org"}, command.ExitFailed, "standard input holds no password"},
		{"\n", []string{"user", "add", "jim@example.org"}, command.ExitFailed, "standard input holds no password"},
		{strings.Repeat("x", 5000), []string{"user", "add", "jim@example.org"}, command.ExitFailed, "longer than 4096 bytes"},
		{strings.Repeat("x", 512), []string{"user", "add", "jim@example.org"}, command.ExitFailed, "too long"},
		{"a long\tenough secret\n", []string{"user", "add", "jim@example.org"}, command.ExitFailed, unseen},
		{"a long enough secret\r", []string{"user", "add", "jim@example.org"}, command.ExitFailed, unseen},
		{"\ufeffa long enough secret\n", []string{"password", "set", "john@example.org"}, command.ExitFailed, unseen},
		{"a long enough secret\x00", []string{"password", "set", "john@example.org"}, command.ExitFailed, unseen},
		{"a long enough\u2028secret", []string{"password", "set", "john@example.org"}, command.ExitFailed, unseen},
		{"a long enough s\xe4cret", []string{"password", "set", "john@example.org"}, command.ExitFailed, "invalid password: it is not UTF-8"},
		{"", []string{"--min-length", "7", "user", "list"}, command.ExitUsage, "--min-length: 7 is not in 8 to 64"},
		{"", []string{"--min-length", "0", "user", "list"}, command.ExitUsage, "--min-length: 0 is not in 8 to 64"},
		{"plume tarte wok\n", []string{"--min-length", "16", "password", "set", "john@example.org"}, command.ExitFailed, "The new password must have at least 16 characters; --force stores it all the same"},
		{"", []string{"import", "file", weak}, command.ExitFailed, "refused: line 3, user jim@example.com: The new password is made of the mail address; --force stores it all the same\n"},
		{"", []string{"import", "file", weak}, command.ExitFailed, "refused: line 4, user jill@example.com: The new password is too easy to guess; --force stores it all the same\n"},
		{"", []string{"import", "file", weak}, command.ExitFailed, "nothing was changed, because 2 of 3 records are refused; --skip-refused adds the others"},
		{"", []string{"import", "file", tab}, command.ExitFailed, "line 3, user jim@example.com: " + unseen},
		{"summersun", []string{"user", "add", "jim@example.org"}, command.ExitFailed, "The new password must have at least 15 characters; --force stores it all the same"},
		{"passwordpassword", []string{"password", "set", "john@example.org"}, command.ExitFailed, "--force stores it all the same"},
		{"john.example.org.john", []string{"password", "set", "john@example.org"}, command.ExitFailed, "made of the mail address; --force"},
		{"a long\tenough secret\n", []string{"user", "add", "jim@example.org", "--force"}, command.ExitFailed, unseen},
		{"a secret", []string{"user", "add", "jim@example.com"}, command.ExitFailed, "domain is not in virtual_domains: example.com; ispmailctl domain add example.com adds it"},
		{"a secret", []string{"user", "add", "john@example.org"}, command.ExitFailed, "already exists: user john@example.org"},
		{"a secret", []string{"user", "add", "jim@example.org", "--quota", "many"}, command.ExitUsage, `"many" is no quota`},
		{"a secret", []string{"user", "add", "jim@example.org", "--quota", "-1"}, command.ExitUsage, `"-1" is no quota`},
		{"", []string{"user", "quota", "john@example.org", "0.5"}, command.ExitUsage, `"0.5" is no quota`},
		{"a secret", []string{"user", "add", "jim@example.org", "--scheme", "ROT13"}, command.ExitUsage, `cannot generate scheme "ROT13"`},
		{"a secret", []string{"user", "add", "jim@example.org", "--scheme", "BFL-CRYPT"}, command.ExitUsage, "(did you mean BLF-CRYPT?)"},
		{"", []string{"user", "add", "jim@example.org", "one more"}, command.ExitUsage, "there is one argument too many; a password is asked for, or read from standard input, and is no argument"},
		{"", []string{"user", "list", "--default-pass-scheme", "ROT13"}, command.ExitUsage, `--default-pass-scheme: unknown scheme "ROT13"`},
		{"", []string{"init", "--default-pass-scheme", "ROT13"}, command.ExitUsage, `--default-pass-scheme: unknown scheme "ROT13"`},
		{"", []string{"user", "list", "--state-column", "users.active"}, command.ExitUsage, `--state-column: "users.active": the table must be virtual_domains, virtual_users or virtual_aliases`},
		{"", []string{"user", "list", "--state-column", "active", "--state-column", "email"}, command.ExitUsage, "email is a column of the guide"},
		{"", []string{"user", "list", "--state-column", "active"}, exitDatabase, "none of the tables that the account may read has a column active"},
		{"", []string{"user", "list", "--state-column", "virtual_users.active"}, exitDatabase, "virtual_users has no column active"},
		{"a secret", []string{"user", "add"}, command.ExitUsage, "EMAIL is missing: ispmailctl user add EMAIL; see ispmailctl user add --help"},
		{"", []string{"user", "list", "example.com"}, command.ExitFailed, "not found: domain example.com"},
		{"", []string{"user", "quota", "jim@example.org", "1G"}, command.ExitFailed, "not found: user jim@example.org"},
		{"", []string{"user", "delete", "jim@example.org"}, command.ExitFailed, "not found: user jim@example.org"},
		{"", []string{"user", "lock", "jim@example.org"}, command.ExitFailed, "not found: user jim@example.org"},
		{"", []string{"user", "unlock", "john@example.org"}, command.ExitFailed, "the account is not locked: john@example.org, as it was before"},
		{"", []string{"user", "rename", "john@example.org", "John@example.org"}, command.ExitFailed, "already exists"},
		{"", []string{"user", "rename", "john@example.org", "john@example.com"}, command.ExitFailed, "domain is not in virtual_domains: example.com"},
		{"", []string{"user", "rename", "john@example.org"}, command.ExitUsage, "NEW is missing: ispmailctl user rename EMAIL NEW"},
		{"", []string{"user", "list", "--search", ""}, command.ExitUsage, "--search is empty"},
		{"", []string{"user", "list", ""}, command.ExitUsage, "an argument is empty: leave it out"},
		{"", []string{"alias", "list", ""}, command.ExitUsage, "an argument is empty: leave it out"},
		{"", []string{"export", ""}, command.ExitUsage, "an argument is empty: leave it out"},
		{"", []string{"alias", "delete", "jack@example.org", ""}, command.ExitUsage, "an argument is empty: leave it out"},
		{"", []string{"domain", "rename", "example.com", "example.net"}, command.ExitFailed, "not found: domain example.com"},
		{"", []string{"domain", "rename", "example.org", "exa mple.net"}, command.ExitFailed, "invalid address"},
		{"", []string{"alias", "set", "info@example.org"}, command.ExitUsage, "DESTINATION is missing: ispmailctl alias set SOURCE DESTINATION..."},
		{"", []string{"alias", "set", "info@example.org", "john@example.org", "no body"}, command.ExitFailed, "invalid address"},
		{"", []string{"alias", "add", "loop@example.org", "loop@example.org"}, command.ExitFailed, "alias loop"},
		{"", []string{"alias", "add", "a@example.org", "john@example.org", "no body"}, command.ExitFailed, "invalid address"},
		{"", []string{"alias", "delete", "a@example.org"}, command.ExitFailed, "not found: alias from a@example.org"},
		{"", []string{"recipients", "nobody@example.org"}, command.ExitFailed, "nobody gets mail for nobody@example.org"},
		{"wrong", []string{"password", "check", "john@example.org"}, command.ExitFailed, "wrong address or password"},
		{"a secret", []string{"password", "set", "jim@example.org"}, command.ExitFailed, "not found: user jim@example.org"},
		{"", []string{"import", "file", cut}, command.ExitFailed, "nothing was changed: not a file of records: line 3 is not a JSON object, or is cut"},
		{"", []string{"import", "file", empty}, command.ExitFailed, "nothing was changed: not a file of records: line 1 is missing: the file is empty"},
		{"", []string{"import", "file", unfinished}, command.ExitFailed, "nothing was changed: not a file of records: line 3 is missing: the file is cut"},
		{"", []string{"import", "file", dump}, command.ExitFailed, "nothing was changed: not a file of records: line 1 is not a JSON object, or is cut"},
		{"", []string{"import", "file", twice}, command.ExitFailed, "nothing was changed, because 1 of 3 records are refused"},
		{"", []string{"import", "file", long}, command.ExitFailed, "nothing was changed, because 1 of 2 records are refused"},
		{"", []string{"import", "file", filepath.Join(dir, "missing")}, command.ExitFailed, "no such file"},
		{"", []string{"import", "postfixadmin"}, command.ExitUsage, "which database?"},
		{"", []string{"import", "postfixadmin", "--source-dsn", "root:secret@unix(/x)/postfix"}, command.ExitUsage, "--source-dsn must not hold a password"},
		{"", []string{"import", "vimbadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "missing")}, exitDatabase, "no such file"},
		{"", []string{"import", "vimbadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "postfixadmin.db")}, exitDatabase, "a database of PostfixAdmin, not of ViMbAdmin"},
		{"", []string{"import", "postfixadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "postfixadmin.db"), "--source-scheme", "rot13"}, command.ExitFailed, "rot13"},
		{"", []string{"restore", cut}, command.ExitFailed, "nothing was restored: already exists: virtual_domains has rows"},
		{"", []string{"restore", filepath.Join(dir, "missing")}, command.ExitFailed, "no such file"},
		{"", []string{"export", filepath.Join(dir, "missing", "file")}, command.ExitFailed, "no such file"},
		{"", []string{"frobnicate"}, command.ExitUsage, `unknown command "frobnicate"`},
		{"", []string{"add", "domain", "example.com"}, command.ExitUsage, "(did you mean ispmailctl domain add?)"},
		{"", []string{"domain", "create", "example.com"}, command.ExitUsage, "(did you mean add?)"},
		{"", []string{"list", "users"}, command.ExitUsage, "(did you mean ispmailctl user list?)"},
		{"", []string{"lock", "john@example.org"}, command.ExitUsage, "(did you mean ispmailctl user lock?)"},
		{"", []string{"user", "show", "john@example.org"}, command.ExitUsage, "(did you mean ispmailctl show?)"},
		{"", []string{"backup"}, command.ExitUsage, "(did you mean export?)"},
		{"", []string{"passwd", "john@example.org"}, command.ExitUsage, "(did you mean ispmailctl password set?)"},
		{"", []string{"password", "upgrade"}, command.ExitUsage, "(did you mean schemes?)"},
		{"", []string{"password", "john@example.org"}, command.ExitUsage, "(it has check, schemes, set)"},
		{"", []string{"password", "set", "john@example.org", "summersun"}, command.ExitUsage, "there is one argument too many; a password is asked for"},
		{"", []string{"user", "list", "john@example.org"}, command.ExitFailed, "the name of a domain is wanted, and this is an address\n"},
		{"", []string{"user", "list", "@example.org"}, command.ExitFailed, "a domain is written without the @\n"},
		{"", []string{"domain", "rename", "example.org", "@example.com"}, command.ExitFailed, "a domain is written without the @\n"},
		{"", []string{"user", "delete", "1"}, command.ExitFailed, "a row is named by its id with --id 1\n"},
		{"", []string{"domain", "delete", "1"}, command.ExitFailed, "a row is named by its id with --id 1\n"},
		{"", []string{"show", "example.org"}, command.ExitFailed, "example.org is a domain: ispmailctl user list example.org and"},
		{"", []string{"show", "@example.org"}, command.ExitFailed, "example.org is a domain: ispmailctl user list example.org and"},
		{"", []string{"alias", "add", "example.org", "john@example.org"}, command.ExitFailed, "the catch-all of a domain is written as @example.org\n"},
		{"", []string{"alias", "add", "a@example.org", "john@example.org,x@example.net"}, command.ExitFailed, "several destinations have blanks between them, and no commas\n"},
		{"", []string{"alias", "delete", "john@example.org", "x@example.net"}, command.ExitFailed, "not found: alias from john@example.org to x@example.net\n"},
		{"", []string{"user", "quota", "john@example.org", "5"}, command.ExitUsage, `"5" would be 5 bytes, too few for a message: write the unit, such as 5M or 5G`},
		{"", []string{"user", "frobnicate"}, command.ExitUsage, `unknown command "frobnicate"`},
		{"", []string{"check", "--frobnicate"}, command.ExitUsage, "unknown flag"},
	}
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		before := s.ok("", "export")
		for _, test := range tests {
			out, errs, code := s.do(test.stdin, test.args...)
			assert.Equal(t, test.code, code, "%v: %s", test.args, errs)
			assert.Contains(t, errs, test.want, "%v", test.args)
			assert.Empty(t, out, "%v", test.args)
			assert.True(t, strings.HasPrefix(errs, "ispmailctl: ") || strings.HasPrefix(errs, "refused: "), errs)
			assert.Equal(t, before, s.ok("", "export"), "%v", test.args)
		}
	})
}

func TestDatabases(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"--dsn", "root:secret@unix(/run/x.sock)/mailserver"}, command.ExitUsage, "--dsn must not hold a password"},
		{[]string{"--dsn", "root@unix(" + dir + "/x.sock)/mailserver"}, exitDatabase, "it does not answer"},
		{nil, exitDatabase, "; no database was named, and this is root@unix(/run/mysqld/mysqld.sock)/mailserver: --dsn-file names another\n"},
		{[]string{"--dsn", "nonsense:secret"}, command.ExitUsage, "the DSN is not of the form"},
		{[]string{"--dsn", "sqlite:" + dir + "/missing.db"}, exitDatabase, "ispmailctl init makes a new database"},
		{[]string{"--dsn-file", dir + "/missing"}, command.ExitUsage, "no such file"},
		{[]string{"--dsn-file", dsnFile(t, "")}, command.ExitUsage, "is empty"},
		{[]string{"--dsn-file", dsnFile(t, "x"), "--dsn", "x"}, command.ExitUsage, "exclude each other"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(test.args, "domain", "list"), strings.NewReader(""), &out, &errs)
		assert.Equal(t, test.code, code, "%v: %s", test.args, errs.String())
		assert.Contains(t, errs.String(), test.want, "%v", test.args)
		assert.NotContains(t, errs.String(), "secret")
		assert.Empty(t, out.String())
	}
}

// TestMissingTable has a database without tables, as one is whose name is wrong, or on which nobody has called init.
func TestMissingTable(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.exec("DROP TABLE virtual_aliases")
		for _, args := range [][]string{{"alias", "list"}, {"alias", "add", "a@example.org", "b@example.net"}, {"show", "a@example.org"}, {"export"}} {
			_, errs, code := s.do("", args...)
			assert.Equal(t, exitDatabase, code, "%v", args)
			assert.Contains(t, errs, "a table is missing: ", "%v", args)
			assert.True(t, strings.HasSuffix(errs, "; if this is the right database, ispmailctl init makes the tables\n"), "%v: %s", args, errs)
		}
		other := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}}
		other.ok("", "init")
		_, errs, _ := other.do("", "diff", "--other-dsn-file", dsnFile(t, s.dsn))
		assert.Contains(t, errs, "a table is missing: ")
		assert.NotContains(t, errs, "init", "which would be of the first database")
		s.ok("", "init")
		s.ok("", "alias", "list")
	})
}
