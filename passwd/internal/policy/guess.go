package policy

import (
	_ "embed"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/trustelem/zxcvbn"
	"golang.org/x/text/unicode/norm"
)

const (
	// enough is the logarithm (base 10) of a number of guesses that separates the two lists of the tests: what people make of
	// common words, names and years to get past a length, and phrases of three words and more.
	enough = 9
	// judged is the number of characters at the beginning of a password that the estimator sees. Its time is cubic, and no
	// honest beginning of this length is guessable.
	judged = 32
)

// guessable reports whether a password is found in few guesses: in less than a random one of MinLength is, which the estimator
// counts with 10 for each character, or less than 10^9. known are words that a guesser tries first.
func (p *Policy) guessable(password string, known []string) bool {
	if isRepeated(strings.TrimFunc(strings.ToLower(password), isNoLetter)) {
		return true
	}
	password = withoutMarks(password) // the estimator sees words and repetitions in ASCII only
	if beginning := []rune(password); len(beginning) > judged {
		password = string(beginning[:judged])
	}
	guesses := zxcvbn.PasswordStrength(password, append(slices.Clip(foreignWords()), known...)).Guesses
	return guesses < math.Pow10(min(p.config.MinLength, enough))
}

// withoutMarks returns a text with u for ü, and so on.
func withoutMarks(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text))
}

// isRepeated reports whether a password is a beginning over and over.
func isRepeated(password string) bool {
	for size := 1; size <= len(password)/2; size++ {
		if password[size:] == password[:len(password)-size] {
			return true
		}
	}
	return false
}

//go:embed words.txt
var foreignText string

var foreignWords = sync.OnceValue(func() []string { return listed(foreignText) })

// listed returns the lines of a list that are no comments.
func listed(text string) (lines []string) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimRight(line, "\n"))
		}
	}
	return lines
}
