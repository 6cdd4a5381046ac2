package main

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/uptrace/bun"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/serve"
)

// demoListen is where the page of the demo listens by default.
const demoListen = "127.0.0.1:8081"

// fillDemo puts in the example data of the guide, and a user whom an older guide left behind.
func fillDemo(ctx context.Context, db *bun.DB, store *ispmail.Store) error {
	if err := store.CreateSchema(ctx); err != nil {
		return err
	}
	domain, err := store.CreateDomain(ctx, "example.org")
	if err != nil {
		return err
	}
	users := []ispmail.User{
		{DomainID: domain.ID, Email: "john@example.org", Password: ispmail.NewSecret("{SHA256-CRYPT}$5$M/GWzmtjsLroRWIf$0qDt7IgXCoCQyvQZO7v.NC46rXzFVBSkZcilijlwgL7")},
		{DomainID: domain.ID, Email: "md5@example.org", Password: ispmail.NewSecret("{PLAIN-MD5}14cbfb845af1f030e372b1cb9275e6dd")},
	}
	if _, err := db.NewInsert().Model(&users).Exec(ctx); err != nil {
		return err
	}
	_, _, err = store.CreateAlias(ctx, "jack@example.org", "john@example.org")
	return err
}

// printDemo tells how to use the demo, once it can be used.
func printDemo(w io.Writer, api, page net.Listener) {
	curl, base := "curl", serve.URLOf(api)
	if api.Addr().Network() == "unix" {
		curl, base = "curl --unix-socket "+api.Addr().String(), "http://localhost"
	}
	_, _ = fmt.Fprintf(w, `Listening on %s (the API) and %s (the page) with example accounts in memory. Stop with Ctrl-C.

  john@example.org   password summersun, stored as {SHA256-CRYPT}
  md5@example.org    password summersun, stored as {PLAIN-MD5} by an older guide
  jack@example.org   an alias of john@example.org

Change John's password, and get OK; a second time, and the old password is refused:

  %s -d user=john@example.org -d curpass=summersun -d newpass='correct horse battery staple' %s/api/password

`, serve.URLOf(api), serve.URLOf(page), curl, base)
}
