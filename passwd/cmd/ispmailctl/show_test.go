package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// TestShow tells why somebody does not get mail or cannot log in.
func TestShow(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		_, _, code := s.do(`{"type":"domain","id":1,"name":"example.org"}
{"type":"domain","id":2,"name":"xn--mller-kva.example"}
{"type":"user","id":1,"domain_id":1,"email":"john@example.org","password":"{PLAIN}summersun"}
{"type":"user","id":2,"domain_id":1,"email":"locked@example.org","password":"{CRYPT}!{PLAIN}summersun"}
{"type":"user","id":3,"domain_id":1,"email":"bare@example.org","password":"$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7"}
{"type":"user","id":4,"domain_id":1,"email":"odd@example.org","password":"{FOO}bar"}
{"type":"user","id":5,"domain_id":1,"email":"cut@example.org","password":"{SHA256-CRYPT}$5$M/GWzmtj"}
{"type":"user","id":6,"domain_id":1,"email":"none@example.org","password":"*"}
{"type":"user","id":7,"domain_id":2,"email":"max@müller.example","password":"{PLAIN}summersun"}
{"type":"user","id":8,"domain_id":1,"email":"blank@example.org ","password":"{PLAIN}summersun"}
{"type":"user","id":9,"domain_id":1,"email":"lost@example.com","password":"{PLAIN}summersun"}
{"type":"alias","id":5,"domain_id":1,"source":" al@example.org","destination":"john@example.org"}
{"type":"alias","id":1,"domain_id":1,"source":"locked@example.org","destination":"john@example.org"}
{"type":"alias","id":2,"domain_id":1,"source":"info@example.org","destination":"a@example.com, John@example.org"}
{"type":"alias","id":3,"domain_id":1,"source":"loop@example.org","destination":"loop2@example.org"}
{"type":"alias","id":4,"domain_id":1,"source":"loop2@example.org","destination":"loop@example.org"}
`, "restore", "-")
		require.Equal(t, command.ExitOK, code)
		for address, wants := range map[string][]string{
			"John@Example.org":     {"john@example.org, row 1 of virtual_users", "Login: yes", "info@example.org to a@example.com, John@example.org, row 2 of", "john@example.org by mailbox 1", "recoverable-password"},
			"locked@example.org":   {"Login: no: locked; this lets the user in again: ispmailctl user unlock locked@example.org", "locked@example.org -> john@example.org by alias 1", "shadowed-alias"},
			"bare@example.org":     {"Login: no: unknown here: the stored password has no {SCHEME}", "unprefixed-password"},
			"odd@example.org":      {"Login: no: unknown here", "malformed-password"},
			"cut@example.org":      {"Login: no: no password matches", "ispmailctl password set cut@example.org"},
			"none@example.org":     {"Login: no: what is stored is no password"},
			"max@MÜLLER.example":   {"max@müller.example, row 7", "Login: yes"},
			"info@example.org":     {"There is no such user.", "info@example.org -> a@example.com, John@example.org by alias 2"},
			"someone@example.com":  {"no domain of this server", "on another server", "Nothing, if another server keeps the mail for example.com. If this one should: ispmailctl domain add example.com\n"},
			"john@exmple.org":      {"ispmailctl domain add exmple.org (did you mean john@example.org?)"},
			"john+box@example.org": {"There is no such user.", "john+box@example.org by mailbox 1 of john@example.org"},
		} {
			out := s.ok("", "show", address)
			for _, want := range wants {
				assert.Contains(t, out, want, address)
			}
			assert.NotContains(t, out, "summersun")
		}
		for address, wants := range map[string][2]string{
			"blank@example.org":  {"\"blank@example.org \" is no address", "a row has this text with a blank or something else that cannot be seen: ispmailctl check tells which\n"},
			"al@example.org":     {"invalid-address, virtual_aliases 5: ", "nobody gets mail for al@example.org; a row has this text with a blank"},
			"nobody@example.org": {"Add a user, an alias or a catch-all", "not found: nobody gets mail for nobody@example.org"},
			"loop@example.org":   {"Nobody gets its mail. Mend the aliases.", "alias loop"},
		} {
			out, errs, code := s.do("", "show", address)
			assert.Equal(t, command.ExitFailed, code)
			assert.Contains(t, out, wants[0])
			assert.Contains(t, errs, wants[1])
		}
		assert.Contains(t, s.ok("", "--default-pass-scheme", "CRYPT", "show", "bare@example.org"), "Login: yes")
		lost := s.ok("", "show", "lost@example.com")
		assert.Contains(t, lost, "user-in-wrong-domain")
		assert.NotContains(t, lost, "There is no such user", "it is there")
		list := s.ok("", "user", "list")
		assert.Regexp(t, `bare@example.org +(-|no limit) +unknown +unknown\n`, list)
		assert.Regexp(t, `cut@example.org +(-|no limit) +SHA256-CRYPT +no\n`, list)
		var p struct {
			Users []struct {
				Email    string
				CanLogin bool `json:"can_login"`
				Locked   bool
			}
			Aliases  []struct{ Destination string }
			Findings []struct{ Code string }
		}
		text := s.ok("", "show", "locked@example.org", "--json")
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		require.Len(t, p.Users, 1)
		assert.True(t, p.Users[0].Locked)
		assert.False(t, p.Users[0].CanLogin)
		assert.Len(t, p.Aliases, 1)
		assert.NotEmpty(t, p.Findings)
		assert.NotContains(t, text, "summersun")

		assert.Equal(t, "SCHEME        USERS  AT THE NEXT LOGIN\nPLAIN         3      becomes SHA256-CRYPT\nnone          2      refused: no password\n"+
			"unknown       2      unknown here\nPLAIN         1      refused: locked\nSHA256-CRYPT  1      refused: damaged or too costly\n",
			s.ok("", "password", "schemes"))
		assert.Equal(t, 3, strings.Count(s.ok("", "password", "schemes", "--due", "--json"), `"next_login":"becomes SHA256-CRYPT"`))
		assert.Contains(t, s.ok("", "password", "schemes", "--default-pass-scheme", "CRYPT"), "SHA256-CRYPT  1      becomes SHA256-CRYPT\n")
		assert.Contains(t, s.ok("", "password", "schemes", "example.org", "--scheme", "BLF-CRYPT"), "PLAIN         2      becomes BLF-CRYPT\n")
	})
}

// TestSearch finds a text in all tables, in capitals or not.
func TestSearch(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok("", "domain", "add", "example.org", "jane.example")
		s.ok("a long enough secret", "user", "add", "jane@example.org")
		s.ok("", "alias", "add", "info@example.org", "Jane@example.net", "root@example.net")
		assert.Equal(t, "KIND    ID  ADDRESS           DESTINATION\ndomain  2   jane.example\nuser    1   jane@example.org\nalias   1   info@example.org  Jane@example.net\n", s.ok("", "search", "JANE"))
		assert.Equal(t, "There are none.\n", s.ok("", "search", "jack"))
		out := s.ok("", "search", "jane", "--json")
		assert.Contains(t, out, `{"type":"domain","id":2,"name":"jane.example"}`)
		assert.Contains(t, out, `"scheme":"SHA256-CRYPT"`)
		assert.JSONEq(t, `{"domains":2,"users":1,"aliases":2}`, s.ok("", "count", "--json"))
		assert.Equal(t, "DOMAINS  USERS  ALIASES\n1        0      0\n", s.ok("", "count", "jane.example"))
		assert.Contains(t, s.ok("", "domain", "list", "--json"), `{"id":1,"name":"example.org","users":1,"aliases":2}`)
	})
}

// TestDiff compares with a file and with another database, and prints no password.
func TestDiff(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		other := session{t: t, args: []string{"--on-change", "none", "--dsn", "sqlite:" + filepath.Join(t.TempDir(), "other.db")}}
		other.ok("", "init")
		s.ok("", "domain", "add", "example.org")
		s.ok("a long enough secret", "user", "add", "john@example.org")
		s.ok("", "alias", "add", "info@example.org", "john@example.org")
		before := s.ok("", "export")
		other.ok(before, "restore", "-")
		assert.Equal(t, "Nothing differs.\n", s.ok(before, "diff", "-"))
		assert.Empty(t, s.ok(before, "diff", "-", "--json"))
		s.ok("another long secret", "password", "set", "john@example.org")
		s.ok("", "alias", "set", "info@example.org", "jane@example.net", "--yes")
		for _, from := range [][]string{{"-"}, {"--other-dsn-file", dsnFile(t, "sqlite:"+strings.TrimPrefix(other.args[3], "sqlite:"))}} {
			out, errs, code := s.do(before, append([]string{"diff"}, from...)...)
			assert.Equal(t, exitFindings, code)
			assert.Empty(t, errs)
			assert.Equal(t, "~ user john@example.org: password\n- alias from info@example.org to john@example.org\n+ alias from info@example.org to jane@example.net\n1 added, 1 removed, 1 changed.\n", out)
		}
		for want, args := range map[string][]string{
			"compared with what?":     {"diff"},
			"exclude each other":      {"diff", "x", "--other-dsn", "sqlite:x"},
			"must not hold":           {"diff", "--other-dsn", "root:secret@unix(/x)/mailserver"},
			"the DSN is not of the f": {"diff", "--other-dsn", "x"},
		} {
			_, errs, code := s.do("", args...)
			assert.Equal(t, command.ExitUsage, code)
			assert.Contains(t, errs, want)
		}
		_, errs, code := s.do("", "diff", filepath.Join(t.TempDir(), "missing"))
		assert.Equal(t, command.ExitFailed, code)
		assert.Contains(t, errs, "no such file")
		_, errs, code = s.do("", "diff", "--other-dsn", "sqlite:"+filepath.Join(t.TempDir(), "missing"))
		assert.Equal(t, exitDatabase, code)
		assert.Contains(t, errs, "no such file")
	})
}
