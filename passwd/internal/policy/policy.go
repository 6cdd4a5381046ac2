// Package policy judges new passwords, and makes good ones. The service, the command line and the page of administrators share
// it.
package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/ispmail/go-ispmail/hash"
)

// A Rule is one that a password breaks, by its name in the answers of the service. "" stands for none.
type Rule string

// The rules.
const (
	Control  Rule = "policy-control"   // it holds a character that nobody sees, see hash.ErrControlCharacter
	TooShort Rule = "policy-too-short" // it has fewer characters than MinLength
	TooLong  Rule = "policy-too-long"  // it has more bytes than MaxLength
	Same     Rule = "policy-same"      // it is the current one
	Address  Rule = "policy-address"   // it is made of the mail address
	Site     Rule = "policy-site"      // it is made of the name of the site
	Common   Rule = "policy-common"    // it is one of the most common ones
	Guess    Rule = "policy-guessable" // it is found in few guesses
	Breached Rule = "policy-breached"  // it is in a list of passwords that others have lost
)

// Rules returns all rules.
func Rules() []Rule {
	return []Rule{Control, TooShort, TooLong, Same, Common, Address, Site, Guess, Breached}
}

// Limits of the lengths.
const (
	DefaultMinLength = 15 // characters; NIST SP 800-63B-4, section 3.1.1.2, asks it of a password that is the only factor
	LowestMinLength  = 8
	DefaultMaxLength = 256 // bytes, and the most that MaxLength may be
	LowestMaxLength  = 64  // NIST SP 800-63B-4, section 3.1.1.2: at least 64 characters must be possible
)

// Config holds the settings of a [Policy]. The zero value has the defaults.
type Config struct {
	MinLength int    // characters (Unicode code points), from LowestMinLength to LowestMaxLength
	MaxLength int    // bytes, from LowestMaxLength to DefaultMaxLength
	AllowSame bool   // accepts the current password as the new one
	SiteName  string // is no password

	// Breached reports whether a password is in a list of those that others have lost. By default there is no such list.
	Breached func(ctx context.Context, password string) bool
}

// A Policy judges new passwords. Make one with [New]; the zero value does not work. It is safe for concurrent use.
type Policy struct {
	config    Config
	siteWords []string
}

// New returns a [Policy], or an error if a length is out of its range.
func New(config Config) (*Policy, error) {
	config.MinLength = cmp.Or(config.MinLength, DefaultMinLength)
	config.MaxLength = cmp.Or(config.MaxLength, DefaultMaxLength)
	switch {
	case config.MaxLength < LowestMaxLength || config.MaxLength > DefaultMaxLength:
		return nil, fmt.Errorf("MaxLength %d is not in %d to %d", config.MaxLength, LowestMaxLength, DefaultMaxLength)
	case config.MinLength < LowestMinLength || config.MinLength > LowestMaxLength:
		return nil, fmt.Errorf("MinLength %d is not in %d to %d", config.MinLength, LowestMinLength, LowestMaxLength)
	}
	return &Policy{config: config, siteWords: siteWords(config.SiteName)}, nil
}

// Check returns the first [Rule] that a new password breaks, or "": first one of [Policy.CheckForm], then one of
// [Policy.CheckStrength]. The address is given in its canonical form and as it was typed. Where nobody knows the current
// password, it is "". There are no rules about kinds of characters, see NIST SP 800-63B-4, section 3.1.1.2.
func (p *Policy) Check(ctx context.Context, email, typed, current, replacement string) Rule {
	if rule := p.CheckForm(email, typed, current, replacement); rule != "" {
		return rule
	}
	return p.CheckStrength(ctx, email, typed, replacement)
}

// CheckForm is the part of [Policy.Check] that takes no time.
func (p *Policy) CheckForm(email, typed, current, replacement string) Rule {
	switch lowered := strings.ToLower(replacement); {
	case len(replacement) > p.config.MaxLength:
		return TooLong
	case errors.Is(anyScheme.Validate(replacement), hash.ErrControlCharacter):
		return Control
	case utf8.RuneCountInString(replacement) < p.config.MinLength:
		return TooShort
	case replacement == current && !p.config.AllowSame:
		return Same
	case madeOf(lowered, addressWords(email, typed)):
		return Address
	case madeOf(lowered, p.siteWords):
		return Site
	case isCommon(lowered):
		return Common
	}
	return ""
}

// CheckStrength is the part of [Policy.Check] that takes a processor for some milliseconds, and reads the list of Config.Breached.
// It expects a password that has passed [Policy.CheckForm].
func (p *Policy) CheckStrength(ctx context.Context, email, typed, replacement string) Rule {
	switch {
	case p.guessable(replacement, append(addressWords(email, typed), p.siteWords...)):
		return Guess
	case p.config.Breached != nil && p.config.Breached(ctx, replacement):
		return Breached
	}
	return ""
}

// anyScheme knows the rules for passwords that hold for every scheme.
var anyScheme hash.Hasher

// Text returns what is wrong with a password that breaks a rule, a sentence in English.
func (p *Policy) Text(rule Rule) string {
	if rule == TooShort {
		return fmt.Sprintf("The new password must have at least %d characters.", p.config.MinLength)
	}
	return texts[rule]
}

var texts = map[Rule]string{
	Control:  "The new password holds a line end, a tab or another character that cannot be seen.",
	TooLong:  "The new password is too long.",
	Same:     "The new password is the current one.",
	Address:  "The new password is made of the mail address.",
	Site:     "The new password is made of the name of this site.",
	Common:   "The new password is one of the most common ones.",
	Guess:    "The new password is too easy to guess.",
	Breached: "The new password is in a list of stolen passwords.",
}
