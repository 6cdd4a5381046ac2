package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

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
		out, _, code := s.do("", "user", "delete", "jane@example.org", "--json", "--yes")
		assert.Zero(t, code)
		assert.Contains(t, out, `"warnings":[{"code":"dangling-alias","address":"info@example.org","alias":{"id":2,"domain_id":1,"source":"info@example.org","destination":"jane@example.org"},"message":`)
		assert.Equal(t, "Deleted the alias from info@example.org to jane@example.org.\n", s.ok("", "alias", "delete", "info@example.org", "--yes"))
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

// TestForce stores what users may not choose.
func TestForce(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("summersun", "user", "add", "john@example.org", "--force")
		s.ok("summersun", "password", "check", "john@example.org")
		_, password, _ := strings.Cut(strings.TrimSpace(s.ok("", "user", "add", "jane@example.org", "--generate")), "Its password is ")
		assert.Regexp(t, `^[a-z]+(-[a-z]+){4}$`, password)
		s.ok(password, "password", "set", "john@example.org")
	})
}

// TestLock locks a user out and in again, and tells the lists.
func TestLock(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		before := s.ok("", "export")
		assert.Contains(t, s.ok("", "user", "lock", "John@Example.org", "--json"), `"locked":true`)
		_, errs, code := s.do("", "user", "lock", "john@example.org")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, errs, "the account is locked: john@example.org")
		assert.Contains(t, s.ok("", "user", "list"), "SHA256-CRYPT  locked\n")
		assert.Contains(t, s.ok("", "user", "list", "--json"), `"scheme":"SHA256-CRYPT","locked":true`)
		_, errs, code = s.do("a long enough secret", "password", "check", "john@example.org")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, errs, "wrong address or password")
		assert.NotContains(t, s.ok("", "user", "unlock", "john@example.org", "--json"), "locked")
		s.ok("a long enough secret", "password", "check", "john@example.org")
		assert.Equal(t, before, s.ok("", "export"))
	})
}

// TestRename keeps the password, moves the aliases and prints what moves the mail.
func TestRename(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org", "example.net")
		s.ok("a long enough secret", "user", "add", "o'neil@example.org")
		s.ok("", "alias", "add", "info@example.org", "o'neil@example.org")
		assert.Equal(t, "Renamed the user o'neil@example.org to neil@example.org.\n"+
			`Sessions that are open go on; this ends them: doveadm kick -- 'o'\''neil@example.org'`+"\n"+
			`The mail on the disk stays where it is. With the guide's layout, this moves it: mv -T '/var/vmail/example.org/o'\''neil' /var/vmail/example.org/neil`+"\n",
			s.ok("", "user", "rename", "O'neil@example.org", "neil@example.org", "--yes"))
		s.ok("a long enough secret", "password", "check", "neil@example.org")
		assert.Contains(t, s.ok("", "alias", "list"), "info@example.org  neil@example.org")
		assert.Contains(t, s.ok("", "user", "rename", "neil@example.org", "a*@example.net", "--yes"), "mkdir -p /var/vmail/example.net && mv -T /var/vmail/example.org/neil '/var/vmail/example.net/a*'\n")
		assert.Contains(t, s.ok("", "user", "rename", "a*@example.net", "neil@example.net", "--yes"), "\nSessions that are open go on.\n", "doveadm would end those of others too")
		assert.Contains(t, s.ok("", "domain", "rename", "example.net", "example.com", "--json", "--yes"), `"move":"mv -T /var/vmail/example.net /var/vmail/example.com"`)
		s.ok("a long enough secret", "password", "check", "neil@example.com")
		assert.Equal(t, "Renamed the domain example.org with 0 users to example.net.\n", s.ok("", "domain", "rename", "example.org", "example.net", "--yes"), "no sessions, and no mail")
	})
}

// TestAliasSet replaces what is more, adds what is missing and leaves the rest.
func TestAliasSet(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("", "alias", "add", "info@example.org", "a@example.net", "b@example.net")
		assert.Equal(t, "Deleted the alias from info@example.org to a@example.net.\nAdded the alias from info@example.org to c@example.net.\n",
			s.ok("", "alias", "set", "info@example.org", "b@example.net", "c@example.net", "--yes"))
		assert.Equal(t, "Nothing was to be changed.\n", s.ok("", "alias", "set", "info@example.org", "b@example.net", "c@example.net"))
		assert.Equal(t, 2, strings.Count(s.ok("", "alias", "set", "info@example.org", "b@example.net", "c@example.net", "--json"), "\n"))
	})
}

// TestWarnings tells what an administrator should know, on standard error and in JSON, and does what was wanted.
func TestWarnings(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org", "example.net")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		warns := func(want string, args ...string) string {
			t.Helper()
			out, errs, code := s.do("a long enough secret", args...)
			assert.Equal(t, command.ExitOK, code, errs)
			assert.Equal(t, want, errs, args)
			return out
		}
		const shadowed = "ispmailctl: warning: aliases send all mail for john@example.org elsewhere and none to the mailbox: if it should get mail too, add an alias from the address to itself\n"
		assert.Equal(t, "Added the alias from john@example.org to Me+X@gmail.com.\n", warns(shadowed, "alias", "add", "john@example.org", "Me+X@gmail.com"))
		warns("", "alias", "add", "john@example.org", "john@example.org")
		warns(shadowed, "alias", "delete", "john@example.org", "John@example.org", "--yes")
		warns("", "alias", "set", "john@example.org", "Me+X@gmail.com", "john@example.org")
		assert.Contains(t, s.ok("", "recipients", "john@example.org"), "Me+X@gmail.com")
		warns("", "alias", "delete", "john@example.org", "--yes")
		warns("", "alias", "add", "john@example.org", "me@gmail.com", "john@example.org")

		warns("ispmailctl: warning: jack@example.org leads to jim@example.org, and nothing there takes the mail: create the user, or correct or delete the alias\n",
			"alias", "add", "jack@example.org", "john@example.org", "jim@example.org")
		out, _, _ := s.do("", "alias", "add", "jill@example.org", "jim@example.org", "--json")
		assert.Contains(t, out, `"warnings":[{"code":"dangling-alias",`)
		warns("ispmailctl: warning: x@example.org leads to root, an account of the operating system: add a domain, unless it is wanted\n", "alias", "add", "x@example.org", "root")
		warns("ispmailctl: warning: aliases send all mail for jack@example.org elsewhere and none to the mailbox: if it should get mail too, add an alias from the address to itself\n",
			"user", "add", "jack@example.org")
		warns("ispmailctl: warning: john@example.org leads to itself, and there is no such mailbox: create the user, or delete the alias\n"+
			"ispmailctl: warning: john@example.org has no mailbox any more, but its mail still goes to me@gmail.com: delete this alias too, unless it is wanted\n",
			"user", "delete", "john@example.org", "--yes")

		for _, source := range []string{"*@example.org", "%@example.org", "*"} {
			_, errs, code := s.do("", "alias", "add", source, "john@example.org")
			assert.Equal(t, command.ExitFailed, code)
			assert.Contains(t, errs, "the catch-all of a domain is written as @example.org", source)
		}
	})
}

// TestDefaultPassScheme reads what has no prefix as the setting says.
func TestDefaultPassScheme(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		const bare = `{"type":"user","email":"john@example.org","password":"$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"}`
		s.ok("", "domain", "add", "example.org")
		_, errs, _ := s.do(bare, "import", "file", "-")
		assert.Contains(t, errs, "refused: line 1, user john@example.org")
		s.ok(bare, "--default-pass-scheme", "CRYPT", "import", "file", "-")
		_, errs, _ = s.do("summersun", "password", "check", "john@example.org")
		assert.Contains(t, errs, "wrong address or password")
		s.ok("summersun", "--default-pass-scheme", "CRYPT", "password", "check", "john@example.org")
		assert.Contains(t, s.ok("", "export"), `"password":"{SHA256-CRYPT}$5$`, "a login gives it its prefix")
	})
}

// TestImportChoice: a new password in a file is one that users may choose, or --force is given.
func TestImportChoice(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		const lines = `{"type":"domain","name":"example.org"}
			{"type":"user","email":"john@example.org","new_password":"passwordpassword1"}
			{"type":"user","email":"jane@example.org","new_password":"a long enough secret"}`
		out, errs, code := s.do(lines, "import", "file", "-", "--dry-run")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, out, "This would add 1 domain, 1 user and 0 aliases; 0 there already, 1 refused.")
		assert.Equal(t, 1, strings.Count(errs, "refused: line 2, user john@example.org: The new password is too easy to guess; --force stores it all the same\n"), errs)
		out, errs, code = s.do(lines, "import", "file", "-", "--skip-refused")
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, out, "Added 1 domain, 1 user and 0 aliases; 0 there already, 1 refused.")
		assert.Equal(t, 1, strings.Count(errs, "refused: "), errs)
		out = s.ok(lines, "import", "file", "-", "--force")
		assert.Contains(t, out, "Added 0 domains, 1 user and 0 aliases; 2 there already, 0 refused.")
		s.ok("passwordpassword1", "password", "check", "john@example.org")
		assert.NotContains(t, errs, "passwordpassword1")
		_, errs, _ = s.do("plume tarte 9", "password", "set", "john@example.org")
		assert.Contains(t, errs, "The new password must have at least 15 characters")
		s.ok("plume tarte 9", "--min-length", "12", "password", "set", "john@example.org")
	})
}

// TestUpgrade brings a user up to a scheme of a better class, where that is wanted, and never down.
func TestUpgrade(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		for _, step := range []struct{ args, want string }{
			{"--scheme=BLF-CRYPT", "{SHA256-CRYPT}"},
			{"--scheme=BLF-CRYPT --upgrade", "{BLF-CRYPT}"},
			{"--scheme=SHA512-CRYPT --upgrade", "{BLF-CRYPT}"},
		} {
			s.ok("a long enough secret", append([]string{"password", "check", "john@example.org"}, strings.Fields(step.args)...)...)
			assert.Contains(t, s.ok("", "export"), `"password":"`+step.want, step.args)
		}
		// A new password may bring it down, and says so.
		_, errs, code := s.do("", "password", "set", "john@example.org", "--generate")
		assert.Equal(t, command.ExitOK, code)
		assert.Equal(t, "ispmailctl: warning: john@example.org had {BLF-CRYPT}, which is stronger than {SHA256-CRYPT}: --scheme (or ISPMAILCTL_SCHEME) BLF-CRYPT keeps it\n", errs)
		s.ok("", "password", "set", "john@example.org", "--generate")
	})
}

// TestSchemeEnvironment stores new passwords with the scheme that the environment names, unless an argument names another one. A
// command that stores none takes no notice of it.
func TestSchemeEnvironment(t *testing.T) {
	t.Setenv("ISPMAILCTL_SCHEME", "BLF-CRYPT")
	s := session{t: t, dsn: "sqlite:" + filepath.Join(t.TempDir(), "mail.db")}
	s.args = []string{"--on-change", "none", "--dsn", s.dsn}
	s.ok("", "init")
	s.ok("", "domain", "add", "example.org")
	s.ok("a long enough secret", "user", "add", "john@example.org")
	s.ok("a long enough secret", "user", "add", "jane@example.org", "--scheme", "SHA512-CRYPT")
	assert.Equal(t, []string{"{BLF-CRYPT}", "{SHA512-CRYPT}"}, regexp.MustCompile(`\{[A-Z0-9-]+\}`).FindAllString(s.ok("", "export"), -1))
	s.ok("", "password", "set", "jane@example.org", "--generate")
	assert.Equal(t, 2, strings.Count(s.ok("", "export"), "{BLF-CRYPT}"))
}

// TestCheckExitCode tells with the exit code and in JSON what it finds.
func TestCheckExitCode(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org")
		assert.Equal(t, "Nothing is wrong.\n", s.ok("", "check"))
		_, _, _ = s.do("", "alias", "add", "info@example.org", "nobody@example.org")
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
	bin, env := built(t)
	sessions(t, func(t *testing.T, s session) {
		there := users
		for tries := 0; there == users && tries < 20; tries++ { // on a busy machine the import may end before it is killed
			if tries > 0 {
				s.ok("", "domain", "delete", "example.org", "--yes")
			}
			cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "ispmailctl"), append(s.args, "import", "file", path)...) //nolint:gosec // our own program
			cmd.Env = env
			require.NoError(t, cmd.Start())
			for s.ok("", "domain", "list", "--json") == "" { // until there is a batch
				time.Sleep(time.Millisecond)
			}
			require.NoError(t, cmd.Process.Kill())
			_ = cmd.Wait()
			there = strings.Count(s.ok("", "user", "list", "--json"), "\n")
		}
		require.Less(t, there, users)
		assert.Zero(t, (1+there)%batch, "whole batches")
		assert.Equal(t, fmt.Sprintf("Added 0 domains, %d users and 0 aliases; %d there already, 0 refused.\n", users-there, 1+there), s.ok("", "import", "file", path))
		assert.Equal(t, users, strings.Count(s.ok("", "user", "list", "--json"), "\n"))
	})
}
