package check

import (
	"errors"
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

// checkPassword checks the stored password of a user. width is the number of characters that the column holds.
func (c *checker) checkPassword(user ispmail.User, email string, width int64, report func(Code, string, ...any)) {
	stored := user.Password.Reveal()
	if stored == "" {
		report(CodeEmptyPassword, "there is no password, and Dovecot 2.4.0 to 2.4.2 lets everybody in with an empty one: set one, or {CRYPT}! to lock the account")
		return
	}
	info, err := c.store.Hasher().Inspect(stored)
	payload := stored
	if info.Label != "" {
		payload = stored[len(info.Label)+2:]
	} else if info.Unprefixed {
		why := "the stored password has no {SCHEME}, and to Dovecot 2.4.0 to 2.4.2 it is itself what logs in"
		if errors.Is(err, hash.ErrUnsupported) {
			why += "; nobody can log in with it or change it here without --default-pass-scheme"
		}
		report(CodeUnprefixedPassword, "%s: put the scheme in front, or {CRYPT}! to lock the account", why)
	}
	if c.isExample(email, stored, payload, info.Label) {
		report(CodeExampleAccount, "the password is the one that is printed in the ISPmail guide: delete the account, or set another password")
	}
	switch {
	case payload == "" && isClear(info.Label):
		report(CodeEmptyPassword, "the stored password is of no length, so that everybody can log in: set one, or {CRYPT}! to lock the account")
		return
	case isCut(info, err, payload, int64(utf8.RuneCountInString(stored)) == width):
		report(CodeTruncatedPassword, "the end of the stored password is missing, so that the login fails: widen the column if it is narrow, and set the password again")
		return
	case info.Locked, errors.Is(err, hash.ErrMalformed) && tables.IsStar(stored), info.Unprefixed && errors.Is(err, hash.ErrUnsupported):
		return
	case errors.Is(err, hash.ErrTooCostly):
		report(CodeTooCostlyPassword, "the stored password takes more work to verify than is allowed, so that the login is refused here: set it again, or raise the limit of hash.Config")
	case errors.Is(err, hash.ErrUnsupported):
		report(CodeMalformedPassword, "the scheme of the stored password is unknown or not supported, so that the login is refused here: set it again")
		return
	case err != nil:
		report(CodeMalformedPassword, "the stored password is not what its scheme prescribes, so that nobody can log in: set it again, or {CRYPT}! to lock the account")
		return
	}
	switch {
	case info.Recoverable:
		report(CodeRecoverablePassword, "the password is stored as clear text: set it again, or let the user log in once by Authenticate")
	case info.Weak:
		report(CodeWeakScheme, "%s is guessed quickly: set the password again, or let the user log in once by Authenticate", info.Scheme)
	}
	if info.Dovecot24 != hash.Accepted && info.Dovecot24 != hash.Undefined {
		report(CodeRefusedByDovecot24, "Dovecot 2.4 does not let the user in, as %s is %s: set the password again, or let the user log in once by Authenticate", info.Scheme, info.Dovecot24)
	}
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
