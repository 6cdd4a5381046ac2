// Package ispmail manages the database of a mail server that was built after the ISPmail guide
// (https://workaround.org/ispmail/): the tables virtual_domains, virtual_users and virtual_aliases, which Postfix and
// Dovecot read.
//
// The methods of a [Store] do the work. [Open] connects to MariaDB. [New] takes a *bun.DB of the caller, for MariaDB or
// SQLite.
//
//   - Rows: [Store.CreateDomain], [Store.CreateUser], [Store.CreateAlias] and their like add, read, rename and delete
//     them. A [Query] selects the rows of a list.
//   - Rows of other programs, which no address names: [ByID] and [Exactly] find them; [Store.DeleteRow],
//     [Store.CorrectUser], [Store.CorrectAlias] and [Store.CorrectDomain] mend them.
//   - Logins: [Store.Authenticate], [Store.ChangePassword], [Store.SetPassword], [Store.Lock]. Package hash knows the
//     schemes.
//   - Where mail goes: [Store.Recipients], and its steps: [Store.Trace].
//   - Transactions, also with other tables of the program: [Store.RunInTx], [Store.WithTx].
//   - Many rows: [Store.Import], [Store.Export], [Store.Restore].
//
// Package records keeps rows in files, package movein reads the databases of other programs, and package check finds
// faults in the tables. Package ispmailtest gives tests a database.
//
// # Addresses
//
// Methods accept addresses and domain names as people write them and use their canonical form, see [Canonical].
// John@Example.org and john@example.org are one account. Stored rows are compared by their canonical form too. The
// collation of a column does not count: to many collations josé@example.org and jose@example.org are equal, to this
// package never.
//
// Destinations of aliases may be more than that, and stay as given if they are on other servers, see [Store.CreateAlias].
//
// # Warnings
//
// Methods that add, change, rename or delete users and aliases return what an administrator should know about the result,
// see [Warning]: an alias that leads nowhere, a mailbox whose mail aliases take. Package check finds the same in the whole
// database.
//
// # Passwords
//
// The column password holds "{SCHEME}hash". Authenticate replaces a weak stored value after a successful login.
// ChangePassword always verifies the current password. A stored value is a [Secret], which no print statement and no
// log reveals.
//
// # Schemas
//
// The tables may come from any release of the guide since Debian 7. They may have any character set and further columns
// of other programs. The Store reads the columns of a table when it first needs them:
//
//   - If virtual_users has no column quota, there are no quotas, and [Store.SetQuota] returns [ErrNoQuota].
//   - A text that is too wide for its column is [ErrTooLong], even on a server that would cut it.
//   - [Config.Columns] supplies values for columns of other programs, and [Record.Columns] carries them along.
//   - Ids are numbers up to 9223372036854775807, from AUTO_INCREMENT, a default, a sequence, a trigger or Config.Columns.
//     If the ids of virtual_users are texts, such as UUIDs, the methods that verify and change one password work, and
//     [Store.User], [Store.Users] and [Store.CountUsers]. All others return [ErrSchema].
//   - A table of MariaDB whose engine has no transactions, such as MyISAM, is read, and single passwords are changed and
//     locked in it. Methods that change anything else return ErrSchema. The engine behind a view is not known.
//   - Where a column compares case (utf8mb4_bin, VARBINARY), rows are found in any spelling, but an index serves only for
//     small letters and, in [Store.User] and [Store.Authenticate], for the spelling of the argument. If a row holds one of
//     these two, Authenticate takes it, whatever other rows hold. Postfix and Dovecot look for small letters only.
//
// Only [Store.CreateSchema] changes a table. An account that administers needs SELECT, INSERT, UPDATE and DELETE, as
// the guide's mailadmin has. Authenticate and ChangePassword need no more than this:
//
//	GRANT SELECT (id, domain_id, email, password), UPDATE (password) ON mailserver.virtual_users TO ...
//
// # Rows that are switched off
//
// On many servers a column of another program switches rows off, and the queries of Dovecot and Postfix look at it: FROM
// virtual_users WHERE active. [Config.State] names such columns:
//
//	active           a row is on where the column is true: not NULL, 0, "", n, no, f, false or off
//	!disabled        a row is off where the column is true
//	!deleted_at      a row is off where the column has a time other than 0000-00-00
//	status=active    a row is on where the column has this value; several settings name several values
//	!status=closed   a row is off where the column has this value
//
// Values are compared by the collation of the column, as in the queries of the server. A name holds for each of the three
// tables that has the column; virtual_users.active holds for that table alone. If there are several columns, a row is on if
// it is on by all of them. A user is off too if the domain is, by its domain_id. New looks for the columns once; a table that
// the account may not see then is not heeded.
//
// To logins and mail, a row that is off does not exist: Authenticate and ChangePassword return [ErrBadCredentials],
// [Store.Recipients] passes it by. Of several rows with one address, the one that is on counts. Administration sees all rows:
// lists show them with Off set, [Query] selects by it, and SetPassword, Lock, rename and delete work. No method switches a
// row on or off. Where a row that is off holds an address or a name, nothing new takes it: [ErrExists].
//
// Beside the rights above, an account needs SELECT on the columns that Config.State names, and where a column of
// virtual_domains is among them:
//
//	GRANT SELECT (id, name, active) ON mailserver.virtual_domains TO ...
//
// [Store.UnnamedState] finds columns that look as if they should be named.
//
// # What an error says about a change
//
// If a method returns nil, its change is committed. Every error except [ErrOutcomeUnknown] means that nothing was
// changed and that nothing will change later, even if a connection breaks, the server is killed or a deadline passes.
// There are two exceptions: [Store.Import] commits batch by batch, and [Store.CreateSchema] table by table.
//
// ErrOutcomeUnknown means that the connection broke during the commit and that the Store could not find out the
// outcome: the database did not answer within [Config.Timeout], or others have changed the same rows since.
//
// # Several servers
//
// A Store works on a node of a Galera cluster as on a single server. It recognises one by itself.
//
//   - Whatever decides something sees all that was acknowledged before on any node: [Store.Authenticate], the finders of one
//     row, and all methods that change rows. That is a round trip between the nodes for each SELECT and BEGIN. Lists, counts,
//     [Store.Recipients] and [Store.Trace] do not wait, and may lack what another node has acknowledged a moment ago.
//   - Two domains, users or aliases of one name, and a loop of two aliases, are refused or reported as on a single server,
//     whatever nodes the changes run on and whatever unique keys the tables have. For that, methods that add or rename rows
//     write the row of the domain, and then again as it was, or write and delete a row 0 of virtual_domains: triggers and
//     replicas see these. Where a trigger gives that row another id, they write the first domain as it is; so for the first
//     domain of such a table only a unique key does. A unique key alone would cost nothing, but knows nothing of aliases.
//   - Only rows that are written, and domains, keep others away in [Store.RunInTx]: a transaction that reads a user, and then
//     writes only tables of the program, does not notice that another node changes the user meanwhile.
//   - After a commit whose answer got lost, the Store keeps it from coming later, on whatever node it is, before it says that
//     nothing was changed: it writes a row of it as it is. Where that does not work in time, the outcome is unknown.
//
// Rows must be the same on all nodes. Those of a MyISAM table are on one node alone, also after ALTER TABLE has made it InnoDB.
// Then any change of a row that another node lacks puts a node out of the cluster, and the others hang until it is gone. As the
// Store also writes the rows of domains, adding an alias is enough for that. Whether nodes differ cannot be seen on one of
// them: CHECKSUM TABLE on each tells. Export and restore such rows. While a table still is MyISAM, package check says so, and
// methods that would write the rows of a domain return ErrSchema.
//
// The DSN of [Open] may name several servers. With asynchronous or semi-synchronous replicas, use only the primary: a replica
// shows old rows, and a proxy that sends reads there makes right passwords wrong.
//
// # Errors
//
// Methods return the errors of this package and of package hash. Test for them with errors.Is. [ErrSchema],
// [ErrDenied], [ErrUnavailable], ErrOutcomeUnknown and errors without a name mean that the database could not do its
// work. Every method that uses the database may return them. Every method that hashes or verifies a password may return
// [ErrBusy]. All other errors are answers about the arguments and the rows.
//
// If the context of the caller ended, errors.Is finds its error. No error and no log line holds a password or a hash.
package ispmail
