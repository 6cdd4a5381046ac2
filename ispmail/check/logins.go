package check

import (
	"fmt"
	"strings"

	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// A reason is why the owner of a row cannot log in, or cannot change the password here.
type reason string

const (
	noAddress     reason = "no address"
	severalRows   reason = "one address in several rows"
	noPassword    reason = "no password"
	bare          reason = "without a {SCHEME}"
	unknownScheme reason = "an unknown scheme"
	unsupported   reason = "a scheme that is not supported here"
	malformed     reason = "malformed"
	cut           reason = "cut"
	tooCostly     reason = "too costly"
	locked        reason = "locked"
)

var reasons = []reason{noAddress, severalRows, noPassword, bare, unknownScheme, unsupported, malformed, cut, tooCostly, locked}

// A tally counts users by the reason why they cannot log in. "" stands for those who can.
type tally struct {
	total  int
	counts map[reason]int
}

func (t *tally) add(why reason) {
	t.total++
	if why == "" {
		return
	}
	if t.counts == nil {
		t.counts = map[reason]int{}
	}
	t.counts[why]++
}

// reportLogins sums up who cannot log in or change the password.
func (c *checker) reportLogins(t *tally) {
	sum, parts := 0, []string(nil)
	for _, why := range reasons {
		if n := t.counts[why]; n > 0 {
			sum += n
			parts = append(parts, fmt.Sprintf("%d %s", n, why))
		}
	}
	if sum > 0 {
		c.report(CodeUnusableLogins, tables.Users, 0, "%d of %d users cannot log in, or cannot change the password here: %s", sum, t.total, strings.Join(parts, ", "))
	}
}

// word returns a canonical address, source or domain as one word of a shell command.
func word(canonical string) string {
	if strings.Trim(canonical, "abcdefghijklmnopqrstuvwxyz0123456789@.+-_") == "" {
		return canonical
	}
	return "'" + strings.ReplaceAll(canonical, "'", `'\''`) + "'"
}
