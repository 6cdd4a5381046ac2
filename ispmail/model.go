package ispmail

import (
	"log/slog"
	"slices"
	"strings"
	"unicode"

	"github.com/uptrace/bun"
)

// A Domain is a row of virtual_domains: a domain whose mail the server keeps.
type Domain struct {
	bun.BaseModel `bun:"table:virtual_domains,alias:d"`

	ID   int64  `bun:"id,pk,autoincrement" json:"id"`
	Name string `bun:"name" json:"name"`
}

// A User is a row of virtual_users: a mailbox and its login.
type User struct {
	bun.BaseModel `bun:"table:virtual_users,alias:u"`

	ID       int64 `bun:"id,pk,autoincrement" json:"id"`
	DomainID int64 `bun:"domain_id" json:"domain_id"`
	// Email is the address as it is stored, which may differ from its canonical form in rows of other programs.
	Email string `bun:"email" json:"email"`
	// Password is the stored value, "{SCHEME}hash". It is a secret: JSON leaves it out, and so does slog where
	// it is given a User or *User.
	Password string `bun:"password" json:"-"`
	// Quota is the size of the mailbox in bytes, 0 for no limit. It is nil where virtual_users has no column quota or
	// the account may not read it, and where it holds NULL or what is no number of bytes. SetQuota changes it.
	Quota *int64 `bun:"quota,scanonly" json:"quota,omitempty"`
}

// CanLogin tells whether somebody can log in as the user, given the right password. Other programs keep rows for
// "@domain", or ones with "", "~", "*" or "!" for a password, which are nobody's login.
func (u User) CanLogin() bool {
	return u.canonical() != "" && !slices.Contains([]string{"", "~", "*", "!"}, u.Password)
}

// LogValue keeps the stored password out of logs.
func (u User) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", u.ID), slog.String("email", u.Email))
}

// An Alias is a row of virtual_aliases: mail for Source goes to Destination. A source with several destinations has a
// row for each.
type Alias struct {
	bun.BaseModel `bun:"table:virtual_aliases,alias:a"`

	ID       int64 `bun:"id,pk,autoincrement" json:"id"`
	DomainID int64 `bun:"domain_id" json:"domain_id"`
	// Source is an address, or "@domain" for all addresses of a domain that have no row of their own.
	Source string `bun:"source" json:"source"`
	// Destination is an address, here or anywhere else, or "@domain" for the same address in another domain.
	Destination string `bun:"destination" json:"destination"`
}

// Destinations returns the addresses in Destination. It is one, except in rows of programs that write several of them,
// separated by commas or blanks.
func (a Alias) Destinations() []string {
	return strings.FieldsFunc(a.Destination, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}
