package ispmail

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail/internal/route"
	"github.com/ispmail/go-ispmail/ispmail/internal/tables"
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
	// Password is the stored value, "{SCHEME}hash". JSON, XML and YAML leave it out.
	Password Secret `bun:"password" json:"-" xml:"-" yaml:"-"`
	// Quota is the size of the mailbox in bytes, 0 for no limit. It is nil where virtual_users has no column quota or
	// the account may not read it, and where it holds NULL or what is no number of bytes. SetQuota changes it. Queries of
	// bun with this model read and write it, and fail where there is no such column.
	Quota *int64 `bun:"quota,nullzero" json:"quota,omitempty"`
}

// CanLogin reports whether somebody can log in as the user, given the right password. It is false for a locked user, and
// for rows that other programs keep: for "@domain", or with "", "~", "*" or "!" for a password.
func (u User) CanLogin() bool {
	return u.canonical() != "" && !tables.IsNoLogin(u.Password.Reveal()) && !u.IsLocked()
}

// IsLocked reports whether the stored password is behind a lock, that of [Store.Lock] or of another program's making, such as
// "{SCHEME}!hash".
func (u User) IsLocked() bool {
	info, _ := hash.Inspect(u.Password.Reveal())
	return info.Locked
}

// String names the user, without secrets: "user john@example.org".
func (u User) String() string { return "user " + u.Email }

// Format keeps the stored password out of what package fmt prints, whatever the verb.
func (u User) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

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

// Destinations returns the addresses in Destination, as Postfix reads it. It is one, except in rows of programs that write
// several of them, separated by commas, semicolons or blanks.
func (a Alias) Destinations() []string { return route.Destinations(a.Destination) }
