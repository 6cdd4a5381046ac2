package main

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/passwd/internal/command"
)

// oddRows are rows of another program: a domain that is none, users and an alias that are no addresses, and rows with a domain_id
// that is not theirs.
const oddRows = `{"type":"domain","id":1,"name":"example.org"}
{"type":"domain","id":2,"name":"exa mple.org"}
{"type":"domain","id":3,"name":"xn--mller-kva.example"}
{"type":"domain","id":4,"name":"müller.example"}
{"type":"user","id":1,"domain_id":1,"email":"john@example.org","password":"{CRYPT}!"}
{"type":"user","id":2,"domain_id":2,"email":" kim@example.org","password":"{CRYPT}!"}
{"type":"user","id":3,"domain_id":1,"email":"x\u001b[31m'; rm -r \n<b>😀","password":"{CRYPT}!"}
{"type":"user","id":4,"domain_id":3,"email":"max@xn--mller-kva.example","password":"{CRYPT}!"}
{"type":"user","id":5,"domain_id":4,"email":"max@müller.example","password":"{CRYPT}!"}
{"type":"user","id":6,"domain_id":1,"email":"","password":"{CRYPT}!"}
{"type":"user","id":7,"domain_id":4,"email":"jim@example.org","password":"{CRYPT}!"}
{"type":"user","id":8,"domain_id":1,"email":"../../etc@example.org","password":"{CRYPT}!"}
{"type":"user","id":9,"domain_id":1,"email":"@example.org","password":"~"}
{"type":"alias","id":1,"domain_id":1,"source":"jack@example.org","destination":"john@example.org"}
{"type":"alias","id":2,"domain_id":1,"source":"sal es@example.org","destination":"a..b@docomo.ne.jp"}
{"type":"alias","id":3,"domain_id":2,"source":"info@example.org","destination":"john@example.org"}
{"type":"alias","id":4,"domain_id":1,"source":"again@example.org","destination":"john@example.org"}
{"type":"alias","id":5,"domain_id":1,"source":"again@example.org","destination":"JOHN@example.org"}
`

// TestRows deletes and corrects by rows what no address names. A dry run changes nothing.
func TestRows(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok(oddRows, "restore", "-")
		for _, step := range []struct {
			args string // with | between them
			want string
		}{
			{"user|correct|--id|2|kim@example.org", `orrect row 2 of virtual_users: " kim@example.org" to kim@example.org.`},
			{"user|correct|--id|7", "orrect row 7 of virtual_users: jim@example.org to row 1 of virtual_domains."},
			{"user|delete|--id|3", `elete row 3 of virtual_users, the user "x\x1b[31m'; rm -r \n<b>😀".`},
			{"user|delete|--exact|", `elete row 6 of virtual_users, the user "".`},
			{"user|delete|--exact|../../etc@example.org", `elete row 8 of virtual_users, the user "../../etc@example.org".`},
			{"user|delete|--id|5", `elete row 5 of virtual_users, the user "max@müller.example".`},
			{"user|delete|--id|9", `elete row 9 of virtual_users, the user "@example.org".`},
			{"alias|correct|--exact|sal es@example.org|--source|@example.org|--destination|john@example.org", `orrect row 2 of virtual_aliases: "sal es@example.org > a..b@docomo.ne.jp" to @example.org > john@example.org.`},
			{"alias|correct|--id|3", "orrect row 3 of virtual_aliases: info@example.org > john@example.org to row 1 of virtual_domains."},
			{"alias|delete|--exact|JOHN@example.org", `elete row 5 of virtual_aliases, the alias from "again@example.org" to "JOHN@example.org".`},
			{"domain|delete|--id|3", `elete row 3 of virtual_domains, the domain "xn--mller-kva.example".`},
			{"domain|correct|--exact|müller.example", `orrect row 4 of virtual_domains: "müller.example" to xn--mller-kva.example.`},
			{"domain|correct|--id|2|example.net", `orrect row 2 of virtual_domains: "exa mple.org" to example.net.`},
			{"user|delete|jim@example.org", "elete the user jim@example.org."},
			{"alias|delete|info@example.org", "elete the alias from info@example.org to john@example.org."},
			{"domain|delete|example.net", "elete the domain example.net with 0 users and 0 aliases."},
		} {
			args := strings.Split(step.args, "|")
			before := s.ok("", "export")
			dry := s.ok("", append(args, "--dry-run")...)
			assert.True(t, strings.HasPrefix(dry, "This would "), dry)
			assert.Contains(t, dry, step.want)
			assert.NotContains(t, dry, "rm -r /")
			assert.Contains(t, s.ok("", append(args, "--dry-run", "--json")...), `"dry_run":true`)
			assert.Equal(t, before, s.ok("", "export"), step.args)
			_, errs, code := s.do("", args...)
			assert.Equal(t, command.ExitUsage, code, step.args)
			assert.Contains(t, errs, "nobody can be asked here: --yes does it", step.args)
			assert.Equal(t, before, s.ok("", "export"), step.args)
			out := s.ok("", append(args, "--yes")...)
			assert.NotContains(t, out, "This would")
			assert.Contains(t, out, strings.NewReplacer("orrect ", "orrected ", "elete ", "eleted ").Replace(step.want))
			assert.NotContains(t, out, "vmail/..", "the folder of what is no address")
			assert.NotContains(t, out, "\x1b")
			if step.args == "user|delete|--id|5" {
				assert.Contains(t, out, "Another row has the address max@müller.example, so its mail stays.")
			}
			assert.NotEqual(t, before, s.ok("", "export"), step.args)
		}
		assert.Equal(t, "ID  DOMAIN                 USERS  ALIASES\n1   example.org            2      3\n4   xn--mller-kva.example  1      0\n", s.ok("", "domain", "list", "--ids"))
		assert.Regexp(t, `^ID  USER .*\n1   john@example.org .*\n2   kim@example.org .*\n4   max@xn--mller-kva.example .*\n$`, s.ok("", "user", "list", "--ids"))
		assert.Equal(t, "1   jack@example.org   john@example.org", strings.Split(s.ok("", "alias", "list", "--ids"), "\n")[1])
		assert.Contains(t, s.ok("", "user", "list", "--json"), `{"id":4,"domain_id":4,`, "moved with its domain")
	})
}

// TestRowsRefused says which rows are meant where an address does not, and changes nothing.
func TestRowsRefused(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok(oddRows, "restore", "-")
		before := s.ok("", "export")
		for _, test := range []struct {
			args string
			code int
			want string
		}{
			{"user|delete| kim@example.org", command.ExitFailed, "row 2 of virtual_users holds exactly this text: ispmailctl user delete --id 2 deletes it, ispmailctl user correct --id 2 EMAIL corrects it"},
			{"user|lock| kim@example.org", command.ExitFailed, "row 2 of virtual_users holds exactly this text"},
			{"user|rename| kim@example.org|kim@example.org", command.ExitFailed, "ispmailctl user correct --id 2 EMAIL"},
			{"user|delete|@example.org", command.ExitFailed, "ispmailctl user delete --id 9 deletes it"},
			{"user|delete|max@müller.example", command.ExitFailed, "max@xn--mller-kva.example is in the rows 4 and 5 of virtual_users; ispmailctl user delete --id ID deletes one of them, ispmailctl user correct --id ID EMAIL gives it another address"},
			{"password|check|max@müller.example", command.ExitFailed, "wrong address or password"},
			{"alias|delete|sal es@example.org", command.ExitFailed, "ispmailctl alias correct --id 2 [--source ADDRESS] [--destination ADDRESS] corrects it"},
			{"domain|delete|exa mple.org|--yes", command.ExitFailed, "ispmailctl domain correct --id 2 NAME corrects it"},
			{"domain|delete|--id|2", command.ExitFailed, "1 in virtual_users"},
			// The argument that is at fault is in no row, and the other one's rows are none of its business.
			{"alias|add|*@example.org|john@example.org", command.ExitFailed, "the catch-all of a domain is written as @example.org\n"},
			{"alias|delete|*@|john@example.org", command.ExitFailed, "the domain is empty\n"},
			{"user|delete|--id|99", command.ExitFailed, "not found: virtual_users has no row with the id 99"},
			{"user|delete|--exact|KIM@example.org", command.ExitFailed, "not found: no row of virtual_users holds exactly this text"},
			{"alias|delete|--exact|again@example.org", command.ExitFailed, "several rows of virtual_aliases hold exactly this text: 4, 5; --id names one of them"},
			{"user|correct|--id|2", command.ExitFailed, "invalid address in the new address"},
			{"user|correct|--id|2|john@example.org", command.ExitFailed, "already exists: user john@example.org, row 1 of virtual_users"},
			{"user|correct|--id|5|max@müller.example", command.ExitFailed, "already exists"},
			{"domain|correct|--id|4", command.ExitFailed, "already exists: domain xn--mller-kva.example, row 3 of virtual_domains"},
			{"alias|correct|--id|2|--destination|john@example.org", command.ExitFailed, "invalid address in the source"},
			{"user|correct|john@example.org", command.ExitUsage, "which row? --id or --exact names it"},
			{"user|delete|--id|1|--exact|x", command.ExitUsage, "--id and --exact exclude each other"},
			{"user|delete|--id|1|john@example.org", command.ExitUsage, `"john@example.org" is one argument too many beside --id or --exact`},
			{"user|delete|--id|one", command.ExitUsage, `--id: "one" is not a whole number`},
			{"user|delete", command.ExitUsage, "EMAIL or --id ID or --exact TEXT is missing"},
			{"alias|correct|--id|2|--source|", command.ExitUsage, "--source is empty"},
		} {
			out, errs, code := s.do("x", strings.Split(test.args, "|")...)
			assert.Equal(t, test.code, code, "%s: %s", test.args, errs)
			assert.Contains(t, errs, test.want, test.args)
			assert.Empty(t, out, test.args)
			assert.Equal(t, before, s.ok("", "export"), test.args)
		}
	})
}

// TestCheckAdvice runs what the check advises about rows, with an address for each placeholder, until nothing of it is wrong.
func TestCheckAdvice(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok(oddRows, "restore", "-")
		advice := regexp.MustCompile(`ispmailctl (user|alias|domain) (correct|delete) --id \d+(?: (?:ADDRESS|NAME|--source ADDRESS|--destination ADDRESS))?`)
		ran := 0
		for round := range 20 {
			out, _, _ := s.do("", "check")
			all := advice.FindAllString(out, -1)
			if len(all) == 0 {
				break
			}
			fresh := strings.NewReplacer("--destination ADDRESS", "--destination john@example.org", "ADDRESS", fmt.Sprintf("new%d@example.org", round), "NAME", fmt.Sprintf("new%d.example", round)).Replace(all[0])
			_, errs, code := s.do("", append(strings.Fields(fresh)[1:], "--yes")...)
			require.Equal(t, command.ExitOK, code, "%s: %s\n%s", fresh, errs, out)
			ran++
		}
		assert.Greater(t, ran, 8)
		out, _, _ := s.do("", "check")
		assert.NotRegexp(t, `--id \d`, out)
	})
}

func TestRowCompletion(t *testing.T) {
	t.Parallel()
	sessions(t, func(t *testing.T, s session) {
		s.ok(oddRows, "restore", "-")
		out, _, _ := s.do("", append([]string{"__complete"}, append(s.args, "user", "correct", "--id", "")...)...)
		assert.Contains(t, out, "2\t kim@example.org\n")
		assert.NotContains(t, out, "\x1b")
	})
}
