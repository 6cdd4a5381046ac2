package policy

import (
	_ "embed"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

//go:embed common/passwords.txt
var commonText string

// commonPasswords are those of at least LowestMinLength characters, in lower case.
var commonPasswords = sync.OnceValue(func() map[string]bool {
	common := map[string]bool{}
	for _, password := range listed(commonText) {
		common[password] = true
	}
	return common
})

// isCommon reports whether a password is a common one, with or without digits and punctuation around it.
func isCommon(password string) bool {
	return commonPasswords()[password] || commonPasswords()[strings.TrimFunc(password, isNoLetter)]
}

// addressWords are the parts of an address that are no secret, as it is stored and as it was typed, and with the domain
// as people read it.
func addressWords(email, typed string) []string {
	local, domain, _ := strings.Cut(email, "@")
	words := []string{email, strings.ToLower(typed), local, domain}
	words = append(append(words, longWords(local)...), longWords(domain)...)
	if readable, err := idna.ToUnicode(domain); err == nil && readable != domain {
		words = append(append(words, local+"@"+readable, readable), longWords(readable)...)
	}
	return byLength(words)
}

func siteWords(name string) []string {
	name = strings.ToLower(name)
	return byLength(append(longWords(name), name))
}

// byLength sorts words so that a long one comes before its parts. No word is empty.
func byLength(words []string) []string {
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" })
	slices.SortFunc(words, func(a, b string) int { return len(b) - len(a) })
	return words
}

// longWords are those of three letters and more; fewer would be found in everything.
func longWords(text string) []string {
	words := strings.FieldsFunc(text, isNoLetter)
	return slices.DeleteFunc(words, func(w string) bool { return utf8.RuneCountInString(w) < 3 })
}

// madeOf reports whether a password consists of the words alone, in any order and number, with digits, blanks and
// punctuation between them.
func madeOf(password string, words []string) bool {
	rest := password
	for _, word := range words {
		rest = strings.ReplaceAll(rest, word, " ")
	}
	return rest != password && !strings.ContainsFunc(rest, unicode.IsLetter)
}

func isNoLetter(r rune) bool { return !unicode.IsLetter(r) }
