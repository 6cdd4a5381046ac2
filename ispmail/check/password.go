package check

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
)

// The example account of the guide, https://workaround.org/ispmail/.
const (
	exampleEmail    = "john@example.org"
	examplePassword = "summersun"
)

// exampleHashes are the hashes of examplePassword that releases of the guide print.
var exampleHashes = []string{
	"$2y$05$m.GdQNMyUFNG0vPsaXxSB.0ZQqZhe1e9Un841oBcWi6U6HRF2Kmky",
	"$2y$05$.WedBCNZiwxY1CG3aleIleu6lYjup2CIg0BP4M4YCZsO204Czz07W",
	"$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7",
	"14cbfb845af1f030e372b1cb9275e6dd",
}

// checkPassword checks the stored password of a user. width is the number of characters that the column holds. It returns why
// the owner cannot log in or change the password, "" if nothing is in the way.
func (c *checker) checkPassword(user ispmail.User, email string, width int64, report func(Code, string, ...any)) reason {
	stored := user.Password.Reveal()
	set, lock := commands(user.ID, email)
	if stored == "" {
		report(CodeEmptyPassword, "there is no password, and Dovecot 2.4.0 to 2.4.2 lets everybody in with an empty one: %s sets one, %s locks the account", set, lock)
		return noPassword
	}
	info, err := c.store.Hasher().Inspect(stored)
	var why reason
	payload := stored
	if info.Label != "" {
		payload = stored[len(info.Label)+2:]
	} else if info.Unprefixed {
		how := ""
		switch {
		case errors.Is(err, hash.ErrUnsupported):
			how = "; nobody can log in with it or change it here without --default-pass-scheme, which must be what default_pass_scheme is in Dovecot"
		case err == nil:
			how = "; it is read as " + info.Scheme + ", and a change renews it"
		}
		report(CodeUnprefixedPassword, "the stored password has no {SCHEME}, and to Dovecot 2.4.0 to 2.4.2 it is itself what logs in%s: %s sets a new one", how, set)
	}
	if c.isExample(email, stored, payload, info.Label) {
		report(CodeExampleAccount, "the password is the one that is printed in the ISPmail guide: %s sets another, ispmailctl user delete --id %d deletes the account", set, user.ID)
	}
	switch {
	case payload == "" && isClear(info.Label):
		report(CodeEmptyPassword, "the stored password is of no length, so that everybody can log in: %s sets one, %s locks the account", set, lock)
		return noPassword
	case isCut(info, err, payload, int64(utf8.RuneCountInString(stored)) == width):
		report(CodeTruncatedPassword, "the end of the stored password is missing, so that the login fails: %s sets it again, once the column is wide enough", set)
		return cut
	case info.Locked, errors.Is(err, hash.ErrMalformed) && tables.IsStar(stored), tables.IsNoLogin(stored):
		return locked
	case info.Unprefixed && errors.Is(err, hash.ErrUnsupported):
		return bare
	case errors.Is(err, hash.ErrTooCostly):
		report(CodeTooCostlyPassword, "the stored password takes more work to verify than is allowed, so that the owner cannot log in or change it here: %s sets a new one", set)
		why = tooCostly
	case errors.Is(err, hash.ErrUnsupported) && info.Scheme != "":
		report(CodeMalformedPassword, "the stored password is %s, which Dovecot may verify and this program does not, so that the owner cannot change it here: %s sets a new one", info.Scheme, set)
		return unsupported
	case errors.Is(err, hash.ErrUnsupported):
		report(CodeMalformedPassword, "the scheme of the stored password is known neither to Dovecot nor here, so that nobody can log in: %s sets a new one", set)
		return unknownScheme
	case err != nil:
		report(CodeMalformedPassword, "the stored password is not what its scheme prescribes, so that nobody can log in: %s sets a new one", set)
		return malformed
	}
	renew := set + " sets a new one, and a login with the present one, such as ispmailctl password check " + word(email) + ", renews it"
	if email == "" {
		renew = set + " sets a new one"
	}
	switch {
	case info.Recoverable:
		report(CodeRecoverablePassword, "the password is stored as clear text: %s", renew)
	case info.Weak:
		report(CodeWeakScheme, "%s is guessed quickly: %s", info.Scheme, renew)
	}
	if info.Dovecot24 != hash.Accepted && info.Dovecot24 != hash.Undefined {
		report(CodeRefusedByDovecot24, "Dovecot 2.4 does not let the user in, as %s is %s: %s", info.Scheme, info.Dovecot24, renew)
	}
	return why
}

// commands returns what sets the password of a user, and what locks an account without one, which ispmailctl user lock refuses.
// Both can be pasted.
func commands(id int64, email string) (set, lock string) {
	set = "ispmailctl password set " + word(email)
	if email == "" {
		set = "ispmailctl password set, once the address is corrected,"
	}
	return set, fmt.Sprintf("UPDATE %s SET password = '{CRYPT}!' WHERE id = %d", tables.Users, id)
}

// isExample reports whether the password is the example of the guide. It computes a hash only for the example account.
func (c *checker) isExample(email, stored, payload, label string) bool {
	for _, printed := range exampleHashes {
		if payload == printed {
			return true
		}
	}
	if email != exampleEmail {
		return false
	}
	if label == "" && strings.HasPrefix(stored, "$") {
		stored = "{CRYPT}" + stored // so does a server with that default scheme read it
	}
	return stored == examplePassword || c.store.Hasher().VerifyFor(email, stored, examplePassword) == nil
}

// isClear reports whether a label is one of clear text.
func isClear(label string) bool {
	switch strings.ToUpper(label) {
	case "PLAIN", "CLEAR", "CLEARTEXT":
		return true
	}
	return false
}

// isCut reports whether the end of a value is missing. filled says that the value takes up the whole width of the column:
// then a value of a scheme without a fixed length, clear text or Argon2, may have been cut.
func isCut(info hash.Info, err error, payload string, filled bool) bool {
	if filled && (errors.Is(err, hash.ErrMalformed) || info.Recoverable || strings.HasPrefix(info.Scheme, "ARGON2")) {
		return true
	}
	if !strings.HasPrefix(payload, "$") || err == nil {
		return false
	}
	parts := strings.Split(payload[1:], "$")
	last := len(parts[len(parts)-1])
	switch method, n := parts[0], len(parts); method {
	case "1":
		return n <= 3 && (n < 3 || last < 22)
	case "2a", "2b", "2y", "2x":
		return len(payload) < 60
	case "5", "6":
		length := map[string]int{"5": 43, "6": 86}[method]
		whole := 3
		if n > 1 && strings.HasPrefix(parts[1], "rounds=") {
			whole++
		}
		return n < whole || n == whole && last < length
	case "argon2i", "argon2id":
		return n < 5
	}
	return false
}
