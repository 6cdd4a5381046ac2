package policy

import (
	"context"
	"slices"
	"strings"

	"github.com/sethvargo/go-diceware/diceware"
)

// words is the number of words of a passphrase. Each is drawn from 7,772, which makes 64.6 bits in all.
const words = 5

// Passphrase returns a new random password that can be read over a telephone: five English words in lower case, with hyphens
// between them. It has 64.6 bits, from crypto/rand, and 19 to 49 bytes, which bcrypt takes whole. It breaks no rule of a
// [Policy] with a MinLength of up to 19; [Policy.Passphrase] meets all of them.
//
// The words are those of the long list of the Electronic Frontier Foundation, which has none that are rude, hard to spell or
// easily taken for each other: https://www.eff.org/deeplinks/2016/07/new-wordlists-random-passphrases
func Passphrase() string { return passphrase(words) }

func passphrase(n int) string {
	for {
		drawn := diceware.MustGenerate(n) // it fails if crypto/rand does, which ends a program anyway
		// Four words of the list have a hyphen themselves, such as yo-yo.
		if !slices.ContainsFunc(drawn, func(word string) bool { return strings.Contains(word, "-") }) {
			return strings.Join(drawn, "-")
		}
	}
}

// Passphrase returns a password as the function [Passphrase] does, with more words where MinLength asks for them, that breaks no
// rule of p.
func (p *Policy) Passphrase(ctx context.Context) string {
	return p.draw(func(text string) Rule { return p.Check(ctx, "", "", "", text) })
}

// Suggestion is a Passphrase for a page that anybody may ask for: it takes neither the time of the estimator nor a disk. What is drawn
// from that many is neither guessable nor breached.
func (p *Policy) Suggestion() string {
	return p.draw(func(text string) Rule { return p.CheckForm("", "", "", text) })
}

func (p *Policy) draw(check func(string) Rule) string {
	const longest = 72 // bytes that bcrypt takes
	for {
		text := Passphrase()
		for len(text) < p.config.MinLength {
			text += "-" + passphrase(1)
		}
		if len(text) <= min(longest, p.config.MaxLength) && check(text) == "" {
			return text
		}
	}
}
