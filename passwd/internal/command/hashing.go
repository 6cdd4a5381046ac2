package command

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/hash"
)

// The names of flags that take a scheme, in all commands.
const (
	schemeFlag  = "scheme"
	defaultFlag = "default-pass-scheme"
)

// Hashing are the settings of passwords that both commands have, by the same names. The zero value stands for the defaults of
// [hash.Config].
type Hashing struct {
	Scheme, Default string
	Upgrade         bool
	MaxMemory       int // of hash.Config, and its MemoryBudget too
}

// DefaultFlag adds the flag of Default.
func (h *Hashing) DefaultFlag(flags *pflag.FlagSet) {
	flags.StringVar(&h.Default, defaultFlag, "", "`SCHEME` of stored passwords without a {SCHEME}: what the setting of that name in Dovecot says (default: nobody can log in with them here)")
}

// UpgradeFlag adds the flag of Upgrade. what is what an upgrade happens at.
func (h *Hashing) UpgradeFlag(flags *pflag.FlagSet, what string) {
	flags.BoolVar(&h.Upgrade, "upgrade", false, "at "+what+", also replace a stored password of a weaker class than --scheme, not only a weak one, so that all users come to --scheme in time; never by a weaker one")
}

// Hasher returns what the settings say. The error names the flag that is wrong.
func (h *Hashing) Hasher() (*hash.Hasher, error) {
	if _, err := hash.New(hash.Config{Default: h.Default}); err != nil {
		return nil, unknownScheme(defaultFlag, h.Default, strings.TrimPrefix(err.Error(), "hash: Default names the "), knownSchemes())
	}
	hasher, err := hash.New(hash.Config{
		Scheme: h.Scheme, Default: h.Default, Upgrade: h.Upgrade, MaxMemory: h.MaxMemory, MemoryBudget: h.MaxMemory,
	})
	if err != nil {
		return nil, unknownScheme(schemeFlag, h.Scheme, strings.TrimPrefix(err.Error(), "hash: "), generatedSchemes())
	}
	return hasher, nil
}

// unknownScheme says what is wrong with a flag, and which scheme may be meant.
func unknownScheme(flag, value, text string, names []string) error {
	return fmt.Errorf("--%s: %s%s", flag, text, didYouMean("", nearest(value, names)))
}

// generatedSchemes are the names that --scheme takes.
func generatedSchemes() []string {
	return schemes(func(s hash.SchemeInfo) bool { return s.Generated })
}

// knownSchemes are the names that --default-pass-scheme takes.
func knownSchemes() []string {
	return schemes(func(s hash.SchemeInfo) bool { return s.Verified && s.Name == strings.ToUpper(s.Name) }) // the others stand in CRYPT
}

func schemes(wanted func(hash.SchemeInfo) bool) (names []string) {
	for _, s := range hash.Schemes() {
		if wanted(s) {
			names = append(names, s.Name)
		}
	}
	return names
}
