package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

// built is the program, for tests that take a shell or a terminal.
func built(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "ispmailctl"), ".").CombinedOutput() //nolint:gosec // our own program
	require.NoError(t, err, string(out))
	return dir
}

// TestReadme runs every command of the README and compares what it prints, but for what is random. No command is missing.
func TestReadme(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("README.md")
	require.NoError(t, err)
	bin, work := built(t), t.TempDir()
	env := append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "ISPMAILCTL_DSN=sqlite:mail.db")
	foreign(t, work)
	var ran []string
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for _, step := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			line, want, _ := strings.Cut(step, "\n")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", "exec 2>&1; "+line) //nolint:gosec // our own file
			cmd.Dir, cmd.Env = work, env
			got, _ := cmd.Output() // the exit code is printed where it matters
			assert.Equal(t, strings.TrimSuffix(withoutRandom(want), "\n"), strings.TrimSuffix(withoutRandom(string(got)), "\n"), line)
			ran = append(ran, line)
		}
	}
	root := (&app{}).root()
	root.InitDefaultCompletionCmd()
	for _, command := range leaves(root) {
		assert.True(t, slices.ContainsFunc(ran, func(line string) bool { return strings.Contains(line, command) }), "%s is not in the README", command)
	}
}

// leaves returns the commands that do something, without the name of the program.
func leaves(c *cobra.Command) (commands []string) {
	for _, sub := range c.Commands() {
		switch {
		case sub.Name() == "completion":
			commands = append(commands, " completion bash ")
		case sub.HasSubCommands():
			commands = append(commands, leaves(sub)...)
		default:
			_, path, _ := strings.Cut(sub.CommandPath(), " ")
			commands = append(commands, " "+path)
		}
	}
	return commands
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
		db, err := openSQLite(filepath.Join(dir, name+".db"), "rwc")
		require.NoError(t, err)
		for _, statement := range statements {
			_, err := db.ExecContext(t.Context(), statement)
			require.NoError(t, err, statement)
		}
		require.NoError(t, db.Close())
	}
}

var random = regexp.MustCompile(`\b[a-z2-7]{26}\b|\$5\$[^"]*|\$2y\$[^"]*`)

func withoutRandom(text string) string { return random.ReplaceAllString(text, "(random)") }

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
	require.Equal(s.t, exitOK, code, "%v: %s", args, errs)
	require.Empty(s.t, errs, "%v", args)
	return out
}

func dsnFile(t *testing.T, dsn string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "dsn")
	require.NoError(t, os.WriteFile(file, []byte(dsn+"\n"), 0o600))
	return file
}

// sessions runs a test on both kinds of database.
func sessions(t *testing.T, test func(t *testing.T, s session)) {
	t.Helper()
	t.Run("MariaDB", func(t *testing.T) {
		t.Parallel()
		db := ispmailtest.MariaDB(t)
		test(t, session{t: t, dsn: db.DSN, args: []string{"--dsn-file", dsnFile(t, db.DSN)}})
	})
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
		s.args = []string{"--dsn", s.dsn}
		s.ok("", "init")
		test(t, s)
	})
}

func TestLife(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		assert.Equal(t, "The tables are there.\n", s.ok("", "init"), "again")
		assert.Equal(t, "There are none.\n", s.ok("", "user", "list"))
		assert.Empty(t, s.ok("", "user", "list", "--json"))
		s.ok("", "domain", "add", "example.org", "example.net")
		s.ok("a long enough secret\r\n", "user", "add", "john@example.org")
		s.ok("a long enough secret", "password", "check", "john@example.org")
		generated := s.ok("", "user", "add", "jane@example.org", "--generate", "--quota", "1G")
		_, password, found := strings.Cut(strings.TrimSpace(generated), "Its password is ")
		require.True(t, found)
		s.ok(password, "password", "check", "jane@example.org")
		assert.Contains(t, s.ok("", "user", "list", "example.org"), "jane@example.org  1GiB")
		s.ok("", "alias", "add", "@example.net", "@example.org")
		s.ok("", "alias", "add", "info@example.org", "jane@example.org")
		assert.JSONEq(t, `{"address":"jane@example.org","mailbox":"jane@example.org"}`, s.ok("", "--json", "recipients", "Jane@Example.NET"))
		out := s.ok("", "user", "delete", "jane@example.org", "--json")
		assert.Contains(t, out, `"dangling":[{"id":2,"domain_id":1,"source":"info@example.org","destination":"jane@example.org"}]`)
		assert.Equal(t, "Deleted the alias from info@example.org to jane@example.org.\n", s.ok("", "alias", "delete", "info@example.org"))
		s.ok("", "user", "quota", "john@example.org", "0")

		file := filepath.Join(t.TempDir(), "backup.jsonl")
		s.ok("", "export", file)
		info, err := os.Stat(file)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		other := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "other.db")}}
		other.ok("", "init")
		text := s.ok("", "export")
		other.ok(text, "restore", "-")
		assert.Equal(t, text, other.ok("", "export", "-"))
		assert.Equal(t, "Added 0 domains, 0 users and 0 aliases; 4 there already, 0 refused.\n", s.ok(text, "import", "file", "-"))
		assert.Contains(t, s.ok("", "domain", "delete", "example.net", "--yes", "--json"), `"aliases":1`)
	})
}

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
	twice := write("twice", whole+`{"type":"user","email":"jim@example.com","new_password":"a secret"}`+"\n"+`{"type":"user","email":"Jim@example.com","new_password":"a secret"}`+"\n"+`{"type":"end","records":3}`)
	long := write("long", whole+`{"type":"user","email":"`+strings.Repeat("j", 64)+"@"+strings.Repeat("long.", 10)+`example.com","new_password":"a secret"}`+"\n"+`{"type":"end","records":2}`)
	tests := []struct {
		stdin string
		args  []string
		code  int
		want  string
	}{
		{"", []string{"domain", "add", "example.org"}, exitRefused, "already exists: domain example.org"},
		{"", []string{"domain", "add", "example.com", "exa mple.com"}, exitRefused, "invalid address: the domain"},
		{"", []string{"domain", "delete", "example.com", "--yes"}, exitRefused, "not found: domain example.com"},
		{"", []string{"domain", "delete", "example.org"}, exitUsage, "there is no terminal to ask at: say --yes"},
		{"", []string{"user", "add", "jim@example.org"}, exitRefused, "standard input holds no password"},
		{"\n", []string{"user", "add", "jim@example.org"}, exitRefused, "standard input holds no password"},
		{strings.Repeat("x", 5000), []string{"user", "add", "jim@example.org"}, exitRefused, "longer than 4096 bytes"},
		{strings.Repeat("x", 512), []string{"user", "add", "jim@example.org"}, exitRefused, "too long"},
		{"a secret", []string{"user", "add", "jim@example.com"}, exitRefused, "domain is not in virtual_domains: example.com"},
		{"a secret", []string{"user", "add", "john@example.org"}, exitRefused, "already exists: user john@example.org"},
		{"a secret", []string{"user", "add", "jim@example.org", "--quota", "many"}, exitUsage, `"many" is no quota`},
		{"a secret", []string{"user", "add", "jim@example.org", "--quota", "-1"}, exitUsage, `"-1" is no quota`},
		{"", []string{"user", "quota", "john@example.org", "0.5"}, exitUsage, `"0.5" is no quota`},
		{"a secret", []string{"user", "add", "jim@example.org", "--scheme", "ROT13"}, exitUsage, `cannot generate scheme "ROT13"`},
		{"a secret", []string{"user", "add"}, exitUsage, "accepts 1 arg(s)"},
		{"", []string{"user", "list", "example.com"}, exitRefused, "not found: domain example.com"},
		{"", []string{"user", "quota", "jim@example.org", "1G"}, exitRefused, "not found: user jim@example.org"},
		{"", []string{"user", "delete", "jim@example.org"}, exitRefused, "not found: user jim@example.org"},
		{"", []string{"alias", "add", "loop@example.org", "loop@example.org"}, exitRefused, "alias loop"},
		{"", []string{"alias", "add", "a@example.org", "john@example.org", "nobody"}, exitRefused, "invalid address"},
		{"", []string{"alias", "delete", "a@example.org"}, exitRefused, "not found: alias from a@example.org"},
		{"", []string{"recipients", "nobody@example.org"}, exitRefused, "nobody gets mail for nobody@example.org"},
		{"wrong", []string{"password", "check", "john@example.org"}, exitRefused, "wrong address or password"},
		{"a secret", []string{"password", "set", "jim@example.org"}, exitRefused, "not found: user jim@example.org"},
		{"", []string{"import", "file", cut}, exitRefused, "nothing was changed: not a file of records: line 3 is not a JSON object, or is cut"},
		{"", []string{"import", "file", empty}, exitRefused, "nothing was changed: not a file of records: line 1 is missing: the file is empty"},
		{"", []string{"import", "file", unfinished}, exitRefused, "nothing was changed: not a file of records: line 3 is missing: the file is cut"},
		{"", []string{"import", "file", dump}, exitRefused, "nothing was changed: not a file of records: line 1 is not a JSON object, or is cut"},
		{"", []string{"import", "file", twice}, exitRefused, "nothing was changed, because 1 of 3 records are refused"},
		{"", []string{"import", "file", long}, exitRefused, "nothing was changed, because 1 of 2 records are refused"},
		{"", []string{"import", "file", filepath.Join(dir, "missing")}, exitRefused, "no such file"},
		{"", []string{"import", "postfixadmin"}, exitUsage, "which database?"},
		{"", []string{"import", "postfixadmin", "--source-dsn", "root:secret@unix(/x)/postfix"}, exitUsage, "--source-dsn must not hold a password"},
		{"", []string{"import", "vimbadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "missing")}, exitDatabase, "no such file"},
		{"", []string{"import", "vimbadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "postfixadmin.db")}, exitDatabase, "a database of PostfixAdmin, not of ViMbAdmin"},
		{"", []string{"import", "postfixadmin", "--source-dsn", "sqlite:" + filepath.Join(dir, "postfixadmin.db"), "--source-scheme", "rot13"}, exitRefused, "rot13"},
		{"", []string{"restore", cut}, exitRefused, "nothing was restored: already exists: virtual_domains has rows"},
		{"", []string{"restore", filepath.Join(dir, "missing")}, exitRefused, "no such file"},
		{"", []string{"export", filepath.Join(dir, "missing", "file")}, exitRefused, "no such file"},
		{"", []string{"frobnicate"}, exitUsage, `unknown command "frobnicate"`},
		{"", []string{"user", "frobnicate"}, exitUsage, `unknown command "frobnicate"`},
		{"", []string{"check", "--frobnicate"}, exitUsage, "unknown flag"},
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
		{[]string{"--dsn", "root:secret@unix(/run/x.sock)/mailserver"}, exitUsage, "--dsn must not hold a password"},
		{[]string{"--dsn", "root@unix(" + dir + "/x.sock)/mailserver"}, exitDatabase, "it does not answer"},
		{[]string{"--dsn", "nonsense:secret"}, exitRefused, "the DSN is not of the form"},
		{[]string{"--dsn", "sqlite:" + dir + "/missing.db"}, exitDatabase, "ispmailctl init makes a new database"},
		{[]string{"--dsn-file", dir + "/missing"}, exitRefused, "no such file"},
		{[]string{"--dsn-file", dsnFile(t, "")}, exitRefused, "is empty"},
		{[]string{"--dsn-file", dsnFile(t, "x"), "--dsn", "x"}, exitUsage, "none of the others can be"},
	} {
		var out, errs bytes.Buffer
		code := run(t.Context(), append(test.args, "domain", "list"), strings.NewReader(""), &out, &errs)
		assert.Equal(t, test.code, code, "%v: %s", test.args, errs.String())
		assert.Contains(t, errs.String(), test.want, "%v", test.args)
		assert.NotContains(t, errs.String(), "secret")
		assert.Empty(t, out.String())
	}
}

// TestCheckExitCode tells with the exit code and in JSON what it finds.
func TestCheckExitCode(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		assert.Equal(t, "Nothing is wrong.\n", s.ok("", "check"))
		s.ok("", "alias", "add", "info@example.org", "nobody@example.org")
		out, errs, code := s.do("", "check")
		assert.Equal(t, exitFindings, code)
		assert.Empty(t, errs)
		assert.Contains(t, out, "error: dangling-alias, virtual_aliases 1: ")
		assert.Contains(t, out, "1 error, 0 warnings, 0 notes.\n")
		out, _, code = s.do("", "check", "--json", "--errors")
		assert.Equal(t, exitFindings, code)
		assert.Contains(t, out, `"severity":"error"`)
	})
}

// TestKilled kills an import half way and runs it again.
func TestKilled(t *testing.T) {
	t.Parallel()
	const users, batch = 20_000, 4000
	var file strings.Builder
	file.WriteString(`{"type":"domain","name":"example.org"}` + "\n")
	for i := range users {
		fmt.Fprintf(&file, `{"type":"user","email":"user%d@example.org","password":"{CRYPT}!"}`+"\n", i)
	}
	path := filepath.Join(t.TempDir(), "users.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(file.String()), 0o600))
	bin := built(t)
	sessions(t, func(t *testing.T, s session) {
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "ispmailctl"), append(s.args, "import", "file", path)...) //nolint:gosec // our own program
		require.NoError(t, cmd.Start())
		for s.ok("", "domain", "list", "--json") == "" { // until there is a batch
			time.Sleep(time.Millisecond)
		}
		require.NoError(t, cmd.Process.Kill())
		require.Error(t, cmd.Wait())
		there := strings.Count(s.ok("", "user", "list", "--json"), "\n")
		require.Less(t, there, users)
		assert.Zero(t, (1+there)%batch, "whole batches")
		assert.Equal(t, fmt.Sprintf("Added 0 domains, %d users and 0 aliases; %d there already, 0 refused.\n", users-there, 1+there), s.ok("", "import", "file", path))
		assert.Contains(t, s.ok("", "import", "file", path), fmt.Sprintf("; %d there already", 1+users))
	})
}

// TestPipes reads and writes what is no file: an import, which reads twice, and an export, which replaces files.
func TestPipes(t *testing.T) {
	t.Parallel()
	s := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}}
	s.ok("", "init")
	pipe := filepath.Join(t.TempDir(), "pipe")
	require.NoError(t, syscall.Mkfifo(pipe, 0o600))
	go func() { _ = os.WriteFile(pipe, []byte(`{"type":"domain","name":"example.org"}`), 0o600) }()
	assert.Contains(t, s.ok("", "import", "file", pipe), "Added 1 domain, ")

	read := make(chan string)
	go func() {
		text, _ := os.ReadFile(pipe) //nolint:gosec // our own pipe
		read <- string(text)
	}()
	assert.Contains(t, s.ok("", "export", pipe), "Exported 1 record to ")
	assert.Equal(t, s.ok("", "export"), <-read)
}

// TestTerminal types at the prompts. "\x03" is what the keys Ctrl and C send.
func TestTerminal(t *testing.T) {
	t.Parallel()
	bin := built(t)
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--dsn", s.dsn}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	for _, test := range []struct{ command, typed, want string }{
		{"user add john@example.org", "a long secret\na long secret\n", "Added the user john@example.org."},
		{"user add jane@example.org", "a long secret\nanother secret\n", "these are two different passwords, and nothing was changed"},
		{"user add jane@example.org", "\x03", "interrupted, and nothing was changed"},
		{"user add John@example.org", "", "already exists: user john@example.org"},
		{"user add john@example.com", "", "domain is not in virtual_domains: example.com"},
		{"domain delete example.org", "\x03", "interrupted, and nothing was changed"},
		{"domain delete example.org", "example.net\n", "nothing was deleted"},
		{"domain delete example.org", "Example.org\n", "Deleted the domain example.org with 1 user and 0 aliases."},
	} {
		// script(1) gives the program a terminal, and types when the prompt is there.
		command := filepath.Join(bin, "ispmailctl") + " --dsn " + s.dsn + " " + test.command
		cmd := exec.CommandContext(t.Context(), "script", "-qec", "trap : INT; "+command+"; stty -a", "/dev/null") //nolint:gosec // our own words
		keyboard, err := cmd.StdinPipe()
		require.NoError(t, err)
		screen := &typist{lines: slices.Collect(strings.Lines(test.typed)), to: keyboard}
		cmd.Stdout = screen
		_ = cmd.Run() // its exit code is the program's
		assert.Contains(t, screen.seen.String(), test.want)
		assert.Contains(t, screen.seen.String(), " echo ", "the terminal is as it was")
		assert.Empty(t, screen.lines, test.command)
	}
}

// A typist types a line whenever a prompt ends in ": ".
type typist struct {
	seen  bytes.Buffer
	lines []string
	to    io.Writer
}

func (s *typist) Write(p []byte) (int, error) {
	s.seen.Write(p)
	if bytes.HasSuffix(p, []byte(": ")) && len(s.lines) > 0 {
		_, _ = io.WriteString(s.to, s.lines[0]) // what is lost is missing from the screen
		s.lines = s.lines[1:]
	}
	return len(p), nil
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	s := session{t: t, args: []string{"--dsn", "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org", "example.net", "other.example")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		assert.Contains(t, s.ok("", "completion", shell), "ispmailctl")
	}
	out, _, code := s.do("", append([]string{"__complete"}, append(s.args, "user", "list", "ex")...)...)
	assert.Equal(t, exitOK, code)
	assert.Equal(t, "example.org\nexample.net\n:4\n", out)
	s.ok("", "alias", "add", "info@example.org", "a@example.com", "b@example.com")
	out, _, _ = s.do("", append([]string{"__complete"}, append(s.args, "alias", "delete", "i")...)...)
	assert.Equal(t, "info@example.org\n:4\n", out)
}
