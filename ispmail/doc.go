// Package ispmail manages the database of a mail server that was built after the ISPmail guide
// (https://workaround.org/ispmail/): the tables virtual_domains, virtual_users and virtual_aliases, which Postfix and
// Dovecot read.
//
// A [Store] has the methods. [Open] connects to MariaDB. [New] takes a *bun.DB of the caller's, MariaDB or SQLite.
//
//   - Domains, users and aliases: [Store.CreateUser], [Store.SetAliases], [Store.RenameUser], [Store.Lock], lists with a [Query]...
//   - Passwords: [Store.Authenticate], [Store.ChangePassword], [Store.SetPassword]. Package hash knows the schemes.
//   - Where mail goes: [Store.Recipients], and the steps there: [Store.Trace].
//   - Transactions, also with tables of the program's own: [Store.RunInTx], [Store.WithTx].
//   - Many rows: [Store.Import], [Store.Export], [Store.Restore]. Package records keeps them in files, package movein reads
//     those of other programs, package check finds what is wrong with them.
//
// # Addresses
//
// Every method takes addresses and domain names as people write them and uses their canonical form, see [Canonical]:
// John@Example.org and john@example.org are one account. Rows are compared by their canonical form too, never
// by the collation of their column, to which josé@example.org and jose@example.org are the same.
//
// # Passwords
//
// The column password holds "{SCHEME}hash". Authenticate replaces a weak stored value by a good one as soon as it has seen
// the right password; its caller does not notice. ChangePassword always verifies the current password. A stored value is a
// [Secret], which nothing prints by accident.
//
// # Schemas
//
// The tables may be those of any release of the guide since Debian 7, in any character set, with columns of other
// programs besides. The Store reads their columns when it first needs them:
//
//   - virtual_users may have no column quota. Then there are no quotas, and [Store.SetQuota] returns [ErrNoQuota].
//   - A text that is too wide for its column is [ErrTooLong], also where the server would cut it.
//   - [Config.Columns] fills in what other programs' columns need.
//   - Ids must be numbers.
//
// Only [Store.CreateSchema] changes a table. To administer, an account needs SELECT, INSERT, UPDATE and DELETE, as the
// guide's mailadmin has. For Authenticate and ChangePassword this is enough:
//
//	GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON mailserver.virtual_users TO ...
//
// # Truth
//
// A method that changes something tells the truth about it. nil means that the change is committed. Every error except
// [ErrOutcomeUnknown] means that nothing was changed and that nothing will come later, even if a connection breaks, the server
// is killed or a deadline passes. ErrOutcomeUnknown means that the connection broke while the change was being committed
// and that the rows do not tell what became of it: the database did not answer within [Config.Timeout], or
// others have changed the same rows since.
//
// # Errors
//
// Methods return the errors of this package and those of package hash, to be tested with errors.Is. [ErrSchema], [ErrDenied],
// [ErrUnavailable] and ErrOutcomeUnknown, and errors that are none of these, mean that the database could not do its work;
// the others are answers. Where the caller's context ended, errors.Is finds the error of the context. No error and no log
// line holds a password or a hash.
package ispmail
