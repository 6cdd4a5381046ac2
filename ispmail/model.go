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

// A Domain is a row of virtual_domains: a domain whose mail this server keeps.
type Domain struct {
	bun.BaseModel `bun:"table:virtual_domains,alias:d"`

	// ID identifies the row. Users and aliases refer to it by DomainID.
	ID int64 `bun:"id,pk,autoincrement" json:"id"`
	// Name is the name as stored. In rows of other programs it may differ from the canonical form.
	Name string `bun:"name" json:"name"`
	// Off is true if a column of [Config.State] switches the row off. Methods that write rows ignore it.
	Off bool `bun:"-" json:"off,omitempty"`
}

// A User is a row of virtual_users: a mailbox and its login.
type User struct {
	bun.BaseModel `bun:"table:virtual_users,alias:u"`

	// ID identifies the row. It is 0 if virtual_users has ids that are no numbers, see the package documentation.
	ID int64 `bun:"id,pk,autoincrement" json:"id"`
	// DomainID is the ID of the [Domain].
	DomainID int64 `bun:"domain_id" json:"domain_id"`
	// Email is the address as stored. In rows of other programs it may differ from the canonical form.
	Email string `bun:"email" json:"email"`
	// Password is the stored value, "{SCHEME}hash". JSON, XML and YAML leave it out.
	Password Secret `bun:"password" json:"-" xml:"-" yaml:"-"`
	// Quota is the size limit of the mailbox in bytes; 0 means no limit. [Store.SetQuota] changes it.
	//
	// It is nil if virtual_users has no column quota, the account may not read the column, or the value is NULL or no
	// number. Queries of bun with this model fail if there is no such column.
	Quota *int64 `bun:"quota,nullzero" json:"quota,omitempty"`
	// Off is true if a column of [Config.State] switches the row off, or the domain of DomainID. Methods that write rows
	// ignore it.
	Off bool `bun:"-" json:"off,omitempty"`

	textID textID // the id where it is no number
}

// CanLogin reports whether the right password lets somebody log in as the user. It is false for a user who is locked or
// switched off, and for rows of other programs that are no login: with the address "@domain", or the password "", "~", "*"
// or "!".
func (u User) CanLogin() bool {
	return !u.Off && u.canonical() != "" && !tables.IsNoLogin(u.Password.Reveal()) && !u.IsLocked()
}

// IsLocked reports whether the stored password is locked, by [Store.Lock] or in the way of another program, such as
// "{SCHEME}!hash". It does not know what values without a {SCHEME} are: [hash.Hasher.Inspect] tells of those.
func (u User) IsLocked() bool {
	info, _ := hash.Inspect(u.Password.Reveal())
	return info.Locked
}

// String names the user without secrets: "user john@example.org".
func (u User) String() string { return "user " + u.Email }

// Format keeps the stored password out of the output of package fmt, with any verb.
func (u User) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, u.String()) }

// LogValue keeps the stored password out of logs.
func (u User) LogValue() slog.Value {
	return slog.GroupValue(slog.Int64("id", u.ID), slog.String("email", u.Email))
}

// An Alias is a row of virtual_aliases: it sends mail for Source to Destination. A source with several destinations has
// a row for each.
type Alias struct {
	bun.BaseModel `bun:"table:virtual_aliases,alias:a"`

	// ID identifies the row.
	ID int64 `bun:"id,pk,autoincrement" json:"id"`
	// DomainID is the ID of the [Domain].
	DomainID int64 `bun:"domain_id" json:"domain_id"`
	// Source is an address, or "@domain" for all addresses of the domain that have no row of their own.
	Source string `bun:"source" json:"source"`
	// Destination is an address on this server or elsewhere, or "@domain" for the same local part in another domain. An address
	// elsewhere is as it was given, because its capitals may matter there. In rows of programs that write several addresses
	// into one, see [Alias.Destinations].
	Destination string `bun:"destination" json:"destination"`
	// Off is true if a column of [Config.State] switches the row off. Methods that write rows ignore it.
	Off bool `bun:"-" json:"off,omitempty"`
}

// Destinations returns the addresses in Destination, as Postfix reads them: each as it is written, without comments and names of
// people. There is one, except in rows of programs that separate several by commas, semicolons or blanks.
func (a Alias) Destinations() []string { return route.Destinations(a.Destination) }
