package movein

// A Code names a kind of Note. It is stable: a program can rely on it.
type Code string

// Codes of rows that stay behind.
const (
	// CodeInactive: the row is switched off.
	CodeInactive Code = "inactive"
	// CodeDeleted: the mailbox waits for being deleted.
	CodeDeleted Code = "deleted"
	// CodeBackupMX: the server keeps mail for the domain only until another one takes it.
	CodeBackupMX Code = "backup-mx"
	// CodePseudoDomain: the row does not stand for a domain but for all of them.
	CodePseudoDomain Code = "pseudo-domain"
	// CodeNoDomain: the domain of the address does not come over, or is nowhere in the database.
	CodeNoDomain Code = "no-domain"
	// CodeNotUTF8: an address or a password holds bytes that are no text.
	CodeNotUTF8 Code = "not-utf-8"
	// CodeEmptyPassword: the mailbox has no password.
	CodeEmptyPassword Code = "empty-password"
	// CodeUnknownPassword: the password has no {SCHEME}, and is not what Config.Scheme says.
	CodeUnknownPassword Code = "unknown-password"
	// CodeSaltedPassword: the password is a digest with a salt from the configuration of ViMbAdmin, which Dovecot has no
	// scheme for.
	CodeSaltedPassword Code = "salted-password"
	// CodeImplied: the alias leads from a mailbox to itself. The mailbox gets its mail without it.
	CodeImplied Code = "implied"
	// CodeNoMailbox: the alias leads to itself, and there is no such mailbox, or it does not come over.
	CodeNoMailbox Code = "no-mailbox"
	// CodeNoDestination: the alias leads nowhere, or to the autoresponder only.
	CodeNoDestination Code = "no-destination"
	// CodeAliasDomain: the catch-all belongs to an alias domain, whose mail all goes to its target here.
	CodeAliasDomain Code = "alias-domain"
	// CodeNoPlace: the rows of the table hold what a server of the guide has no place for.
	CodeNoPlace Code = "no-place"
)

// Codes of rows that come over, but not as they were.
const (
	// CodeQuota: the quota is no number of bytes. The mailbox has no limit here.
	CodeQuota Code = "quota"
	// CodeTransport: the mail of the domain was not delivered to mailboxes of this server.
	CodeTransport Code = "transport"
	// CodeRestriction: the mailbox could not do all that every mailbox can do here.
	CodeRestriction Code = "restriction"
	// CodeVacation: destinations that are the autoresponder stay behind.
	CodeVacation Code = "vacation"
	// CodeOwnCopy: an alias leads to itself among others, and there is no such mailbox. The others come over.
	CodeOwnCopy Code = "own-copy"
	// CodeAcceptsAll: mail for unknown users of an alias domain was refused. Here it is accepted, and bounces.
	CodeAcceptsAll Code = "accepts-all"
	// CodeColumn: a column holds what a server of the guide has no place for.
	CodeColumn Code = "column"
	// CodeUnknownColumn: there is a column that PostfixAdmin 3.3 and 4.0, or ViMbAdmin 3.4, do not have.
	CodeUnknownColumn Code = "unknown-column"
)
