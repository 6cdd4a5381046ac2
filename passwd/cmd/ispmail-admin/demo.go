package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/hash"
	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/admin"
	"github.com/ispmail/go-ispmail/passwd/internal/policy"
)

const demoName = "demo"

// demoAdministrators returns the administrators of the demo, with a new password: also on a loopback address everybody on the
// machine can reach the page.
func demoAdministrators() (all func() (map[string]admin.Administrator, error), password string, err error) {
	password = policy.Passphrase()
	known := map[string]admin.Administrator{}
	for name, domains := range map[string][]string{demoName: nil, "org": {"example.org"}} {
		stored, err := hash.Generate(password)
		if err != nil {
			return nil, "", err
		}
		known[name] = admin.Administrator{Name: name, Stored: ispmail.NewSecret(stored), Domains: domains}
	}
	return func() (map[string]admin.Administrator, error) { return known, nil }, password, nil
}

// fillDemo puts in rows that show each thing that the page has, and some faults.
func fillDemo(ctx context.Context, db *bun.DB, store *ispmail.Store) error {
	if err := store.CreateSchema(ctx); err != nil {
		return err
	}
	domains := map[string]int64{}
	for _, name := range []string{"example.org", "example.net", "xn--bcher-kva.example"} {
		d, err := store.CreateDomain(ctx, name)
		if err != nil {
			return err
		}
		domains[name] = d.ID
	}
	for _, email := range []string{"jane@example.org", "kim@example.org", "info@example.net", "leser@xn--bcher-kva.example"} {
		if _, _, err := store.CreateUser(ctx, email, policy.Passphrase()); err != nil {
			return err
		}
	}
	if err := errors.Join(store.Lock(ctx, "kim@example.org"), store.SetQuota(ctx, "jane@example.org", 5<<30)); err != nil {
		return err
	}
	// The example account of the guide, whose password everybody knows, a hash of an older guide, and what is no address.
	users := []ispmail.User{
		{DomainID: domains["example.org"], Email: "john@example.org", Password: ispmail.NewSecret("{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7")},
		{DomainID: domains["example.org"], Email: "md5@example.org", Password: ispmail.NewSecret("{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd")},
		{DomainID: domains["example.net"], Email: "a blank@example.net", Password: ispmail.NewSecret("{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd")},
	}
	aliases := []ispmail.Alias{
		{DomainID: domains["example.org"], Source: "jack@example.org", Destination: "john@example.org"},
		{DomainID: domains["example.org"], Source: "team@example.org", Destination: "jane@example.org"},
		{DomainID: domains["example.org"], Source: "team@example.org", Destination: "john@example.org"},
		{DomainID: domains["example.org"], Source: "team@example.org", Destination: "info@example.net"},
		{DomainID: domains["example.org"], Source: "jane@example.org", Destination: "jane@example.org"},
		{DomainID: domains["example.org"], Source: "jane@example.org", Destination: "jane@elsewhere.example"},
		{DomainID: domains["example.org"], Source: "lost@example.org", Destination: "nobody@example.org"},
		{DomainID: domains["example.net"], Source: "a@example.net", Destination: "b@example.net"},
		{DomainID: domains["example.net"], Source: "b@example.net", Destination: "a@example.net"},
		{DomainID: domains["example.net"], Source: "@example.net", Destination: "jane@example.org"},
	}
	if _, err := db.NewInsert().Model(&users).Exec(ctx); err != nil {
		return err
	}
	_, err := db.NewInsert().Model(&aliases).Exec(ctx)
	return err
}

// printDemo tells how to use the demo, once it can be used.
func printDemo(w io.Writer, url, password string) {
	_, _ = fmt.Fprintf(w, `Open %s and log in with example rows in memory. Stop with Ctrl-C.

  %s   password %s, an administrator of all domains
  org    the same password, an administrator of example.org alone

Over plain HTTP the cookie is neither Secure nor bound to the host by its name, as it is without --demo.

`, url, demoName, password)
}
