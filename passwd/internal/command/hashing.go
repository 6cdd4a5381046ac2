package command

import (
	"errors"
	"strings"

	"github.com/spf13/pflag"

	"github.com/ispmail/go-ispmail/hash"
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
	flags.StringVar(&h.Default, "default-pass-scheme", "", "`SCHEME` of stored passwords without a {SCHEME}: what the setting of that name in Dovecot says (default: nobody can log in with them here)")
}

// UpgradeFlag adds the flag of Upgrade. what is what an upgrade happens at.
func (h *Hashing) UpgradeFlag(flags *pflag.FlagSet, what string) {
	flags.BoolVar(&h.Upgrade, "upgrade", false, "at "+what+", also replace a stored password of a weaker class than --scheme, not only a weak one, so that all users come to --scheme in time; never by a weaker one")
}

// Hasher returns what the settings say. The error names the flag that is wrong.
func (h *Hashing) Hasher() (*hash.Hasher, error) {
	if _, err := hash.New(hash.Config{Default: h.Default}); err != nil {
		return nil, errors.New("--default-pass-scheme: " + strings.TrimPrefix(err.Error(), "hash: Default names the "))
	}
	hasher, err := hash.New(hash.Config{
		Scheme: h.Scheme, Default: h.Default, Upgrade: h.Upgrade, MaxMemory: h.MaxMemory, MemoryBudget: h.MaxMemory,
	})
	if err != nil {
		return nil, errors.New("--scheme: " + strings.TrimPrefix(err.Error(), "hash: "))
	}
	return hasher, nil
}
