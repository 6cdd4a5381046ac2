// Package ispmail manages the database of a mail server that was built after the ISPmail guide
// (https://workaround.org/ispmail/): the tables virtual_domains, virtual_users and virtual_aliases, which Postfix and
// Dovecot read.
//
// A Store has the methods. Open connects to MariaDB, New takes a *bun.DB of the caller's, MariaDB or SQLite.
//
// # Addresses
//
// Every method takes addresses and domain names as people write them and uses their canonical form, see Canonical:
// John@Example.org and john@example.org are one account. What a row holds is compared by its canonical form too, never
// by the collation of its column, to which josé@example.org and jose@example.org are the same.
//
// Recipients tells where mail for an address ends up, through aliases, catch-alls and extensions: what Postfix does with
// the maps of the guide.
//
// # Passwords
//
// The column password holds "{SCHEME}hash"; package hash knows the schemes. Authenticate replaces a weak stored
// value by a good one as soon as it has seen the right password, invisibly to its caller. ChangePassword verifies the
// current password, always.
//
// # Schemas
//
// The tables may be those of any release of the guide since Debian 7, in any character set, with columns of other
// programs besides. The Store looks at them when it needs them: virtual_users may have no column quota (then there are
// no quotas), names and hashes are refused if their column is too narrow, even where the server would cut them, and
// what other programs want filled in comes from Config.Columns. Ids must be numbers.
//
// No method but CreateSchema changes a table. For administration an account needs SELECT, INSERT, UPDATE and DELETE, as
// the guide's mailadmin has; for Authenticate and ChangePassword this is enough:
//
//	GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON mailserver.virtual_users TO ...
//
// # Many rows
//
// Import adds any number of domains, users and aliases that an iterator yields, such as the lines of a file (ReadRecords)
// or the rows of another program's database (package movein). Export yields everything that is there, and Restore puts
// it into empty tables, row by row as it was.
//
// # Check
//
// Check looks for faults in rows and tables that others have made, and tells what to do about each. It only reads.
//
// # Faults
//
// A method that changes something tells the truth about it. nil means that it is done. Any other error but one means
// that nothing was changed and nothing will come later, even if a connection breaks, the server is killed or a deadline
// passes. The one is ErrOutcomeUnknown: the connection broke while a change was being committed, and the database could
// not be asked within the time of Config.Timeout what became of it, or others have changed the same rows meanwhile.
//
// # Errors
//
// Methods return the errors of this package and those of package hash, to be tested with errors.Is. ErrSchema, ErrDenied,
// ErrUnavailable and ErrOutcomeUnknown, and errors that are none of these, mean that the database could not do its work;
// the others are answers. No error and no log line holds a password or a hash.
package ispmail
