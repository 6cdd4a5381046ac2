package passwd

import (
	_ "embed"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// policy judges a new password by the request alone: there are no rules about kinds of characters (NIST SP 800-63B-4,
// section 3.1.1.2), and nothing is asked of the database. email is canonical.
func (s *Service) policy(email string, f form) (verdict, bool) {
	refuse := func(reason, text string) (verdict, bool) {
		return verdict{status: http.StatusUnprocessableEntity, reason: reason, text: text}, false
	}
	switch lowered := strings.ToLower(f.replacement); {
	case len(f.replacement) > s.config.MaxLength:
		return tooLong, false
	case utf8.RuneCountInString(f.replacement) < s.config.MinLength:
		return refuse("policy-too-short", fmt.Sprintf("The new password must have at least %d characters.", s.config.MinLength))
	case f.replacement == f.current && !s.config.AllowSame:
		return refuse("policy-same", "The new password is the current one.")
	case commonPasswords()[lowered]:
		return refuse("policy-common", "The new password is one of the most common ones.")
	case madeOf(lowered, addressWords(email)):
		return refuse("policy-address", "The new password is made of the mail address.")
	case madeOf(lowered, siteWords(s.config.SiteName)):
		return refuse("policy-site", "The new password is made of the name of this site.")
	}
	return verdict{}, true
}

//go:embed common/passwords.txt
var commonText string

// commonPasswords are those of at least lowestMinLength characters, in lower case.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for line := range strings.Lines(commonText) {
		if !strings.HasPrefix(line, "#") {
			common[strings.TrimRight(line, "\n")] = true
		}
	}
	return common
})

// addressWords are the parts of an address that are no secret.
func addressWords(email string) []string {
	local, domain, _ := strings.Cut(email, "@")
	words := []string{email, local, domain}
	words = append(words, strings.FieldsFunc(local, isNoLetter)...)
	return append(words, strings.FieldsFunc(domain, isNoLetter)...)
}

func siteWords(name string) []string {
	name = strings.ToLower(name)
	return append(strings.FieldsFunc(name, isNoLetter), name)
}

// madeOf tells whether a password is nothing but the words, in any order and number, and what is easily added to them:
// digits, blanks and punctuation. Words of one or two letters do not count.
func madeOf(password string, words []string) bool {
	words = slices.DeleteFunc(slices.Clone(words), func(w string) bool { return utf8.RuneCountInString(w) < 3 })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) }) // a long word before its parts
	rest := password
	for _, word := range words {
		rest = strings.ReplaceAll(rest, word, " ")
	}
	return rest != password && !strings.ContainsFunc(rest, unicode.IsLetter)
}

func isNoLetter(r rune) bool { return !unicode.IsLetter(r) }
