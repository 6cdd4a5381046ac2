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
	for line := range strings.Lines(commonText) {
		if !strings.HasPrefix(line, "#") {
			common[strings.TrimRight(line, "\n")] = true
		}
	}
	return common
})

// isCommon reports whether a password is a common one, with or without digits and punctuation around it, or one that is as
// easily guessed: a repetition, or a run along the alphabet or the keyboard.
func isCommon(password string) bool {
	core := strings.TrimFunc(password, isNoLetter)
	return commonPasswords()[password] || commonPasswords()[core] || isRepeated(password) || isRun(password)
}

func isRepeated(password string) bool {
	for size := 1; size <= len(password)/2; size++ {
		if password[size:] == password[:len(password)-size] {
			return true
		}
	}
	return false
}

// runs are alphabet, digits and keyboards, forwards and backwards, over and over for the longest password.
var runs = func() (endless []string) {
	for _, sequence := range []string{"0123456789", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "qwertzuiopasdfghjklyxcvbnm"} {
		backwards := []byte(sequence)
		slices.Reverse(backwards)
		times := DefaultMaxLength/len(sequence) + 2
		endless = append(endless, strings.Repeat(sequence, times), strings.Repeat(string(backwards), times))
	}
	return endless
}()

func isRun(password string) bool {
	return slices.ContainsFunc(runs, func(endless string) bool { return strings.Contains(endless, password) })
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

// byLength sorts words so that a long one comes before its parts.
func byLength(words []string) []string {
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
