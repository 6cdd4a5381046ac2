// Package ispmail manages the database of a mail server that was built after the ISPmail guide
// (https://workaround.org/ispmail/): the tables virtual_domains, virtual_users and virtual_aliases, which Postfix and
// Dovecot read.
//
// A Store has the methods. Open connects to MariaDB, New takes a *bun.DB of the caller's, MariaDB or SQLite:
//
//	store, err := ispmail.Open(ctx, "mailadmin:secret@unix(/run/mysqld/mysqld.sock)/mailserver", ispmail.Config{})
//
// # Addresses
//
// Every method takes addresses and domain names as people write them and uses their canonical form, see Canonical:
// John@Example.org and john@example.org are one account. What a row holds is compared by its canonical form too, never
// by the collation of its column, to which josé@example.org and jose@example.org are the same.
//
// # Passwords
//
// The column password holds "{SCHEME}hash"; package hash knows the schemes. Authenticate replaces a weak stored
// value by a good one as soon as it has seen the right password, invisibly to its caller. ChangePassword verifies the
// current password, always, and tells the truth about what the database did.
//
// # Errors
//
// Methods return the errors of this package and those of package hash, to be tested with errors.Is; any other error
// comes from the database and means that it could not do its work. No error and no log line holds a password or a
// hash.
package ispmail
